"""Another model for a collection that is being searched: the way there, what is compared, and the way back."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog
from ingest.jobs.carry_over import carry_over, vectors_stay
from ingest.jobs.items import GridIntake
from ingest.jobs.upgrade import change_over, missing, shadow
from ingest.settings import load_settings
from search_ui.cli import main
from search_ui.commands.planet import prompt_of_concept
from search_ui.search.comparison import read_labels
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.relevance.fitted import Fit, keep_fits
from tests.conftest import TINY_CLIP, Groundcast, make_raster
from tests.home_copy import whole_copy_of
from tests.test_cli import failed
from trainer.checkpoint import read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoder import Form
from trainer.errors import ArchiveError, CatalogError
from trainer.model import DynamicEncoder
from trainer.weights.zoo import add_open_clip

MARKET = Query(parts=(Part("text", "a market"),))
FEW = ("--prompts", Path(__file__).with_name("few_prompts.txt"))
EDGE = ("--near", "27.6289,85.4808,0.05")


@pytest.fixture(scope="module")
def town_home(tmp_path_factory) -> Path:
    """A home with two models, `old` and `new`, and the collection `town` of the old one, asked for in two requests."""
    folder = tmp_path_factory.mktemp("town")
    home, raster = folder / "home", make_raster(folder / "town.tif", width=400, height=300)
    ingest = ["ingest", str(raster), "--collection", "town", "--tile-size-m", "20", "--model", "old"]
    for seed, name in enumerate(("old", "new")):
        add_open_clip(folder / name, TINY_CLIP, random_seed=seed)
        run(home, "model", "add", name, "--checkpoint", str(folder / name))
    run(home, *ingest, *EDGE)
    run(home, *ingest)
    return home


def run(home: Path, *command: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--home", str(home), *command])
    assert exit_.value.code == 0


@pytest.fixture
def town(groundcast: Groundcast, town_home: Path, tmp_path: Path) -> Groundcast:
    """The command line with a copy of that home."""
    whole_copy_of(town_home, tmp_path / "home")
    return groundcast


@contextmanager
def searching(home: Path) -> Iterator[list[str]]:
    """Meanwhile another thread searches again and again; yields the models of its answers, each whole and of one."""
    settings = load_settings(home)
    catalog, over, models = Catalog(settings.catalog_path), threading.Event(), []
    engine = Engine(settings, catalog)

    def loop() -> None:
        while not over.is_set():
            try:
                hits = engine.search("town", MARKET).hits
                assert len(hits) == 9 and {hit.collection for hit in hits} == {"town"}
                (model,) = {hit.model_id for hit in hits}
                models.append(model)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                models.append(f"{type(error).__name__}: {error}")
            over.wait(0.02)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield models
    finally:
        over.set()
        thread.join()
        catalog.close()


def model_ids(town: Groundcast) -> tuple[str, str]:
    known = {model["name"]: model["model_id"] for model in town("model", "list", "--json").json()}
    return known["old"], known["new"]


def test_search_goes_on_through_upgrade_rollback_and_the_end_of_a_version(town, tmp_path):
    old, new = model_ids(town)
    before = town("search", "a market", "--collection", "town", "--json").json()
    with searching(tmp_path / "home") as models:
        wait_for(models, old)
        upgraded = town("collection", "upgrade", "town", "--model", "new", *FEW, "--json").json()
        wait_for(models, new)
        back = town("collection", "rollback", "town", "--json").json()
        wait_for(models, old)
        failed(town("collection", "drop", "town", "--version", "1"), 1, "'town@1' is in service")
        assert town("collection", "drop", "town", "--version", "2", "--json").json()["dropped"] == "town@2"
        wait_for(models, old)
    changes = [model for model, last in zip(models, [None, *models], strict=False) if model != last]
    assert changes == [old, new, old], "every answer was whole, and of one model at a time"
    assert (upgraded["in_service"], upgraded["model_id"]) == ("town@2", new)
    first, second = (one["job"]["done"] for one in upgraded["jobs"])
    assert first > 0 and second > 0, "both requests, and no tile twice"
    assert (back["in_service"], back["model_id"], back["lacks"]) == ("town@1", old, 0)
    assert town("search", "a market", "--collection", "town", "--json").json()["hits"] == before["hits"]
    left = [path for folder in ("archive", "index", "field") for path in (tmp_path / "home" / folder).glob("town@*")]
    assert left == []
    (row,) = town("collections", "--json").json()
    assert [version["name"] for version in row["versions"]] == ["town@1"]
    assert town("verify", "town", "--json").json()["agree"] is True


def wait_for(models: list[str], model: str) -> None:
    """Until the loop has had three more answers of it; the test's own time limit ends a wait in vain."""
    seen, waiting = len(models), threading.Event()
    while models[seen:].count(model) < 3:
        waiting.wait(0.02)


