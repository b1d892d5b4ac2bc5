"""A collection as a folder of open formats: every tile in it, to the bit, once, and nothing of it half there."""

import errno
import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import duckdb
import geopandas
import geoparquet_validator
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from jsonschema.validators import validator_for
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import zxy_to_tileid
from pystac.extensions.mlm import MLMExtension
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from stac_validator.validate import StacValidate

from ingest.archive.files import this_process
from ingest.catalog.catalog import Collection
from ingest.field.columns import NO_DATE
from ingest.geo.footprints import Places
from ingest.settings import load_settings
from search_ui.maps.heatmap import HeatValues
from search_ui.maps.mercator import ordinate
from search_ui.maps.scales import Scale
from search_ui.publishing import tables as tables_module
from search_ui.publishing.extent import extent_of
from search_ui.publishing.hilbert import hilbert_keys
from search_ui.publishing.imagery import public_name
from search_ui.publishing.layout import COLUMNS, KEY
from search_ui.publishing.publication import PublishOptions, publish
from search_ui.publishing.web_tiles import write_pmtiles
from search_ui.search.engine import Engine
from tests.publishable import DATE, DIM, MODEL, Home, tile, vectors
from trainer.errors import ArchiveError, GroundcastError, MissingError, ModelMismatchError, UsageError


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.catalog.close()


def rows_of(folder):
    return pq.read_table(folder / "embeddings").to_pandas().set_index("tile_id")


# -- order and extent ------------------------------------------------------------------------------------------------


def test_the_order_is_the_hilbert_curve_of_pmtiles() -> None:
    for level in (1, 2, 5):
        n = 1 << level
        y, x = (axis.ravel() for axis in np.mgrid[:n, :n])
        first = zxy_to_tileid(level, 0, 0)
        expected = [zxy_to_tileid(level, int(a), int(b)) - first for a, b in zip(x, y, strict=True)]
        keys = hilbert_keys(lat=90 - (y + 0.5) * 180 / n, lon=(x + 0.5) * 360 / n - 180, level=level)
        assert keys.tolist() == expected


def test_places_at_the_ends_of_the_globe_have_a_place_on_the_curve() -> None:
    keys = hilbert_keys(lat=np.array([90.0, -90, 90, -90]), lon=np.array([-180.0, 180, 180, -180]))
    assert len(set(keys.tolist())) == 4
    assert int(keys.max()) < 4**24


@pytest.mark.parametrize(
    ("lons", "west", "east"),
    [([10.0, 11.0], 10, 11), ([179.9, -179.8], 179.9, -179.8), ([-170.0, 170], 170, -170), ([0.0], 0, 0)],
)
def test_the_box_of_tiles_is_the_narrow_one_also_across_the_antimeridian(lons, west, east) -> None:
    n = len(lons)
    extent = extent_of(Places(np.zeros(n), np.array(lons), np.full(n, 480.0)), np.full(n, NO_DATE))
    assert extent.bbox[0] == pytest.approx(west, abs=0.003)
    assert extent.bbox[2] == pytest.approx(east, abs=0.003)
    assert (extent.first, extent.undated) == (None, n)
    assert all(extent.outline.intersects(shapely.Point(lon, 0)) for lon in lons)


