"""What saved searches find is kept once, and told once: as a feed, to a webhook, by mail."""

import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from pydantic import SecretStr

from ingest.catalog.catalog import Catalog
from ingest.catalog.saved_searches import SavedSearch, SavedSearches
from ingest.catalog.search_hits import SearchHit, SearchHits
from ingest.settings import Settings
from search_ui.routes.feeds import ATOM, GEORSS, document
from search_ui.service.news import News, link_of, mail, post
from search_ui.views.state.address import FIELDS
from tests.local_server import serving
from trainer.errors import GroundcastError, SettingsError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAVED = SavedSearch("0" * 16, "Beaches & bays", "coast", {"q": "a beach"}, frozenset(), NOW, NOW)
NO_PAUSE = (0.0, 0.0)


def a_hit(number: int, **told: Any) -> SearchHit:
    place = {"lat": 1.5, "lon": -2.25, "near": f"{number}.0 km S of Ny <Å>", "relevance": 0.7, "grade": "strong"}
    return SearchHit(f"t{number}", {"tile_id": f"t{number}", "cosine": 0.3} | place | told, NOW)


NEWS = News(SAVED, [a_hit(1), a_hit(2, near=None)], "https://map.example.org")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite")
    yield opened
    opened.close()


# -- kept ------------------------------------------------------------------------------------------------------------


def test_each_hit_is_kept_once_and_told_of_once_in_each_way(catalog: Catalog) -> None:
    saved = SavedSearches(catalog).save("Beaches", "coast", {"q": "a beach"}, ["p1"])
    hits = SearchHits(catalog)
    assert hits.checked(saved.id) == {"p1"}
    assert hits.add(saved.id, ["p1", "p2"], {"t1": {"n": 1}, "t2": {"n": 2}}) == 2
    assert hits.add(saved.id, ["p1", "p2", "p3"], {"t2": {"n": 2}, "t3": {"n": 3}}) == 1
    assert hits.checked(saved.id) == {"p1", "p2", "p3"}
    assert {hit.tile_id for hit in hits.latest(saved.id, 9)} == {"t1", "t2", "t3"}
    assert hits.latest(saved.id, 9)[0].tile_id == "t3"
    posted = hits.claim(saved.id, "post")
    assert len(posted) == 3
    hits.told(saved.id, "post", posted)
    assert hits.claim(saved.id, "post", NOW + timedelta(days=9_999)) == []
    mailed = hits.claim(saved.id, "mail")
    hits.release(saved.id, "mail", mailed[:1])
    assert [hit.tile_id for hit in hits.claim(saved.id, "mail")] == [mailed[0].tile_id]
    SavedSearches(catalog).delete(saved.id)
    assert hits.latest(saved.id, 9) == []
    assert hits.add(saved.id, [], {"t9": {}}) == 0  # deleted while it was looked for


def test_what_nobody_could_be_told_of_is_tried_again_ever_more_seldom_and_not_for_ever(catalog: Catalog) -> None:
    saved = SavedSearches(catalog).save("Beaches", "coast", {"q": "a beach"}, ["p1"])
    hits, now = SearchHits(catalog), NOW
    hits.add(saved.id, ["p1"], {"t1": {"n": 1}})
    for pause in (5, 10, 20, 40, 80, 160, 320, 640):  # minutes
        assert len(hits.claim(saved.id, "post", now)) == 1
        assert hits.claim(saved.id, "post", now + timedelta(minutes=pause, seconds=-1)) == []
        now += timedelta(minutes=pause)
    assert hits.claim(saved.id, "post", now + timedelta(days=9_999)) == []


# -- a feed ----------------------------------------------------------------------------------------------------------


