"""Backup and restore of a home, or of the served mode: catalog, models, archive, uploaded pictures.

Not the index: it is a view of the archive and is filled from it.

    catalog.jsonl.gz             the catalog at one moment
    models/<name>/…              checkpoint folders
    archive/<collection>/…       the parts that the catalog of that moment knows
    uploads/…                    pictures that people put into the app

Consistent while an ingest goes on: the catalog is taken first, and parts never change. Those that its ledger calls
archived are there; of those that it calls pending some are there too, and are adopted as after a crash. A backup says
nothing of where its home was, so one of a laptop can be restored into the served mode and the other way round.

It does not know databases or file systems, nor how the index is filled.
"""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from ingest.archive import files as storage
from ingest.archive.files import FilePath
from ingest.archive.parts import SUFFIX, Archive
from ingest.archive.prefetch import prefetched
from ingest.backup.bundle import BundleReader, BundleWriter, pieces, safe_name
from ingest.catalog.catalog import Catalog
from ingest.catalog.dump import Snapshot, load, occupied, snapshot_of
from ingest.jobs.plan import keep_records
from ingest.settings import Settings
from trainer.errors import BackupError, reason

CATALOG = "catalog.jsonl.gz"
_MOST_LINE = 64 * 2**20
_THREADS = 8  # files copied at a time: each waits for a disk or a network

Progress = Callable[[int], object]
"""Called with the number of bytes of each file that is done."""


@dataclass
class Backup:
    """What was backed up, or restored.

    Attributes:
        files: How many files.
        size_bytes: Their bytes.
        models: Names of the models.
        collections: Stored names of collections and galleries.
        problems: What the catalog has and the files have not, one sentence each.
    """

    files: int = 0
    size_bytes: int = 0
    models: list[str] = field(default_factory=list)
    collections: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Held:
    """A collection of the catalog's moment: keys of its chunks, and of those whose part must be there."""

    name: str
    archive: Archive
    known: set[str]
    needed: set[str]


def back_up(settings: Settings, catalog: Catalog, writer: BundleWriter, progress: Progress) -> Backup:
    """Copies everything that cannot be computed again into a bundle, and makes it whole.

    Args:
        settings: Of the home or served mode that is backed up.
        catalog: Open; others may write into it meanwhile.
        writer: A new bundle, which is finished here.
        progress: Called after each file, in this thread.

    Raises:
        BackupError: Something cannot be read or written; the bundle is not whole then.
    """
    with tempfile.TemporaryDirectory(prefix="groundcast-backup-") as folder:
        lines = Path(folder, CATALOG)
        with snapshot_of(catalog.database) as snapshot:
            schema, models, held = snapshot.schema, snapshot.models(), _held(snapshot, settings)
            with gzip.open(lines, "wb", compresslevel=5) as file:
                file.writelines(snapshot.lines())
        done = Backup(models=models, collections=[each.name for each in held])
        files = [(CATALOG, cast(FilePath, lines)), *_model_files(settings, done), *_uploads(settings)]
        for each in held:
            files += _part_files(each, done)
        for size in prefetched(
            lambda file: _copied(writer, *file), files, threads=1 if writer.one_at_a_time else _THREADS
        ):
            done.files, done.size_bytes = done.files + 1, done.size_bytes + size
            progress(size)
    about = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "schema": schema}
    writer.finish(about | {"models": done.models, "collections": done.collections, "problems": done.problems})
    return done


def restore(settings: Settings, catalog: Catalog, reader: BundleReader, progress: Progress) -> Backup:
    """Fills an empty home, or an empty database and archive, from a bundle; the index is the caller's to fill.

    Files come first and the catalog last: where this is interrupted the catalog is still empty, and doing it again goes
    on. Files that are there already and are the same stay.

    Args:
        settings: Of the empty home or served mode that is filled.
        catalog: Open and empty.
        progress: Called after each file, in this thread.

    Raises:
        BackupError: The bundle is damaged, or something else is there already; nothing is overwritten.
    """
    taken = occupied(catalog.database)
    if taken is not None:
        raise BackupError(
            f"{catalog.database.shown} has {taken} already: restore into an empty home (--home) or database"
        )
    done = _about(reader)
    files = [name for name in reader.files if name != CATALOG]
    for size in prefetched(lambda name: _put_back(settings, reader, name), files, threads=_THREADS):
        done.files, done.size_bytes = done.files + 1, done.size_bytes + size
        progress(size)
    with tempfile.TemporaryDirectory(prefix="groundcast-restore-") as folder:
        lines = Path(folder, CATALOG)
        with lines.open("wb") as file:
            file.writelines(reader.read(CATALOG))  # to its end, where its checksum is compared
        with gzip.open(lines, "rb") as unpacked:
            load(catalog.database, _lines(cast(BinaryIO, unpacked)))
    for collection in catalog.collections():
        keep_records(catalog, Archive(settings.archive_dir(collection.name), collection.kind), collection)
    return done


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := _line(file):
        if len(line) > _MOST_LINE:
            raise BackupError(
                f"{CATALOG} in the backup has a line of more than {_MOST_LINE >> 20} MiB: it is no catalog"
            )
        yield line


