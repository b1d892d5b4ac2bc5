"""Layouts of embeddings as others publish them, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from ingest.embeddings.listing import list_files
from ingest.embeddings.major_tom import cell_squares
from ingest.embeddings.options import ImportOptions
from ingest.embeddings.quantised import ALPHA_EARTH, SEAMLESS, Rule, told_rule
from ingest.embeddings.raster_vectors import RasterVectors
from ingest.embeddings.table_vectors import TableVectors
from ingest.geo.geometry import Footprint
from tests import embedding_tables as tables
from trainer.errors import ModelMismatchError, SourceError, UsageError

ROWS = 4096


def opened(path, **said):
    listing = list_files(str(path), {})
    return (RasterVectors if listing.rasters else TableVectors)(listing, ImportOptions(**said))


def read(source):
    """All rows as one block; none is known or double."""
    (rows,) = source.names(ROWS)
    seen, wanted = set(), []
    for one, place in zip(rows.ids, rows.places, strict=True):
        wanted.append(place if one is None or one in seen else one)
        seen.add(one)
    try:
        return source.read(0, ROWS, wanted)
    finally:
        source.close()


def reasons(block):
    return {name: reason for name, reason, _ in block.failures}


KNOWN = {  # layout: how it is made, its model, width, and what the first tile has
    "Clay v0": (tables.clay_v0, "Clay v0", 768, "2022-06-10"),
    "Clay v1.5": (tables.clay_v15, "Clay v1.5", 1024, "2024-05-03"),
    "LGND": (tables.lgnd, "Clay v1.5", 1024, "2024-06-15T04:51:00"),
    "Earth Index": (tables.earth_index, "SoftCon 2.0.0", 384, "2023-07-02"),
    "Major TOM": (tables.major_tom, None, 1152, "2018-08-22T10:10:21"),
    "EarthEmbeddings": (tables.earth_embeddings, None, 512, "2024-01-15T05:01:59"),
    "Planet": (tables.planet, None, 512, "2018-08-01"),
}


@pytest.mark.parametrize("layout", KNOWN)
def test_a_published_layout_is_known_by_its_columns(tmp_path, layout):
    make, model, dim, date = KNOWN[layout]
    source = opened(make(tmp_path / "x.parquet"))
    assert (source.layout, source.model, source.dim, source.rows) == (layout, model, dim, 5)
    assert source.said[0].startswith(f"read as {layout}: column `embedding")
    block = read(source)
    assert block.failures == []
    assert np.datetime64(block.columns["acquired_at"][0].as_py().replace(tzinfo=None)) == np.datetime64(date)
    lat, lon = tables.middles(5)
    np.testing.assert_allclose(block.columns["lat"], lat, atol=1e-5)
    np.testing.assert_allclose(block.columns["lon"], lon, atol=1e-5)
    stored = tables.vectors(5, dim)
    expected = stored.astype(np.float16).astype(np.float32) if layout == "EarthEmbeddings" else stored
    np.testing.assert_array_equal(block.vectors, expected)


def test_what_earth_index_publishes_without_its_metadata_is_known_by_its_width(tmp_path):
    source = opened(tables.geovibes(tmp_path / "x.parquet"))
    assert (source.layout, source.model) == ("Earth Index", "SoftCon")
    assert set(read(source).columns["size_m"]) == {320.0}
    # one's own vectors in the same columns are not taken for theirs
    lat, lon = tables.middles(5)
    columns = {
        "id": list("abcde"),
        "embedding": tables.lists(tables.vectors(5, 512)),
        "geometry": tables.wkb(shapely.points(lon, lat)),
    }
    mine = tables.write(tmp_path / "mine.parquet", columns, tables.geo(["Point"]))
    with pytest.raises(SourceError, match="points, which have no size: pass --tile-size-m"):
        opened(mine)
    source = opened(mine, tile_size_m=100)
    assert (source.layout, source.model) == ("unknown layout", None)


def test_a_footprint_keeps_its_area_and_middle_wherever_it_lies(tmp_path):
    places = [(0.0, 0.0, 2560.0), (64.9, -167.0, 2560.0), (-40.0, 179.999, 5000.0), (84.0, 20.0, 10_000.0)]
    shapes = [Footprint(lat, lon, size).polygon for lat, lon, size in places]
    kinds = tables.geo(["Polygon", "MultiPolygon"])
    block = read(opened(tables.plain(tmp_path / "x.parquet", 4, shapes=shapes, metadata=kinds)))
    found = np.column_stack([block.columns["lat"], block.columns["lon"]])
    for (lat, lon, size), (north, east), side in zip(places, found, block.columns["size_m"], strict=True):
        x, y = Footprint(lat, lon, size).to_metres(lat=north, lon=east)
        assert np.hypot(x, y) < size / 500
        assert side == pytest.approx(size, rel=1e-3)


def test_edges_over_the_globe_and_on_maps_are_followed(tmp_path):
    def first(shape, **told):
        block = read(opened(tables.plain(tmp_path / "x.parquet", 1, shapes=[shape], metadata=tables.geo(**told))))
        return [float(block.columns[name][0]) for name in ("lat", "lon", "size_m")]

    wide = shapely.box(0, 40, 15, 50)
    area = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(wide)[0])
    assert first(wide, edges="spherical") == pytest.approx([45.0996, 7.5, area**0.5], rel=2e-5)
    assert first(wide) == pytest.approx([45, 7.5, 1_145_708], rel=1e-6)  # straight in degrees, which bulge less
    across = shapely.Polygon([(179, -10), (-179, -10), (-179, -8), (179, -8)])
    assert first(across, edges="karney")[1] == pytest.approx(-180) or first(across, edges="karney")[1] > 179.99
    # a tile of the north's polar map that holds the pole, which no outline in degrees does
    polar = json.loads(pyproj.CRS("EPSG:3413").to_json())
    lat, _, size_m = first(shapely.box(-10_000, -4_000, 10_000, 16_000), crs=polar)
    assert lat == pytest.approx(90 - 6_000 * 1.031 / 111_694, abs=1e-4)
    assert size_m == pytest.approx(20_000 * 1.031, rel=1e-3)


def test_web_mercator_is_shrunk_to_metres_on_the_ground(tmp_path):
    side = read(opened(tables.planet(tmp_path / "x.parquet"))).columns["size_m"][0]
    # 0.02° by 0.02° at 27.6° north, 12 % more in Web Mercator's own metres
    assert side == pytest.approx((0.02 * 110_800 * 0.02 * 98_700) ** 0.5, rel=0.005)


def test_a_major_tom_cell_is_where_the_grid_has_it(tmp_path):
    lat, lon, size = cell_squares(["451U_946L", "1D_1L", "0D_3R", "x", None, "3000U_1R"])
    assert (lat[0], lon[0]) == pytest.approx((40.553892, -111.709879), abs=1e-6)  # docs/SPEC.md of Major TOM, § 5.1
    assert size[0] ** 2 / 1e6 == pytest.approx(99.74, abs=0.2)
    assert lat[1] < 0 and lon[1] < 0
    assert np.isnan(lat[2:]).all()
    source = opened(tables.earth_embeddings(tmp_path / "x.parquet", pixels=False, middle=False))
    assert "footprint from the Major TOM cell in `grid_cell`" in source.said[0]
    block = read(source)
    assert np.abs(np.asarray(block.columns["lat"]) - 27.6).max() < 0.1
    assert set(np.round(read(opened(tables.earth_embeddings(tmp_path / "y.parquet"))).columns["size_m"])) == {3840.0}


def test_alpha_earth_numbers_become_floats_by_its_power_rule(tmp_path):
    path, stored = tables.alpha_earth_table(tmp_path / "x.parquet")
    source = opened(path, tile_size_m=10)
    assert (source.layout, source.dim) == ("AlphaEarth table", 64)
    block = read(source)
    expected = np.sign(stored[0].astype(float)) * (np.abs(stored[0].astype(float)) / 127.5) ** 2
    np.testing.assert_allclose(block.vectors[0], expected, rtol=1e-6)
    assert reasons(block) == {"p1": "not_finite"}


def test_whole_numbers_without_a_rule_are_refused_and_with_one_are_read(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (5, 32)).astype(np.uint8)
    path = tables.plain(tmp_path / "x.parquet", values=tables.lists(stored))
    with pytest.raises(SourceError, match="nothing says what they stand for: pass --scale and --offset"):
        opened(path)
    block = read(opened(path, scale=0.5, offset=-64))
    np.testing.assert_array_equal(block.vectors, stored * np.float32(0.5) - 64)
    scaled = tables.plain(tmp_path / "y.parquet", values=tables.lists(stored), scale=np.arange(1, 6, dtype=np.float32))
    np.testing.assert_array_equal(read(opened(scaled)).vectors[2], stored[2] * np.float32(3))
    # who gives a rule knows better than the file
    np.testing.assert_array_equal(read(opened(scaled, scale=0.5)).vectors[2], stored[2] * np.float32(0.5))
    with pytest.raises(UsageError, match="a scale that is not 0"):
        ImportOptions(scale=0.0)


def test_a_number_that_is_missing_leaves_the_others_whole(tmp_path):
    stored = [[100, -50, 25, 7]] * 3 + [[100, None, 25, 7]]
    path = tables.plain(tmp_path / "x.parquet", 4, values=pa.array(stored, pa.list_(pa.int8())))
    block = read(opened(path, scale=0.5))
    assert block.vectors.tolist() == [[50, -25, 12.5, 3.5]] * 3
    assert reasons(block) == {"r0-3": "not_finite"}
    path, numbers = tables.alpha_earth_table(tmp_path / "y.parquet")
    table = pq.read_table(path)
    gap = pa.array([*numbers[:4, 5].tolist(), None], pa.int8())
    pq.write_table(table.set_column(table.schema.get_field_index("A05"), "A05", gap), path)
    block = read(opened(path, tile_size_m=10))
    np.testing.assert_allclose(block.vectors, ALPHA_EARTH.floats(numbers[[0, 2, 3]]))
    assert reasons(block) == {"p1": "not_finite", "p4": "not_finite"}
    # a few whole columns among floats are floats too
    floats = {f"v{i}": pa.array([1, 2]) if i == 0 else pa.array([0.5, 0.25]) for i in range(16)}
    path = tables.write(tmp_path / "z.parquet", floats | {"geometry": tables.wkb(tables.boxes(2))}, tables.geo())
    assert read(opened(path)).vectors[:, :2].tolist() == [[1, 0.5], [2, 0.25]]
    with pytest.raises(UsageError, match="its vectors are floats already: leave --scale and --offset out"):
        opened(path, scale=0.5)


def test_rules_are_read_from_a_stac_item():
    assert told_rule({"method": "linear", "scale": [0.1, 0.2], "offset": 1}, "x") == Rule(
        scale=(0.1, 0.2), offset=(1.0,)
    )
    assert told_rule({"method": "signed_power"}, "x") == ALPHA_EARTH
    assert told_rule({"method": "none"}, "x") is None
    with pytest.raises(SourceError, match="quantised by 'quantization_aware_training'"):
        told_rule({"method": "quantization_aware_training"}, "x")
    with pytest.raises(SourceError, match="cannot be read"):
        told_rule({"method": "linear", "scale": "much"}, "x")
    with pytest.raises(SourceError, match="2 scales for vectors of 3 numbers"):
        Rule(scale=(1.0, 2.0)).floats(np.ones((1, 3), np.int8))
    # of Embedded Seamless Data each number holds six, in −1..1
    digits = SEAMLESS.floats(np.array([[0, 4 + 8 * 4 + 64 * 4 + 512 * 2 + 2560 * 2 + 12800 * 2]]))
    assert digits.tolist() == [[-1.0] * 6 + [0.0] * 6]
    assert SEAMLESS.floats(np.empty((0, 2), np.uint16)).shape == (0, 12)  # a tile without a pixel


def test_any_other_table_is_read_by_the_types_of_its_columns(tmp_path):
    source = opened(tables.plain(tmp_path / "x.parquet"))
    assert source.said == [
        "read as unknown layout: column `clip`, 32 numbers, footprint from `geometry` (longitude and latitude), no "
        "dates, ids from `id`"
    ]
    lat, lon = tables.middles(5)
    columns = {f"vit_{i}": tables.vectors(5, 20)[:, i] for i in range(20)} | {"latitude": lat, "longitude": lon}
    source = opened(tables.write(tmp_path / "y.parquet", columns), tile_size_m=50)
    assert "columns `vit_0` to `vit_19`" in source.said[0]
    block = read(source)
    np.testing.assert_array_equal(block.vectors, tables.vectors(5, 20))
    assert list(block.columns["tile_id"]) == [f"y-{row:07d}" for row in range(5)]


def test_two_columns_of_vectors_are_told_apart_by_name_alone(tmp_path):
    more = {"dino": tables.lists(tables.vectors(5, 16))}
    path = tables.plain(tmp_path / "x.parquet", **more)
    with pytest.raises(SourceError, match="several columns could be the vectors: 'clip', 'dino'; say which with --vec"):
        opened(path)
    assert opened(path, vector_column="dino").dim == 16
    with pytest.raises(SourceError, match="it has no column 'dina'; it has id, clip, geometry, dino"):
        opened(path, vector_column="dina")
    with pytest.raises(SourceError, match="column 'id' is of type string, which is no list of numbers"):
        opened(path, vector_column="id")


def test_rows_that_can_be_no_tiles_are_counted_by_reason(tmp_path):
    n = 12
    values = [list(row) for row in tables.vectors(n, 8).astype(float)]
    values[1], values[2], values[3] = None, values[2][:5], [np.nan] * 8
    values[4], values[5], values[6] = [0.0] * 8, [np.inf] * 8, [70_000.0] * 8
    values[7] = [1e-9] * 8
    shapes = list(tables.boxes(n))
    shapes[8], shapes[9] = None, shapely.box(0, 91, 1, 92)
    ids = [f"r{i}" for i in range(n)]
    ids[10], ids[11] = "r0", None
    columns = {"id": ids, "clip": pa.array(values, pa.list_(pa.float32())), "geometry": tables.wkb(shapes)}
    block = read(opened(tables.write(tmp_path / "x.parquet", columns, tables.geo())))
    assert list(block.columns["tile_id"]) == ["r0"]
    assert reasons(block) == {
        "r1": "no_vector", "r2": "wrong_length", "r3": "not_finite", "r4": "zero_vector", "r5": "not_finite",
        "r6": "not_float16", "r7": "not_float16", "r8": "no_geometry", "r9": "out_of_range",
        "x.parquet#10": "duplicate_id", "x.parquet#11": "no_id",
    }  # fmt: skip
    # ids that no line of the ledger holds, or nobody can ask for
    odd = {"id": ["a/b 東京 🏖", "a\nb", "\0", " ", "x" * 201], "clip": tables.lists(tables.vectors(5, 8))}
    block = read(
        opened(tables.write(tmp_path / "y.parquet", odd | {"geometry": tables.wkb(tables.boxes(5))}, tables.geo()))
    )
    assert reasons(block) == {f"y.parquet#{row}": "no_id" for row in range(1, 5)}


@pytest.mark.parametrize("first", [[], [1.0, 2.0]], ids=["empty", "short"])
def test_the_length_of_vectors_is_that_of_most(tmp_path, first):
    values = pa.array([first, *([1.0, 2.0, 3.0],) * 4], pa.list_(pa.float32()))
    block = read(opened(tables.plain(tmp_path / "x.parquet", values=values)))
    assert block.vectors.shape == (4, 3)
    assert reasons(block) == {"r0-0": "wrong_length"}


def test_rows_of_a_file_without_any_vector_are_counted_too(tmp_path):
    tables.plain(tmp_path / "a.parquet", 2)
    tables.plain(tmp_path / "b.parquet", 2, seed=1, values=pa.nulls(2, pa.list_(pa.float32())))
    assert reasons(read(opened(tmp_path))) == {"r1-0": "no_vector", "r1-1": "no_vector"}


def test_a_date_of_a_file_that_is_none_is_said(tmp_path):
    columns = {"geometry": tables.wkb(tables.boxes(1)), "embeddings": tables.lists(tables.vectors(1, 1024))}
    for day, said in (("'May 2024'", "no dates, as \"'May 2024'\" is none"), ('"2024-05-03"', "all of 2024-05-03")):
        path = tables.write(tmp_path / "x.parquet", columns, tables.geo() | {"date": day})
        assert said in opened(path).said[0]
    assert read(opened(path)).columns["acquired_at"][0].as_py().isoformat() == "2024-05-03T00:00:00+00:00"


def test_dates_of_every_type_are_moments_in_utc(tmp_path):
    def dates(column):
        found = read(opened(tables.plain(tmp_path / "x.parquet", n=len(column), date=column)))
        return [None if one.as_py() is None else one.as_py().isoformat() for one in found.columns["acquired_at"]], found

    texts, block = dates(pa.array(["2024-06-15T10:00:00+02:00", "nonsense", None, "20240615"]))
    assert texts == ["2024-06-15T08:00:00+00:00", None, None, "2024-06-15T00:00:00+00:00"]
    assert block.unread_dates == 1
    aware = pa.array(np.array(["2024-06-15T10:00"], "datetime64[ns]")).cast(pa.timestamp("ns", "Asia/Kathmandu"))
    assert dates(aware)[0] == ["2024-06-15T10:00:00+00:00"]
    far = [1_718_445_600_000, 0]  # milliseconds that are called seconds, and the first second of 1970
    for column in (
        *(pa.array([one * 10**zeros for one in far], pa.timestamp(unit)) for unit, zeros in (("s", 0), ("us", 6))),
        pa.array([2**31 - 1, 0], pa.date32()),
        pa.array(["9999-12-31T23:00:00-05:00", "1970-01-01"]),
    ):
        found, block = dates(column)
        assert (found, block.unread_dates) == ([None, "1970-01-01T00:00:00+00:00"], 1), column.type
    nanoseconds = pa.array(np.array(["2262-01-01", "NaT"], "datetime64[ns]"))
    assert dates(nanoseconds)[0] == ["2262-01-01T00:00:00+00:00", None]
    with pytest.raises(SourceError, match="column 'date' is of type int64: dates should be"):
        dates(pa.array([2024]))


BAD_HEADERS = {
    "is no JSON": b'{"version": "1.1.0",}',
    "is no UTF-8": b'{"version": "\xff"}',
    "version None is not known": b'{"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}',
    "version '99.0.0' is not known": b'{"version": "99.0.0"}',
    "primary geometry column None": b'{"version": "1.1.0", "columns": {"geometry": {"encoding": "WKB"}}}',
    "primary geometry column 'geometry'": b'{"version": "1.1.0", "primary_column": "geometry"}',
    "primary geometry column 'shape'": b'{"version": "1.1.0", "primary_column": "shape", "columns": {"shape": {}}}',
}
BAD_COLUMNS = {
    "no PROJJSON, it has no type": {"crs": {"id": {"authority": "EPSG", "code": 4326}}},
    "unknown reference system": {"crs": "EPSG:999999"},
    "reference system is not known: set it, or pass --crs": {"crs": None},
    "says version 1.1.0 and has coordinate_epoch": {"coordinate_epoch": 2020.0},
    "gives an epoch of coordinates": {"epoch": 2020.0},
    "box \\[1, 2\\] is not of 4": {"bbox": [1, 2]},
    "geometry_types 'Polygon' is no list": {"geometry_types": "Polygon"},
    "geometries as 'point' are not read": {"encoding": "point"},
    "its edges are 'round', which is none of planar": {"edges": "round"},
    "edges are spherical, and its coordinates are projected": {"edges": "spherical", "crs": "EPSG:3857"},
    "'EGM96 height' says nothing of places": {"crs": "EPSG:5773"},
    "is not of the Earth": {"crs": "IAU_2015:30100"},
}


@pytest.mark.parametrize("why", [*BAD_HEADERS, *BAD_COLUMNS])
def test_a_file_whose_header_contradicts_geoparquet_is_refused(tmp_path, why):
    metadata = {"geo": BAD_HEADERS[why]} if why in BAD_HEADERS else tables.geo(**BAD_COLUMNS[why])
    with pytest.raises(SourceError, match=why):
        opened(tables.plain(tmp_path / "x.parquet", metadata=metadata))


def with_bytes(shape, change):
    content = bytearray(shapely.to_wkb(shape))
    change(content)
    return bytes(content)


def test_a_row_whose_geometry_contradicts_its_file_is_no_tile(tmp_path):
    def one(shape, **told):
        path = tmp_path / "x.parquet"
        column = pa.array(
            [shape if isinstance(shape, bytes) else shapely.to_wkb(shape, include_srid=True)], pa.binary()
        )
        columns = {"id": ["a"], "clip": tables.lists(tables.vectors(1, 8)), "geometry": column}
        block = read(opened(tables.write(path, columns, tables.geo(**told)), tile_size_m=100))
        return reasons(block).get("a")

    box = tables.boxes(1)[0]
    assert one(box) is None
    assert one(with_bytes(box, lambda content: content.__delitem__(slice(-8, None)))) == "bad_geometry"
    assert one(with_bytes(shapely.Point(1.1, 2.2), lambda content: content.__setitem__(1, 2))) == "bad_geometry"
    assert one(shapely.set_srid(box, 4326)) == "extended_wkb"
    assert one(shapely.LineString([(0, 0), (1, 1)])) == "wrong_geometry_type"
    assert one(shapely.LineString([(-179, 0), (179, 0)]), geometry_types=[]) == "not_a_footprint"
    assert one(shapely.MultiPolygon([box])) == "wrong_geometry_type"
    assert one(shapely.force_3d(box)) == "wrong_geometry_type"
    assert one(shapely.Point(1, 2), geometry_types=["Point Z"]) == "wrong_geometry_type"
    assert one(box, bbox=[100, 100, 101, 101]) == "outside_box"
    assert one(box, crs=json.loads(pyproj.CRS("EPSG:3857").to_json())) == "degrees"
    assert one(shapely.orient_polygons(box, exterior_cw=True), orientation="counterclockwise") == "clockwise"
    holed = shapely.Polygon(box.exterior, [box.buffer(-box.length / 100).exterior.coords[::-1]])
    other = shapely.orient_polygons(shapely.transform(box, lambda xy: xy + 1), exterior_cw=True)
    assert one(shapely.orient_polygons(holed), orientation="counterclockwise") is None
    assert (
        one(
            shapely.Polygon(box.exterior, [ring.coords[::-1] for ring in shapely.orient_polygons(holed).interiors]),
            orientation="counterclockwise",
        )
        == "clockwise"
    )
    both = {"orientation": "counterclockwise", "geometry_types": ["MultiPolygon"]}
    assert one(shapely.MultiPolygon([shapely.orient_polygons(box), other]), **both) == "clockwise"
    assert one(shapely.box(27, 85, 27.1, 95)) == "out_of_range"
    assert one(shapely.Polygon()) == "no_geometry"


def test_files_that_are_no_table_of_vectors_are_refused_with_the_reason(tmp_path):
    whole = tables.plain(tmp_path / "whole.parquet")
    content = whole.read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "text.parquet").write_text("not at all")
    tables.write(tmp_path / "none.parquet", {"id": ["a"], "geometry": tables.wkb(tables.boxes(1))}, tables.geo())
    tables.write(tmp_path / "nowhere.parquet", {"id": ["a"], "clip": tables.lists(tables.vectors(1, 8))})
    tables.write(
        tmp_path / "plain.parquet",
        {"clip": tables.lists(tables.vectors(1, 8)), "geometry": tables.wkb(tables.boxes(1))},
    )
    for name, why in {
        "cut": "is no Parquet file, or is cut short", "empty": "is empty", "text": "is no Parquet file",
        "none": "no column holds vectors", "nowhere": "nothing says where its rows lie",
        "plain": "has no GeoParquet metadata.*pass --crs", "missing": "there is no such file",
    }.items():  # fmt: skip
        with pytest.raises(SourceError, match=why):
            opened(tmp_path / f"{name}.parquet")
    assert opened(tmp_path / "plain.parquet", crs="EPSG:4326").rows == 1
    assert "(longitude and latitude, as --crs says)" in opened(whole, crs="EPSG:4326").said[0]


def test_columns_of_other_types_than_their_names_say_are_refused(tmp_path):
    columns = {"id": list("abcde"), "v": tables.lists(tables.vectors(5, 32)), "lat": [1.0] * 5, "lon": [2.0] * 5}
    for name, wrong, why in (
        ("lon", ["x"] * 5, "column 'lon' is of type string: it should hold numbers"),
        ("id", [[1.0]] * 5, "column 'id' is of type"),
        ("grid_cell", [1] * 5, "names of cells should be texts"),
    ):
        with pytest.raises(SourceError, match=why):
            opened(tables.write(tmp_path / "x.parquet", columns | {name: wrong}), tile_size_m=10, vector_column="v")
    metadata = tables.geo()
    shapes = [shape.wkt for shape in tables.boxes(5)]
    with pytest.raises(SourceError, match="geometries should be well-known binary"):
        opened(tables.write(tmp_path / "x.parquet", columns | {"geometry": shapes}, metadata))


def test_a_page_that_was_flipped_is_no_vector(tmp_path):
    table = pq.read_table(tables.plain(tmp_path / "y.parquet", 200))
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    at = content.find(tables.vectors(200, 32).tobytes()[4000:4040])
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="broken or cut short"):
        read(opened(path))


def test_files_of_two_models_are_not_one_collection(tmp_path):
    (tmp_path / "a").mkdir()
    tables.plain(tmp_path / "a" / "1.parquet", seed=1)
    tables.plain(tmp_path / "a" / "2.parquet", seed=2, dim=16)
    with pytest.raises(ModelMismatchError, match=r"2\.parquet: vectors of 16 numbers, 1\.parquet has 32"):
        opened(tmp_path / "a")
    tables.plain(tmp_path / "a" / "2.parquet", seed=2)
    assert opened(tmp_path / "a").rows == 10
    (tmp_path / "a" / "_notes.parquet").write_text("hidden from readers of folders")
    assert opened(str(tmp_path / "*" / "[12].parquet")).rows == 10
    lat, lon = tables.middles(5)
    tables.write(
        tmp_path / "a" / "2.parquet",
        {
            "id": list("abcde"),
            "clip": tables.lists(tables.vectors(5, 32)),
            "lat": lat,
            "lon": lon,
            "size_m": np.full(5, 10.0),
        },
    )
    with pytest.raises(ModelMismatchError, match="or their columns differ"):
        opened(tmp_path / "a")


def test_a_stac_item_leads_to_its_embeddings_and_says_what_they_are(tmp_path):
    stored = np.random.default_rng(0).integers(-100, 100, (5, 32)).astype(np.int8)
    tables.plain(tmp_path / "v.parquet", values=tables.lists(stored))
    told = {
        "datetime": "2024-06-15T00:00:00Z",
        "emb:type": "chip",
        "emb:dimensions": 32,
        "emb:model": {"name": "MyNet"},
    }
    told |= {"emb:quantization": {"method": "linear", "scale": [0.25], "original_dtype": "float32"}}
    assets = {"v": {"href": "./v.parquet", "type": "application/vnd.apache.parquet", "roles": ["data"]}}
    assets |= {"thumbnail": {"href": "./t.png", "type": "image/png", "roles": ["thumbnail"]}}
    assets |= {"scores": {"href": "./map.tif", "type": "image/tiff", "roles": ["data"]}}
    item = {"type": "Feature", "stac_version": "1.1.0", "id": "i", "properties": told, "assets": assets}
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item))
    source = opened(path)
    assert (source.model, source.dim) == ("MyNet", 32)
    block = read(source)
    np.testing.assert_array_equal(block.vectors, stored * np.float32(0.25))
    assert block.columns["acquired_at"][0].as_py().isoformat() == "2024-06-15T00:00:00+00:00"
    for name in ("a b.parquet", "a%20b.parquet"):  # the address of the one, and the name of the other
        tables.plain(tmp_path / name, values=tables.lists(stored))
        for href in ("./a%20b.parquet", (tmp_path / name).as_uri()):
            path.write_text(json.dumps(item | {"assets": {"v": assets["v"] | {"href": href}}}))
            assert opened(path).rows == 5
    path.write_text(json.dumps(item | {"properties": told | {"emb:dimensions": 64}}))
    with pytest.raises(ModelMismatchError, match="its STAC item says 64"):
        opened(path)
    path.write_text(json.dumps(item | {"assets": {"v": assets["v"] | {"href": "/etc/v.parquet"}}}))
    with pytest.raises(SourceError, match="lies outside"):
        opened(path)
    path.write_text(json.dumps(item | {"assets": {}}))
    with pytest.raises(SourceError, match="none of its assets"):
        opened(path)
    path.write_text('{"type": "FeatureCollection"}')
    with pytest.raises(SourceError, match="it is no STAC item"):
        opened(path)


def test_a_publication_is_its_tables_and_not_the_maps_beside_them(tmp_path):
    folder = tmp_path / "published"
    (folder / "embeddings").mkdir(parents=True)
    (folder / "collection.json").write_text('{"type": "Collection", "stac_version": "1.1.0"}')
    (folder / "map.tif").write_bytes(b"")
    tables.plain(folder / "embeddings" / "0000.parquet")
    assert list_files(str(folder), {}).names == ("0000.parquet",)
    with pytest.raises(SourceError, match="it is a STAC collection: give one of its items, or the folder"):
        list_files(str(folder / "collection.json"), {})
    with pytest.raises(SourceError, match="there is no such file"):
        list_files(str(folder / "item.json"), {})


def test_tables_on_an_object_store_are_read_by_their_urls(tmp_path, s3):
    import s3fs

    files = s3fs.S3FileSystem(**s3.options)
    for seed in (1, 2):
        path = tables.plain(tmp_path / f"{seed}.parquet", seed=seed)
        files.put(str(path), f"{s3.bucket}/tiles/year=202{seed}/{seed}.parquet")
    for source, rows in (("tiles", 10), ("tiles/*/*.parquet", 10), ("tiles/year=2022/2.parquet", 5)):
        found = TableVectors(list_files(f"s3://{s3.bucket}/{source}", s3.options), ImportOptions())
        assert found.rows == rows
        assert read(found).failures == []
    with pytest.raises(SourceError, match="there is no such file"):
        list_files(f"s3://{s3.bucket}/nothing", s3.options)
    with pytest.raises(SourceError, match="cannot be read"):
        list_files("s3://other-bucket/x.parquet", s3.options | {"endpoint_url": "http://127.0.0.1:1"})


def raster(path, pixels, *, nodata=None, up=False, size_m=10.0, names=()):
    """Bands [d, h, w] near Banepa in UTM, from the north-west, or from the south-west as AlphaEarth's are."""
    d, h, w = pixels.shape
    affine = (
        Affine(size_m, 0, 351_000, 0, size_m, 3_054_000 - h * size_m)
        if up
        else Affine(size_m, 0, 351_000, 0, -size_m, 3_054_000)
    )
    options = {"crs": "EPSG:32645", "transform": affine, "nodata": nodata, "dtype": pixels.dtype, "driver": "GTiff"}
    with rasterio.open(path, "w", count=d, height=h, width=w, **options) as target:
        target.write(pixels[:, ::-1] if up else pixels)
        for band, name in enumerate(names, start=1):
            target.set_band_description(band, name)
    return path


