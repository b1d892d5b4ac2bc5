"""Embeddings into a collection: every row once, whatever happens; and what such a collection can be asked."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import groundcast as gc
from groundcast.score_map import ScoreMap
from ingest.archive.parts import Archive, vector_array
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import ForeignModel, foreign_model
from ingest.embeddings import importing
from ingest.embeddings.brought import hashes, seconds
from ingest.embeddings.importing import bring_in
from ingest.embeddings.options import ImportOptions
from ingest.embeddings.request import ImportRequest
from ingest.jobs.recover import recover
from ingest.jobs.upgrade import shadow
from ingest.jobs.verify import verify
from ingest.settings import Settings
from search_ui.files.answers import write_answer
from search_ui.ground.retrieval import find_gallery
from search_ui.maps.heatmap import Layer
from search_ui.maps.snapshots import About, write_scores
from search_ui.search.engine import Engine
from search_ui.search.feedback import NOTHING_SAID
from search_ui.search.query import Part, Query
from search_ui.service.place_list import Listed
from search_ui.service.service import Service
from tests import embedding_tables as tables
from trainer.errors import CatalogError, MissingError, ModelMismatchError, SourceError, UsageError


class Home:
    """A home folder without any model."""

    def __init__(self, folder):
        self.settings = Settings(home=folder, places=os.environ["GROUNDCAST_PLACES"])
        self.catalog = Catalog(self.settings.catalog_path)

    def bring(self, source, name="x", model=None, progress=lambda _: None, **said):
        request = ImportRequest(name, str(source), ImportOptions(**said))
        return bring_in(self.settings, self.catalog, request, lambda *_: progress, model=model)

    def archive(self, name="x"):
        return Archive(self.settings.archive_dir(name), "tiles")

    def vectors(self, name="x"):
        """Vectors and their ids, as the archive holds them."""
        parts = list(self.archive(name).read_all())
        ids = [one for part in parts for one in part.table["tile_id"].to_pylist()]
        return ids, np.concatenate([part.vectors() for part in parts])

    def agree(self, name="x"):
        return verify(self.settings, self.catalog, self.catalog.collection(name), deep=True).problems


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "ROWS", 16)
    opened = Home(tmp_path / "home")
    yield opened
    opened.catalog.close()


def tile(name, **more):
    return Query(parts=(Part("tile", name),), **more)


def test_every_row_becomes_a_tile_once_and_the_books_agree(home, tmp_path):
    result = home.bring(tables.lgnd(tmp_path / "v.parquet", 50))
    assert (result.job.state, result.job.done, result.job.chunks, result.report.done) == ("done", 50, 4, 50)
    ids, stored = home.vectors()
    assert ids == [f"chip{row}" for row in range(50)]
    np.testing.assert_array_equal(stored, tables.vectors(50, 1024).astype(np.float16))
    collection = home.catalog.collection("x")
    assert collection.spec["largest_tile_m"] == pytest.approx(2090, abs=10)
    assert str(foreign_model(home.catalog, collection)) == "Clay v1.5 (1,024 numbers)"
    assert home.agree() == []
    again = home.bring(tmp_path / "v.parquet")
    assert (again.report, again.job.id) == (None, result.job.id)
    # a file that grew: what is held is not read again, and not held twice
    tables.lgnd(tmp_path / "v.parquet", 70)
    grown = home.bring(tmp_path / "v.parquet")
    assert (grown.job.done, len(home.vectors()[0]), home.agree()) == (20, 70, [])


def test_an_import_that_is_paused_between_its_plan_and_its_work_stays_so_until_it_is_asked_for_again(home, tmp_path):
    path = tables.lgnd(tmp_path / "v.parquet", 50)

    def pause(*_):
        (job,) = home.catalog.jobs()
        assert home.catalog.stop_job(job.id, "paused")
        return lambda _: None

    request = ImportRequest("x", str(path), ImportOptions())
    result = bring_in(home.settings, home.catalog, request, pause, model=None)
    assert (result.job.state, result.job.done, result.report.cancelled) == ("paused", 0, True)
    assert home.bring(path).job.state == "done"
    assert home.agree() == []


def test_an_import_that_stops_anywhere_goes_on_with_the_same_command(home, tmp_path):
    path = tables.lgnd(tmp_path / "v.parquet", 100)
    for stop in (1, 2, 3):
        seen = []

        def stopping(count, seen=seen, stop=stop):
            seen.append(count)
            if len(seen) == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            home.bring(path, progress=stopping)
    result = home.bring(path)
    assert (result.job.state, result.job.done) == ("done", 100)
    ids, stored = home.vectors()
    assert sorted(ids) == sorted(f"chip{row}" for row in range(100))
    rows = [int(one.removeprefix("chip")) for one in ids]
    np.testing.assert_array_equal(stored, tables.vectors(100, 1024).astype(np.float16)[rows])
    # a part that was lost is made again
    lost = home.archive().parts()[2]
    lost.unlink()
    assert home.bring(path).report.done == 16
    assert home.agree() == []


def test_a_row_that_another_import_has_brought_meanwhile_is_not_held_twice(home, tmp_path):
    one, same = (tables.lgnd(tmp_path / name, 64) for name in ("a.parquet", "b.parquet"))

    def stopping(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.bring(one, progress=stopping)
    assert home.bring(same).job.done == 48
    finished = home.bring(one).job
    assert (finished.state, finished.done, finished.skipped) == ("done", 16, {"done_by_another_job": 48})
    assert sorted(home.vectors()[0]) == sorted(f"chip{row}" for row in range(64))
    assert home.agree() == []


def test_a_killed_import_holds_every_row_once_in_the_end(home, tmp_path):
    path = tables.lgnd(tmp_path / "v.parquet", 400)
    code = f"""
