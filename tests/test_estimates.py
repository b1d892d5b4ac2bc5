"""What an ingest would take, where the workers embed and the app cannot."""

import numpy as np
from pydantic import SecretStr

from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.settings import Settings
from search_ui.maps.previews import Pictured
from search_ui.service.brought import estimates
from tests.conftest import ROOT


def test_an_app_without_torch_tells_tiles_and_that_it_knows_no_time(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, redis_url=SecretStr("redis://127.0.0.1:1/0"))
    settings.models_dir.mkdir()
    (settings.models_dir / "m").symlink_to(ROOT / "trainer/bundle/sandbox")
    request = Request(kind="tiles", collection="c", source="s", grid=Grid(size_m=10.0, stride_m=10.0))
    facts = {"tiles": 70, "gsd_m": 0.5, "bounds": None, "read_s": 0.01}
    seen = Pictured(b"", facts, [np.zeros((32, 32, 3), np.uint8)] * 2)
    monkeypatch.setattr(estimates, "find_spec", lambda _: None)
    found = estimates.estimate(settings, request, "m", seen)
    assert (found.tiles, found.seconds) == (70, None)
