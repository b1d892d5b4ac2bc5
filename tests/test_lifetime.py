"""A collection's other names, its deletion, the day in which it comes back, and what is left after it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.deletions import KEPT, Deletions
from ingest.catalog.labels import Label, LabelSets
from ingest.catalog.saved_searches import SavedSearches
from ingest.jobs.lifetime import remove_overdue, rename
from ingest.settings import load_settings
from search_ui.cli import main
from tests.conftest import TINY_CLIP, make_raster
from tests.home_copy import whole_copy_of
from trainer.errors import CatalogError, MissingError, UsageError
from trainer.weights.zoo import add_open_clip
from workers.app import REMOVE
from workers.context import WorkerContext
from workers.reaper import _remove

on_both = pytest.mark.parametrize("catalog", ["sqlite", "postgresql"], indirect=True)
NAMES = ("town", "town@2", "field", "gallery.town")


@pytest.fixture
def catalog(request, tmp_path):
    on_server = getattr(request, "param", "sqlite") == "postgresql"
    opened = Catalog(SecretStr(request.getfixturevalue("postgres").url) if on_server else tmp_path / "catalog.sqlite")
    for name in NAMES:
        kind = "gallery" if name.startswith("gallery.") else "tiles"
        opened.add_collection(Collection(name, kind, f"model of {name}", 4, {}, datetime.now(UTC)))
    yield opened
    opened.close()


@pytest.fixture
def aliases(catalog):
    return Aliases(catalog)


@on_both
def test_every_name_that_a_collection_ever_had_leads_to_it_and_the_newest_is_shown(catalog, aliases):
    aliases.point("town", "town@2", instead_of="town")
    for new in ("city", "capital"):
        aliases.rename("town", new)
    for name in ("town", "city", "capital"):
        assert aliases.collection(name).name == "town@2"
        assert aliases.collection(f"{name}@1").name == "town"
    assert list(aliases.in_service()) == ["capital", "field", "gallery.town"]
    assert [version.name for version in aliases.versions("city")] == ["capital@1", "capital@2"]
    assert aliases.roll_back("city").name == "capital@1"
    aliases.rename("capital", "town")  # back to its first name
    assert list(aliases.in_service()) == ["field", "gallery.town", "town"]
    assert aliases.collection("capital").name == "town"


@pytest.mark.parametrize(
    ("new", "error", "words"),
    [
        ("village", CatalogError, "'village' exists"),
        ("Field", CatalogError, "'field' is an earlier name of 'village'"),
        ("hamlet", CatalogError, "'hamlet' is an earlier name of 'village'"),
        ("a b", UsageError, "cannot be a name"),
        ("gallery.x", UsageError, "names of galleries"),
    ],
)
def test_no_name_that_another_has_or_had_can_be_taken(aliases, new, error, words):
    aliases.rename("field", "hamlet")
    aliases.rename("hamlet", "village")
    with pytest.raises(error, match=words):
        aliases.rename("town", new)
    assert list(aliases.in_service()) == ["gallery.town", "town", "village"]


def test_a_saved_search_and_a_set_of_labels_go_with_the_new_name_and_old_names_find_them(catalog, aliases):
    saved, sets = SavedSearches(catalog), LabelSets(catalog)
    saved.save("a beach", "town", {}, [])
    sets.create("markets", "town", {})
    aliases.rename("town", "city")
    assert [one.collection for one in (*saved.all(), *sets.all("town"), *sets.all("city"))] == ["city"] * 3
    assert saved.save("a harbour", "town", {}, []).collection == "city"
    assert sets.create("quays", "town", {}).collection == "city"


@on_both
def test_what_is_deleted_is_hidden_and_comes_back_whole(catalog, aliases):
    catalog.add_job("j", collection="town", source="s", spec={}, chunks=[("j-0", ["a"])], failures=[])
    aliases.point("town", "town@2", instead_of="town")
    aliases.rename("town", "city")
    deletions = Deletions(catalog)
    deletions.delete("town")
    assert list(aliases.in_service()) == ["field", "gallery.town"] and aliases.find("city") is None
    assert catalog.job("j").state == "paused"
    for name in ("town", "city@1"):
        with pytest.raises(MissingError, match=r"was deleted on .*undelete city"):
            aliases.collection(name)
    with pytest.raises(CatalogError, match="take another name"):
        aliases.rename("field", "town")
    assert [(one.name, one.collection.name) for one in deletions.all()] == [("city", "town@2")]
    deletions.undelete("city")
    assert aliases.collection("town").name == "town@2" and deletions.all() == []
    with pytest.raises(MissingError, match="not among what was deleted"):
        deletions.undelete("city")


def test_what_goes_with_a_collection_is_counted_in_words(catalog):
    SavedSearches(catalog).save("a beach", "town", {}, [])
    labels = [
        Label(tile_id, "yes", lat=0.0, lon=0.0, size_m=1.0, labelled_at=datetime.now(UTC)) for tile_id in ("a", "b")
    ]
    LabelSets(catalog).create("markets", "town", {}, labels)
    assert str(Deletions(catalog).belongings("town")) == "1 saved search, 1 set of labels with 2 labels"
    assert str(Deletions(catalog).belongings("field")) == ""


@pytest.fixture(scope="module")
def made_home(tmp_path_factory) -> Path:
    """A home with a small collection `town`."""
    folder = tmp_path_factory.mktemp("lifetime")
    make_raster(folder / "town.tif", width=80, height=80)
    settings = load_settings(folder / "home")
    settings.models_dir.mkdir(parents=True)
    with closing(Catalog(settings.catalog_at)) as catalog:
        catalog.add_model("m", add_open_clip(settings.models_dir / "m", TINY_CLIP, random_seed=0).model_id)
    run(folder / "home", "ingest", str(folder / "town.tif"), "--collection", "town", "--tile-size-m", "20")
    return folder / "home"


def run(home: Path, *command: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--home", str(home), *command])
    assert exit_.value.code == 0


def test_after_a_day_a_deleted_collection_is_gone_with_its_files_and_what_was_made_of_it(made_home, tmp_path):
    home = whole_copy_of(made_home, tmp_path / "home")
    settings, catalog = load_settings(home), Catalog(home / "catalog.sqlite")
    SavedSearches(catalog).save("a beach", "town", {}, [])
    assert rename(settings, catalog, "town", "city") == "city"
    deletions = Deletions(catalog)
    deleted = deletions.delete("city")
    assert remove_overdue(settings, catalog) == []
    assert any(settings.archive_dir("town").iterdir())
    assert remove_overdue(settings, catalog, now=deleted.until + timedelta(seconds=1)) == ["town"]
    assert not settings.archive_dir("town").exists() and not settings.index_dir("town").exists()
    assert catalog.collections() == catalog.jobs() == SavedSearches(catalog).all() == []
    assert Aliases(catalog).stored("city") == "city"
    catalog.close()
    assert timedelta(days=1) == KEPT


def test_where_workers_run_one_of_them_removes_what_is_overdue(made_home, tmp_path, monkeypatch):
    home = whole_copy_of(made_home, tmp_path / "home")
    settings, sent = load_settings(home), []
    monkeypatch.setattr("workers.reaper.send", lambda _app, task, _: sent.append(task))
    context = WorkerContext(settings, "w", bool)
    with closing(context.catalog) as catalog:
        Deletions(catalog).delete("town")
        _remove(None, catalog)
        assert sent == [] and context.remove_overdue() == []
        monkeypatch.setattr("ingest.catalog.deletions.KEPT", timedelta(0))
        for _ in range(2):
            _remove(None, catalog)  # the second time it is not yet somebody's turn again
        assert sent == [REMOVE] and context.remove_overdue() == ["town"]
        assert not settings.archive_dir("town").exists() and catalog.collections() == []


def test_the_command_line_renames_deletes_and_brings_back(made_home, tmp_path, capsys):
    home = whole_copy_of(made_home, tmp_path / "home")
    run(home, "collection", "rename", "town", "city")
    run(home, "collection", "delete", "town")
    assert "`groundcast collection undelete city` brings it back" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        main(["--home", str(home), "ingest", str(made_home.parent / "town.tif"), "--collection", "city"])
    assert exit_.value.code == 1 and "was deleted on" in capsys.readouterr().err
    run(home, "collections", "--deleted")
    assert capsys.readouterr().out.startswith("city ")
    run(home, "collection", "undelete", "city")
    assert "city is back, with 4 items" in capsys.readouterr().out
