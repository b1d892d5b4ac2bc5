"""What is told to everybody of where imagery lies: a URL without what authorises, of a path its last name.

Where a file lies on one's own disk is nobody's business, and of no use to anybody. It does not know what it is a
source of.
"""

from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from ingest.addresses import shown
from ingest.opening import SANDBOX


def public_name(source: str | None) -> str | None:
    """A source, or the file of one, as it may be told.

    Args:
        source: A path, a URL, or an island of the sandbox planet.

    Returns:
        Of a URL scheme, host and path; of a path from the root its last name; a relative one as it is; None of nothing.
    """
    if not source or source.startswith(SANDBOX):
        return source or None
    if "://" in source:
        return public_name(unquote(urlsplit(source).path)) if source.startswith("file:") else shown(source)
    if PureWindowsPath(source).drive:
        return PureWindowsPath(source).name or None
    path = PurePosixPath(source)
    return (path.name or None) if path.is_absolute() else source
