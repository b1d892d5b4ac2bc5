"""Labels out into files and in from them."""

import io
import json
from datetime import UTC, datetime

import geopandas
import numpy as np
import pytest
from labelled_tiles import small_field

from ingest.catalog.labels import Label, LabelSet
from search_ui.labels import tables
from search_ui.labels.tables import SUFFIXES, read_labels, write_labels
from search_ui.labels.taking import take
from search_ui.labels.tiles import holding
from trainer.errors import UploadError

AT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return small_field(tmp_path_factory.mktemp("labels"))


def labels(field):
    ids = field.ids()
    verdicts = ["yes", "no", "unsure", "yes"]
    by = ["Ada", None, "=1+1", "'quoted"]
    return [
        Label(ids[row], verdicts[row], float(field.lat[row]), float(field.lon[row]), 480.0, AT, by[row])
        for row in range(4)
    ]


def csv_of(*rows, header="lat,lon,label") -> bytes:
    return "\n".join([header, *rows]).encode()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_is_read_back_as_it_was(field, suffix) -> None:
    given = labels(field)
    made = LabelSet("0" * 16, "Full beaches", "demo", {"q": "a beach", "when": "T12"}, AT, 3, {})
    content = write_labels(suffix, made, given, {"model_id": "m", "attribution": "Ö"})
    table = read_labels(content, f"labels{suffix}")
    taken = take(table, field, "labels")
    assert sorted(taken.labels, key=lambda one: field.row(one.tile_id)) == given
    assert (taken.left_out, taken.by_place) == ({}, 0)
    assert (table.name, table.collection, table.question) == ("Full beaches", "demo", {"q": "a beach", "when": "T12"})
    if suffix != ".csv":
        opened = (geopandas.read_file if suffix == ".geojson" else geopandas.read_parquet)(io.BytesIO(content))
        assert opened.crs.to_epsg() == 4326 or opened.crs.to_string() == "OGC:CRS84"
        assert opened.geometry.x.to_list() == field.lon[:4].tolist()


def test_rows_that_fit_no_tile_are_counted_by_what_is_wrong_with_them(field) -> None:
    lat, lon, own = field.lat, field.lon, field.ids()[5]
    rows = [
        f"{lat[0]},{lon[0]},YES,,",
        f"{lat[0]},{lon[0]},yes,,",  # once more, the same
        f"{lat[1]},{lon[1]},maybe,,",
        f"{lat[2]},{lon[2]},,,",
        "12,34,no,,",
        f"{lon[3]},{lat[3]},no,,",  # swapped: the latitude is off the globe
        "400,500,no,,",
        ",,no,,",
        f"{lat[4]},{lon[4]},no,g9-s9-r1-c1,2000",
        f"{lat[4]},{lon[4]},no,g9-s9-r1-c1,480",
        f",,unsure,{own},",
        f"{lat[6]},{lon[6]},no,,",
        f"{lat[6]},{lon[6]},yes,,",
    ]
    taken = take(read_labels(csv_of(*rows, header="lat,lon,label,tile_id,size_m"), "a.csv"), field, "a.csv")
    assert taken.left_out == {
        "unknown word": 2, "on no tile": 1, "swapped coordinates": 1, "off the globe": 1, "tile of another size": 1,
        "no such tile and no place": 1, "contradicted by another row": 2,
    }  # fmt: skip
    assert [(one.tile_id, one.verdict) for one in taken.labels] == [
        (field.ids()[0], "yes"), (field.ids()[4], "no"), (own, "unsure"),
    ]  # fmt: skip
    assert any("row 3" in line and "yes, no or unsure" in line for line in taken.lines())


