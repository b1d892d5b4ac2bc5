"""The metadata of YFCC100M: a tab-separated dump without a header, plain or compressed, of 23 to 25 columns.

    [line number]  id  [hash]  owner  owner's name  taken  uploaded  device  title  description  tags  machine tags
    longitude  latitude  accuracy  page  download  licence name  licence address  server  farm  secret  original's
    secret  original's extension  marker (0 photo, 1 video)

The first release has 23 columns; later ones begin with a line number, and have a hash behind the id. Text is
URL-escaped, with + for a blank. A picture's address follows from server, id and secret, as Flickr serves it.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.pairs.metadata.rows import Block, delimited

_COLUMNS = (
    "id", "owner", "owner_name", "taken", "uploaded", "device", "title", "description", "tags", "machine_tags", "lon",
    "lat", "accuracy", "page", "download", "licence_name", "licence", "server", "farm", "secret", "original_secret",
    "extension", "marker",
)  # fmt: skip
_LAYOUTS = {
    23: _COLUMNS,
    24: ("line", *_COLUMNS),
    25: ("line", "id", "hash", *_COLUMNS[1:]),
}
_UNUSED = {"line", "hash", "device", "machine_tags", "licence_name", "farm", "original_secret", "extension"}


def layout_of(lines: list[bytes]) -> tuple[str, ...] | None:
    """The columns of a file by its first lines; None: it is no such dump."""
    counts = Counter(line.count(b"\t") + 1 for line in lines if not line.endswith(b"\t"))
    likeliest = max(_LAYOUTS, key=lambda count: counts[count])
    return _LAYOUTS[likeliest] if counts[likeliest] else None


def yfcc_blocks(path: Path, columns: tuple[str, ...], base: str) -> Iterator[Block]:
    """Rows of a dump.

    Args:
        columns: As `layout_of` found them.
        base: Address or folder below which the pictures are.

    Raises:
        SourceError: It cannot be read to its end.
    """
    wanted = {name: name for name in columns if name not in _UNUSED}
    for block in delimited(path, names=columns, wanted=wanted, delimiter="\t", quoted=False):
        # else the last block, of broken rows alone
        yield _photos(block, base) if "marker" in block.rows.schema.names else block


def _photos(block: Block, base: str) -> Block:
    """The rows that are photos, with the addresses of their pictures."""
    rows = block.rows
    numbered = pc.match_substring_regex(rows["id"].fill_null(b""), r"^\d+$")
    marked = pc.equal(rows["marker"], b"0").fill_null(False)
    is_video = pc.equal(rows["marker"], b"1").fill_null(False)
    left_out = block.left_out + Counter(
        broken_row=int(np.count_nonzero(~np.asarray(pc.and_(numbered, pc.or_(marked, is_video))))),
        video=int(np.count_nonzero(np.asarray(pc.and_(numbered, is_video)))),
    )
    rows = rows.filter(pc.and_(numbered, marked))
    columns = {name: rows[name] for name in rows.schema.names if name not in ("server", "secret", "download", "marker")}
    named = pc.binary_join_element_wise(rows["id"], rows["secret"], b"_")
    folder = pc.binary_join_element_wise(pa.scalar(base.rstrip("/").encode()), rows["server"], named, b"/")
    picture = pc.binary_join_element_wise(folder, pa.scalar(b".jpg"), b"")
    columns["address"] = pc.coalesce(picture, rows["download"])  # the dump's own link where server or secret is missing
    return Block(pa.RecordBatch.from_pydict(columns), left_out, escaped=True)
