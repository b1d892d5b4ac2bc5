"""GeoParquet that is written: the rules of version 1.1, and boxes by which a reader skips what lies elsewhere."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import geoparquet_validator as validator
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from ingest.archive.parts import Archive
from ingest.catalog.labels import Label, LabelSet
from ingest.geo.footprints import Places
from search_ui.files.answers import write_answer
from search_ui.files.tables import write_tiles
from search_ui.labels.area_files import areas_as
from search_ui.labels.areas import areas_of
from search_ui.labels.tables import write_labels
from search_ui.maps.hexagons import gather, write_hexagons
from search_ui.search.query import Answer
from tests.test_export import MADE, hit

LAT, LON = np.array([47.0, 10.0, 89.9999]), np.array([8.0, 180.0, 0.0])
SIZE_M = np.full(3, 480.0)
OF_PHOTOS = ("taken_local", "taken_utc", "path", "url", "owner", "licence", "heading_deg")


def tiles(folder: Path, rows: int) -> Path:
    record = {"acquired_at": None, "gsd_m": 0.5, "valid_fraction": 1.0, "origin": "a.tif"}
    places = enumerate(zip(LAT[:rows].tolist(), LON[:rows].tolist(), strict=True))
    records = [{"tile_id": f"t{n}", "lat": lat, "lon": lon, "size_m": 480.0, **record} for n, (lat, lon) in places]
    archive = Archive(folder, "tiles")
    archive.write("part", records, np.ones((rows, 4), np.float32), {})
    return Path(str(archive.path("part")))


def gallery(folder: Path, rows: int) -> Path:
    unknown = dict.fromkeys(OF_PHOTOS)
    places = [(47.0, 8.0), (None, None), (-10.0, 179.5)][:rows]
    records = [{"photo_id": f"p{n}", "lat": lat, "lon": lon, **unknown} for n, (lat, lon) in enumerate(places)]
    archive = Archive(folder, "gallery")
    archive.write("part", records, np.ones((rows, 4), np.float32), {})
    return Path(str(archive.path("part")))


def map_(folder: Path, rows: int) -> Path:
    places = Places(LAT[:rows], LON[:rows], SIZE_M[:rows])
    ids = [f"t{n}" for n in range(rows)]
    write_tiles(folder / "map.parquet", ids, {"cosine": np.arange(rows) / 10}, places=places, told={"provenance": {}})
    return folder / "map.parquet"


def hexagons(folder: Path, rows: int) -> Path:
    found = gather(7, np.arange(rows) / 10, lat=LAT[:rows], lon=LON[:rows] - 0.001)
    write_hexagons(folder / "hexagons.parquet", found, "cosine", {"provenance": {}})
    return folder / "hexagons.parquet"


def hits(folder: Path, rows: int) -> Path:
    places = zip(LAT[:rows].tolist(), LON[:rows].tolist(), strict=True)
    some = [hit(n + 1, f"t{n}", lat, lon, None) for n, (lat, lon) in enumerate(places)]
    write_answer(Answer(query={}, method="exact", candidates=rows, hits=some), folder / "hits.parquet", MADE)
    return folder / "hits.parquet"


def labels(folder: Path, rows: int) -> Path:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    places = zip(LAT[:rows].tolist(), LON[:rows].tolist(), strict=True)
    some = [Label(f"t{n}", "yes", lat, lon, 480.0, at, None) for n, (lat, lon) in enumerate(places)]
    of = LabelSet("0" * 16, "beaches", "demo", {"q": "a beach"}, at, rows, {})
    (folder / "labels.parquet").write_bytes(write_labels(".parquet", of, some, {"model_id": "m"}))
    return folder / "labels.parquet"


def areas(folder: Path, rows: int) -> Path:
    apart = Places(LAT[:rows], LON[:rows] - 0.01, SIZE_M[:rows])
    found = areas_of(apart, np.full(rows, 0.9, np.float32), 0.5)
    (folder / "areas.parquet").write_bytes(areas_as(".parquet", found, 0.5, {"collection": "demo"}))
    return folder / "areas.parquet"


WRITERS = [tiles, gallery, map_, hexagons, hits, labels, areas]


def told(path: Path) -> tuple[dict[str, Any], pq.FileMetaData]:
    metadata = pq.read_metadata(path)
    return json.loads(metadata.metadata[b"geo"]), metadata


@pytest.mark.parametrize("rows", [3, 1, 0])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_metadata_and_boxes_follow_the_rules_of_geoparquet(tmp_path: Path, write, rows: int) -> None:
    path = write(tmp_path, rows)
    geo, metadata = told(path)
    assert (geo["version"], geo["primary_column"], list(geo["columns"])) == ("1.1.0", "geometry", ["geometry"])
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB" and "crs" not in column  # none named: OGC:CRS84
    sides = column["covering"]["bbox"]
    assert sides == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    schema = pq.read_schema(path)
    box = schema.field("bbox").type  # a struct at the top, of doubles in this order
    assert [(field.name, str(field.type)) for field in box] == [(side, "double") for side in sides]
    assert str(schema.field("geometry").type) == "binary"
    table = pq.read_table(path, columns=["geometry", "bbox"])
    shapes = shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False))
    assert {shape.geom_type for shape in shapes if shape is not None} <= set(column["geometry_types"])
    for shape, around in zip(shapes, table["bbox"].to_pylist(), strict=True):
        assert around == (None if shape is None else dict(zip(sides, shape.bounds, strict=True)))
    # statistics of every group, by which it is skipped; and no group of nothing, which would have none
    assert metadata.num_rows == len(shapes)
    assert metadata.num_row_groups == (1 if len(shapes) else 0)
    for group in range(metadata.num_row_groups):
        columns = (metadata.row_group(group).column(n) for n in range(metadata.num_columns))
        known = {one.path_in_schema: one.statistics for one in columns if one.path_in_schema.startswith("bbox.")}
        assert len(known) == 4 and all(one.has_min_max for one in known.values())


@pytest.mark.parametrize("rows", [3, 1, 0])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_the_validator_of_geoparquet_passes_every_class(tmp_path: Path, write, rows: int) -> None:
    report = validator.check(str(write(tmp_path, rows)))
    assert validator.failed(report) == []
    if write is gallery and rows == 3:  # of photos none of which has a place Parquet has no lowest and highest
        records = [{"photo_id": "p", "lat": None, "lon": None, **dict.fromkeys(OF_PHOTOS)}]
        archive = Archive(tmp_path, "gallery")
        archive.write("nowhere", records, np.ones((1, 4), np.float32), {})
        report = validator.check(str(archive.path("nowhere")))
        assert validator.failed(report) == ["/conf/distribution/geospatial-statistics"]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_another_program_finds_rows_by_their_box(tmp_path: Path, write) -> None:
    path = write(tmp_path, 3)
    found = duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE bbox.xmin < 9 AND bbox.xmax > 7 AND bbox.ymax < 48 "
                       "AND bbox.ymin > 46")  # fmt: skip
    assert found.fetchall() == [(1,)]
