"""Areas and dates as a person gives them: on the command line and in files."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from ingest.geo.area import parse_bbox, parse_date, parse_dates, parse_near
from ingest.geo.area_file import read_area_file
from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import distance_m
from ingest.index.protocol import Filter, touching
from search_ui.files.tables import write_tiles
from tests.conftest import LONG
from trainer.errors import AreaError

SQUARE = [[10, 40], [11, 40], [11, 41], [10, 41], [10, 40]]
KML = (
    '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    "<Folder><name>a</name><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>"
    "10,40,5 11,40,5 11,41,5 10,41,5 10,40,5</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    "</Folder>"
    "<Folder><name>b</name><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>"
    "20,40 21,40 21,41 20,41 20,40</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Folder>"
    "</Document></kml>"
)


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def polygon(*rings: list[list[float]]) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_a_box_covers_what_its_numbers_say() -> None:
    assert parse_bbox("85.51, 27.62,85.53,27.64").bounds == pytest.approx((85.51, 27.62, 85.53, 27.64))


def test_a_box_with_west_greater_than_east_crosses_the_antimeridian() -> None:
    area = parse_bbox("177,-19,-178,-16")
    assert isinstance(area, MultiPolygon)
    assert area.intersects(Point(179.9, -17))
    assert area.intersects(Point(-179.9, -17))
    assert not area.intersects(Point(0, -17))
    assert area.area == pytest.approx(5 * 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,3", "W,S,E,N"),
        ("1,2,3,4,5", "W,S,E,N"),
        ("a,b,c,d", "W,S,E,N"),
        ("", "W,S,E,N"),
        ("nan,0,1,1", "W,S,E,N"),
        ("0,0,inf,1", "W,S,E,N"),
        ("27,120,28,121", "longitude first"),
        ("10,41,11,40", "not below"),
        ("10,40,11,40", "not below"),
        ("190,40,200,41", "190"),
        ("10,40,10,41", "10"),
        ("180,40,-180,41", "same meridian"),
    ],
)
def test_a_box_that_cannot_be_is_refused_with_its_value(text: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        parse_bbox(text)


def test_a_circle_reaches_as_far_as_it_says_everywhere() -> None:
    area = parse_near("60,10,5")
    west, south, east, north = area.bounds
    assert (north - south) / 2 * 111.4 == pytest.approx(5, rel=0.01)
    assert (east - west) / 2 * 111.4 / 2 == pytest.approx(5, rel=0.01)  # cos 60° = 1/2


def test_a_circle_on_the_antimeridian_has_two_halves() -> None:
    area = parse_near("-17,180,50")
    assert area.intersects(Point(179.9, -17))
    assert area.intersects(Point(-179.9, -17))
    assert -180 <= area.bounds[0] <= area.bounds[2] <= 180


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2", "LAT,LON,KM"),
        ("120,30,5", "latitude first"),
        ("30,190,5", "±180"),
        ("30,10,0", "0 km"),
        ("30,10,-1", "-1 km"),
        ("30,10,nan", "LAT,LON,KM"),
        ("30,10,50000", "50000 km"),
        ("30,10,1e-300", "1e-300 km"),
    ],
)
def test_a_circle_that_cannot_be_is_refused_with_its_value(text: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        parse_near(text)


@pytest.mark.parametrize(
    "content",
    [
        polygon(SQUARE),
        {"type": "Feature", "properties": {"name": "x"}, "geometry": polygon(SQUARE)},
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {}, "geometry": polygon(SQUARE)},
                {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [0, 0]}},
                {"type": "Feature", "properties": {}, "geometry": None},
            ],
        },
        {"type": "GeometryCollection", "geometries": [polygon(SQUARE), {"type": "Point", "coordinates": [0, 0]}]},
        polygon(SQUARE[:-1]),  # left open
    ],
    ids=["geometry", "feature", "collection with a point", "geometry collection", "open ring"],
)
def test_geojson_is_read_in_every_form(tmp_path: Path, content: object) -> None:
    area = read_area_file(write(tmp_path / "area.geojson", content))
    assert area.equals(box(10, 40, 11, 41))


def test_every_folder_of_a_kml_counts(tmp_path: Path) -> None:
    area = read_area_file(write(tmp_path / "area.kml", KML))
    assert area.equals(shapely.union_all([box(10, 40, 11, 41), box(20, 40, 21, 41)]))
    assert not area.has_z


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32632", "EPSG:3857", "EPSG:4258"])
def test_a_file_in_any_reference_system_is_brought_to_degrees(tmp_path: Path, suffix: str, crs: str) -> None:
    path = tmp_path / f"area{suffix}"
    gpd.GeoDataFrame(geometry=[box(10, 40, 11, 41)], crs="EPSG:4326").to_crs(crs).to_file(path)
    area = read_area_file(path)
    assert area.symmetric_difference(box(10, 40, 11, 41)).area < 0.01


def test_a_projected_area_across_the_antimeridian_is_split_there(tmp_path: Path) -> None:
    path = tmp_path / "fiji.gpkg"
    fiji = box(2_000_000, 3_900_000, 2_300_000, 4_100_000)  # Fiji 1986 map grid, metres; 180° is within
    gpd.GeoDataFrame(geometry=[fiji], crs="EPSG:3460").to_file(path)
    area = read_area_file(path)
    assert area.intersects(Point(179.9, -17))
    assert area.intersects(Point(-179.9, -17))
    assert area.area < 6


def test_a_projected_area_round_a_pole_holds_the_pole(tmp_path: Path) -> None:
    path = tmp_path / "arctic.gpkg"
    ring = Point(0, 0).buffer(2_000_000, 32).difference(Point(0, 0).buffer(500_000, 32))
    gpd.GeoDataFrame(geometry=[ring], crs="EPSG:3995").to_file(path)
    area = read_area_file(path)
    for lon in range(-175, 180, 10):
        assert area.intersects(Point(lon, 80)), lon
        assert not area.intersects(Point(lon, 89)), lon
        assert not area.intersects(Point(lon, 60)), lon


def test_longitudes_beyond_180_go_on_at_the_other_side(tmp_path: Path) -> None:
    ring = [[170, 0], [190, 0], [190, 5], [170, 5], [170, 0]]
    area = read_area_file(write(tmp_path / "a.geojson", polygon(ring)))
    assert area.equals(shapely.union_all([box(170, 0, 180, 5), box(-180, 0, -170, 5)]))


FIJI = [[179, -17], [-179, -17], [-179, -16], [179, -16], [179, -17]]


def kml(*placemarks: str) -> str:
    inside = "".join(f"<Placemark>{one}</Placemark>" for one in placemarks)
    return f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inside}</Document></kml>'


def kml_ring(ring: list[list[float]]) -> str:
    places = " ".join(f"{lon},{lat},10" for lon, lat in ring)
    return f"<LinearRing><coordinates>{places}</coordinates></LinearRing>"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.geojson", polygon(FIJI)),
        ("backwards.geojson", polygon(FIJI[::-1])),
        ("beyond.geojson", polygon([[lon % 360, lat] for lon, lat in FIJI])),
        ("cut.geojson", polygon([[179, -17], [180, -17], [-180, -17], *FIJI[1:3], [-180, -16], [180, -16], *FIJI[3:]])),
        ("a.kml", kml(f"<Polygon><outerBoundaryIs>{kml_ring(FIJI)}</outerBoundaryIs></Polygon>")),
        ("ring.kml", kml(kml_ring(FIJI))),
    ],
)
def test_a_ring_across_180_goes_the_short_way_and_says_so(tmp_path: Path, name: str, content: object) -> None:
    told: list[str] = []
    area = read_area_file(write(tmp_path / name, content), told.append)
    assert (
        area.symmetric_difference(shapely.union_all([box(179, -17, 180, -16), box(-180, -17, -179, -16)])).area < 1e-9
    )
    assert any("the short way" in line for line in told) == (name != "beyond.geojson")


def test_a_hole_and_a_slanted_outline_across_180_stay(tmp_path: Path) -> None:
    outline = [[178, -20], [-178, -19], [-177, -15], [177, -14], [178, -20]]
    area = read_area_file(write(tmp_path / "a.geojson", polygon(outline, [[179.5, -17], [-179.5, -17], [-179.5, -16],
                                                                          [179.5, -16], [179.5, -17]])))  # fmt: skip
    straight = Polygon([(lon % 360, lat) for lon, lat in outline])
    assert area.area == pytest.approx(straight.area - 1)
    assert not area.intersects(Point(179.9, -16.5))
    assert area.intersects(Point(-177.5, -16.5))


def test_an_area_all_round_the_globe_stays_one(tmp_path: Path) -> None:
    cap = [[-180, -90], [-180, -80], [-90, -75], [0, -80], [90, -75], [180, -80], [180, -90], [-180, -90]]
    ring = [[-170, 70], [-60, 75], [60, 70], [170, 75], [-170, 70]]
    for name, outline, inside, outside in (
        ("cap", cap, (10, -85), (10, 0)),
        ("belt", [[-180, -60], [180, -60], [180, 60], [-180, 60], [-180, -60]], (10, 0), (10, 70)),
        ("pole", ring, (100, 89), (100, 60)),
    ):
        told: list[str] = []
        area = read_area_file(write(tmp_path / f"{name}.geojson", polygon(outline)), told.append)
        assert area.intersects(Point(inside)), name
        assert not area.intersects(Point(outside)), name
        assert bool(told) == (name == "pole")


def test_closed_lines_are_taken_where_there_is_no_polygon_and_counted_where_there_is(tmp_path: Path) -> None:
    line = "<LineString><coordinates>0,0 1,1</coordinates></LineString>"
    track = "<gx:Track><gx:coord>10 40 5</gx:coord><gx:coord>11 40 5</gx:coord></gx:Track>"  # its prefix is undeclared
    told: list[str] = []
    area = read_area_file(write(tmp_path / "a.kml", kml(kml_ring(SQUARE), line, track)), told.append)
    assert area.equals(box(10, 40, 11, 41))
    assert "its closed lines (1) are taken" in told[0]
    assert "passed over (2)" in told[1]
    area = read_area_file(write(tmp_path / "b.geojson", {"type": "LineString", "coordinates": SQUARE}))
    assert area.equals(box(10, 40, 11, 41))
    told.clear()
    both = {"type": "GeometryCollection", "geometries": [polygon(SQUARE), {"type": "LineString", "coordinates": FIJI}]}
    assert read_area_file(write(tmp_path / "c.geojson", both), told.append).equals(box(10, 40, 11, 41))
    assert len(told) == 1
    assert "passed over (1)" in told[0]
    with pytest.raises(AreaError, match="only 2 points, open lines"):
        read_area_file(write(tmp_path / "d.kml", kml(line, track)))


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, True),
        ({"type": "name", "properties": {"name": "EPSG:4326"}}, True),
        ({"type": "name", "properties": {"name": "CRS84"}}, True),
        ({"type": "name", "properties": {"name": "http://www.opengis.net/gml/srs/epsg.xml#4326"}}, True),
        ({"type": "EPSG", "properties": {"code": 4326}}, True),
        (None, True),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::999999"}}, False),
        ({"type": "name", "properties": {"name": "our own"}}, False),
        ({"type": "name", "properties": {"name": "WGS_1984"}}, False),  # so is one of heights called
        ({"type": "link", "properties": {"href": "http://example.org/crs", "type": "proj4"}}, False),
    ],
)
def test_degrees_of_a_reference_system_that_nobody_knows_are_not_taken_for_wgs84(
    tmp_path: Path, said: object, known: bool
) -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": polygon(SQUARE)}
    path = write(tmp_path / "a.geojson", {"type": "FeatureCollection", "features": [feature], "crs": said})
    if known:
        assert read_area_file(path).bounds == shapely.Polygon(SQUARE).bounds
        return
    with pytest.raises(AreaError, match=r"names the reference system .*, which is not known"):
        read_area_file(path)


@pytest.mark.parametrize(
    ("name", "moved_m", "doubt"),
    [
        ("EPSG:4301", 463, None),
        ("Tokyo", 463, None),  # which GDAL does not know, and takes its degrees for WGS84
        ("4301", 463, None),
        ("Xian 1980", 0, "Xian 1980"),
        ("+proj=longlat +ellps=bessel", 0, "Unknown based on Bessel 1841 ellipsoid"),
        ("EPSG:4230", 0, "European Datum 1950"),  # whose ways are in Europe
        ("EPSG:4490", 0, None),
    ],
)
def test_degrees_of_another_datum_are_brought_to_wgs84_or_said_to_be_none(
    tmp_path: Path, name: str, moved_m: float, doubt: str | None
) -> None:
    outline = [[139.7, 35.6], [139.8, 35.6], [139.8, 35.7], [139.7, 35.7], [139.7, 35.6]]
    document = {**polygon(outline), "crs": {"type": "name", "properties": {"name": name}}}
    told: list[str] = []
    west, south, *_ = read_area_file(write(tmp_path / "a.geojson", document), told.append).bounds
    assert distance_m(lat=35.6, lon=139.7, lats=south, lons=west) == pytest.approx(moved_m, abs=10)
    assert [doubt is not None and f"no way from its datum, {doubt}," in line for line in told] == [True] * bool(doubt)


BOX = "<north>48</north><south>47</south><east>9</east><west>8</west>"
OVERLAY = f"<GroundOverlay><LatLonBox>{BOX}{{}}</LatLonBox></GroundOverlay>"


@pytest.mark.parametrize(
    "body",
    [
        OVERLAY.format(""),
        OVERLAY.format("<rotation>0.0</rotation>"),
        "<GroundOverlay><gx:LatLonQuad><coordinates>8,47 9,47 9,48 8,48</coordinates></gx:LatLonQuad></GroundOverlay>",
    ],
)
def test_an_overlay_is_an_outline_where_there_is_no_polygon(tmp_path: Path, body: str) -> None:
    told: list[str] = []
    assert read_area_file(write(tmp_path / "a.kml", kml(body)), told.append).bounds == (8, 47, 9, 48)
    assert "its closed lines (1) are taken" in told[0]
    drawn = kml_ring([[1, 1], [2, 1], [2, 2], [1, 1]])
    both = kml(body, f"<Polygon><outerBoundaryIs>{drawn}</outerBoundaryIs></Polygon>")
    assert read_area_file(write(tmp_path / "b.kml", both)).bounds == (1, 1, 2, 2)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (OVERLAY.format("<rotation>-12.5</rotation>"), "an overlay that is turned by -12.5°"),
        ("<NetworkLink><Link><href>http://example.org/a.kml</href></Link></NetworkLink>", "lead to another file"),
        ("<GroundOverlay><LatLonBox><north>48</north></LatLonBox></GroundOverlay>", "no number"),
    ],
)
def test_a_kml_whose_area_is_not_in_it_says_so(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        read_area_file(write(tmp_path / "a.kml", kml(body)))


def test_links_of_a_kml_and_a_second_document_of_a_kmz_are_told(tmp_path: Path) -> None:
    link = "<NetworkLink><Link><href>http://example.org/a.kml</href></Link></NetworkLink>"
    outline = f"<Polygon><outerBoundaryIs>{kml_ring([[1, 1], [2, 1], [2, 2], [1, 1]])}</outerBoundaryIs></Polygon>"
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", kml(outline, link))
        archive.writestr("more/b.kml", kml(outline))
    told: list[str] = []
    assert read_area_file(tmp_path / "a.kmz", told.append).bounds == (1, 1, 2, 2)
    assert "of its 2 .kml the first alone is read, doc.kml" in told[0]
    assert "its links to other files (1) are not followed" in told[1]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_kml_in_utf_16_is_read(tmp_path: Path, encoding: str) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + kml(kml_ring([[8, 47], [9, 47], [9, 48], [8, 47]]))
    text = text if encoding == "utf-16" else "\ufeff" + text
    (tmp_path / "a.kml").write_bytes(text.encode(encoding))
    assert read_area_file(tmp_path / "a.kml").bounds == (8, 47, 9, 48)


def test_a_kmz_is_the_kml_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", KML)
    assert read_area_file(tmp_path / "a.kmz").area == pytest.approx(2)
    (tmp_path / "b.kmz").write_text(KML)
    with pytest.raises(AreaError, match="cannot be read: File is not a zip"):
        read_area_file(tmp_path / "b.kmz")


@pytest.mark.parametrize(("local", "central", "value"), [(6, 8, 1), (8, 10, 99)])
def test_a_kmz_that_is_encrypted_or_packed_otherwise_is_an_error(
    tmp_path: Path, local: int, central: int, value: int
) -> None:
    path = tmp_path / "a.kmz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", KML)
    content = bytearray(path.read_bytes())  # the flag of encryption, or the method, stands in both headers of a file
    content[local] = content[content.index(b"PK\1\2") + central] = value
    path.write_bytes(content)
    with pytest.raises(AreaError, match="cannot be read"):
        read_area_file(path)


@pytest.mark.parametrize("name", ["a.json", "a.geojson", "topology.topojson.json"])
def test_topojson_is_named_for_what_it_is(tmp_path: Path, name: str) -> None:
    content = {"type": "Topology", "objects": {"a": {"type": "Polygon", "arcs": [[0]]}}, "arcs": [SQUARE]}
    with pytest.raises(AreaError, match="is TopoJSON: convert it to GeoJSON"):
        read_area_file(write(tmp_path / name, content))


def test_a_self_crossing_outline_is_mended_and_holes_stay(tmp_path: Path) -> None:
    bow = read_area_file(write(tmp_path / "bow.geojson", polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]])))
    assert bow.is_valid
    assert bow.area == pytest.approx(2)
    hole = [[10.4, 40.4], [10.6, 40.4], [10.6, 40.6], [10.4, 40.6], [10.4, 40.4]]
    ring = read_area_file(write(tmp_path / "hole.geojson", polygon(SQUARE, hole)))
    assert not ring.intersects(Point(10.5, 40.5))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cut.geojson", '{"type":"Polygon","coordinates":[[[0,0],[1,0', "cannot be read"),
        ("text.geojson", "hello", "cannot be read"),
        ("other.json", {"hello": 1}, "cannot be read"),
        ("word.geojson", '{"type":"Polygon","coordinates":[[["a",0],[1,0],[1,1],["a",0]]]}', "cannot be read"),
        ("empty.geojson", "", "0 bytes"),
        ("none.geojson", {"type": "FeatureCollection", "features": []}, "holds nothing"),
        ("point.geojson", {"type": "Point", "coordinates": [85, 27]}, "only 1 points"),
        ("nan.geojson", '{"type":"Polygon","coordinates":[[[0,0],[NaN,0],[1,1],[0,0]]]}', "NaN"),
        ("metres.geojson", polygon([[465000, 5247000], [466000, 5247000], [466000, 5248000]]), "reference system"),
        ("swapped.geojson", polygon([[40, 110], [40, 111], [41, 111], [40, 110]]), "swapped"),
        ("round.geojson", polygon([[-500, 0], [500, 0], [0, 10], [-500, 0]]), "more than once"),
        ("flat.geojson", polygon([[0, 0], [1, 0], [2, 0], [0, 0]]), "polygon"),
        ("cut.kml", KML[:200], "cannot be read"),
        ("text.kml", "hello", "cannot be read"),
        ("text.gpkg", "hello", "cannot be read"),
        ("area.txt", "hello", ".geojson"),
    ],
)
def test_a_file_that_is_no_area_is_refused_with_its_name(tmp_path: Path, name: str, content: object, says: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(AreaError, match=says) as caught:
        read_area_file(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.geojson", tmp_path):
        with pytest.raises(AreaError, match="does not exist"):
            read_area_file(path)


def test_a_shapefile_without_prj_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "area.shp"
    gpd.GeoDataFrame(geometry=[box(10, 40, 11, 41)], crs="EPSG:4326").to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(AreaError, match=r"\.prj"):
        read_area_file(path)


def test_what_an_error_of_an_area_says_to_do_works(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(AreaError) as caught:
            read_area_file(path)
        return str(caught.value)

    gpd.GeoDataFrame(geometry=[box(10, 40, 11, 41)], crs="EPSG:4326").to_file(tmp_path / "a.shp")
    prj = (tmp_path / "a.prj").rename(tmp_path / "prj")
    assert "put its .prj beside it" in refused(tmp_path / "a.shp")
    prj.rename(tmp_path / "a.prj")
    metres = polygon([[465_000, 5_247_000], [466_000, 5_247_000], [466_000, 5_248_000], [465_000, 5_247_000]])
    assert "write that into the file" in refused(write(tmp_path / "b.geojson", metres))
    named = {"type": "name", "properties": {"name": "our own"}}
    assert "name it by an EPSG code" in refused(write(tmp_path / "b.geojson", {**metres, "crs": named}))
    named["properties"] = {"name": "EPSG:32632"}
    write(tmp_path / "b.geojson", {**metres, "crs": named})
    pq.write_table(pa.table({"x": [1]}), tmp_path / "d.parquet")
    assert "write it with GeoPandas" in refused(tmp_path / "d.parquet")
    gpd.GeoDataFrame(geometry=[box(10, 40, 11, 41)], crs="EPSG:4326").to_parquet(tmp_path / "d.parquet")
    for name in ("a.shp", "b.geojson", "d.parquet"):
        assert read_area_file(tmp_path / name).area > 0


def test_lines_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lines.gpkg"
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs="EPSG:4326").to_file(path)
    with pytest.raises(AreaError, match="only 1 points, open lines"):
        read_area_file(path)


def test_a_real_area_file_of_buildings_is_read(real_data: Path) -> None:
    area = read_area_file(real_data / "overhead/banepa_buildings.geojson")
    assert area.is_valid
    assert box(85.5, 27.6, 85.55, 27.65).contains(area)
    assert len(shapely.get_parts(area)) > 500


def test_a_date_alone_is_its_whole_day() -> None:
    assert parse_date("2020-08-31") == datetime(2020, 8, 31, tzinfo=UTC)
    assert parse_date("2020-08-31", end=True) == datetime(2020, 8, 31, 23, 59, 59, 999999, tzinfo=UTC)


def test_a_moment_is_taken_as_utc_unless_it_names_a_zone() -> None:
    assert parse_date("2020-08-31T10:30") == datetime(2020, 8, 31, 10, 30, tzinfo=UTC)
    assert parse_date("2020-08-31T10:30:00+02:00", end=True) == datetime(2020, 8, 31, 8, 30, tzinfo=UTC)
    assert parse_date("2020-08-31T10:30Z").tzinfo is UTC


@pytest.mark.parametrize("text", ["2021-02-30", "2021-13-01", "yesterday", "", "31.08.2020", "0001-01-01T00:00+10:00"])
def test_a_date_that_is_not_in_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(AreaError, match="is no date"):
        parse_date(text)


def test_a_range_of_one_day_holds_that_day_and_a_backward_one_is_refused() -> None:
    start, stop = parse_dates("2020-08-31", "2020-08-31")
    assert start is not None
    assert stop is not None
    assert start <= datetime(2020, 8, 31, 12, tzinfo=UTC) <= stop
    assert parse_dates(None, None) == (None, None)
    with pytest.raises(AreaError, match="backwards"):
        parse_dates("2020-09-01", "2020-08-31")


def test_the_whole_world_is_an_area(tmp_path: Path) -> None:
    area = read_area_file(write(tmp_path / "w.geojson", shapely.geometry.mapping(box(-180, -90, 180, 90))))
    assert area.area == pytest.approx(360 * 180)
    assert isinstance(area, Polygon)


def star(vertices: int, *, jag: float = 0.05) -> list[list[float]]:
    """A closed ring round 85°E 27°N with a wavy edge that nowhere crosses itself."""
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 1 + 0.3 * np.sin(40 * turn) + jag * np.sin(4000 * turn)
    ring = np.column_stack([85 + radius * np.cos(turn), 27 + radius * np.sin(turn)]).round(9)
    return [*ring.tolist(), ring[0].tolist()]


def test_an_outline_of_very_many_vertices_is_read_and_filters_many_tiles(tmp_path: Path) -> None:
    vertices = 1_000_000 if LONG else 200_000
    area = read_area_file(write(tmp_path / "big.geojson", polygon(star(vertices))))
    assert shapely.get_num_coordinates(area) > 0.9 * vertices
    random = np.random.default_rng(0)
    lats, lons = (
        random.choice(np.linspace(25.5, 28.5, 300), 100_000),
        random.uniform(83.5, 86.5, 100_000),
    )  # rows of a grid
    found = touching(area, lats, lons, np.full(100_000, 480.0))
    assert found.sum() > shapely.intersects_xy(area, lons, lats).sum()
    assert found[np.hypot(lats - 27, lons - 85) < 0.6].all()
    assert not found[np.hypot(lats - 27, lons - 85) > 1.4].any()


def test_a_scribble_is_mended_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    small = random.uniform(0, 1, (300, 2)).tolist()
    area = read_area_file(write(tmp_path / "small.geojson", polygon([*small, small[0]])))
    assert area.is_valid
    assert 0.5 < area.area < 1
    for vertices in (5_000, 200_000):
        large = random.uniform(0, 1, (vertices, 2)).round(6).tolist()
        with pytest.raises(AreaError, match=r"large.geojson' has an outline of .* tangled"):
            read_area_file(write(tmp_path / "large.geojson", polygon([*large, large[0]])))


def test_one_crossing_in_a_large_outline_is_mended(tmp_path: Path) -> None:
    ring = star(100_000, jag=0)
    ring[500], ring[501] = ring[501], ring[500]
    area = read_area_file(write(tmp_path / "one.geojson", polygon(ring)))
    assert area.is_valid
    assert area.area == pytest.approx(Polygon(star(100_000, jag=0)).area, rel=1e-6)


@pytest.mark.parametrize("text", ["90,0,10", "-90,123,10", "89.99,10,50"])
def test_a_circle_over_a_pole_holds_every_longitude(text: str) -> None:
    area = parse_near(text)
    south = text.startswith("-")
    assert all(area.intersects(Point(lon, -89.95 if south else 89.95)) for lon in range(-180, 181, 15))


def test_tiny_areas_are_valid_and_touch_the_tile_they_lie_in() -> None:
    for area in (parse_near("27,85,1e-6"), parse_bbox("85,27,85.000000000001,27.000000000001")):
        assert Filter(area=area).area is area
        assert touching(area, np.array([27.001, 27.1]), np.array([85.0, 85.0]), np.array([480.0, 480.0])).tolist() == [
            True,
            False,
        ]


def test_overlapping_and_nested_polygons_are_one_area(tmp_path: Path) -> None:
    rings = [SQUARE, [[10.5, 40.5], [12, 40.5], [12, 42], [10.5, 42], [10.5, 40.5]], SQUARE]
    content = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    area = read_area_file(write(tmp_path / "many.geojson", content))
    assert area.is_valid
    assert area.area == pytest.approx(1 + 2.25 - 0.25)


@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4326", "EPSG:32645", "EPSG:2056", "EPSG:3857"])
def test_a_geoparquet_is_an_area_in_whatever_system_it_is(tmp_path: Path, crs: str) -> None:
    where = Point(85.5, 27.6) if crs != "EPSG:2056" else Point(8.2, 47.1)
    square = (
        gpd.GeoSeries([where], crs=4326).to_crs(32645 if crs != "EPSG:2056" else 2056).buffer(500, cap_style="square")
    )
    frame = gpd.GeoDataFrame({"name": ["a", None]}, geometry=[square.to_crs(crs).iloc[0], None], crs=crs)
    frame.to_parquet(tmp_path / "area.parquet")
    right = square.to_crs(4326).iloc[0]
    found = read_area_file(tmp_path / "area.parquet")
    assert found.symmetric_difference(right).area < 1e-4 * right.area
    (tmp_path / "area.parquet").rename(tmp_path / "a.geoparquet")
    assert read_area_file(tmp_path / "a.geoparquet").equals(found)


def test_what_groundcast_exports_can_be_asked_in_again(tmp_path: Path) -> None:
    places = Places(np.array([10.0, 47.0]), np.array([180.0, 8.0]), np.full(2, 480.0))
    write_tiles(tmp_path / "map.parquet", ["a", "b"], {}, places=places, told={})
    found = read_area_file(tmp_path / "map.parquet")
    assert found.equals(shapely.union_all(Squares.of(places).polygons()))
    assert found.bounds[0] == -180 and found.bounds[2] == 180  # the first is split there


def parquet(path: Path, geo: object) -> Path:
    table = pa.table({"geometry": pa.array([shapely.to_wkb(box(1, 2, 3, 4))], pa.binary())})
    pq.write_table(table.replace_schema_metadata({} if geo is None else {"geo": json.dumps(geo)}), path)
    return path


def about(**column: object) -> dict[str, object]:
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


@pytest.mark.parametrize(
    ("geo", "message"),
    [
        (None, "is Parquet without the metadata of GeoParquet: write it with"),
        ({"version": "1.1.0"}, "cannot be read: 'primary_column'"),
        ("text", "cannot be read: "),
        (about(encoding="polygon"), "as 'polygon' are not read: write them as WKB"),
        (about(encoding="WKB", crs=None), "names no reference system"),
        (about(encoding="WKB", crs={"type": "GeographicCRS"}), "names an unknown reference system"),
    ],
)
def test_a_parquet_that_is_no_area_says_why(tmp_path: Path, geo: object, message: str) -> None:
    with pytest.raises(AreaError, match=message):
        read_area_file(parquet(tmp_path / "a.parquet", geo))


def test_a_broken_parquet_says_so(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", about(encoding="WKB"))
    assert read_area_file(path).bounds == (1, 2, 3, 4)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(AreaError, match=r"a\.parquet' cannot be read: .*[Pp]arquet"):
        read_area_file(path)


@pytest.mark.parametrize("suffix", ["shp", "geojson", "parquet"])
def test_degrees_in_a_projection_are_not_taken_for_metres(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    frame = gpd.GeoDataFrame(geometry=[box(85, 27, 86, 28)], crs="EPSG:32645")
    frame.to_parquet(path) if suffix == "parquet" else frame.to_file(path)
    with pytest.raises(
        AreaError, match=r"look like degrees \(bounds 85, 27, 86, 28\), .* write EPSG:4326 into the file"
    ):
        read_area_file(path)
