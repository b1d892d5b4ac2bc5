import pytest

from benchmarks.crops import cases, measure
from tests.conftest import TINY_CLIP
from trainer.zoo import add_open_clip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crops") / "model"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    return folder


def test_crops_cut_from_five_real_sources_come_back_first_with_the_right_place(real_data, model, tmp_path):
    rows = [measure(case, model, tmp_path, crops=20) for case in cases(real_data)]
    assert sum(row["crops"] for row in rows) == 100
    assert sum(row["rank_1"] for row in rows) >= 95, rows