@pytest.mark.parametrize("up", [False, True], ids=["north up", "south up"])
def test_an_alpha_earth_tile_is_the_mean_of_its_pixels_as_floats(tmp_path, up):
    rng = np.random.default_rng(0)
    # each quarter of a kilometre has a vector of its own; one of them has none
    blocks = rng.integers(-120, 121, (64, 4, 4)).astype(np.int8)
    blocks[:, 3, 0] = -128
    (tmp_path / "2023").mkdir()
    path = raster(tmp_path / "2023" / "x.tiff", np.repeat(np.repeat(blocks, 24, 1), 24, 2), nodata=-128, up=up)
    source = opened(path, tile_size_m=100)
    assert (source.layout, source.model, source.dim) == ("AlphaEarth raster", "AlphaEarth Foundations", 64)
    assert source.said[-1].startswith("made of the year 2023, which is no date of one image")
    block = read(source)
    assert block.failures == [] and block.left_out["no_data"] > 0
    values = ALPHA_EARTH.floats(blocks.reshape(64, 16).T)
    # most tiles lie within one block, and are its very vector
    alike = (np.abs(block.vectors[:, None] - values[None]) < 1e-5).all(axis=2)
    assert alike.any(axis=1).mean() > 0.4
    assert set(np.flatnonzero(alike.any(axis=0))) == set(range(16)) - {12}
    where = {int(np.flatnonzero(row)[0]): at for row, at in zip(alike, block.columns["lat"], strict=True) if row.any()}
    assert where[0] > where[13]  # the first row of blocks lies north


