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


def check_index(settings: "Settings") -> Check:
    """Is the index embedded, or does its server answer?"""
    if settings.qdrant_url is None:
        return Check("index", True, "embedded (Qdrant Edge)")
    from ingest.index.on_server import connect

    at = shown(settings.qdrant_url)
    try:
        client = connect(settings)
        info = client.info()
        client.close()
    except Exception as error:  # noqa: BLE001 - whatever the client throws, the answer is the same
        return Check("index", False, str(error), "start the Qdrant server, or mend qdrant_url and qdrant_api_key")
    open_key = settings.qdrant_api_key is not None and _is_plain_and_far(settings.qdrant_url)
    note = "; its key goes over plain http: use https where others listen" if open_key else ""
    return Check("index", True, f"Qdrant {info.version} at {at}{note}")


def _nothing(file: BinaryIO) -> None:
    file.write(b"")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_plain_and_far(url: str) -> bool:
    parts = urlsplit(url)
    with suppress(ValueError):
        return parts.scheme == "http" and not ipaddress.ip_address(parts.hostname or "").is_loopback
    return parts.scheme == "http" and parts.hostname != "localhost"
