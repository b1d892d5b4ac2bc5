"""Tells people what saved searches have found: by a webhook and by mail, as the settings say.

It does not know how it was found, nor who has been told already.
"""

import json
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from ingest.catalog.saved_searches import SavedSearch
from ingest.catalog.search_hits import SearchHit
from ingest.settings import Settings
from search_ui.search.query import rfc3339
from search_ui.service.links import link_to
from trainer.errors import GroundcastError, ItemError, SettingsError

log = logging.getLogger(__name__)

PAUSES_S = (2.0, 10.0)  # before the second try and the third, which is the last
_PATIENCE_S = 15.0
_SHOWN = 20  # hits in a mail


@dataclass(frozen=True)
class News:
    """What a saved search has found.

    Attributes:
        saved: The search.
        hits: Tiles that are new to it.
        base: Address of the app without a slash behind it; None where the settings have none.
    """

    saved: SavedSearch
    hits: Sequence[SearchHit]
    base: str | None

    @property
    def title(self) -> str:
        """In a line."""
        places = "1 new place" if len(self.hits) == 1 else f"{len(self.hits):,} new places"
        return f"{self.saved.name}: {places} in {self.saved.collection}"

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        search = {"id": self.saved.id, "name": self.saved.name, "collection": self.saved.collection}
        hits = [
            one.hit | {"found_at": rfc3339(one.found_at), "link": link_of(self.base, self.saved, one)}
            for one in self.hits
        ]
        return {"title": self.title, "search": search, "hits": hits}

    def text(self) -> str:
        """Say it in a mail."""
        lines = []
        for one in self.hits[:_SHOWN]:
            link = link_of(self.base, self.saved, one)
            lines.append(describe(one) + (f"\n  {link}" if link else ""))
        more = len(self.hits) - _SHOWN
        return "\n".join([*lines, *([f"… and {more:,} more"] if more > 0 else [])]) + "\n"


def describe(hit: SearchHit) -> str:
    """A hit in a line: where, how sure."""
    told = hit.hit
    where = told.get("near") or f"{told['lat']:.5f}, {told['lon']:.5f}"
    if told["relevance"] is None:
        return f"{where}: cosine {told['cosine']:.3f}"
    return f"{where}: relevance {told['relevance']:.2f} ({told['grade']})"


def link_of(base: str | None, saved: SavedSearch, hit: SearchHit) -> str | None:
    """The address of the app that asks the search and shows a hit; None where the app's own is not known."""
    return None if base is None else link_to(base, saved, hit.tile_id)


def post(settings: Settings, news: News, *, pauses_s: Sequence[float] = PAUSES_S) -> None:
    """Post the news to the webhook.

    Raises:
        SettingsError: The webhook's host is not allowed.
        GroundcastError: It did not take them, the last time either.
    """
    if settings.webhook_url is None:
        return
    import requests  # as the next: not before there are news to post

    from ingest.sources.allowed_hosts import GuardedAdapter

    with requests.Session() as session:
        session.trust_env = False  # no proxy or .netrc of the environment
        for scheme in ("http://", "https://"):
            session.mount(scheme, GuardedAdapter(settings.allowed_hosts))
        url, body = settings.webhook_url.get_secret_value(), json.dumps(news.as_dict()).encode()

        def once() -> None:
            try:
                # a redirect would lead what was meant for one host to another
                answer = session.post(
                    url, body, timeout=_PATIENCE_S, allow_redirects=False, headers={"Content-Type": "application/json"}
                )
            except ItemError as error:
                raise SettingsError(
                    "the host of webhook_url is not one that may be reached: add it to allowed_hosts"
                ) from error
            except requests.RequestException as error:
                raise GroundcastError(f"the webhook cannot be reached ({type(error).__name__})") from error
            if not 200 <= answer.status_code < 300:
                raise GroundcastError(f"the webhook answers {answer.status_code}: see its own log")

        _tried(once, pauses_s)


def mail(settings: Settings, news: News, *, pauses_s: Sequence[float] = PAUSES_S) -> None:
    """Send the news by mail.

    Raises:
        SettingsError: Sender or receivers are missing, or a password would go in the clear.
        GroundcastError: The server did not take it, the last time either.
    """
    if settings.smtp_host is None:
        return
    if not (settings.mail_from and settings.mail_to):
        raise SettingsError("smtp_host is set, but mail_from or mail_to is not: set both, or none of the three")
    if settings.smtp_password is not None and settings.smtp_security == "none":
        raise SettingsError("smtp_password would go in the clear: set smtp_security to starttls or tls")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = news.title, settings.mail_from, ", ".join(settings.mail_to)
    message.set_content(news.text())

    def once() -> None:
        try:
            _send(settings, message)
        except (OSError, smtplib.SMTPException) as error:
            raise GroundcastError(
                f"the mail server {settings.smtp_host}:{settings.smtp_port} did not take the mail ({error})"
            ) from error

    _tried(once, pauses_s)


def _send(settings: Settings, message: EmailMessage) -> None:
    where = (str(settings.smtp_host), settings.smtp_port)
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(*where, timeout=_PATIENCE_S, context=context)
        if settings.smtp_security == "tls"
        else smtplib.SMTP(*where, timeout=_PATIENCE_S)
    )
    with server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user is not None:
            server.login(
                settings.smtp_user, settings.smtp_password.get_secret_value() if settings.smtp_password else ""
            )
        server.send_message(message)


def _tried(once: Callable[[], None], pauses_s: Sequence[float]) -> None:
    """Do it, and again after pauses where it does not work; settings that are wrong stay so."""
    for pause in pauses_s:
        try:
            once()
        except SettingsError:
            raise
        except GroundcastError as error:
            log.info("%s: tried again in %g s", error, pause)
            time.sleep(pause)
        else:
            return
    once()