import time
from ingest.catalog.catalog import Catalog
from ingest.embeddings import importing
from ingest.embeddings.request import ImportRequest
from ingest.settings import Settings
importing.ROWS = 16
settings = Settings(home={str(home.settings.home)!r})
slow = lambda *_: lambda _: time.sleep(0.05)
importing.bring_in(settings, Catalog(settings.catalog_path), ImportRequest("x", {str(path)!r}), slow)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    parts = home.settings.archive_dir("x")
    while process.poll() is None and len(list(parts.glob("*.parquet"))) < 3:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 3 <= len(list(parts.glob("*.parquet"))) < 25
    assert home.bring(path).job.state == "done"
    ids, stored = home.vectors()
    assert sorted(ids) == sorted(f"chip{row}" for row in range(400))
    rows = [int(one.removeprefix("chip")) for one in ids]
    np.testing.assert_array_equal(stored, tables.vectors(400, 1024).astype(np.float16)[rows])
    assert home.agree() == []


def test_rows_are_counted_by_reason_in_the_ledger(home, tmp_path):
    values = tables.vectors(40, 32)
    values[5], values[30] = np.nan, 0
    ids = [f"r{row}" for row in range(40)]
    ids[33] = "r2"  # in another chunk
    columns = {"id": ids, "v": tables.lists(values), "geometry": tables.wkb(tables.boxes(40))}
    result = home.bring(tables.write(tmp_path / "v.parquet", columns, tables.geo()))
    assert result.job.failed == {"not_finite": 1, "zero_vector": 1, "duplicate_id": 1}
    failures = {one.subject: one.message for one in home.catalog.failures(result.job.id)}
    assert failures["v.parquet#33"] == "v.parquet#33: a row before it has the same id"
    assert failures["r5"] == "r5: its vector has numbers that are missing, NaN or infinite"
    assert (result.job.done, home.agree()) == (37, [])
    assert home.bring(tmp_path / "v.parquet").report is None


def test_equal_hashes_stand_for_equal_names():
    names = [f"tile {number}" for number in range(10_000)]
    found = hashes([*names, "tile 7", "tile 7", ""])
    assert seconds(found).nonzero()[0].tolist() == [10_000, 10_001]
    assert len(np.unique(found)) == 10_001


def test_a_file_that_cannot_be_used_leaves_nothing_behind(home, tmp_path):
    path = tables.lgnd(tmp_path / "v.parquet", 50)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="cut short"):
        home.bring(path)
    assert home.catalog.collections() == [] and home.catalog.jobs() == []
    assert not home.settings.archive_dir("x").exists()


def test_rows_of_files_of_one_name_are_never_taken_for_each_other(home, tmp_path):
    def unnamed(path, seed):
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {"v": tables.lists(tables.vectors(3, 8, seed)), "geometry": tables.wkb(tables.boxes(3))}
        return tables.write(path, columns, tables.geo())

    folder = tmp_path / "all"
    first, second = unnamed(folder / "a" / "t.parquet", 0), unnamed(folder / "b" / "t.parquet", 1)
    assert home.bring(first).job.done == 3
    with pytest.raises(CatalogError, match=r"b/t\.parquet: 3 of its rows would be named like rows that collection 'x'"):
        home.bring(second)
    assert home.bring(first).report is None
    # a folder that gets another of the name later, and a pattern over both
    assert home.bring(folder, "y").job.done == 6
    unnamed(folder / "c" / "t.gpq", 2)
    unnamed(folder / "c" / "t.parquet", 3)
    assert home.bring(folder, "y").job.done == 6
    assert home.bring(str(folder / "?" / "t.*"), "z").job.source.endswith("all/?/t.*")
    for name in ("y", "z"):
        ids, _ = home.vectors(name)
        assert sorted(ids) == [
            f"{stem}-{row:07d}" for stem in ("a/t", "b/t", "c/t.gpq", "c/t.parquet") for row in (0, 1, 2)
        ]


