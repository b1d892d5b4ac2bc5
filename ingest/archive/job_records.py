"""What each job of a collection was asked, kept beside its parts: with the parts it tells a lost catalog everything.

One JSON file a job, ``_JOB.job.json`` (readers of whole folders pass over names that begin so): the facts of the
collection as they were when the job was planned, the job's source and request, and a checksum of all that. It does not
know what they mean.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from ingest.archive import files as storage
from ingest.archive.files import FilePath
from trainer.errors import ArchiveError, StorageError

SUFFIX = ".job.json"
_SUM = "sha256"  # of all the others, in their file


@dataclass(frozen=True)
class JobRecord:
    """A job and its collection.

    Attributes:
        job: Id of the job; the keys of its parts begin with it.
        source: What was read.
        request: The request, as JSON values.
        planned_at: When, ISO 8601 in UTC.
        model_id: Of the collection.
        dim: Width of its vectors.
        spec: What stood in the catalog of the collection, as JSON values.
    """

    job: str
    source: str
    request: dict[str, Any]
    planned_at: str
    model_id: str
    dim: int
    spec: dict[str, Any]


def write_record(folder: FilePath, record: JobRecord) -> None:
    """Writes a job's record beside the parts, whole or not at all.

    Raises:
        ArchiveError: The folder cannot be written.
    """
    path = folder / f"_{record.job}{SUFFIX}"
    said = asdict(record)
    try:
        storage.write(path, lambda file: file.write(json.dumps(said | {_SUM: _sum(said)}).encode()))
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error}); free disk space and run the same command again"
        ) from error


def recorded_jobs(folder: FilePath) -> set[str]:
    """Ids of the jobs that have a record, by one look at the folder.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        return {name[1:].removesuffix(SUFFIX) for name in storage.listed(folder, SUFFIX)}
    except OSError as error:
        raise StorageError(f"{folder}: the archive cannot be read ({error}); see `groundcast doctor`") from error


def read_records(folder: FilePath) -> list[JobRecord]:
    """The records of a folder, oldest job first; those that cannot be read are left out.

    Raises:
        StorageError: The folder cannot be read.
    """
    records = [record for record in _read(folder).values() if record is not None]
    return sorted(records, key=lambda record: record.planned_at)


def damaged_records(folder: FilePath) -> list[str]:
    """Names of the files of a folder whose record is not what was written.

    Raises:
        StorageError: The folder cannot be read.
    """
    return [name for name, record in _read(folder).items() if record is None]


def _read(folder: FilePath) -> dict[str, JobRecord | None]:
    records: dict[str, JobRecord | None] = {}
    try:
        for name in storage.listed(folder, SUFFIX):
            with storage.readable(folder / name, whole=True) as content:
                records[name] = _record(content.getvalue())
    except OSError as error:
        raise StorageError(f"{folder}: the archive cannot be read ({error}); see `groundcast doctor`") from error
    return records


def _record(content: bytes) -> JobRecord | None:
    try:
        said = json.loads(content)
        kept = said.pop(_SUM, None)  # records of before have none
        return JobRecord(**said) if kept in (None, _sum(said)) else None
    except (ValueError, TypeError, AttributeError):
        return None


def _sum(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