def test_tiles_all_around_the_globe_or_at_a_pole_span_all_longitudes() -> None:
    around = Places(np.zeros(720), np.arange(-180, 180, 0.5), np.full(720, 60_000.0))
    assert extent_of(around, np.full(720, NO_DATE)).bbox[::2] == (-180, 180)
    touching = Places(np.zeros(720), around.lon + 0.25, np.full(720, 55548.112276693115))  # apart in the last digit
    assert extent_of(touching, np.full(720, NO_DATE)).bbox[::2] == (-180, 180)
    pole = Places(np.array([89.999]), np.array([12.0]), np.array([480.0]))
    assert extent_of(pole, np.array([NO_DATE])).bbox[::2] == (-180, 180)
    assert extent_of(pole, np.array([NO_DATE])).bbox[3] == 90


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/home/ada/secret project/town.tif", "town.tif"),
        ("C:\\Users\\Ada\\town.tif", "town.tif"),
        ("file:///home/ada/town%201.tif", "town 1.tif"),
        ("https://ada:pw@tiles.example.org/{z}/{x}/{y}.png?k=abc", "https://tiles.example.org/{z}/{x}/{y}.png"),
        ("stac+https://example.org/api?token=abc", "stac+https://example.org/api"),
        ("s3://bucket/town.tif?X-Amz-Signature=abc", "s3://bucket/town.tif"),
        ("sandbox:avalune", "sandbox:avalune"),
        ("12/34/56", "12/34/56"),
        ("", None),
        (None, None),
    ],
)
def test_neither_passwords_nor_folders_of_a_disk_are_told(source, told) -> None:
    assert public_name(source) == told


# -- tables ----------------------------------------------------------------------------------------------------------


def test_every_tile_is_there_once_and_its_vector_is_that_of_the_archive_to_the_bit(home, tmp_path) -> None:
    first, second = [tile(n) for n in range(40)], [tile(n, acquired=None) for n in range(40, 60)]
    home.add("a", first)
    home.add("b", second, source="https://ada:pw@example.org/b.tif", seed=1)
    done = home.publish()
    assert (done.tiles, done.tables, done.maps, done.notes) == (60, ["embeddings/0000.parquet"], [], [])
    stored = pq.read_table(home.archive.folder).to_pandas().set_index("tile_id")
    rows = rows_of(tmp_path / "out")
    assert sorted(rows.index) == sorted(stored.index)
    stored = stored.loc[rows.index]
    assert np.stack(rows.embedding).tobytes() == np.stack(stored.vector).tobytes()
    assert np.stack(rows.embedding).dtype == np.float16
    for name in ("lat", "lon", "size_m", "geometry", "gsd_m", "valid_fraction", "origin", "norm"):
        assert rows[name].tolist() == stored[name].tolist(), name
    assert rows.datetime.isna().sum() == 20
    (item,) = pystac.Collection.from_file(str(tmp_path / "out" / "collection.json")).get_items()
    assert item.datetime is None  # it would be said of all
    assert item.properties["start_datetime"] == item.properties["end_datetime"] == "2024-05-01T10:30:00Z"
    assert "Of 20 tiles it is not known" in item.properties["description"]
    assert set(rows.source) == {"a.tif", "https://example.org/b.tif"}
    keys = hilbert_keys(lat=rows.lat.to_numpy(), lon=rows.lon.to_numpy())
    assert (np.diff(keys.astype(np.int64)) >= 0).all()


def test_of_a_tile_that_was_ingested_again_the_later_part_is_published(home, tmp_path) -> None:
    home.add("a", [tile(n) for n in range(4)])
    home.add("b", [tile(3, lon=90.0)], seed=9)
    assert home.publish().tiles == 4
    again = rows_of(tmp_path / "out").loc["t00003"]
    assert again.embedding.tolist() == vectors(1, 9).astype(np.float16)[0].tolist()


def test_many_files_hold_what_one_would_in_the_same_order(home, tmp_path, monkeypatch) -> None:
    for part in range(5):
        home.add(f"p{part}", [tile(n) for n in range(part, 200, 5)], seed=part)
    home.publish("one")
    monkeypatch.setattr(tables_module, "_GROUP_ROWS", (8, 16))
    monkeypatch.setattr(tables_module, "_FILE_BYTES", 16 * (2 * DIM + 300))
    done = home.publish("many")
    assert len(done.tables) == 13
    assert not list((tmp_path / "many" / "embeddings").glob(".*"))
    one, many = (pq.read_table(tmp_path / name / "embeddings") for name in ("one", "many"))
    assert one.replace_schema_metadata().equals(many.replace_schema_metadata())
    items = list(pystac.Collection.from_file(str(tmp_path / "many" / "collection.json")).get_items())
    assert sum(item.properties["table:row_count"] for item in items) == 200
    assert len({tuple(item.bbox) for item in items}) == 13


