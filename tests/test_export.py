"""Answers written to files, and read back by the programs people open them with."""

import csv
import json
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from shapely.geometry import Point

from ingest.geo.geometry import Footprint
from search_ui.files.answers import check_target, write_answer
from search_ui.search.likeliest import Likeliest
from search_ui.search.provenance import Provenance
from search_ui.search.query import Answer, Hit
from trainer.errors import GroundcastError, UsageError

SUFFIXES = [".json", ".geojson", ".csv", ".parquet", ".kml"]
NASTY = "=1+1 <script>alert('x')</script> & \"q\", é 東京 # ]]> <![CDATA[ \x00\x0b"
KML = "{http://www.opengis.net/kml/2.2}"
MADE = Provenance(
    collection="demo", model_id="3f2a", source="s3://bucket/a.tif", attribution="© A & B, CC BY 4.0",
    created_at=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), groundcast_version="9.9",
)  # fmt: skip


def hit(rank: int, tile_id: str, lat: float, lon: float, acquired_at: datetime | None) -> Hit:
    size_m = 480.0
    return Hit(
        rank=rank, tile_id=tile_id, lat=lat, lon=lon, bbox=Footprint(lat=lat, lon=lon, size_m=size_m).bbox,
        cosine=0.3125 / rank, relevance=0.75, grade="strong", near="Banepa", acquired_at=acquired_at,
        source="s3://bucket/a.tif", collection="demo",
        model_id="3f2a", size_m=size_m,
    )  # fmt: skip


@pytest.fixture
def answer() -> Answer:
    """One ordinary hit with a date, one across ±180° without."""
    hits = [
        hit(1, "g480-r1-c1", 27.63, 85.52, datetime(2022, 7, 1, 10, 30, tzinfo=UTC)),
        hit(2, "g480-r2-c2", -17.0, 179.9999, None),
    ]
    return Answer(query={"text": NASTY, "k": 9}, method="index", candidates=1234, hits=hits)


def expected_block() -> dict[str, object]:
    return {
        "query": {"text": NASTY, "k": 9}, "method": "index", "candidates": 1234, "note": None, "collection": "demo",
        "model_id": "3f2a", "source": "s3://bucket/a.tif", "attribution": "© A & B, CC BY 4.0",
        "groundcast_version": "9.9", "created_at": "2025-01-02T03:04:05Z",
    }  # fmt: skip


def written(answer: Answer, folder: Path, suffix: str) -> Path:
    path = folder / f"hits{suffix}"
    write_answer(answer, path, MADE)
    assert [file.name for file in folder.iterdir()] == [path.name]  # nothing temporary stays
    return path


def check_table(table: pd.DataFrame, answer: Answer) -> None:
    assert table["tile_id"].tolist() == [hit.tile_id for hit in answer.hits]
    assert table["rank"].astype(int).tolist() == [1, 2]
    for name in ("lat", "lon", "cosine", "size_m"):
        assert table[name].astype(float).tolist() == pytest.approx([getattr(hit, name) for hit in answer.hits])
    sides = table[["west", "south", "east", "north"]].astype(float).to_numpy()
    assert sides == pytest.approx(np.array([hit.bbox for hit in answer.hits]))
    assert sides[1][0] > sides[1][2]  # across ±180° west is greater than east
    assert pd.Timestamp(table["acquired_at"].iloc[0]) == answer.hits[0].acquired_at
    assert pd.isna(table["acquired_at"].iloc[1])


def check_shapes(shapes: list[shapely.Geometry]) -> None:
    assert [shape.geom_type for shape in shapes] in (["Polygon", "MultiPolygon"], ["MultiPolygon", "MultiPolygon"])
    assert shapes[0].contains(Point(85.52, 27.63))
    assert shapes[1].intersects(Point(179.99995, -17))
    assert shapes[1].intersects(Point(-179.999, -17))
    assert shapes[1].bounds[0] == pytest.approx(-180)
    assert shapes[1].area < 1e-4  # not the long way round


