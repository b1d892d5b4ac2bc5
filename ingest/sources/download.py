"""One large file from the web onto the disk: whole or not at all, with its progress told.

It does not know what the file holds.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from ingest.sources.allowed_hosts import GuardedAdapter
from ingest.sources.web import mask_url, user_agent
from trainer.errors import ItemError, SourceError

_PATIENCE_S = 30.0  # without a byte
_PIECE = 2**20
_SPARE = 2**30  # bytes that are left free on the disk

Progress = Callable[[int, int | None], object]
"""Called with the bytes so far and all there are, None where the server does not say."""


def download(
    url: str, folder: Path, *, progress: Progress = lambda _done, _all: None, allowed_hosts: Sequence[str] | None = None
) -> Path:
    """Bring a file into a folder that its caller removes, under the name that it has at the end of its address.

    Args:
        url: http or https.
        folder: Where it comes to lie; what came of a file that is not whole stays there.
        progress: Told about each piece.
        allowed_hosts: The only hosts that may be asked, as in `ingest.sources.allowed_hosts`; None: any.

    Raises:
        SourceError: There is no such file, it does not come whole, or the disk has no room for it.
    """
    shown, name = mask_url(url), Path(unquote(urlsplit(url).path)).name
    if not url.startswith(("http://", "https://")) or not name:
        raise SourceError(
            f"{shown}: no address of a file: give one that begins with https:// and ends in a file's name"
        )
    with requests.Session() as session:
        adapter = HTTPAdapter() if allowed_hosts is None else GuardedAdapter(allowed_hosts)
        session.trust_env = allowed_hosts is None  # else no proxy and no .netrc, which could lead elsewhere
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)
        # as it is: what is packed on its way has another length
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
        try:
            with session.get(url, stream=True, timeout=_PATIENCE_S, headers=headers) as answer:
                if answer.status_code != 200:
                    raise SourceError(f"{shown}: the server answers {answer.status_code}: is the address right?")
                _write(answer, folder / name, shown, progress)
        except ItemError as error:
            raise SourceError(f"{shown}: {error}") from error
        except requests.RequestException as error:
            raise SourceError(f"{shown}: cannot be downloaded ({type(error).__name__}): try again") from error
    return folder / name


def _write(answer: requests.Response, path: Path, shown: str, progress: Progress) -> None:
    told = answer.headers.get("Content-Length", "")
    size = int(told) if told.isdecimal() else None
    free = shutil.disk_usage(path.parent).free
    if size is not None and size + _SPARE > free:
        raise SourceError(
            f"{shown} has {size / 1e9:.1f} GB, and {path.parent} has {free / 1e9:.1f} GB free: make room on the disk"
        )
    done = 0
    try:
        with path.open("wb") as file:
            for piece in answer.iter_content(_PIECE):
                done += file.write(piece)
                progress(done, size)
    except OSError as error:
        raise SourceError(
            f"{shown}: {path} cannot be written ({error.strerror or error}): make room on the disk"
        ) from error
    if size is not None and done != size:
        raise SourceError(f"{shown}: {done:,} of {size:,} bytes came: try again")
