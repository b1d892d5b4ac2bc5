"""A plain installation, without torch: it answers in words and serves the app, and says what brings the rest.

The wheel's own metadata says what a plain installation lacks; that cannot be imported here.
"""

import json
import time
import urllib.parse
import urllib.request

import pytest

from search_ui.server import free_port
from tests.conftest import start_groundcast
from tests.home_copy import copy_of

PLAIN = """
import sys
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name
from search_ui.service.extras import FOR_USERS, packages

extra = {name for one in FOR_USERS for name in packages(one)}
for module, brought_by in packages_distributions().items():
    if extra.intersection(map(canonicalize_name, brought_by)):
        sys.modules[module] = None  # importing it raises ModuleNotFoundError
assert {"torch", "open_clip", "transformers", "onnxscript"} <= {name for name, at in sys.modules.items() if at is None}
from search_ui.cli import main
main()
"""


@pytest.fixture
def plain(demo, installed, tmp_path):
    """Starts a command there, in a copy of the demonstration's home."""
    copy_of(demo.home, tmp_path / "home")

    def start(*arguments):
        return start_groundcast(tmp_path / "home", *arguments, program=(installed.python, "-c", PLAIN), cwd=tmp_path)

    return start


def run(process):
    out, err = process.communicate()
    return process.returncode, out, err


def test_new_words_are_searched_for(plain):
    code, out, err = run(plain("search", "a dog on a frozen lake", "--collection", "demo", "--json"))
    assert code == 0, err
    assert len(json.loads(out)["hits"]) == 9


def test_a_place_is_put_in_words_by_phrases_and_that_is_said(plain, demo):
    tile = demo.printed["answers"][0]["hits"][0]["tile_id"]
    code, out, err = run(plain("caption", "--tile", tile, "--collection", "demo", "--json"))
    assert code == 0, err
    view = json.loads(out)
    assert view["method"] == "phrases"
    assert "needs torch, which is not installed (pip install 'groundcast[demo]')" in view["note"]


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("search", "--collection", "demo", "--image", "demo.png"), "ingest"),
        (("model", "add", "another", "--open-clip", "ViT-B-32", "--random-seed", "0"), "ingest"),
    ],
)
def test_what_needs_torch_says_in_one_line_what_brings_it(plain, demo, command, extra):
    command = [str(demo.home / "demo.png") if part == "demo.png" else part for part in command]
    code, _, err = run(plain(*command))
    assert code == 1
    assert err.splitlines()[-1] == (
        f"groundcast: this needs the package torch, which is not installed: pip install 'groundcast[{extra}]'"
    )


def test_the_app_is_served_and_answers_new_words(plain):
    port = free_port("127.0.0.1", None)
    process = plain("ui", "--no-browser", "--port", port)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert b"<html" in get(port, "/")
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        asked = urllib.parse.urlencode({"collection": "demo", "q": "a dog on a frozen lake"})
        assert len(json.loads(get(port, f"/api/search?{asked}"))["hits"]) == 9
    finally:
        process.terminate()
        process.communicate()


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read()
