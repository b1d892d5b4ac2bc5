import pytest

from benchmarks.crops import cases, measure
from tests.conftest import LONG, TINY_CLIP
from trainer.weights.zoo import add_open_clip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crops") / "model"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    return folder


def test_crops_cut_from_real_sources_come_back_first_with_the_right_place(real_data, model, tmp_path):
    chosen = list(cases(real_data))[: 5 if LONG else 1]
    rows = [measure(case, model, tmp_path, crops=20) for case in chosen]
    crops = sum(row["crops"] for row in rows)
    assert crops == 20 * len(chosen)
    assert sum(row["rank_1"] for row in rows) >= 0.95 * crops, rows