def test_versions_are_listed_asked_for_and_ingested_into_by_name(town, tmp_path):
    old, new = model_ids(town)
    with closing(Catalog(tmp_path / "home" / "catalog.sqlite")) as catalog:
        fit = Fit("a market", old, 2.0, 1.0, "truth.geojson", 100, 30, None, "2026-01-01T00:00:00+00:00")
        keep_fits(catalog, catalog.collection("town"), {"a market": fit})
    ran = town("collection", "upgrade", "town", "--model", "new", *FEW)
    assert "relevance of 'a market' was fitted with the model before, and is not any more" in ran.out
    assert "overlap@9" in ran.out and "relevance town@2" in ran.out and "town stands for town@2 now" in ran.out
    (row,) = town("collections", "--json").json()
    assert (row["name"], row["version"], row["model"], row["model_id"]) == ("town", 2, "new", new)
    assert [(v["name"], v["role"], v["model"]) for v in row["versions"]] == [
        ("town@1", "previous", "old"),
        ("town@2", "in service", "new"),
    ]
    assert {v["items"] for v in row["versions"]} == {row["items"]}
    assert "town@1" in town("collections").out
    asked = town("search", "a market", "--collection", "town@1", "--json").json()["hits"][0]
    assert (asked["collection"], asked["model_id"]) == ("town@1", old)
    raster = tmp_path / "more.tif"
    make_raster(raster, width=100, height=100, east=300)
    job = town("ingest", raster, "--collection", "town", "--tile-size-m", "20", "--json")
    failed(job, 1, "has source")  # the same collection, so the same source
    source = row["source"].removeprefix("file://")
    again = town("ingest", source, "--collection", "town", "--tile-size-m", "20")
    assert again.code == 0 and "nothing to do" in again.out, "the upgrade asked the same already"
    failed(town("ingest", source, "--collection", "town@3", "--model", "new"), 1, "no collection 'town@3'")
    assert town("verify", "town@1", "--json").json()["agree"] and town("verify", "town@2", "--json").json()["agree"]
    failed(town("collection", "upgrade", "town", "--model", "new"), 1, "already")


def test_what_is_only_compared_is_not_done_again_when_it_takes_over(town, tmp_path):
    old, _ = model_ids(town)
    labels = tmp_path / "truth.parquet"
    hits = town("search", "a market", "--collection", "town", "--json").json()["hits"]
    tiles = [hit["tile_id"] for hit in hits]
    pq.write_table(pa.table({"tile_id": tiles, "probability": [0.9] * 9}), labels)
    command = ["collection", "upgrade", "town", "--model", "new", *FEW, "--labels", f"a market={labels}"]
    kept = town(*command, "--keep", "--json").json()
    assert (kept["in_service"], kept["model_id"]) == ("town@1", old)
    compared = kept["comparison"]
    assert (compared["before"], compared["after"], compared["prompts"]) == ("town@1", "town@2", 2)
    market = next(row for row in compared["rows"] if row["prompt"] == "a market")
    assert market["precision_before"] == 1.0 and market["precision_after"] == market["overlap"]
    assert compared["labelled"] == 1 and compared["precision_before"] == 1.0
    assert compared["relevance_shift"] == round(compared["relevance_after"] - compared["relevance_before"], 4)
    taken = town(*command, "--json").json()
    assert taken["in_service"] == "town@2" and taken["comparison"] == compared
    assert [one["run"] for one in taken["jobs"]] == [None, None], "nothing was left to embed"


def test_a_version_that_lacks_items_takes_over_only_where_that_is_said(town, tmp_path):
    settings = load_settings(tmp_path / "home")
    catalog = Catalog(settings.catalog_path)
    new = shadow(catalog, "town", Embedder.load(settings.models_dir / "new", precision="float32"))
    with pytest.raises(CatalogError, match=r"'town@2' lacks .* items of 'town', such as"):
        change_over(settings, catalog, "town", new)
    assert Aliases(catalog).collection("town").name == "town"
    change_over(settings, catalog, "town", new, incomplete=True)
    assert Aliases(catalog).collection("town").name == "town@2"
    catalog.close()


