"""Sets of labels in the catalog."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from ingest.catalog.catalog import HEAD, Catalog
from ingest.catalog.database import MIGRATIONS
from ingest.catalog.dump import load, snapshot_of
from ingest.catalog.labels import MAX_NAME_CHARS, Label, LabelSets
from trainer.errors import CatalogError, MissingError, UsageError

AT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)


def label(number: int, verdict="yes", **more) -> Label:
    return Label(f"t{number}", verdict, 43.0 + number / 100, -165.0, 480.0, AT, **more)


BOTH = pytest.mark.parametrize("catalog", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def catalog(request, tmp_path):
    if getattr(request, "param", "sqlite") == "sqlite":
        at = tmp_path / "catalog.sqlite"
    else:
        from pydantic import SecretStr

        postgres = request.getfixturevalue("postgres")
        at = SecretStr(postgres.url_of(postgres.new_database()))
    opened = Catalog(at)
    yield opened
    opened.close()


@BOTH
def test_a_set_comes_back_with_its_labels_in_the_order_in_which_they_were_given(catalog) -> None:
    sets = LabelSets(catalog)
    first = [label(2, labelled_by="Ada"), replace(label(1, "no"), labelled_at=AT.replace(hour=11))]
    made = sets.create("  Full\n beaches ", "demo", {"q": "a beach", "when": "2025-07-12T14"}, first)
    assert (made.name, made.question["q"], made.total) == ("Full beaches", "a beach", 2)
    assert made.counts == {"yes": 1, "no": 1, "unsure": 0}
    assert sets.get(made.id) == made == sets.find("Full beaches") == sets.find(made.id, "demo")
    assert sets.labels(made.id) == [first[1], first[0]]
    assert sets.first_and_last(made.id) == (first[1].labelled_at, first[0].labelled_at)


@BOTH
def test_changing_labels_tells_what_was_there_before_which_undoes_it(catalog) -> None:
    sets = LabelSets(catalog)
    made = sets.create("s", "demo", {}, [label(1), label(2)])
    before = sets.change(made.id, [label(1, "no"), label(3, "unsure")], without=["t2", "t9"])
    assert sorted(one.tile_id for one in before) == ["t1", "t2"]
    assert [(one.tile_id, one.verdict) for one in sets.labels(made.id)] == [("t1", "no"), ("t3", "unsure")]
    assert sets.get(made.id).revision == made.revision + 1
    sets.change(made.id, before, without=["t3"])
    assert sets.labels(made.id) == [label(1), label(2)]


def test_a_name_stands_for_one_set_of_a_collection(catalog) -> None:
    sets = LabelSets(catalog)
    one, other = sets.create("a", "demo", {}), sets.create("a", "elsewhere", {})
    with pytest.raises(UsageError, match="already: take another name"):
        sets.create("a", "demo", {})
    with pytest.raises(CatalogError, match=f"{one.id} of 'demo'.*give the id|{other.id}.*give the id"):
        sets.find("a")
    assert sets.find("a", "elsewhere") == other
    second = sets.create("b", "demo", {})
    with pytest.raises(UsageError, match="already"):
        sets.rename(second.id, "a")
    sets.rename(second.id, "c")
    assert {found.name for found in sets.all("demo")} == {"a", "c"}


def test_what_is_deleted_is_gone_with_its_labels(catalog) -> None:
    sets = LabelSets(catalog)
    made = sets.create("a", "demo", {}, [label(1)])
    kept = sets.create("b", "demo", {}, [label(1, "no")])
    sets.delete(made.id)
    assert [found.id for found in sets.all()] == [kept.id]
    acts = (sets.get, sets.labels, sets.delete, lambda one: sets.rename(one, "x"), sets.change)
    for act in acts:
        with pytest.raises(MissingError, match="no set of labels"):
            act(made.id)
    assert sets.first_and_last(made.id) is None
    assert sets.labels(kept.id) == [label(1, "no")]


@BOTH
def test_sets_that_came_to_bear_one_name_are_told_apart_when_names_become_unique(catalog) -> None:
    sets = LabelSets(catalog)
    for number in range(4):
        sets.create(f"n{number}", "demo", {})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with catalog.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0010")
        connection.execute(sa.text("UPDATE label_sets SET name = 'a' WHERE name <> 'n3'"))
        connection.execute(sa.text("UPDATE label_sets SET name = 'a 2' WHERE name = 'n3'"))
        connection.commit()
    catalog.database.migrate(HEAD)
    assert sorted(one.name for one in sets.all()) == ["a", "a 2", "a 3", "a 4"]


def test_too_many_labels_leave_the_set_as_it_was(catalog, monkeypatch) -> None:
    monkeypatch.setattr("ingest.catalog.labels.MOST_LABELS", 3)
    sets = LabelSets(catalog)
    made = sets.create("a", "demo", {}, [label(1), label(2)])
    with pytest.raises(UsageError, match="at most 3 labels"):
        sets.change(made.id, [label(number) for number in range(2, 6)])
    assert len(sets.labels(made.id)) == 2 and sets.get(made.id).revision == 0
    with pytest.raises(UsageError, match="at most 3 labels"):
        sets.create("b", "demo", {}, [label(number) for number in range(4)])
    assert len(sets.all()) == 1


@pytest.mark.parametrize("name", ["", "  \n", "x" * (MAX_NAME_CHARS + 1)])
def test_a_set_needs_a_name_of_bounded_length(catalog, name) -> None:
    with pytest.raises(UsageError, match="characters"):
        LabelSets(catalog).create(name, "demo", {})


def test_a_backup_carries_sets_into_another_catalog(catalog, tmp_path) -> None:
    made = LabelSets(catalog).create("a", "demo", {"q": "a beach"}, [label(1, labelled_by="Ada"), label(2, "no")])
    with snapshot_of(catalog.database) as snapshot:
        lines = list(snapshot.lines())
    copy = Catalog(tmp_path / "copy.sqlite")
    load(copy.database, lines)
    assert LabelSets(copy).get(made.id) == made
    assert LabelSets(copy).labels(made.id) == LabelSets(catalog).labels(made.id)
    copy.close()