def test_tessera_arrays_are_multiplied_by_their_scales(tmp_path):
    rng = np.random.default_rng(0)
    stored = (rng.integers(-90, 91, 128) + rng.integers(-20, 21, (80, 80, 128))).astype(np.int8)
    scales = (0.5 + rng.random((80, 80))).astype(np.float32)
    np.save(tmp_path / "grid_85.55_27.65.npy", stored)
    with pytest.raises(SourceError, match=r"the map of land grid_85\.55_27\.65\.tiff, which says where it lies"):
        opened(tmp_path / "grid_85.55_27.65.npy")
    (tmp_path / "landmasks").mkdir()
    raster(tmp_path / "landmasks" / "grid_85.55_27.65.tiff", np.ones((1, 80, 80), np.uint8))
    with pytest.raises(SourceError, match=r"_scales\.npy, which its whole numbers are multiplied by, is missing"):
        opened(tmp_path / "grid_85.55_27.65.npy")
    np.save(tmp_path / "grid_85.55_27.65_scales.npy", scales)
    source = opened(tmp_path / "grid_85.55_27.65.npy", tile_size_m=300)
    assert (source.layout, source.dim) == ("Tessera raster", 128)
    block = read(source)
    whole = np.argmax(block.columns["valid_fraction"])
    mean = (stored * scales[..., None]).reshape(-1, 128).mean(axis=0)
    cosine = block.vectors[whole] @ mean / np.linalg.norm(block.vectors[whole]) / np.linalg.norm(mean)
    assert block.columns["valid_fraction"][whole] > 0.95
    assert cosine > 0.999
    assert np.linalg.norm(block.vectors[whole]) == pytest.approx(np.linalg.norm(mean), rel=0.05)