def _line(file: BinaryIO) -> bytes:
    try:
        return file.readline(_MOST_LINE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BackupError(f"{CATALOG} in the backup cannot be read ({reason(error)}): take another backup") from error


def check(reader: BundleReader, progress: Progress) -> Backup:
    """Reads every file of a bundle and compares its checksum.

    Raises:
        BackupError: One is damaged or missing.
    """
    done = _about(reader)
    for size in prefetched(lambda name: sum(map(len, reader.read(name))), reader.files, threads=_THREADS):
        done.files, done.size_bytes = done.files + 1, done.size_bytes + size
        progress(size)
    return done


def _about(reader: BundleReader) -> Backup:
    lists = [each for name in ("models", "collections", "problems") if isinstance(each := reader.about.get(name), list)]
    if len(lists) < 3:
        raise BackupError(f"{reader.source} does not say which models and collections it has: take another backup")
    return Backup(0, 0, *lists)


def _held(snapshot: Snapshot, settings: Settings) -> list[_Held]:
    return [
        _Held(
            name,
            Archive(settings.archive_dir(name), "gallery" if kind == "gallery" else "tiles"),
            *snapshot.parts(name),
        )
        for name, kind in snapshot.collections()
    ]


def _model_files(settings: Settings, done: Backup) -> list[tuple[str, FilePath]]:
    found = []
    for name in done.models:
        files = _below(settings.models_dir / name, f"models/{name}")
        if not files:
            done.problems.append(f"model {name} is not in this home: add it again where the backup is restored")
        found += files
    return found


def _uploads(settings: Settings) -> list[tuple[str, FilePath]]:
    return _below(settings.home / "uploads", "uploads")


def _below(folder: Path, name: str) -> list[tuple[str, FilePath]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [(f"{name}/{path.relative_to(folder).as_posix()}", path) for path in paths]


def _part_files(held: _Held, done: Backup) -> list[tuple[str, FilePath]]:
    there = {path.stem: path for path in held.archive.parts()}
    lost = sorted(held.needed - set(there))
    if lost:
        done.problems.append(
            f"collection {held.name}: {len(lost)} parts are not in the archive, such as {lost[0]}{SUFFIX}; "
            f"`groundcast verify {held.name} --repair` lets them be made again"
        )
    # a part written after the catalog's moment stays out: nothing in the bundle would refer to it
    return [(f"archive/{held.name}/{path.name}", path) for key, path in there.items() if key in held.known]


def _copied(writer: BundleWriter, name: str, path: FilePath) -> int:
    try:
        if isinstance(path, Path):
            with path.open("rb") as file:
                writer.add(name, pieces(file))
                return file.tell()
        with storage.readable(path) as file:
            writer.add(name, pieces(file))
            return int(file.tell())
    except OSError as error:
        raise BackupError(f"{path}: it cannot be read ({error}); run the same command again") from error


def _put_back(settings: Settings, reader: BundleReader, name: str) -> int:
    top, _, rest = safe_name(name).partition("/")
    if top == "archive":
        target: FilePath = settings.archive_root / rest
    elif top in ("models", "uploads"):
        target = settings.home / top / rest
    else:
        raise BackupError(f"{reader.source}: {name} is nothing that a backup holds")
    size, sha = reader.files[name]
    try:
        # put there by a restore that was interrupted
        if storage.exists(target):
            if storage.sha256(target) != sha:
                raise BackupError(
                    f"{target} is there already and is another file: restore into an empty home or archive"
                )
        else:
            storage.write(target, lambda file: _fill(file, reader.read(name)))
    except OSError as error:
        raise BackupError(f"{target}: it cannot be written ({error}); run the same command again") from error
    return size


def _fill(file: BinaryIO, content: Iterable[bytes]) -> None:
    file.writelines(content)