def test_json_holds_what_the_command_prints_and_its_provenance(answer: Answer, tmp_path: Path) -> None:
    told = json.loads(written(answer, tmp_path, ".json").read_text(encoding="utf-8"))
    assert told.pop("provenance") == expected_block()
    assert told == json.loads(answer.to_json())


def test_geojson_is_read_by_geopandas_and_its_provenance_is_a_member(answer: Answer, tmp_path: Path) -> None:
    path = written(answer, tmp_path, ".geojson")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["provenance"] == expected_block()
    assert told["features"][1]["bbox"] == pytest.approx(list(answer.hits[1].bbox))
    outline = shapely.geometry.shape(told["features"][0]["geometry"])
    assert outline.exterior.is_ccw
    table = gpd.read_file(path)
    assert table.crs.to_epsg() == 4326
    check_table(table, answer)
    check_shapes(list(table.geometry))


def test_csv_is_read_by_pandas_and_gdal_as_it_is(answer: Answer, tmp_path: Path) -> None:
    path = written(answer, tmp_path, ".csv")
    table = pd.read_csv(path)
    check_table(table, answer)
    assert table["cosine"].tolist() == [hit.cosine for hit in answer.hits]
    assert [json.loads(cell) for cell in table["provenance"]] == [expected_block()] * 2
    check_table(pyogrio.read_dataframe(path, columns=list(table.columns)).replace("", None), answer)
    assert duckdb.read_csv(str(path)).aggregate("count(*), max(rank)").fetchall() == [(2, 2)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_csv_cell_is_never_a_formula(answer: Answer, tmp_path: Path, start: str) -> None:
    evil = replace(answer.hits[1], tile_id=f"{start}cmd|' /C calc'!A0", source=f"{start}1", lat=-17.0)
    path = written(replace(answer, hits=[evil]), tmp_path, ".csv")
    with path.open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["tile_id"] == f"'{start}cmd|' /C calc'!A0"
    assert row["source"] == f"'{start}1"
    assert float(row["lat"]) == -17.0
    assert row["provenance"].startswith("{")


def test_parquet_is_geoparquet_with_its_provenance_in_the_file(answer: Answer, tmp_path: Path) -> None:
    path = written(answer, tmp_path, ".parquet")
    table = gpd.read_parquet(path)
    assert table.crs.to_authority() == ("OGC", "CRS84")
    check_table(table, answer)
    check_shapes(list(table.geometry))
    assert table["relevance"].dtype == float
    assert json.loads(pq.read_metadata(path).metadata[b"provenance"]) == expected_block()
    rows = duckdb.read_parquet(str(path)).project("tile_id, cosine").fetchall()
    assert rows == [(hit.tile_id, hit.cosine) for hit in answer.hits]


def test_kml_is_read_by_gdal_and_text_in_it_stays_text(answer: Answer, tmp_path: Path) -> None:
    path = written(answer, tmp_path, ".kml")
    table = pyogrio.read_dataframe(path)
    check_table(table, answer)
    check_shapes(list(table.geometry))
    document = ET.parse(path).getroot().find(f"{KML}Document")
    assert document is not None
    assert [child.tag for child in document.iter() if child.tag.endswith("}script")] == []
    description = document.findtext(f"{KML}description") or ""
    assert "<script" not in description
    assert "&lt;script&gt;" in description
    data = {item.get("name"): item.findtext(f"{KML}value") for item in document.findall(f"{KML}ExtendedData/{KML}Data")}
    assert data["attribution"] == "© A & B, CC BY 4.0"
    assert data["created_at"] == "2025-01-02T03:04:05Z"
    assert json.loads(data["query"] or "")["text"] == NASTY
    marks = document.findall(f"{KML}Placemark")
    assert [mark.findtext(f"{KML}TimeStamp/{KML}when") for mark in marks] == ["2022-07-01T10:30:00Z", None]


def test_kml_survives_an_id_of_markup_and_controls(answer: Answer, tmp_path: Path) -> None:
    path = written(replace(answer, hits=[replace(answer.hits[0], tile_id=NASTY)]), tmp_path, ".kml")
    assert pyogrio.read_dataframe(path)["tile_id"].tolist() == [
        NASTY.replace("\x00", "\ufffd").replace("\x0b", "\ufffd")
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_answer_without_hits_is_a_good_file_too(answer: Answer, tmp_path: Path, suffix: str) -> None:
    path = written(replace(answer, hits=[], note="the nearest tile is 12 km away"), tmp_path, suffix)
    if suffix == ".csv":
        assert pd.read_csv(path).empty
        return
    assert "the nearest tile is 12 km away" in path.read_bytes().decode("utf-8", "replace")
    if suffix == ".parquet":
        assert gpd.read_parquet(path).empty
    elif suffix != ".json":
        assert pyogrio.list_layers(path).shape[0] <= 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_path_that_is_not_unicode_does_not_cost_the_answer(answer: Answer, tmp_path: Path, suffix: str) -> None:
    odd = replace(answer.hits[0], source="/data/\udcff.tif")
    provenance = replace(MADE, source="/data/\udcff.tif")
    path = tmp_path / f"hits{suffix.upper()}"
    write_answer(replace(answer, hits=[odd]), path, provenance)
    assert path.stat().st_size > 100


@pytest.mark.parametrize("name", ["hits.xlsx", "hits", "hits.json.gz"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(answer: Answer, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.json \.geojson \.csv \.parquet \.kml"):
        write_answer(answer, tmp_path / name, MADE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_a_folder_are_refused_before_the_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_target(tmp_path / "gone" / "hits.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_target(tmp_path / "dir.csv")


def test_a_second_answer_replaces_the_first_whole(answer: Answer, tmp_path: Path) -> None:
    path = written(answer, tmp_path, ".csv")
    write_answer(replace(answer, hits=answer.hits[:1]), path, MADE)
    assert len(pd.read_csv(path)) == 1


def test_a_place_that_cannot_be_written_is_one_clear_error(answer: Answer) -> None:
    with pytest.raises(GroundcastError, match=r"cannot write '/proc/hits\.csv'") as caught:
        write_answer(answer, Path("/proc/hits.csv"), MADE)
    assert not isinstance(caught.value, UsageError)


def test_a_full_disk_leaves_the_old_file_and_no_half_of_the_new(tmp_path: Path) -> None:
    (tmp_path / "hits.csv").write_text("old")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from search_ui.files.answers import write_answer
        from search_ui.search.provenance import Provenance
        from search_ui.search.query import Answer, Hit
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # a write beyond it fails as on a full disk
        hit = Hit(rank=1, tile_id="t", lat=0.0, lon=0.0, bbox=(0, 0, 0, 0), cosine=0.1, relevance=0.1, grade="weak",
                  near=None, acquired_at=None, source="s", collection="c", model_id="m", size_m=10)
        answer = Answer(query={}, method="index", candidates=1, hits=[hit] * 50)
        try:
            write_answer(answer, Path(sys.argv[1]), Provenance(collection="c", model_id="m", source="s"))
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "hits.csv")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("GroundcastError: cannot write")
    assert (tmp_path / "hits.csv").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["hits.csv"]


@pytest.mark.parametrize("suffix", [".geojson", ".csv", ".parquet"])
def test_each_hit_of_a_file_says_whether_it_is_not_now_and_when_it_is_likeliest(
    answer: Answer, tmp_path: Path, suffix: str
) -> None:
    first = replace(answer.hits[0], place=0.9, likeliest=Likeliest(None, (18, 6), 6, 2), not_now=True)
    path = written(replace(answer, hits=[first, answer.hits[1]]), tmp_path, suffix)
    table = (
        pd.read_csv(path)
        if suffix == ".csv"
        else gpd.read_file(path)
        if suffix == ".geojson"
        else pd.read_parquet(path)
    )
    assert table["not_now"].astype(bool).tolist() == [True, False]
    assert table["place"][0] == 0.9 and table["likeliest"][0] == "18 to 6 h"
    assert pd.isna(table["place"][1]) and pd.isna(table["likeliest"][1])
