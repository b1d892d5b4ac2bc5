"""Small files that unpack to very much, or are read without end: refused clearly, in little memory and time."""

import gzip
import io
import json
import sqlite3
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pmtiles.tile import Compression, Entry, TileType, serialize_directory, serialize_header

from ingest.backup import bundle
from ingest.backup import home as backup_home
from ingest.catalog.catalog import HEAD
from ingest.catalog.database import Database
from ingest.catalog.dump import load, occupied
from ingest.geo import area_file
from ingest.geo.area_file import read_area_file
from ingest.geo.kml import read_kml
from ingest.opening import open_source
from ingest.sources import web as web_module
from ingest.sources.source import SourceOptions
from ingest.sources.tiles import mbtiles_store
from ingest.sources.web import Web
from search_ui.labels import tables
from search_ui.labels.tables import read_labels
from tests.local_server import Answer, answering, serving
from trainer.errors import AreaError, BackupError, ItemError, SourceError, UploadError
from trainer.shards.index import _neighbours

MUCH = 64 * 2**20  # bytes of zeros; 64 kB when they are packed


def pmtiles(path: Path, root: bytes, metadata: bytes, leaves: bytes = b"") -> str:
    """An archive of these packed pieces, without bounds."""
    header = dict.fromkeys(
        ("addressed_tiles_count", "tile_entries_count", "tile_contents_count", "min_lon_e7", "min_lat_e7",
         "max_lon_e7", "max_lat_e7", "center_zoom", "center_lon_e7", "center_lat_e7", "min_zoom", "max_zoom"), 0,
    ) | {
        "version": 3, "clustered": True, "internal_compression": Compression.GZIP, "tile_type": TileType.PNG,
        "tile_compression": Compression.NONE, "root_offset": 127, "root_length": len(root),
        "metadata_offset": 127 + len(root), "metadata_length": len(metadata),
        "leaf_directory_offset": 127 + len(root) + len(metadata), "leaf_directory_length": len(leaves),
        "tile_data_offset": 127 + len(root) + len(metadata) + len(leaves), "tile_data_length": 0,
    }  # fmt: skip
    path.write_bytes(serialize_header(header) + root + metadata + leaves)
    return str(path)


ONE_TILE = serialize_directory([Entry(0, 0, 1, 1)])


@pytest.mark.parametrize(
    ("root", "metadata"),
    [
        (ONE_TILE, gzip.compress(b" " * MUCH)),
        (gzip.compress(b"\x80" * MUCH), gzip.compress(b"{}")),
        (ONE_TILE + gzip.compress(b"\0" * MUCH), gzip.compress(b"{}")),
    ],
    ids=["metadata", "directory", "a second member"],
)
def test_pmtiles_unpack_to_no_more_than_they_can_mean(tmp_path: Path, root: bytes, metadata: bytes) -> None:
    uri = pmtiles(tmp_path / "a.pmtiles", root, metadata)
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"a\.pmtiles: [\d,]+ bytes of it unpack to more than 4 MiB"):
        open_source(uri)
    assert tracemalloc.get_traced_memory()[1] < MUCH / 4
    tracemalloc.stop()


def test_directories_of_pmtiles_that_lead_to_one_another_come_to_an_end(tmp_path: Path) -> None:
    leaf = serialize_directory([Entry(0, 0, 100, 0), Entry(1, 0, 100, 0)])
    both = serialize_directory([Entry(0, 0, len(leaf), 0), Entry(1, 0, len(leaf), 0)])
    with pytest.raises(SourceError, match="its directories lead to one another"):
        open_source(pmtiles(tmp_path / "a.pmtiles", both, gzip.compress(b"{}"), leaves=both))


@pytest.mark.parametrize(
    "tiles",
    [
        "WITH RECURSIVE c(z) AS (SELECT 0 UNION ALL SELECT 0 FROM c) SELECT z zoom_level, 0 tile_column, 0 tile_row, "
        "x'00' tile_data FROM c",
        "SELECT 0 zoom_level, 0 tile_column, 0 tile_row, zeroblob(999000000) tile_data",
    ],
    ids=["without end", "huge"],
)
def test_a_view_of_mbtiles_without_end_or_of_a_huge_tile_is_refused(
    tmp_path: Path, tiles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbtiles_store, "_SECONDS", 0.1)
    database = sqlite3.connect(tmp_path / "a.mbtiles")
    database.execute("CREATE TABLE metadata (name text, value text)")
    database.execute(f"CREATE VIEW tiles AS {tiles}")
    database.commit()
    database.close()
    with (
        pytest.raises((SourceError, ItemError), match=r"a\.mbtiles.*(takes more than|too big)"),
        open_source(str(tmp_path / "a.mbtiles")) as source,
    ):
        source._store.get(0, 0, 0)  # type: ignore[attr-defined, union-attr]