def test_a_collection_is_of_one_model_and_one_width(home, tmp_path):
    home.bring(tables.clay_v15(tmp_path / "a.parquet"))
    # the same model by another layout
    home.bring(tables.lgnd(tmp_path / "b.parquet", 3))
    assert len(home.vectors()[0]) == 8
    with pytest.raises(ModelMismatchError, match=r"'x' holds 1,024 numbers of Clay v1\.5, these are 768 of"):
        home.bring(tables.clay_v0(tmp_path / "c.parquet"))
    spec = {"source": "a.tif", "grid": {"size_m": 480.0, "stride_m": 480.0}}
    home.catalog.add_collection(Collection("town", "tiles", "m", 512, spec, datetime.now(UTC)))
    for model in (None, importing.PresentModel("m", 512)):
        with pytest.raises(CatalogError, match=r"'town' was made of imagery.*import into another name"):
            home.bring(tmp_path / "a.parquet", "town", model=model)
    with pytest.raises(ModelMismatchError, match="vectors of 1,024 numbers, model m makes 512"):
        home.bring(tmp_path / "a.parquet", "y", model=importing.PresentModel("m", 512))
    with pytest.raises(CatalogError, match="by case only"):
        home.bring(tmp_path / "a.parquet", "X")
    assert ForeignModel("Clay  V1.5", 1024).model_id == home.catalog.collection("x").model_id
    named = home.bring(tables.plain(tmp_path / "d.parquet"), "own", model_name="our CLIP")
    assert foreign_model(home.catalog, home.catalog.collection(named.job.collection)).name == "our CLIP"


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_what_goes_out_comes_in_again_bit_by_bit(home, tmp_path, kind):
    home.bring(tables.lgnd(tmp_path / "v.parquet", 40))
    # our own parts, as they lie
    home.bring(home.settings.archive_dir("x"), "again")
    before, after = (list(home.archive(name).read_all()) for name in ("x", "again"))
    assert pa.concat_tables([part.table for part in before]).equals(pa.concat_tables([part.table for part in after]))
    assert home.catalog.collection("again").model_id == home.catalog.collection("x").model_id
    ids, stored = home.vectors()
    part = pa.concat_tables([pq.read_table(path) for path in home.archive().parts()])
    # a table of ours with footprints alone, its columns called as in a publication
    columns = {"tile_id": part["tile_id"], "geometry": part["geometry"], "datetime": part["acquired_at"]}
    columns |= {"embedding": tables.lists(stored.astype(kind))}
    told = {
        "model_id": home.catalog.collection("x").model_id,
        "model": "Clay v1.5",
        "sources": [{"attribution": "ESA"}],
    }
    metadata = tables.geo(["Polygon", "MultiPolygon"]) | {"groundcast": json.dumps(told)}
    home.bring(tables.write(tmp_path / "out.parquet", columns, metadata), kind)
    assert home.vectors(kind)[0] == ids
    assert home.vectors(kind)[1].tobytes() == stored.tobytes()
    found = home.catalog.collection(kind)
    assert (found.model_id, found.spec["attribution"]) == (told["model_id"], "ESA")
    dates = pa.concat_tables([one.table for one in home.archive(kind).read_all()])["acquired_at"]
    assert dates.equals(part["acquired_at"])


