"""What the settings name beside the home: can it be reached, which version is it, what mends it. It shows no secret."""

import ipaddress
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from ingest.addresses import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.catalog.catalog import Catalog
    from ingest.settings import Settings

_TIMEOUT_S = 5


@dataclass(frozen=True)
class Check:
    """One thing looked at; `mend` says what to do where it is not `ok`."""

    name: str
    ok: bool
    found: str
    mend: str | None = None


def check_archive(settings: "Settings") -> Check:
    """Can parts be listed, written and removed there? A folder in the home is not written into."""
    from ingest.archive import files as storage
    from trainer.errors import GroundcastError

    mend = "start the object store, make its bucket, or mend archive_url and archive_options"
    try:
        root = settings.archive_root
        if isinstance(root, Path):
            where = "in the home" if settings.archive_url is None else str(root)
            return Check("archive", True, f"folder {where}")
        # written and removed: a bucket that may only be read looks sound until the first part is to be kept
        probe = root / f".doctor-{secrets.token_hex(4)}"
        storage.listed(root, "")
        storage.write(probe, _nothing)
        storage.remove(probe)
    except (OSError, GroundcastError) as error:
        return Check("archive", False, f"{settings.archive_url}: {error}", mend)
    return Check("archive", True, f"{root}, can be read and written")


def check_redis(url: str) -> Check:
    """Does the broker answer, and will it keep messages?"""
    at = shown(url)
    try:
        import redis
    except ImportError:
        return Check("redis", False, "the client is missing", "run `pip install 'groundcast[served]'`")
    try:
        with redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as client:
            found = client.info()
    except (redis.RedisError, OSError, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        mend = "start Redis, or mend redis_url, its password too"
        if "CERTIFICATE_VERIFY_FAILED" in said:
            mend = (
                "name the file of the authority that signed its certificate: add ?ssl_ca_certs=/FILE.pem to redis_url"
            )
        return Check("redis", False, f"{at}: {said}", mend)
    keeps = "keeps messages on disk" if found.get("aof_enabled") else "has no append-only file: a restart forgets"
    policy = str(found.get("maxmemory_policy", "noeviction"))
    # with a bound on memory any other policy may drop the queues themselves
    evicts = int(found.get("maxmemory", 0)) > 0 and policy != "noeviction"
    return Check(
        "redis",
        not evicts,
        f"Redis {found['redis_version']} at {at}, {keeps}" + (f", throws messages away ({policy})" if evicts else ""),
        "set maxmemory-policy noeviction",
    )


def check_index(settings: "Settings", catalog: "Catalog | None") -> "Iterator[Check]":
    """Is the index embedded, or does its server answer, what may the key do there, and how do the collections lie?

    Args:
        settings: Name the server.
        catalog: Knows what the collections are called there; None where it cannot be opened.
    """
    if settings.qdrant_url is None:
        yield Check("index", True, "embedded (Qdrant Edge)")
        return
    from ingest.index.on_server import connect, look, may
    from trainer.errors import GroundcastError

    at = ", ".join(shown(url.strip()) for url in settings.qdrant_url.split(","))
    try:
        client = connect(settings)
        version = client.info().version
        found = {} if catalog is None else look(settings, catalog, client)
        allowed = may(client, [one.name for one in found.values() if one.sharding is not None or one.refused])
        client.close()
    except GroundcastError as error:
        yield Check("index", False, str(error), "start the Qdrant server, or mend qdrant_url and qdrant_api_key")
        return
    open_key = settings.qdrant_api_key is not None and any(map(_is_plain_and_far, settings.qdrant_url.split(",")))
    note = "; its key goes over plain http: use https where others listen" if open_key else ""
    yield Check("index", True, f"Qdrant {version} at {at}{note}")
    yield Check("index key", not allowed.lacks, str(allowed), "ask for a key or token that reads these collections")
    for name, one in found.items():
        if one.problem is not None:
            lies = "" if one.sharding is None else f"{one.sharding}; "
            yield Check(f"index {name}", one.sharding is not None, f"{lies}{one.problem}", "see what the line says")


def _nothing(file: BinaryIO) -> None:
    file.write(b"")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_plain_and_far(url: str) -> bool:
    parts = urlsplit(url.strip())
    with suppress(ValueError):
        return parts.scheme == "http" and not ipaddress.ip_address(parts.hostname or "").is_loopback
    return parts.scheme == "http" and parts.hostname != "localhost"
