"""The reader of each kind of input, found by what lies there."""

from collections.abc import Iterator
from pathlib import Path

from ingest.pairs.metadata.exif_folder import folder_blocks
from ingest.pairs.metadata.manifest import csv_blocks, parquet_blocks
from ingest.pairs.metadata.rows import Block, first_lines, inner_suffix
from ingest.pairs.metadata.yfcc import layout_of, yfcc_blocks
from trainer.errors import SourceError


def read_blocks(path: Path, yfcc_base: str) -> Iterator[Block]:
    """Rows of a folder of photos, a manifest (CSV, TSV, Parquet) or a dump of YFCC100M, plain or compressed.

    Args:
        path: A file of metadata, a manifest, or a folder of photos.
        yfcc_base: Address or folder below which the pictures of YFCC100M are.

    Raises:
        SourceError: It is none of these, or cannot be read to its end.
    """
    if path.is_dir():
        yield from folder_blocks(path)
        return
    if inner_suffix(path) == ".parquet":
        yield from parquet_blocks(path)
        return
    lines = first_lines(path)
    if not lines:
        raise SourceError(f"'{path}' is empty")
    layout = layout_of(lines)
    if layout is not None:
        yield from yfcc_blocks(path, layout, yfcc_base)
    else:
        yield from csv_blocks(path, lines[0])