def test_without_a_model_tiles_are_searched_by_tiles_and_relevance_is_not_made_up(home, tmp_path):
    home.bring(tables.lgnd(tmp_path / "v.parquet", 40))
    engine = Engine(home.settings, home.catalog)
    answer = engine.search("x", tile("chip7", k=40))
    stored = tables.vectors(40, 1024).astype(np.float16).astype(np.float32)
    unit = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    assert [hit.tile_id for hit in answer.hits] == [f"chip{row}" for row in np.argsort(-(unit @ unit[7]))]
    assert {hit.relevance for hit in answer.hits} == {None} and {hit.grade for hit in answer.hits} == {"unrated"}
    assert answer.note.startswith("no relevance: the model of these vectors is not here")
    assert json.loads(answer.to_json())["hits"][0]["relevance"] is None
    for suffix in ("geojson", "csv", "parquet", "kml"):
        write_answer(answer, tmp_path / f"hits.{suffix}", engine.provenance("x"))
    assert pq.read_table(tmp_path / "hits.parquet")["relevance"].null_count == 40
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    for part in (Part("text", "a ferry"), Part("photo", tmp_path / "p.png"), Part("image", tmp_path / "p.png")):
        with pytest.raises(UsageError, match=r"Clay v1\.5 \(1,024 numbers\), and that model is not here"):
            engine.search("x", Query(parts=(part,)))
    with pytest.raises(UsageError, match="that model is not here"):
        find_gallery(home.catalog, home.catalog.collection("x"), None)
    with pytest.raises(UsageError, match=r"minimum relevance 0\.5: collection 'x' has no relevance"):
        engine.search("x", tile("chip7", min_relevance=0.5))
    with pytest.raises(MissingError, match="no tile 'chip99'"):
        engine.search("x", tile("chip99"))
    scores = engine.scores("x", tile("chip7"))
    assert not scores.rated
    about = About("like chip7", engine.provenance("x").facts())
    for suffix in ("tif", "parquet", "png"):
        write_scores(tmp_path / f"map.{suffix}", scores, about, value="cosine", published=False)
    assert "relevance" not in pq.read_table(tmp_path / "map.parquet").column_names
    with pytest.raises(UsageError, match=r"no relevance.*map the cosine"):
        write_scores(tmp_path / "map.png", scores, about, value="relevance", published=False)
    with pytest.raises(UsageError, match=r"no relevance.*map the cosine"):
        ScoreMap(scores, None, "relevance", about)
    engine.close()


def test_the_app_shows_such_a_collection_and_says_what_it_lacks(home, tmp_path):
    home.bring(tables.lgnd(tmp_path / "v.parquet", 40))
    service = Service(home.settings)
    shown = service.shown("x")
    assert (shown.model, shown.words, shown.knows_time, shown.tiles) == ("Clay v1.5 (1,024 numbers)", False, False, 40)
    assert not shown.pictures
    listed = service.place_lists.show("x", tile("chip7", k=5), Listed(k=5), NOTHING_SAID)
    cards = listed.places.cards("x", 0, 5)
    assert [(card["grade"], card["image"]) for card in cards] == [("unrated", None)] * 5
    assert not listed.found.nothing and len(listed.places.pins()) == 5
    heat = service.heat("x", Layer(query=tile("chip7")))
    assert heat.scale.unit == "cosine with the question" and np.isfinite(heat.values).all()
    with pytest.raises(MissingError, match="were brought, and no imagery"):
        service.imagery.chip(service.tiles("x"), "chip7", 64)
    assert service.tile("x", "chip7").tile_id == "chip7"
    service.warm()
    service.close()
    with gc.open(home.settings.home) as opened:
        assert "Clay v1.5 (1,024 numbers), not here" in opened._repr_html_()
        assert "Clay v1.5 (1,024 numbers)" in opened["x"]._repr_html_()
        assert len(opened["x"].search(tile="chip7", k=5)) == 5
        assert np.isfinite(opened["x"].map(tile="chip7").array).any()
        with pytest.raises(gc.UsageError, match=r"no relevance.*map the cosine"):
            opened["x"].map(tile="chip7", value="relevance")


def test_a_lost_catalog_is_recovered_with_what_the_vectors_are(home, tmp_path):
    home.bring(tables.lgnd(tmp_path / "v.parquet", 40))
    home.catalog.close()
    shutil.rmtree(home.settings.home / "field", ignore_errors=True)
    home.settings.catalog_path.unlink()
    home.catalog = Catalog(home.settings.catalog_path)
    assert recover(home.settings, home.catalog).items == {"x": 40}
    assert foreign_model(home.catalog, home.catalog.collection("x")).name == "Clay v1.5"


def test_vectors_that_were_brought_are_not_embedded_anew(home, tmp_path):
    home.bring(tables.lgnd(tmp_path / "v.parquet", 5))

    class Other:
        model_id, dim = "other", 1024

    with pytest.raises(UsageError, match="were brought"):
        shadow(home.catalog, "x", Other())


def test_archived_vectors_are_float16_lists_of_one_length(home, tmp_path):
    home.bring(tables.plain(tmp_path / "v.parquet", 5))
    part = pq.read_table(home.archive().parts()[0])
    assert part.schema.field("vector").type == pa.list_(pa.float16(), 32)
    assert vector_array(part["vector"]).shape == (5, 32)
    assert part["origin"].to_pylist() == ["v.parquet"] * 5
    assert part["valid_fraction"].null_count == 5