def test_an_archive_on_an_object_store_is_published_like_one_in_a_folder(home, tmp_path, monkeypatch) -> None:
    home.add("a", [tile(n) for n in range(30)])
    home.publish("local")
    monkeypatch.setenv("GROUNDCAST_ARCHIVE_URL", "memory://published-parts")
    settings = load_settings(tmp_path / "home")
    folder = settings.archive_dir("town")
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(home.archive.path("a").read_bytes())
    publish(Engine(settings, home.catalog), "town", tmp_path / "remote", PublishOptions())
    local, remote = (pq.read_table(tmp_path / name / "embeddings") for name in ("local", "remote"))
    assert local.replace_schema_metadata().equals(remote.replace_schema_metadata())
    assert left(tmp_path) == ["local", "remote"]
    assert sorted(path.name for path in (tmp_path / "remote").iterdir()) == sorted(
        path.name for path in (tmp_path / "local").iterdir()
    )


def test_the_tables_are_sound_geoparquet_and_other_readers_open_them(home, tmp_path) -> None:
    home.add("a", [tile(n) for n in range(30)])
    home.publish()
    path = tmp_path / "out" / "embeddings" / "0000.parquet"
    assert geoparquet_validator.failed(geoparquet_validator.check(str(path))) == []
    frame = geopandas.read_parquet(path.parent)
    assert frame.crs.equals("OGC:CRS84")
    assert frame.geometry.iloc[0].area > 0
    west, south, _, north = frame.total_bounds
    few = geopandas.read_parquet(path.parent, bbox=(west, south, west + 0.01, north))
    assert 0 < len(few) < 30
    lists = duckdb.sql(f"SELECT embedding, norm FROM '{path.parent}/*.parquet' ORDER BY tile_id").fetchall()
    assert np.array([row[0] for row in lists], np.float16).tolist() == vectors(30).astype(np.float16).tolist()
    told = json.loads(pq.read_metadata(path).metadata[KEY.encode()])
    assert (told["model_id"], told["dimensions"], told["normalised"]) == (MODEL, DIM, False)
    assert told["sources"] == [{"source": "a.tif", "attribution": "Ada"}]


def test_tiles_across_the_antimeridian_and_without_any_date_are_published(home, tmp_path) -> None:
    home.add(
        "a", [tile(n, lat=-16.5, lon=179.95, acquired=None) | {"lon": lon} for n, lon in enumerate((179.999, -179.99))]
    )
    home.publish()
    rows = geopandas.read_parquet(tmp_path / "out" / "embeddings")
    assert "datetime" not in rows
    assert sorted(rows.geometry.geom_type) == ["MultiPolygon", "Polygon"]
    collection = pystac.Collection.from_file(str(tmp_path / "out" / "collection.json"))
    west, _, east, _ = collection.extent.spatial.bboxes[0]
    assert west > 179
    assert east < -179
    assert collection.extent.temporal.intervals == [[None, None]]
    (item,) = collection.get_items()
    assert item.geometry["type"] == "MultiPolygon"
    assert item.datetime is None
    assert "not known" in item.properties["description"]
    assert geoparquet_validator.failed(geoparquet_validator.check(str(tmp_path / "out/embeddings/0000.parquet"))) == []


def test_vectors_without_a_direction_are_published_and_told(home, tmp_path) -> None:
    zero = np.zeros((1, DIM), np.float32)
    meta = {"collection": "town", "model_id": MODEL, "source": "a.tif", "skipped": {}, "failures": []}
    home.archive.write("a", [tile(0)], zero, meta)
    home.add("b", [tile(1)])
    (note,) = home.publish().notes
    assert note.startswith("1 tiles have a vector that is zero")
    assert note in (tmp_path / "out" / "README.md").read_text()


# -- STAC and the card -----------------------------------------------------------------------------------------------


def documents(folder):
    return sorted(folder.glob("*.json"))


