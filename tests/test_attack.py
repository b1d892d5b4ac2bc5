"""The standing attack in short: its rows over HTTP against an app in this process; `python -m tools.attack` has all."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from attacks import OVER_HTTP, Target
from home_copy import copy_of
from starlette.applications import Starlette

from ingest.settings import load_settings
from search_ui import server
from search_ui.routes.admission import connections
from search_ui.routes.admission.guard import LOCAL, Guard
from search_ui.service import service as running
from tests.services import free_port


@pytest.fixture(scope="module", params=[False, True], ids=["writable", "read-only"])
def target(demo, tmp_path_factory, request) -> Iterator[Target]:
    home = copy_of(demo.home, tmp_path_factory.mktemp("attack") / "home")
    service = running.start(load_settings(home), read_only=request.param)
    app = Guard(Starlette(routes=server.routes(service)), hosts=LOCAL)
    config = uvicorn.Config(app, port=free_port(), http=connections.Connection, log_level="critical", lifespan="off")
    served = uvicorn.Server(config)
    thread = threading.Thread(target=served.run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEAD_S", 1.0)
        thread.start()
        while not served.started:
            time.sleep(0.01)
        yield Target(config.port, "demo", read_only=request.param, share=0.02)
    served.should_exit = served.force_exit = True
    thread.join()
    running.stop()


@pytest.mark.parametrize("row", OVER_HTTP)
def test_an_attack_ends_in_a_refusal_or_in_nothing_and_the_next_search_is_answered(target: Target, row: str) -> None:
    assert OVER_HTTP[row](target)
    assert target.ask("GET", "/api/search?collection=demo&q=farmers+harvesting+wheat")[0] == 200
