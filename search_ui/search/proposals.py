"""What an index proposes held against the archive, which is the truth: what that does not hold is no hit.

It does not know how an index is asked.
"""

import numpy as np
import numpy.typing as npt

from ingest.archive.lookup import Lookup
from ingest.archive.parts import Archive
from search_ui.search.candidates import Pool


def in_archive(pool: Pool, archive: Archive, lookup: Lookup, *, surplus: bool) -> npt.NDArray[np.bool_]:
    """Which of what an index proposes the archive holds, bool [n].

    A point says in which part its item is, and the parts are listed anyway.

    Args:
        pool: What is proposed.
        archive: Of the collection, as it stands now.
        lookup: Of the same archive; it reads the ids of every part once.
        surplus: The index has more items than the archive: every id is looked for.

    Raises:
        ArchiveError: A part is broken.
    """
    if surplus:
        return lookup.held(archive, pool.tile_id)
    parts = archive.keys()
    return np.array([part is None or part in parts for part in pool.part], np.bool_)


def mismatch(called: str, *, strange: int, lacking: int) -> str | None:
    """What a person should know of an index that is not as the archive is.

    Args:
        called: How people ask for the collection.
        strange: How many of what was proposed the archive does not hold.
        lacking: How many items the index lacks; below 0 it has more than the archive.
    """
    if strange:
        return (
            f"{strange:,} tiles that the index holds and the archive does not were left out: "
            f"`groundcast verify {called} --repair` removes them"
        )
    if lacking > 0:
        return (
            f"the index lacks {lacking:,} tiles, which are not among these: an ingest that goes on brings them, else "
            f"`groundcast verify {called} --repair`"
        )
    return None