def test_stac_is_valid_of_its_own_version_and_links_lead_to_what_is_there(home, tmp_path) -> None:
    home.add("a", [tile(n) for n in range(30)])
    home.publish(licence="CC-BY-4.0")
    core = get_local_schema_cache()
    schemas = {}
    for number, (uri, schema) in enumerate(core.items()):
        schemas[uri] = str(tmp_path / f"{number}.json")
        Path(schemas[uri]).write_text(json.dumps(schema))
    for path in documents(tmp_path / "out"):
        found = StacValidate(str(path), core=True, schema_map=schemas)
        assert found.run(), found.message
        stated = json.loads(path.read_text())
        assert stated["stac_version"] == "1.1.0"
        links = [link["href"] for link in stated["links"]] + [one["href"] for one in stated.get("assets", {}).values()]
        assert links
        assert all((path.parent / href).is_file() for href in links)


def test_stac_says_what_the_extension_for_embeddings_asks_for(home, tmp_path) -> None:
    home.add("a", [tile(n) for n in range(30)])
    home.add("b", [tile(30)], source="https://example.org/b.tif?token=abc")
    home.publish()
    stated = json.loads((tmp_path / "out" / "collection.json").read_text())
    assert (stated["emb:type"], stated["emb:dimensions"], stated["data_type"]) == ("chip", DIM, "float16")
    assert stated["license"] == "other" and "emb:temporal_resolution" not in stated
    links = {link["rel"]: link["href"] for link in stated["links"]}
    assert links["emb:model"] == "./model.json"
    assert links["emb:source-data"] == "https://example.org/b.tif"
    (item,) = pystac.Collection.from_file(str(tmp_path / "out" / "collection.json")).get_items()
    path = tmp_path / "out" / "embeddings" / "0000.parquet"
    told = item.assets["embeddings"].extra_fields
    assert told["file:size"] == path.stat().st_size
    assert told["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert [column["name"] for column in item.properties["table:columns"]] == list(COLUMNS)
    model = MLMExtension.ext(pystac.Item.from_file(str(tmp_path / "out" / "model.json")))
    assert model.hyperparameters.to_dict() == {"model_id": MODEL}
    assert model.output[0].result.shape == [-1, DIM]


def test_stac_holds_to_the_schemas_of_its_extensions(home, tmp_path, real_data) -> None:
    """The one for embeddings is a draft that asks for STAC 1.0.0: its references to it are taken for those to 1.1.0."""
    folder = real_data / "stac-schemas"
    if not folder.is_dir():
        pytest.skip(f"the schemas of STAC's extensions are not here: {folder} is missing")
    home.add("a", [tile(n) for n in range(30)])
    home.publish()
    schemas = dict(get_local_schema_cache())
    schemas |= {uri.replace("/v1.1.0/", "/v1.0.0/"): schema for uri, schema in schemas.items()}
    schemas |= {told["$id"].rstrip("#"): told for told in (json.loads(path.read_text()) for path in folder.iterdir())}
    registry = Registry().with_resources((uri, Resource.from_contents(schema)) for uri, schema in schemas.items())
    for path in documents(tmp_path / "out"):
        stated = json.loads(path.read_text())
        assert stated["stac_extensions"]
        for uri in stated["stac_extensions"]:
            found = validator_for(schemas[uri])(schemas[uri], registry=registry).iter_errors(stated)
            assert [error.message for error in found] == [], (path, uri)


def test_the_card_says_what_it_is_and_the_checksums_agree(home, tmp_path) -> None:
    home.add("a", [tile(n) for n in range(30)], attribution="Ada | & friends")
    home.publish(licence="CC-BY-4.0")
    card = (tmp_path / "out" / "README.md").read_text()
    assert all(word in card for word in (MODEL, "CC-BY-4.0", "Ada \\| & friends", "`a.tif`", "2024-05-01", "480 m"))
    assert "alike to that model" in card and "relevance" not in card  # its model is not here
    assert all(f"`{name}`" in card for name in COLUMNS)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True
    )
    assert checked.returncode == 0
    assert checked.stdout.count(b": OK") == 6