def test_no_mbtiles_reaches_another_database(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "secret.sqlite")
    other.execute("CREATE TABLE tiles AS SELECT 1 zoom_level")
    other.commit()
    other.close()
    with sqlite3.connect(tmp_path / "a.mbtiles") as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        database.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        database.execute("INSERT INTO tiles VALUES (0, 0, 0, x'00')")
    database.close()
    with open_source(str(tmp_path / "a.mbtiles")) as source:
        with pytest.raises(sqlite3.OperationalError, match="too many attached databases"):
            source._store._ask(f"ATTACH '{tmp_path / 'secret.sqlite'}' AS other")  # type: ignore[attr-defined, union-attr]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            source._store._ask("DELETE FROM tiles")  # type: ignore[attr-defined, union-attr]


def test_an_answer_of_the_web_is_bounded_as_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "_MOST_BYTES", 2**20)
    packed = gzip.compress(b"\x89PNG" + b"\0" * MUCH)

    def answer(_: str, __: Mapping[str, str]) -> Answer:
        return 200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, packed

    with serving(answering(answer)) as url:
        for cache_dir in (None, tmp_path):
            with (
                Web(SourceOptions(cache_dir=cache_dir)) as web,
                pytest.raises(ItemError, match="the answer has more than 1 MiB") as caught,
            ):
                web.picture(url)
            assert caught.value.reason == "too_large"


BOMB = '<!DOCTYPE kml [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><kml>&b;</kml>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_entities_are_refused_in_whatever_letters_they_are_written(encoding: str) -> None:
    # without its mark UTF-16 is known by its first letters; those that are looked for are two of its characters
    disguised = f"<!--{b'<kml'.decode('utf-16-le')}-->" if encoding == "utf-16-le" else ""
    with pytest.raises(AreaError, match="declares XML entities"):
        read_kml(f'<?xml version="1.0" encoding="{encoding[:6].rstrip("-")}"?>{disguised}{BOMB}'.encode(encoding))


def test_a_kmz_that_lies_about_its_size_is_read_no_further_than_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(area_file, "_MAX_KML", 2**20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("doc.kml", b"<kml>" + b" " * MUCH)
    path = tmp_path / "a.kmz"
    path.write_bytes(packed.getvalue())
    tracemalloc.start()
    with pytest.raises(AreaError, match="more than 1 MiB"):
        read_area_file(path)
    assert tracemalloc.get_traced_memory()[1] < MUCH / 4
    tracemalloc.stop()


def test_labels_of_parquet_whose_texts_stand_there_once_are_bounded_as_they_unpack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "MOST_UNPACKED", 8 * 2**20)
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["y" * 50_000]))  # 1 GB
    table, packed = pa.table({"label": word, "tile_id": word}), io.BytesIO()
    pq.write_table(table, packed, compression="zstd")
    assert len(packed.getvalue()) < 2**20
    with pytest.raises(UploadError, match="unpacks to more than 8 MiB"):
        read_labels(packed.getvalue(), "a.parquet")


@pytest.mark.parametrize("where", ["tile_id", "label", "question"])
def test_half_a_character_in_a_file_of_labels_is_refused(where: str) -> None:
    row = {"label": "yes", "tile_id": "a"} | ({where: "a\ud800"} if where != "question" else {})
    document = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": None, "properties": row}],
        "provenance": {"label_set": {"question": {"text": "a\ud800"} if where == "question" else {}}},
    }
    with pytest.raises(UploadError, match=r"a\.geojson.*holds half of a character: write the file anew"):
        read_labels(json.dumps(document).encode(), "a.geojson")


