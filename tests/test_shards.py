"""Shards of training pairs: the authors' layout, written and read; what is broken is counted, never made up."""

import io
import json
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.errors import SourceError, UsageError
from trainer.shards.tars import MISSING, Shards, ShardWriter

PLACE = {"latitude": 47.5, "longitude": -122.25}


def write(folder: Path, count: int, per_shard: int = 4, **metadata: Any) -> Path:
    with ShardWriter(folder, samples_per_shard=per_shard) as shards:
        for i in range(count):
            shards.write(f"k{i}", b"ground %d" % i, b"over %d" % i, {**PLACE, "latitude": float(i), **metadata})
    return folder


def tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def sample(key: str, **metadata: Any) -> dict[str, bytes]:
    document = json.dumps({**PLACE, **metadata}).encode()
    return {f"{key}.groundlevel.jpg": b"g", f"{key}.overhead.jpg": b"o", f"{key}.metadata.json": document}


def test_what_is_written_is_read_back_by_index_across_shards(tmp_path: Path) -> None:
    when = datetime(2015, 7, 4, 13, 5, 9)
    write(tmp_path, 10, date_taken=when, captions=["a", "b"], owner="o", place="p", photo_id=7)
    assert len(list(tmp_path.glob("pairs-*.tar"))) == 3
    shards = Shards(tmp_path)
    assert len(shards) == 10 and not shards.problems
    pair = shards.sample(9)
    assert (pair.key, pair.overhead, pair.groundlevel) == ("k9", b"over 9", b"ground 9")
    assert (pair.lat, pair.lon, pair.when) == (9.0, -122.25, when)
    assert (pair.captions, pair.owner, pair.place, pair.photo_id) == (("a", "b"), "o", "p", "7")
    assert shards.picture(5, "overhead") == b"over 5"
    assert shards.captions(3) == ("a", "b")
    np.testing.assert_array_equal(shards.lat, np.arange(10))
    assert set(shards.place) == {shards.place[0]} != {MISSING}


def test_the_files_of_a_tar_have_the_authors_names_and_date_format(tmp_path: Path) -> None:
    write(tmp_path, 1, date_taken=datetime(2010, 5, 20, 8))
    with tarfile.open(tmp_path / "pairs-000000.tar") as file:
        assert file.getnames() == ["k0.groundlevel.jpg", "k0.overhead.jpg", "k0.metadata.json"]
        content = file.extractfile("k0.metadata.json")
        assert content is not None
        assert json.load(content)["date_taken"] == "2010-05-20 08:00:00.000000"


def test_the_same_samples_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, 3) / "pairs-000000.tar" for name in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2010-05-20 08:00:00.0", "2010-05-20T08:00:00"),
        ("2010-05-20 08:01:02", "2010-05-20T08:01:02"),
        (None, "NaT"),
        ("", "NaT"),
        ("0000-00-00 00:00:00.0", "NaT"),
        ("2010-05-20 08:00:00+02:00", "NaT"),
        ("2010-05-20T08:00:00Z", "NaT"),
        ("2010-05-20", "NaT"),
        ("2010-05-01 00:00:00", "NaT"),  # the month alone was known
        ("2107-05-20 08:00:00", "NaT"),
        (1274342400, "NaT"),
        ("2010:05:20 08:00:00", "2010-05-20T08:00:00"),
    ],
)
def test_a_missing_or_broken_date_stays_missing(tmp_path: Path, text: str | int | None, when: str) -> None:
    tar(tmp_path / "a.tar", sample("k", date_taken=text))
    shards = Shards(tmp_path)
    np.testing.assert_array_equal(shards.when, np.array([when], "datetime64[s]"))
    assert shards.dates.total() == (when == "NaT")
    assert shards.sample(0).when == (None if when == "NaT" else datetime.fromisoformat(when))


def test_broken_samples_are_skipped_and_counted_by_reason(tmp_path: Path) -> None:
    good, no_place = sample("good"), sample("no_place", latitude=None)
    no_overhead = {k: v for k, v in sample("no_overhead").items() if "overhead.jpg" not in k}
    no_metadata = {k: v for k, v in sample("bare").items() if "metadata" not in k}
    broken = {**sample("broken"), "broken.metadata.json": b"{"}
    far = sample("far", longitude=200)
    tar(tmp_path / "a.tar", good | no_place | no_overhead | no_metadata | broken | far)
    shards = Shards(tmp_path)
    assert list(shards.keys) == ["good"]
    assert shards.problems == {"no_place": 2, "no_overhead": 1, "no_metadata": 1, "broken_metadata": 1}
    assert list(Shards(tmp_path, needs=("groundlevel",)).keys) == ["good", "no_overhead"]


def members(path: Path, names: list[str]) -> Path:
    """A tar of files in this order, names twice included; the content of each is its number in the order."""
    with tarfile.open(path, "w") as file:
        for number, name in enumerate(names):
            content = json.dumps(PLACE | {"number": number}).encode() if "metadata" in name else b"%d" % number
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


NAMES = ("groundlevel.jpg", "overhead.jpg", "metadata.json")


