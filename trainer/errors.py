"""The one tree of errors. Only the doors (command line, server, workers) turn them into messages and exit codes.

    GroundcastError                    the work failed                                  exit code 1
    ├── UsageError                     the request itself is wrong                      exit code 2
    │   ├── SettingsError              an unknown or invalid setting
    │   ├── AreaError                  an area, place or date that cannot be understood
    │   ├── UploadError                a file that is too large, or of no kind that is taken
    │   └── ReadOnlyError              a demonstration may be looked at, not changed
    ├── SourceError                    imagery or photos that cannot be opened
    ├── ItemError                      one tile, photo or file failed; carries a reason code for the ledger
    ├── CheckpointError                a checkpoint that is broken or of another format
    │   ├── UnsafeCheckpointError      a pickle that would run code
    │   └── WeightsUnavailableError    weights that must be downloaded first
    ├── CatalogError                   the catalog cannot be read, or a name in it is missing or taken
    │   └── MissingError               there is nothing of that name
    │       └── LapsedError            not any more: it was kept for a while, and can be asked for anew
    ├── ModelMismatchError             a collection, index or query of another model
    ├── ArchiveError                   a Parquet part that is broken, or cannot be written
    │   └── StorageError               it cannot be reached, which says nothing of its parts
    ├── BackupError                    a backup that is damaged or in the way, or cannot be written
    └── VectorIndexError               the vector index cannot be opened, or refuses the request
        ├── IndexLockedError           another process holds the embedded index
        ├── IndexRightsError           the key of the index server may not do it
        ├── IndexTakenError            the collection on the server is another catalog's
        ├── IndexAwayError             the server does not answer, or cannot for now
        └── IndexBehindError           the embedded index is not built, or lacks much of the archive

A message names the value, the place, and what to do.
"""


class GroundcastError(Exception):
    """Base of every error that a user of groundcast may see."""

    exit_code = 1


class UsageError(GroundcastError):
    """The request itself is wrong: an option, a name, a value."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown or invalid."""


class AreaError(UsageError):
    """An area, a place or a date cannot be understood."""


class UploadError(UsageError):
    """An uploaded file is too large, or of no kind that is taken."""


class ReadOnlyError(UsageError):
    """This home is shown, and nothing in it may be changed."""


class SourceError(GroundcastError):
    """Imagery or photos cannot be opened."""


class ItemError(GroundcastError):
    """One tile, photo or file failed, and the work goes on without it.

    Args:
        reason: A short, stable code for the ledger, such as ``truncated`` or ``no_crs``.
        message: What happened, where, and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["ItemError"], tuple[str, str]]:
        return type(self), (self.reason, str(self))  # an exception is made of its message alone when it is unpickled


class CheckpointError(GroundcastError):
    """A checkpoint is broken, incomplete or of another format."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint is a pickle that would run code; it is refused."""


class WeightsUnavailableError(CheckpointError):
    """Weights have to be downloaded first, and the hub cannot be reached."""


class CatalogError(GroundcastError):
    """The catalog cannot be read, or a name in it is missing or taken."""


class MissingError(CatalogError):
    """There is no collection, tile, photo or saved search of that name."""


class LapsedError(MissingError):
    """What was kept for a while under that name is not any more; who asks anew gets it again."""


class ModelMismatchError(GroundcastError):
    """A collection, an index or a query belongs to another model."""


class ArchiveError(GroundcastError):
    """A Parquet part is broken or cannot be written."""


class StorageError(ArchiveError):
    """The archive's store cannot be reached, which says nothing of the parts in it."""


class BackupError(GroundcastError):
    """A backup is damaged, not whole, or in the way, or cannot be written."""


class VectorIndexError(GroundcastError):
    """The vector index cannot be opened or refuses the request."""


class IndexLockedError(VectorIndexError):
    """Another process holds the embedded index."""


class IndexRightsError(VectorIndexError):
    """The server of the index refuses the key, or what it may do is not enough."""


class IndexTakenError(VectorIndexError):
    """The collection on the index server is another catalog's, or may be."""


class IndexAwayError(VectorIndexError):
    """The server of the index does not answer, or cannot for now; asked again later it may."""


def reason(error: BaseException) -> str:
    """What an error of a library says, in one line; its kind where it says nothing, as many do of broken files."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said.rstrip(" :") or type(error).__name__  # after some colons nothing follows


class IndexBehindError(VectorIndexError):
    """The embedded index is not built yet, or lacks much of the archive."""