def test_no_file_of_a_publication_holds_a_password_or_a_folder_of_this_disk(home, tmp_path) -> None:
    home.add("a", [tile(0, origin="https://u:hunter2@example.org/a.tif?sig=hunter2")], source="/srv/hidden/a.tif")
    home.add("b", [tile(1)], source="https://u:hunter2@example.org/a.tif?k=hunter2")
    home.publish()
    for path in (tmp_path / "out").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(word in content for word in (b"hunter2", b"/srv/hidden", str(tmp_path).encode())), path
    assert set(rows_of(tmp_path / "out").origin) == {"https://example.org/a.tif", "a.tif"}


def test_pictures_lie_on_both_sides_of_the_antimeridian_and_begin_at_the_tiles(tmp_path) -> None:
    places = Places(np.array([-16.5, -16.5]), np.array([179.99, -179.99]), np.full(2, 480.0))
    heat = HeatValues(places, np.array([0.2, 0.9], np.float32), Scale(0, 1, "relevance"), "here")
    written = write_pmtiles(tmp_path / "map.pmtiles", heat, name="a map", attribution="", told={})
    unseen = replace(heat, values=np.array([0.2, np.nan], np.float32))
    fewer = write_pmtiles(tmp_path / "fewer.pmtiles", unseen, name="a map", attribution="", told={})
    assert 1 < fewer < written  # what has no colour is not there
    nothing = replace(heat, values=np.full(2, np.nan, np.float32))
    assert write_pmtiles(tmp_path / "none.pmtiles", nothing, name="a map", attribution="", told={}) == 1
    with (tmp_path / "map.pmtiles").open("rb") as file:
        reader = Reader(MmapSource(file))
        header = reader.header()
        deepest, n = header["max_zoom"], 1 << header["max_zoom"]
        assert abs(abs(header["center_lon_e7"] / 1e7) - 180) < 0.01
        y = int((180 - ordinate(-16.5)) / 360 * n)
        assert reader.get(deepest, 0, y)
        assert reader.get(deepest, n - 1, y)
        assert reader.get(deepest, n // 2, y) is None
        assert header["addressed_tiles_count"] == written


# -- whole or not at all ---------------------------------------------------------------------------------------------


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if path.name != "home")


def test_an_empty_collection_a_gallery_and_a_missing_one_are_refused(home, tmp_path) -> None:
    with pytest.raises(UsageError, match="holds no tiles yet"):
        home.publish()
    home.catalog.add_collection(Collection("gallery.photos", "gallery", MODEL, DIM, {"source": "x"}, DATE))
    engine = Engine(home.settings, home.catalog)
    with pytest.raises(UsageError, match="gallery of photos"):
        publish(engine, "gallery.photos", tmp_path / "out", PublishOptions())
    with pytest.raises(MissingError, match="nowhere"):
        publish(engine, "nowhere", tmp_path / "out", PublishOptions())
    assert left(tmp_path) == []


