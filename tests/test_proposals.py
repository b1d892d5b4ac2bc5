"""What an index proposes is held against the archive."""

from types import SimpleNamespace

import numpy as np
import pytest

from ingest.archive.lookup import Lookup
from ingest.archive.parts import Archive
from search_ui.search.proposals import in_archive, mismatch
from tests.test_archive import META, record, vectors


@pytest.mark.parametrize(
    ("part", "surplus", "held"),
    [
        (["j-0", "j-0", "gone"], False, [True, True, False]),
        ([None, None, None], False, [True, True, True]),  # points of before do not say
        ([None, None, "j-0"], True, [True, False, False]),  # and ids are looked for where there are too many
    ],
)
def test_what_lies_in_no_part_of_the_archive_is_not_held(tmp_path, part, surplus, held) -> None:
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("j-0", [record(0)], vectors(1), META)
    pool = SimpleNamespace(tile_id=[record(0)["tile_id"], "strange", "other"], part=part)
    found = in_archive(pool, archive, Lookup(), surplus=surplus)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, held)


def test_an_index_that_is_not_as_the_archive_is_is_told() -> None:
    assert mismatch("town", strange=0, lacking=0) is None
    assert mismatch("town", strange=2, lacking=-2).startswith("2 tiles that the index holds and the archive does not")
    assert mismatch("town", strange=0, lacking=7).startswith("the index lacks 7 tiles, which are not among these")