@pytest.fixture(scope="module")
def moments(tmp_path_factory, town_home: Path) -> Path:
    """Two models with the overhead tower of `old`: one that adds the same to every tile, one that does not."""
    folder, old = tmp_path_factory.mktemp("moments"), town_home / "models" / "old"
    for name, encoding, form in (("added", "cyclic", Form(6)), ("met", "seasonal", Form(6, "linear", "full", 4))):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = DynamicEncoder(encoding, read_meta(old).dim, form)
            if form.rank:
                torch.nn.init.normal_(encoder.moment)
        tensors = read_tensors(old) | {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
        write_checkpoint(folder / name, replace(read_meta(old), encoding=encoding, **asdict(form)), tensors)
    return folder


def test_a_model_that_sees_tiles_alike_takes_the_vectors_over_and_embeds_nothing(
    town, moments, tmp_path, monkeypatch
) -> None:
    def embeds(*_: object) -> None:
        raise AssertionError("something is embedded")

    at = ("search", "a market", "--collection", "town", "--when", "2025-07-14T12", "--json")
    ids = {}
    for name in ("added", "met"):
        ids[name] = town("model", "add", name, "--checkpoint", moments / name, "--json").json()["model_id"]
    monkeypatch.setattr(Embedder, "embed_prepared", embeds)
    monkeypatch.setattr(GridIntake, "read", embeds)
    plain = town("search", "a market", "--collection", "town", "--json").json()["hits"]
    asked_before = town(*at).json()
    assert asked_before["hits"][0]["cosine"] == plain[0]["cosine"], "a model that knows no time"
    answers = []
    for number, name in ((2, "added"), (3, "met")):
        upgraded = town("collection", "upgrade", "town", "--model", name, *FEW, "--json").json()
        assert (upgraded["in_service"], upgraded["model_id"]) == (f"town@{number}", ids[name])
        assert upgraded["jobs"] == [] and upgraded["vectors_kept"] == count(town)
        assert upgraded["comparison"]["overlap"] == 1.0, "without a moment nothing has changed"
        again = town("search", "a market", "--collection", "town", "--json").json()["hits"]
        assert [(hit["tile_id"], hit["cosine"]) for hit in again] == [(hit["tile_id"], hit["cosine"]) for hit in plain]
        assert town("verify", "town", "--json").json()["agree"] is True
        answers.append(town(*at).json()["hits"])
        assert answers[-1][0]["model_id"] == ids[name]
    assert answers[0][0]["cosine"] != answers[1][0]["cosine"]
    assert town("collection", "rollback", "town", "--json").json()["lacks"] == 0
    assert town(*at).json()["hits"] == answers[0]
    said = town("collection", "upgrade", "town", "--model", "met", *FEW).out
    assert "nothing is embedded" in said and "town stands for town@3 now" in said


def count(town: Groundcast) -> int:
    (row,) = town("collections", "--json").json()
    items: int = row["items"]
    return items


def test_a_collection_taken_over_in_part_goes_on_where_it_stopped(town, moments, tmp_path, monkeypatch) -> None:
    town("model", "add", "met", "--checkpoint", moments / "met", "--json").json()
    settings = load_settings(tmp_path / "home")
    catalog = Catalog(settings.catalog_path)
    present = Aliases(catalog).collection("town")
    new = shadow(catalog, "town", Embedder.load(settings.models_dir / "met", precision="float32")).collection
    take_over, taken = Archive.take_over, []

    def dies(self, *given, **named):
        if taken:
            raise ArchiveError("the disk is full")
        taken.append(take_over(self, *given, **named))
        return taken[-1]

    monkeypatch.setattr(Archive, "take_over", dies)
    with pytest.raises(ArchiveError):
        carry_over(settings, catalog, present, new)
    monkeypatch.setattr(Archive, "take_over", take_over)
    left = carry_over(settings, catalog, present, new)
    assert 0 < left < count(town) and not missing(settings, present, new)
    assert carry_over(settings, catalog, present, new) == 0
    assert not vectors_stay(settings, catalog, present, catalog.model("new").model_id)
    catalog.close()


def test_labels_name_their_concepts_or_are_told_them(tmp_path):
    file = tmp_path / "labels.parquet"
    columns = {"tile_id": ["a", "b"], "concept": ["surfing", "my own words"], "probability": [1.0, 0.2]}
    pq.write_table(pa.table(columns), file)
    labels = read_labels(file, asked=prompt_of_concept())
    assert labels["my own words"] == {"b": 0.2} and len(labels) == 2 and "surfing" not in labels
    assert read_labels(file, "waves") == {"waves": {"a": 1.0, "b": 0.2}}