def test_a_raster_of_the_whole_globe_is_read_to_its_edges(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(16, 4, 24)).astype(np.float32)
    pixels[3] = 0  # a number like others, though it is that of no data

    def means(name, west, values):
        options = {"crs": "EPSG:4326", "transform": Affine(15, 0, west, 0, -15, 97.5), "nodata": 0.0, "driver": "GTiff"}
        with rasterio.open(tmp_path / name, "w", count=16, height=4, width=24, dtype="float32", **options) as target:
            target.write(values)
        block = read(opened(tmp_path / name, tile_size_m=1_900_000))
        assert block.failures == []
        return dict(zip(block.columns["tile_id"], block.vectors, strict=True))

    # pixels whose middles lie at the poles, from −180° and from 0°
    plain, turned = means("a.tif", -180, pixels), means("b.tif", 0, np.roll(pixels, 12, axis=2))
    assert plain.keys() == turned.keys() and len(plain) > 40
    for tile, vector in plain.items():
        np.testing.assert_allclose(turned[tile], vector, atol=1e-6)


def test_what_means_nothing_to_a_source_is_refused(tmp_path):
    path = raster(tmp_path / "x.tif", np.ones((20, 40, 40), np.float32))
    for source, said, why in (
        (tables.plain(tmp_path / "x.parquet"), {"stride_m": 10}, "--stride-m means nothing to tables"),
        (path, {"crs": "EPSG:4326", "vector_column": "v"}, "--vector-column and --crs mean nothing to rasters"),
    ):
        with pytest.raises(UsageError, match=why):
            opened(source, **said)


