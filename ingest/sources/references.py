"""Where the files that a source names may lie: in its own folder, and where the settings allow.

A VRT, a picture's overviews and a STAC item name other files. Whoever gives a folder as a source means what lies in it,
not what a file in it leads to: so a name is followed within the source's own folder, into the folders and to the hosts
that the settings name, and nowhere else. What came from the web never leads to files of this machine. GDAL can be led
by more than names of files; whatever is neither a path nor an http(s) URL is refused. It does not open anything.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingest.sources.allowed_hosts import REASON, check_url
from ingest.sources.web import mask_url
from trainer.errors import ItemError

WEB = ("http://", "https://")
_OVER_HTTP = "/vsicurl/"
_PACKED = re.compile(r"/vsi(?:zip|tar|gzip|7z|rar)/")
_DRIVERS_OWN = re.compile(r"\w\w+:")  # NETCDF:…, vrt://…, GTIFF_DIR:1:…; a single letter is a drive


@dataclass(frozen=True)
class Bounds:
    """Where what a source names may lie.

    Attributes:
        folder: Of the source, without links in it; None: it came from the web.
        hosts: That may be asked over http(s), as in `ingest.sources.allowed_hosts`; None: any.
        folders: Others that may be read, without links in them.
    """

    folder: Path | None
    hosts: tuple[str, ...] | None = ()
    folders: tuple[Path, ...] = ()

    def seen_from(self, path: str) -> "Bounds":
        """The bounds of what one of its files names: for a file of the web, its own host and those that are allowed."""
        if not path.startswith(_OVER_HTTP):
            return self
        host = urlsplit(path.removeprefix(_OVER_HTTP)).hostname or ""
        return Bounds(None, None if self.hosts is None else (*self.hosts, host))

    def check(self, reference: str, named_by: str) -> None:
        """Refuse a name that leads elsewhere.

        Args:
            reference: As GDAL takes it: a path, or ``/vsicurl/`` and a URL.
            named_by: What names it, for the message.

        Raises:
            ItemError: With reason ``not_allowed``.
        """
        inner = _PACKED.sub("/", reference).removeprefix("/") if _PACKED.match(reference) else reference
        # /vsizip//data/a.zip/b.tif is a file of /data/a.zip; /vsizip/vsicurl/https://… one of an archive on the web
        inner = f"/{inner}" if inner.startswith("vsi") else inner.strip("{}")
        url = inner.removeprefix(_OVER_HTTP)
        if url.startswith(WEB):
            self._check_url(url, named_by)
        elif inner.startswith(("/vsi", "<", "{")) or _DRIVERS_OWN.match(inner):
            raise _refused(named_by, reference, "it is neither a path nor an http(s) URL: save what it is as GeoTIFF")
        elif self.folder is None:
            raise _refused(named_by, reference, "what comes from the web leads to no file of this machine")
        elif not self._holds(Path(inner)):
            hint = f"it lies outside {self.folder}: put it there, or name its folder in the setting allowed_folders"
            raise _refused(named_by, reference, hint)

    def _check_url(self, url: str, named_by: str) -> None:
        if self.hosts is None:
            return
        try:
            check_url(url, self.hosts)
        except ItemError as error:
            host = urlsplit(url).hostname if url.isprintable() else ""
            hint = f"a file leads to no other machine by itself: add {host!r} to the setting allowed_hosts"
            raise _refused(named_by, mask_url(url), hint) from error

    def _holds(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, ValueError, RuntimeError):  # links in a circle, a NUL
            return False
        return any(real.is_relative_to(folder) for folder in (self.folder, *self.folders) if folder is not None)


def bounds_of(uri: str, *, allowed_hosts: Sequence[str] | None, beyond: Iterable[str] = ()) -> Bounds:
    """The bounds of a source.

    Args:
        uri: A path or URL of the source.
        allowed_hosts: Of a source that came through the app; see `SourceOptions`.
        beyond: Hosts and absolute paths of folders that the settings name.
    """
    if uri.removeprefix("stac+").startswith(WEB):
        return Bounds(None, None if allowed_hosts is None else tuple(allowed_hosts))
    path = Path(uri)
    folders = tuple(Path(one).resolve() for one in beyond if Path(one).is_absolute())
    hosts = tuple(one for one in beyond if not Path(one).is_absolute())
    # of a link to a file the folder is where the link lies: relative names start there
    return Bounds((path if path.is_dir() else path.parent).resolve(), hosts, folders)


def _refused(named_by: str, reference: str, why: str) -> ItemError:
    return ItemError(REASON, f"{named_by}: it names {reference[:200]!r}, which is not read: {why}")
