"""What people wrote about a photo, as captions and tags: unescaped, without markup, names of files left out.

It does not know pictures or shards.
"""

import html
import re
from urllib.parse import unquote_plus

_MARKUP = re.compile(r"<[^>]*>")
# IMG_1234.JPG, DSC 0042, 2013-07-14 (3): what a camera or a program calls a file
_FILE_NAME = re.compile(r"[a-z]{0,5}[\s_.-]*\d[\d\s_.()-]*(\.?(jpe?g|png|tiff?))?", re.IGNORECASE)
_LONGEST = 500  # characters; the beginning says what is to be seen


def plain(text: str | None, *, escaped: bool) -> str:
    """One line of text; empty where there is none.

    Args:
        text: As it was written.
        escaped: It is URL-escaped, with + for a blank. Bytes that are no UTF-8 become U+FFFD.
    """
    if not text:
        return ""
    read = unquote_plus(text, errors="replace") if escaped else text
    return " ".join(_MARKUP.sub(" ", html.unescape(read)).split())


def captions(title: str | None, description: str | None, *, escaped: bool) -> list[str]:
    """Title and description, where they say something."""
    texts = [plain(text, escaped=escaped)[:_LONGEST] for text in (title, description)]
    # often the title is repeated as the description
    return list(dict.fromkeys(text for text in texts if len(text) > 2 and not _FILE_NAME.fullmatch(text)))


def tags(text: str | None, *, escaped: bool) -> list[str]:
    """Tags, which commas separate."""
    return [tag for tag in (plain(part, escaped=escaped) for part in (text or "").split(",")) if tag]