def test_a_mean_that_the_archive_cannot_keep_is_no_tile(tmp_path):
    block = read(opened(raster(tmp_path / "x.tif", np.full((20, 40, 40), 1e5, np.float32)), tile_size_m=100))
    assert (len(block.vectors), set(reasons(block).values())) == (0, {"not_float16"})


def test_rasters_that_are_no_vectors_are_refused(tmp_path):
    path = raster(tmp_path / "rgb.tif", np.ones((3, 8, 8), np.uint8))
    with pytest.raises(SourceError, match="3 bands are a picture"):
        opened(path)
    path = raster(tmp_path / "what.tif", np.ones((20, 8, 8), np.uint8))
    with pytest.raises(SourceError, match="its 20 bands are whole numbers"):
        opened(path)
    assert opened(path, scale=1.0, tile_size_m=20).dim == 20
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.5,) * 20, (2.0,) * 20
    assert set(read(opened(path, tile_size_m=20)).vectors.ravel().tolist()) == {2.5}  # as GDAL's metadata says
    with pytest.raises(SourceError, match="bands are of type complex64: vectors are of real numbers"):
        opened(raster(tmp_path / "complex.tif", np.ones((20, 8, 8), np.complex64)))
    with pytest.raises(UsageError, match="pixels are 1,000 m wide, tiles of 480 m hold none"):
        opened(raster(tmp_path / "coarse.tif", np.ones((20, 8, 8), np.float32), size_m=1000.0))
    for year in ("2022", "2023"):
        (tmp_path / year).mkdir()
        raster(tmp_path / year / "a.tif", np.ones((64, 8, 8), np.int8), nodata=-128)
    with pytest.raises(ModelMismatchError, match="files of the years 2022, 2023"):
        opened(str(tmp_path / "202?" / "a.tif"))
    (tmp_path / "mixed").mkdir()
    raster(tmp_path / "mixed" / "a.tif", np.ones((64, 8, 8), np.int8))
    tables.plain(tmp_path / "mixed" / "a.parquet")
    with pytest.raises(SourceError, match="tables and rasters of embeddings together"):
        opened(tmp_path / "mixed")
