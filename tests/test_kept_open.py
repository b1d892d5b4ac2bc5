"""Indexes that are asked stay open, follow the archive, and are let go of when nobody asks."""

import shutil
import time

import pytest

from ingest.index.edge import EdgeIndex
from ingest.index.kept_open import KeptOpen
from tests.test_pipeline import DIM, Home, ListIntake
from trainer.errors import IndexLockedError


@pytest.fixture
def home(tmp_path):
    opened = Home(tmp_path / "home")
    opened.run(ListIntake(20))
    yield opened
    opened.catalog.close()


@pytest.fixture
def kept(home):
    found = KeptOpen(home.settings, home.catalog)
    yield found
    found.close()


def other(home):
    return EdgeIndex(home.settings.index_dir("c"), "c", DIM)


def test_an_index_is_opened_once_and_follows_what_others_archive(home, kept):
    with kept.of(home.collection) as (first, _):
        assert first.count() == 20
    grown = ListIntake(30, stamp="2")
    assert home.run(grown, home.plan(grown)).unindexed > 0, "it is held: the parts wait"
    with kept.of(home.collection) as (second, lacking):
        assert second is first and second.count() == 30 and lacking == 0


def test_an_index_that_nobody_asks_is_let_go_of(home):
    kept = KeptOpen(home.settings, home.catalog, idle_s=0.02)
    with kept.of(home.collection):
        time.sleep(0.1)
        with pytest.raises(IndexLockedError):
            other(home)
    for _ in range(500):
        try:
            other(home).close()
        except IndexLockedError:
            time.sleep(0.02)
        else:
            break
    other(home).close()
    with kept.of(home.collection) as (index, _):
        assert index.count() == 20
    kept.close()
    other(home).close()


def test_an_index_whose_folder_was_removed_is_made_again(home, kept):
    with kept.of(home.collection) as (first, _):
        pass
    shutil.rmtree(home.settings.index_dir("c"))
    with kept.of(home.collection) as (second, _):
        assert second is not first and second.count() == 20
    kept.close()
    assert other(home).count() == 20