def test_a_file_of_no_good_row_is_refused_with_what_is_wrong(field) -> None:
    swapped = [f"{lat},{lon},yes" for lat, lon in zip(field.lon[:3], field.lat[:3], strict=True)]
    with pytest.raises(UploadError, match=r"3 rows left out, swapped coordinates \(such as row 1"):
        take(read_labels(csv_of(*swapped), "a.csv"), field, "a.csv")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlsx", b"x", "by its suffix '.xlsx': use one of .geojson .parquet .csv"),
        ("a", b"x", "by its suffix ''"),
        ("a.csv", b"  \n", "is empty"),
        ("a.csv", b"lat,lon,label\n", "has no row"),
        ("a.csv", b"lat,lon,class\n1,2,yes\n", "no column 'label' .has: class, lat, lon"),
        ("a.csv", b"label,x\nyes,1\n", "says no place"),
        ("a.csv", b"lat,lon,label\n\xff\xfe,1,yes\n", "cannot be read as csv"),
        ("a.geojson", b"{", "cannot be read as geojson"),
        ("a.geojson", b"[1]", "no GeoJSON FeatureCollection"),
        ("a.geojson", b'{"type": "FeatureCollection"}', "cannot be read as geojson: 'features'"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [3]}', "cannot be read as geojson"),
        (
            "a.geojson",
            b'{"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:32645"}}, "features": []}',
            "is in EPSG:32645: GeoJSON is in degrees",
        ),
        ("a.parquet", b"PAR1 no", "cannot be read as parquet"),
        ("a.geojson", b"[" * 100_000, "cannot be read as geojson"),
    ],
)
def test_a_broken_file_is_refused_by_what_is_wrong(name, content, told) -> None:
    with pytest.raises(UploadError, match=told):
        read_labels(content, name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"lat,lon,label\n" + b"1,2,yes\n" * 4),
        ("a.geojson", json.dumps({"type": "FeatureCollection", "features": [{}] * 4}).encode()),
    ],
)
def test_rows_beyond_the_most_are_not_read(name, content, monkeypatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    with pytest.raises(UploadError, match="more than 3 rows"):
        read_labels(content, name)


def test_numbers_and_times_out_of_range_are_as_if_not_said() -> None:
    told = {"label": "yes", "tile_id": "t", "lat": 10**400, "lon": 1, "labelled_at": "0001-01-01T00:00:00+14:00"}
    feature = {"type": "Feature", "geometry": None, "properties": told}
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    (row,) = read_labels(content, "a.geojson").rows
    assert np.isnan(row.lat) and row.labelled_at is None


def test_points_in_metres_are_refused(field, tmp_path) -> None:
    frame = geopandas.GeoDataFrame(
        {"label": ["yes"]}, geometry=geopandas.points_from_xy([500_000], [4_700_000]), crs="EPSG:32645"
    )
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UploadError, match="UTM zone 45N: write it in WGS84"):
        read_labels((tmp_path / "a.parquet").read_bytes(), "a.parquet")
    points = geopandas.points_from_xy(field.lon[:2], field.lat[:2])
    geopandas.GeoDataFrame({"label": ["yes", "no"]}, geometry=points, crs="EPSG:4326").to_parquet(
        tmp_path / "b.parquet"
    )
    taken = take(read_labels((tmp_path / "b.parquet").read_bytes(), "b.parquet"), field, "b.parquet")
    assert [one.tile_id for one in taken.labels] == field.ids()[:2]


@pytest.mark.parametrize("lon", [-165.0, 179.975, 0.0])
def test_every_place_in_a_tile_is_in_it_also_across_the_antimeridian(tmp_path, lon) -> None:
    field = small_field(tmp_path, lon=lon)
    assert holding(field, lat=field.lat, lon=field.lon).tolist() == list(range(field.n))
    aside = holding(field, lat=field.lat + 0.0019, lon=(field.lon + 0.0026 + 180) % 360 - 180)
    assert aside.tolist() == list(range(field.n))
    assert holding(field, lat=np.array([-43.0, 43.0]), lon=np.array([lon, lon - 1])).tolist() == [-1, -1]


def test_labels_of_another_grid_find_the_tiles_of_their_places(tmp_path, field) -> None:
    finer = small_field(tmp_path, size_m=300.0)
    made = LabelSet("0" * 16, "s", "demo", {}, AT, 0, {})
    rows = np.flatnonzero(holding(field, lat=finer.lat, lon=finer.lon) >= 0)[:3]
    given = [Label(finer.ids()[row], "no", float(finer.lat[row]), float(finer.lon[row]), 300.0, AT) for row in rows]
    taken = take(read_labels(write_labels(".csv", made, given, {}), "a.csv"), field, "a.csv")
    assert taken.by_place == 3
    assert {one.tile_id for one in taken.labels} <= set(field.ids())
    assert json.dumps(taken.as_dict())
