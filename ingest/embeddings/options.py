"""What a person may say of vectors that are brought: which columns, how large a point's tile is, what made them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ingest.embeddings.dates import parse_moment_utc
from ingest.embeddings.layouts import NamedColumns
from ingest.embeddings.quantised import Rule, given_rule
from ingest.geo.grid import Grid
from trainer.errors import UsageError

RASTER_TILE_M = 480.0  # as of an ingest


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What was asked for; None: as the files say.

    Attributes:
        vector_column: The column of vectors.
        id_column: The column of the tiles' names.
        date_column: The column of dates.
        tile_size_m: Side of the square around a point, or of a raster's tiles, metres.
        stride_m: From tile to tile of a raster, metres.
        crs: Reference system of geometries, whatever the files say.
        scale: By which whole numbers are multiplied.
        offset: What is added then.
        acquired_at: Date of what says none, ISO 8601.
        model_name: What made the vectors, in words.

    Raises:
        UsageError: A value that cannot be.
    """

    vector_column: str | None = None
    id_column: str | None = None
    date_column: str | None = None
    tile_size_m: float | None = None
    stride_m: float | None = None
    crs: str | None = None
    scale: float | None = None
    offset: float | None = None
    acquired_at: str | None = None
    model_name: str | None = None

    def __post_init__(self) -> None:
        _ = self.grid, self.rule
        if self.acquired_at is not None and parse_moment_utc(self.acquired_at) is None:
            raise UsageError(f"--acquired-at {self.acquired_at!r}: give a date such as 2024-06-15")
        if self.model_name is not None and not self.model_name.strip():
            raise UsageError("--model-name is empty: say what made the vectors")

    @property
    def wanted(self) -> NamedColumns:
        """The columns that are named."""
        return NamedColumns(self.vector_column, self.id_column, self.date_column)

    @property
    def rule(self) -> Rule | None:
        """How whole numbers become floats."""
        return given_rule(self.scale, self.offset)

    @property
    def grid(self) -> Grid:
        """The tiles of a raster."""
        size = RASTER_TILE_M if self.tile_size_m is None else self.tile_size_m
        return Grid(size, size if self.stride_m is None else self.stride_m)

    def to_json(self) -> dict[str, Any]:
        """What was said, as JSON values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def refuse_others(options: ImportOptions, what: str, names: Sequence[str]) -> None:
    """Refuse options that would have no effect.

    Args:
        options: What was said.
        what: What they mean nothing to.
        names: Of attributes.

    Raises:
        UsageError: One is given.
    """
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]
    if given:
        raise UsageError(f"{' and '.join(given)} mean{'s' * (len(given) == 1)} nothing to {what}: leave that out")


def refuse_rule(options: ImportOptions, where: str, *, whole: bool) -> None:
    """Refuse a rule for whole numbers where there are none.

    Raises:
        UsageError: A scale or offset was given, and the vectors are floats.
    """
    if options.rule is not None and not whole:
        raise UsageError(f"{where}: its vectors are floats already: leave --scale and --offset out")