def test_a_key_that_comes_twice_is_counted_and_its_first_sample_stays(tmp_path: Path) -> None:
    members(tmp_path / "a.tar", [f"{key}.{name}" for key in ("1", "1", "2", "1") for name in NAMES])
    shards = Shards(tmp_path)
    assert list(shards.keys) == ["1", "2"]
    assert shards.problems == {"duplicate_key": 2}
    assert (shards.sample(0).groundlevel, shards.metadata(0)["number"]) == (b"0", 2)
    assert Shards(tmp_path).problems == {"duplicate_key": 2}  # from the index


def test_parts_that_lie_apart_are_one_sample_and_are_never_mixed_where_a_key_comes_twice(tmp_path: Path) -> None:
    members(tmp_path / "a.tar", [f"{key}.{name}" for name in NAMES for key in ("1", "2")])
    shards = Shards(tmp_path)
    assert list(shards.keys) == ["1", "2"]
    assert not shards.problems
    assert [shards.sample(1).groundlevel, shards.sample(1).overhead, shards.metadata(1)["number"]] == [b"1", b"3", 5]
    (tmp_path / "a.tar").unlink()
    members(tmp_path / "b.tar", [f"{key}.{name}" for name in NAMES for key in ("1", "1")] + [f"2.{n}" for n in NAMES])
    shards = Shards(tmp_path)
    assert list(shards.keys) == ["2"]
    assert shards.problems == {"duplicate_key": 3, "no_metadata": 1}


def test_what_is_left_out_and_undated_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, bare = sample("good", date_taken="2020-07-14 18:05:00"), sample("bare", date_taken="2020-07-14")
    tar(tmp_path / "a.tar", good | bare | sample("far", latitude=147.5))
    assert len(Shards(tmp_path)) == 2
    assert "of 3 samples 1 left out (no_place 1), 1 without a date (no_hour 1)" in caplog.text
    caplog.clear()
    gulf = sample("gulf", date_taken="2020-07-14 18:05:00", latitude=0.0, longitude=0.0)
    tar(tmp_path / "a.tar", good | gulf)  # it is left out where pairs are made
    assert len(Shards(tmp_path)) == 2
    assert caplog.text == ""


def test_a_tar_that_is_cut_short_gives_what_is_whole(tmp_path: Path) -> None:
    write(tmp_path, 4)
    path = tmp_path / "pairs-000000.tar"
    path.write_bytes(path.read_bytes()[: 512 * 20 + 700])  # within the headers of the last sample
    shards = Shards(tmp_path)
    assert list(shards.keys) == ["k0", "k1", "k2"]
    assert shards.problems


def test_the_index_is_made_once_and_again_when_a_tar_changes(tmp_path: Path) -> None:
    write(tmp_path, 8)
    Shards(tmp_path)
    index = tmp_path / ".index.npz"
    before = index.stat().st_mtime_ns
    shards = Shards(tmp_path)
    assert index.stat().st_mtime_ns == before
    fingerprint = shards.fingerprint
    tar(tmp_path / "pairs-000001.tar", sample("new"))
    changed = Shards(tmp_path)
    assert list(changed.keys) == ["k0", "k1", "k2", "k3", "new"]
    assert changed.fingerprint != fingerprint
    index.write_bytes(b"no index")
    assert list(Shards(tmp_path).keys) == list(changed.keys)


def test_a_copy_of_the_tars_has_the_same_fingerprint(tmp_path: Path) -> None:
    write(tmp_path / "a", 8)
    for path in write(tmp_path / "b", 8).glob("*.tar"):
        path.touch()
    assert Shards(tmp_path / "a").fingerprint == Shards(tmp_path / "b").fingerprint


def test_a_list_of_tars_is_read_like_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a", 4)
    write(tmp_path / "b", 8)
    tars = [*tmp_path.glob("a/*.tar"), tmp_path / "b" / "pairs-000001.tar"]
    shards = Shards(tars)
    assert list(shards.keys) == [f"k{i}" for i in range(8)]
    assert shards.picture(6, "groundlevel") == b"ground 6"


def test_a_folder_without_whole_samples_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no tar there"):
        Shards(tmp_path)
    tar(tmp_path / "a.tar", {"k.overhead.jpg": b"o"})
    with pytest.raises(SourceError, match=r"not one whole sample \(no_metadata 1"):
        Shards(tmp_path)


def test_a_block_that_fails_leaves_whole_shards_only(tmp_path: Path) -> None:
    def fail() -> None:
        with ShardWriter(tmp_path, samples_per_shard=2) as shards:
            for key in ("a", "b", "c"):
                shards.write(key, b"g", b"o", PLACE)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        fail()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pairs-000000.tar"]
    assert list(Shards(tmp_path).keys) == ["a", "b"]


def test_shards_are_never_overwritten_and_keys_are_checked(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(UsageError, match="has shards named"):
        ShardWriter(tmp_path)
    with ShardWriter(tmp_path, "more") as shards:
        for key in ("a.b", "a/b", ""):
            with pytest.raises(UsageError, match="key"):
                shards.write(key, b"g", b"o", PLACE)
        shards.write("a", b"g", None, PLACE)
        with pytest.raises(UsageError, match="twice"):
            shards.write("a", b"g", b"o", PLACE)
    assert Shards(tmp_path, needs=()).sample(0).overhead == b""