def test_a_feed_is_atom_with_ids_that_stay() -> None:
    root = ElementTree.fromstring(document(SAVED, list(NEWS.hits), "https://map.example.org", "someone"))
    assert root.tag == f"{{{ATOM}}}feed"
    for needed in ("id", "title", "updated", "author"):  # RFC 4287, 4.1.1
        assert len(root.findall(f"{{{ATOM}}}{needed}")) == 1
    entries = root.findall(f"{{{ATOM}}}entry")
    ids = [entry.findtext(f"{{{ATOM}}}id") for entry in entries]
    assert len(set(ids)) == 2
    assert all(str(one).startswith("urn:uuid:") for one in ids)
    assert root.findtext(f"{{{ATOM}}}updated") == "2026-05-01T12:00:00Z"
    assert entries[0].findtext(f"{{{ATOM}}}title") == "1.0 km S of Ny <Å>: relevance 0.70 (strong)"
    assert entries[0].findtext(f"{{{GEORSS}}}point") == "1.500000 -2.250000"
    link = entries[0].find(f"{{{ATOM}}}link")
    assert link is not None
    assert link.get("href") == "https://map.example.org/?collection=coast&q=a+beach&tile=t1"
    moved = ElementTree.fromstring(document(SAVED, list(NEWS.hits), "http://localhost:8501"))
    assert [entry.findtext(f"{{{ATOM}}}id") for entry in moved.findall(f"{{{ATOM}}}entry")] == ids


@pytest.mark.parametrize(
    ("question", "address"),
    [
        ({"q": "a beach", "negative": ["fog^0.5"], "place": "Ny", "acquired_from": "2025-01-01", "min_relevance": 0.5,
          "when": "2025-07-14T18", "liked": ["a", "b"], "photo": "ff", "k": 9},
         {"q": ["a beach"], "minus": ["fog^0.5"], "area": ["place:Ny"], "from": ["2025-01-01"], "min": ["0.5"],
          "month": ["7"], "hour": ["18"], "year": ["2025"], "up": ["a", "b"], "image": ["photo:ff"]}),
        ({"q": "x", "wkt": "POLYGON ((0 0, 1 0, 1 1, 0 0))", "when": "T08"},
         {"q": ["x"], "area": ["wkt:POLYGON ((0 0, 1 0, 1 1, 0 0))"], "hour": ["8"]}),
        # saved on the page: as the page was, but for what was open
        ({"q": "x", "page": {"q": "x", "month": 1, "sort": "date", "words": True, "panel": "labels"}},
         {"q": ["x"], "month": ["1"], "sort": ["date"], "words": ["1"]}),
    ],
)  # fmt: skip
def test_a_link_asks_all_of_the_question_again(question: dict[str, Any], address: dict[str, list[str]]) -> None:
    link = link_of("https://map.example.org", replace(SAVED, question=question), a_hit(1))
    assert parse_qs(urlsplit(str(link)).query) == {"collection": ["coast"], "tile": ["t1"]} | address
    assert set(address) <= set(FIELDS)


def test_a_feed_of_nothing_yet_is_a_feed() -> None:
    root = ElementTree.fromstring(document(SAVED, [], "http://x"))
    assert root.findall(f"{{{ATOM}}}entry") == []
    assert root.findtext(f"{{{ATOM}}}updated") == "2026-05-01T12:00:00Z"


# -- a webhook -------------------------------------------------------------------------------------------------------