def test_a_backup_whose_files_unpack_to_more_than_it_says_is_read_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(bundle.MANIFEST, json.dumps({"format": bundle.FORMAT, "files": {"a": (100, "0" * 64)}}))
        packed.writestr("a", bytes(MUCH))
    with bundle.BundleReader(path) as reader, pytest.raises(BackupError, match="a is not what was backed up"):
        assert sum(len(piece) for piece in reader.read("a")) < MUCH / 4
    monkeypatch.setattr(bundle, "_MOST_MANIFEST", 50)
    with pytest.raises(BackupError, match="unpacks to more than"):
        bundle.BundleReader(path)


@pytest.mark.parametrize(
    "manifest", ["[" * 100_000, "[]", '{"format": 1, "files": []}', '{"format": 1, "files": {"a": [Infinity, ""]}}', ""]
)
def test_a_backup_that_says_what_no_backup_says_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / bundle.MANIFEST).write_text(manifest)
    with pytest.raises(BackupError, match="the backup cannot be read"):
        bundle.BundleReader(tmp_path)


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_no_backup(tmp_path: Path, packed: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", packed) as written:
        written.writestr(
            bundle.MANIFEST, json.dumps({"format": bundle.FORMAT, "files": {}, "text": str([*range(999)])})
        )
    content = bytearray(path.read_bytes())
    content[60:100] = bytes(255 - byte for byte in content[60:100])
    path.write_bytes(content)
    with pytest.raises(BackupError, match="the backup cannot be read"):
        bundle.BundleReader(path)


_ROW = {"model_id": "0" * 16, "added_at": "2026-01-01T00:00:00"}


def test_a_catalog_of_a_backup_that_is_none_or_leads_out_of_the_home_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite")
    whole = json.dumps(["models", _ROW | {"name": "whole"}]).encode()
    for line, told in (
        (b'["models", {"name": "../../m"}]', "no name of a file"),
        (b'["collections", {"name": "/etc"}]', "no name of a file"),
        (b'["chunks", {"key": "..", "job": "a"}]', "no name of a file"),
        (b'["alembic_version", {"version_num": "0001"}]', "is in no backup"),
        (b'["nothing", {}]', "nothing"),
        (b'["models", {"name": "m", "odd": 1}]', "odd"),
        (json.dumps(["models", _ROW | {"name": "m", "added_at": "yesterday"}]).encode(), "yesterday"),
        (b"[" * 100_000, "recursion"),
        (b"", "Expecting value"),
    ):
        with pytest.raises(BackupError, match=f"the catalog in the backup has a line .*{told}"):
            load(database, [json.dumps({"schema": HEAD}).encode(), whole, line])
        assert occupied(database) is None
    database.close()


@pytest.mark.parametrize("first", [b"", b"{}", b"[]", b'{"schema": "-1"}', b'{"schema": "base"}'])
def test_a_catalog_of_a_backup_begins_with_its_schema(tmp_path: Path, first: bytes) -> None:
    database = Database(tmp_path / "catalog.sqlite")
    with pytest.raises(BackupError, match="the catalog in the backup"):
        load(database, [first] if first else [])


def test_a_catalog_of_a_backup_has_lines_of_a_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_home, "_MOST_LINE", 1_000)
    with pytest.raises(BackupError, match="a line of more than"):
        list(backup_home._lines(io.BytesIO(b"{}\n" * 9 + b"0" * 2_000)))


def test_members_of_a_shard_are_read_where_they_lie_and_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    tar = tmp_path / "0.tar"
    with tarfile.open(tar, "w") as written:
        for name, kind in (("a.jpg", tarfile.SYMTYPE), ("b.jpg", tarfile.LNKTYPE), ("../../c.jpg", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "secret.jpg", 5 if kind == tarfile.REGTYPE else 0
            written.addfile(member, io.BytesIO(b"inner"))
        huge = tarfile.TarInfo("d.jpg")
        huge.size = 8 * 2**30
        written.fileobj.write(huge.tobuf())  # type: ignore[union-attr]
    problems: Counter[str] = Counter()
    found = dict(_neighbours(tar, problems))
    assert set(found) == {"../../c"} and problems["broken_tar"] == 1
    (offset, size) = found["../../c"]["jpg"]
    assert tar.read_bytes()[offset : offset + size] == b"inner" and not (tmp_path.parents[1] / "c.jpg").exists()
