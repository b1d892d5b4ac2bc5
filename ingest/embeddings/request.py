"""What was asked of an import, as JSON values for the ledger, and the vectors that it opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.catalog.foreign import IMPORTED
from ingest.embeddings.brought import VectorSource
from ingest.embeddings.listing import is_remote, list_files
from ingest.embeddings.options import ImportOptions
from ingest.embeddings.raster_vectors import RasterVectors
from ingest.embeddings.table_vectors import TableVectors
from ingest.settings import Settings
from ingest.sources.web import mask_url


@dataclass(frozen=True)
class ImportRequest:
    """Vectors to be brought into a collection.

    Attributes:
        collection: Its name.
        source: URI or absolute path.
        options: What a person says of them.
        attribution: Whom to credit.
    """

    collection: str
    source: str
    options: ImportOptions = field(default_factory=ImportOptions)
    attribution: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values that say all of it, without the secrets that a URL may hold."""
        return {"collection": self.collection, "source": mask_url(self.source), IMPORTED: self.options.to_json()}

    def open(self, settings: Settings) -> VectorSource:
        """Opens the vectors.

        Raises:
            SourceError: They cannot be read; the message says which file and why.
            ModelMismatchError: They are not of one model.
        """
        listing = list_files(self.source, _options(settings, self.source), tuple(map(str, settings.allowed_folders)))
        return RasterVectors(listing, self.options) if listing.rasters else TableVectors(listing, self.options)


def _options(settings: Settings, source: str) -> Mapping[str, Any]:
    """Of the source's file system: the archive's, where both are of one kind; else what its library finds itself."""
    kind = source.partition("://")[0]
    same = is_remote(source) and settings.archive_url is not None and settings.archive_url.startswith(f"{kind}://")
    if not same or settings.archive_options is None:
        return {}
    found: Mapping[str, Any] = settings.archive_options.get_secret_value()
    return found
