"""When nobody answers any more, which says nothing of the photos: the work stops, what was noted meanwhile is undone.

It does not know who should answer.
"""

from pathlib import Path

from trainer.errors import ItemError, SourceError

_SILENT = 100  # addresses in a row without any answer, after which nobody is thought to be there


class CircuitBreaker:
    """Counts answers that did not come, over all shards of a run.

    Args:
        who: Should answer, for a person.
    """

    def __init__(self, who: str) -> None:
        self._who, self._in_a_row = who, 0
        self._in_doubt: list[Path] = []

    def heard(self, found: object) -> None:
        """An answer, or the error that came in its place.

        Raises:
            SourceError: Nobody is there. The records written since the last answer are gone.
        """
        if not isinstance(found, ItemError) or found.reason not in ("http", "overhead_http"):
            self._in_a_row, self._in_doubt = 0, []
            return
        self._in_a_row += 1
        if self._in_a_row >= _SILENT:
            for record in self._in_doubt:
                record.unlink(missing_ok=True)
            raise SourceError(
                f"{self._who} gave no answer {_SILENT} times in a row, at last: {found}; the same command goes on later"
            )

    def recorded(self, record: Path) -> None:
        """A shard is done; if the last ones did not answer, perhaps without them for no good reason."""
        if self._in_a_row:
            self._in_doubt.append(record)