@contextmanager
def hook(*answers: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a webhook that gives these answers, and what was posted to it."""
    taken: list[dict[str, Any]] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(left.pop(0))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as address:
        yield f"{address}/hook?token=hush", taken


def settings(home: Path, **set_: Any) -> Settings:
    return Settings(home=home, **set_)


def test_a_webhook_gets_the_news_even_if_it_stumbles_once(tmp_path: Path) -> None:
    with hook(500, 204) as (url, taken):
        post(settings(tmp_path, webhook_url=SecretStr(url), allowed_hosts=("127.0.0.1",)), NEWS, pauses_s=NO_PAUSE)
    assert len(taken) == 2
    assert taken[1]["title"] == "Beaches & bays: 2 new places in coast"
    assert [hit["tile_id"] for hit in taken[1]["hits"]] == ["t1", "t2"]
    assert taken[1]["hits"][0]["link"].startswith("https://map.example.org/?")


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_webhook_is_tried_three_times_and_followed_nowhere(tmp_path: Path, status: int) -> None:
    with hook(status, status, status) as (url, taken), pytest.raises(GroundcastError, match=f"answers {status}") as e:
        post(settings(tmp_path, webhook_url=SecretStr(url), allowed_hosts=("127.0.0.1",)), NEWS, pauses_s=NO_PAUSE)
    assert len(taken) == 3
    assert "hush" not in str(e.value)


def test_a_webhook_goes_to_allowed_hosts_alone(tmp_path: Path) -> None:
    with hook() as (url, taken), pytest.raises(SettingsError, match="add it to allowed_hosts") as e:
        post(settings(tmp_path, webhook_url=SecretStr(url)), NEWS)
    assert taken == []
    assert "hush" not in str(e.value)


# -- mail ------------------------------------------------------------------------------------------------------------


@contextmanager
def mailbox(tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[str]]]:
    """The port of a mail server, which offers STARTTLS where it has a certificate, and the lines that it was sent."""
    lines: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        secure: ssl.SSLSocket | None = None

        def handle(self) -> None:
            self.say("220 here")
            data = False
            while raw := self.rfile.readline():
                line = raw.decode().rstrip("\r\n")
                lines.append(line)
                command = line.upper().split(" ")[0]
                if data:
                    data = line != "."
                    if not data:
                        self.say("250 taken")
                elif command == "EHLO":
                    self.say(*(["250-here", "250 STARTTLS"] if tls and "STARTTLS" not in lines else ["250 here"]))
                elif command == "STARTTLS" and tls:
                    self.say("220 go")
                    try:
                        secure = tls.wrap_socket(self.connection, server_side=True)
                    except ssl.SSLError:  # the other side trusts the certificate not
                        return
                    self.rfile, self.wfile, self.secure = secure.makefile("rb"), secure.makefile("wb"), secure
                else:
                    data = command == "DATA"
                    self.say({"DATA": "354 go", "QUIT": "221 bye"}.get(command, "250 fine"))

        def finish(self) -> None:
            super().finish()
            if self.secure is not None:
                self.secure.close()

        def say(self, *told: str) -> None:
            for one in told:
                self.wfile.write(f"{one}\r\n".encode())
            self.wfile.flush()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1], lines
        finally:
            server.shutdown()
            thread.join()


def by_mail(home: Path, port: int, **set_: Any) -> Settings:
    told = {
        "smtp_host": "localhost",
        "smtp_port": port,
        "mail_from": "map@example.org",
        "mail_to": ("ann@example.org",),
    }
    return settings(home, **(told | set_))


def test_mail_says_what_was_found_and_where(tmp_path: Path) -> None:
    with mailbox() as (port, lines):
        mail(by_mail(tmp_path, port, smtp_security="none"), NEWS)
    assert "rcpt TO:<ann@example.org>" in lines
    assert "Subject: Beaches & bays: 2 new places in coast" in lines
    assert "1.50000, -2.25000: relevance 0.70 (strong)" in lines


def test_mail_goes_over_tls_and_never_without_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with mailbox(context) as (port, lines):
        # a certificate of nobody who is trusted
        with pytest.raises(GroundcastError, match=r"did not take the mail .*certificate"):
            mail(by_mail(tmp_path, port), NEWS, pauses_s=())
        assert not [line for line in lines if line.startswith("Subject")]
        lines.clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail(by_mail(tmp_path, port), NEWS, pauses_s=())
        assert lines.index("STARTTLS") < lines.index("Subject: Beaches & bays: 2 new places in coast")
    with mailbox() as (port, lines), pytest.raises(GroundcastError, match="STARTTLS"):
        mail(by_mail(tmp_path, port), NEWS, pauses_s=())  # the server offers none


def test_settings_that_cannot_work_are_told_and_not_tried(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set both"):
        mail(by_mail(tmp_path, 1, mail_to=()), NEWS)
    with pytest.raises(SettingsError, match="in the clear"):
        mail(by_mail(tmp_path, 1, smtp_security="none", smtp_user="a", smtp_password=SecretStr("b")), NEWS)
    with pytest.raises(SettingsError, match="other characters than ASCII"):
        mail(by_mail(tmp_path, 1, smtp_user="a", smtp_password=SecretStr("sésame")), NEWS)
