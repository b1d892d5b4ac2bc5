"""A login by OpenID Connect, with a provider on this machine: pages and routes are of who has logged in alone."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import oidc_provider_mock
import pytest
import requests
from conftest import LONG, start_groundcast
from streamlit.auth_util import encode_provider_token

from tests.services import free_port

SECRET = "0123456789abcdef0123456789abcdef"
ROUTES = ("/api/collections", "/api/search?collection=a&q=b", "/tiles/a.json", "/scores/a/bounds", "/metrics")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    with oidc_provider_mock.run_server_in_thread() as provider:
        (tmp_path / "secrets.toml").write_text(
            f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{SECRET}"\n'
            'client_id = "c"\nclient_secret = "s"\n'
            f'server_metadata_url = "http://127.0.0.1:{provider.server_port}/.well-known/openid-configuration"\n'
        )
        process = start_groundcast(tmp_path, "ui", "--port", port, "--no-browser")
        for _ in range(1200):  # a busy machine takes a minute
            with suppress(requests.ConnectionError):
                requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.skipif(not LONG, reason="a server and a provider of its own: `make test-long` runs it")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_routes_are_of_who_has_logged_in_with_the_provider(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(session: requests.Session) -> list[int]:
        return [session.get(address + path, timeout=60).status_code for path in ROUTES]

    upload = f"{address}/_stcore/upload_file/session/file"
    assert answers(requests.Session()) == [401] * len(ROUTES)
    assert requests.put(upload, b"x", timeout=60).status_code == 401
    somebody = requests.Session()
    monkeypatch.setattr("streamlit.auth_util.get_signing_secret", lambda: SECRET)  # as the page's button has it
    asked = {"provider": encode_provider_token("default")}
    shown = somebody.get(f"{address}/auth/login", params=asked, timeout=60)
    back = somebody.post(shown.url, {"sub": "ann@example.org"}, allow_redirects=False, timeout=60)
    assert somebody.get(back.headers["Location"], timeout=60).url == f"{address}/"
    assert answers(somebody) == [200, 404, 404, 404, 200]  # there is no collection of that name
    assert all(cookie.has_nonstandard_attr("HttpOnly") for cookie in somebody.cookies if "user" in cookie.name)
    forged = requests.Session()
    for cookie in somebody.cookies:
        forged.cookies.set(cookie.name, f"{cookie.value[:-4]}AAAA")
    assert answers(forged) == [401] * len(ROUTES)