def test_what_stands_there_is_replaced_only_if_asked_and_only_if_it_is_a_publication(home, tmp_path) -> None:
    home.add("a", [tile(0)])
    (tmp_path / "empty").mkdir()
    home.publish("empty")
    home.publish("out")
    with pytest.raises(UsageError, match="--replace"):
        home.publish("out")
    home.add("b", [tile(1)])
    assert home.publish("out", replace=True).tiles == 2
    assert len(rows_of(tmp_path / "out")) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="no publication"):
        home.publish("mine", replace=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for name in ("file", "link", "gone/out"):
        with pytest.raises(UsageError):
            home.publish(name, replace=True)
    assert left(tmp_path) == ["empty", "file", "link", "mine", "out"]


def test_a_full_disk_leaves_what_stood_there_and_nothing_else(home, tmp_path, monkeypatch) -> None:
    home.add("a", [tile(0)])
    home.publish()
    before = (tmp_path / "out" / "SHA256SUMS").read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(GroundcastError, match="No space left on device"):
            home.publish(replace=True)
    with monkeypatch.context() as patch:
        patch.setattr("search_ui.publishing.publication.storage.free_bytes", lambda _: 100)
        with pytest.raises(GroundcastError, match="make room there"):
            home.publish(replace=True)
    assert (tmp_path / "out" / "SHA256SUMS").read_bytes() == before
    assert left(tmp_path) == ["out"]


def test_one_that_is_stopped_as_it_takes_the_place_of_another_leaves_that(home, tmp_path, monkeypatch) -> None:
    home.add("a", [tile(0)])
    home.publish()
    before = (tmp_path / "out" / "SHA256SUMS").read_bytes()
    rename = Path.rename

    def stopped(path, target):
        if path.name.endswith(".tmp") and Path(target).name == "out":
            raise KeyboardInterrupt
        return rename(path, target)

    home.add("b", [tile(1)])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopped)
        with pytest.raises(KeyboardInterrupt):
            home.publish(replace=True)
    assert (tmp_path / "out" / "SHA256SUMS").read_bytes() == before
    assert left(tmp_path) == ["out"]


def test_a_broken_part_or_one_of_another_model_is_an_error_and_nothing_is_left(home, tmp_path) -> None:
    home.add("a", [tile(0)])
    home.add("b", [tile(1)], model_id="another")
    with pytest.raises(ModelMismatchError, match="another"):
        home.publish()
    content = home.archive.path("a").read_bytes()
    home.archive.path("b").write_bytes(content[: len(content) // 2])
    with pytest.raises(ArchiveError, match="verify town --repair"):
        home.publish()
    assert left(tmp_path) == []


def test_a_collection_that_loses_a_part_meanwhile_is_not_published(home, tmp_path, monkeypatch) -> None:
    home.add("a", [tile(0)])
    home.add("b", [tile(1)])
    write = tables_module.write_tables

    def and_then(replaced):
        def writing(*arguments, **more):
            written = write(*arguments, **more)
            replaced()
            return written

        monkeypatch.setattr("search_ui.publishing.publication.write_tables", writing)

    and_then(lambda: home.add("c", [tile(2)]))
    assert home.publish("more").tiles == 2  # what has come since is not among it
    and_then(lambda: home.archive.remove("b"))
    with pytest.raises(GroundcastError, match="run the command again"):
        home.publish()
    assert left(tmp_path) == ["more"]


def test_of_two_that_publish_into_one_folder_the_second_replaces_nothing(home, tmp_path, monkeypatch) -> None:
    home.add("a", [tile(0)])
    write = tables_module.write_tables

    def meanwhile(*arguments, **more):
        monkeypatch.undo()
        home.publish()
        home.add("b", [tile(1)])
        return write(*arguments, **more)

    monkeypatch.setattr("search_ui.publishing.publication.write_tables", meanwhile)
    monkeypatch.setattr("search_ui.publishing.folder.this_process", lambda: "here-1")
    with pytest.raises(GroundcastError, match="not empty"):
        home.publish()
    assert left(tmp_path) == ["out"]


def test_what_a_killed_publish_left_is_cleared_up_and_nothing_of_another_machine(home, tmp_path) -> None:
    home.add("a", [tile(0)])
    home.publish()
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True).stdout.strip()
    mine = this_process().rpartition("-")[0]
    for name in (f".out.{mine}-{gone}.tmp", ".out.elsewhere-1.tmp", f".out.{mine}-1.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "out").rename(tmp_path / f".out.{mine}-{gone}.before")  # killed between two renames
    home.publish("out2")
    assert (tmp_path / f".out.{mine}-{gone}.tmp").exists()  # another publication's
    with pytest.raises(UsageError, match="--replace"):
        home.publish()
    assert left(tmp_path) == sorted([".out.elsewhere-1.tmp", f".out.{mine}-1.tmp", "out", "out2"])
    assert len(rows_of(tmp_path / "out")) == 1
