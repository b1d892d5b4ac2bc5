"""Saved searches in the catalog."""

import pytest

from ingest.catalog.catalog import Catalog
from ingest.catalog.saved_searches import MAX_NAME_CHARS, SavedSearches
from trainer.errors import MissingError, UsageError


@pytest.fixture
def searches(tmp_path):
    catalog = Catalog(tmp_path / "catalog.sqlite")
    yield SavedSearches(catalog)
    catalog.close()


def test_what_is_saved_comes_back_and_goes_when_deleted(searches) -> None:
    saved = searches.save("  Snow in\n winter ", "demo", {"q": "snow", "k": 9}, ["b", "a"])
    assert (saved.name, saved.question, saved.parts) == ("Snow in winter", {"q": "snow", "k": 9}, {"a", "b"})
    assert searches.get(saved.id) == saved
    assert searches.all() == [saved]
    searches.delete(saved.id)
    assert searches.all() == []


def test_the_newest_is_first_and_names_may_come_twice(searches) -> None:
    first, second = (searches.save("Snow", "demo", {}, []) for _ in range(2))
    assert first.id != second.id
    assert [one.id for one in searches.all()] == [second.id, first.id]


def test_asking_again_remembers_the_parts_and_when(searches) -> None:
    saved = searches.save("Snow", "demo", {}, ["a"])
    searches.asked(saved.id, ["a", "b"])
    again = searches.get(saved.id)
    assert again.parts == {"a", "b"}
    assert again.asked_at > saved.asked_at and again.created_at == saved.created_at


def test_what_is_not_there_is_told(searches) -> None:
    for act in (searches.get, searches.delete, lambda one: searches.asked(one, [])):
        with pytest.raises(MissingError, match="no saved search 'nothing'"):
            act("nothing")


@pytest.mark.parametrize("name", ["", "  \n", "x" * (MAX_NAME_CHARS + 1)])
def test_a_search_needs_a_name_of_bounded_length(searches, name) -> None:
    with pytest.raises(UsageError, match="characters"):
        searches.save(name, "demo", {}, [])
