"""Names and versions: what a name stands for, from one moment to the next, and what is left of a version."""

import threading
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection, Failure
from trainer.errors import CatalogError

on_both = pytest.mark.parametrize("catalog", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def catalog(request, tmp_path):
    on_server = getattr(request, "param", "sqlite") == "postgresql"
    opened = Catalog(SecretStr(request.getfixturevalue("postgres").url) if on_server else tmp_path / "catalog.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def aliases(catalog):
    """Names `town`, which has two versions, and `field`."""
    for name in ("town", "town@2", "field"):
        catalog.add_collection(Collection(name, "tiles", f"model of {name}", 4, {}, datetime.now(UTC)))
    return Aliases(catalog)


def test_a_name_stands_for_its_first_version_until_it_is_pointed_elsewhere(aliases):
    assert aliases.collection("town").model_id == "model of town"
    aliases.point("town", "town@2", instead_of="town")
    assert aliases.collection("town").model_id == "model of town@2"
    assert {name: found.name for name, found in aliases.in_service().items()} == {"town": "town@2", "field": "field"}


def test_a_version_is_asked_for_by_its_number_whatever_the_name_stands_for(aliases):
    aliases.point("town", "town@2", instead_of="town")
    assert aliases.collection("town@1").name == "town"
    assert aliases.collection("town@2").name == "town@2"
    assert [(v.number, v.name, v.role) for v in aliases.versions("town")] == [
        (1, "town@1", "previous"),
        (2, "town@2", "in service"),
    ]


@pytest.mark.parametrize(
    ("name", "words"), [("town@3", "town@1, town@2"), ("city", "field, town"), ("town@x", "town@2")]
)
def test_a_name_that_stands_for_nothing_is_an_error_that_says_what_there_is(aliases, name, words):
    with pytest.raises(CatalogError, match=words):
        aliases.collection(name)


@on_both
def test_a_rollback_is_taken_back_by_another(aliases):
    with pytest.raises(CatalogError, match="no version before"):
        aliases.roll_back("town")
    aliases.point("town", "town@2", instead_of="town")
    assert aliases.roll_back("town").name == "town@1"
    assert aliases.collection("town").name == "town"
    assert aliases.roll_back("town").name == "town@2"


def test_who_believes_what_is_no_longer_true_changes_nothing(aliases):
    aliases.point("town", "town@2", instead_of="town")
    with pytest.raises(CatalogError, match="stands for 'town@2' by now"):
        aliases.point("town", "town@2", instead_of="town")
    assert [v.role for v in aliases.versions("town")] == ["previous", "in service"]


@on_both
def test_of_two_who_change_a_name_at_once_one_is_told(aliases):
    together, told = threading.Barrier(2), []

    def change() -> None:
        together.wait()
        try:
            aliases.point("town", "town@2", instead_of="town")
        except CatalogError as error:
            told.append(str(error))

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 1 and "by now" in told[0]


@on_both
def test_nothing_is_left_of_a_version_that_was_forgotten(catalog, aliases):
    catalog.add_job(
        "j", collection="town", source="s", spec={}, chunks=[("j-0", ["a"])], failures=[Failure("bad.tif", "empty", "")]
    )
    aliases.point("town", "town@2", instead_of="town")
    first, second = aliases.versions("town")
    with pytest.raises(CatalogError, match="in service"):
        aliases.withdraw(second)
    aliases.withdraw(first)
    with pytest.raises(CatalogError, match="no version before"):
        aliases.roll_back("town")
    aliases.forget(first)
    assert [version.name for version in aliases.versions("town")] == ["town@2"]
    assert catalog.jobs() == [] and list(catalog.chunks()) == [] and catalog.failures("j") == []
    assert aliases.collection("town").name == "town@2"
