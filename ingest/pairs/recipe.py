"""What is asked for: which photos, which overhead imagery, and how they become pairs. Told beside the shards.

It knows no rows, pictures or files.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ingest.sources.source import SourceOptions
from ingest.sources.web import mask_url
from trainer.errors import SourceError, UsageError

Split = Literal["random", "strict", "both"]
SPLITS: dict[Split, tuple[str, ...]] = {  # in the order in which they are made: training last
    "random": ("test_random", "val", "train"),
    "strict": ("test_strict", "val", "train"),
    "both": ("test_strict", "test_random", "val", "train"),
}
_MANNERS = (
    "rate_per_s",
    "timeout_s",
    "retries",
    "cache_dir",
    "cache_bytes",
    "offline",
    "allowed_hosts",
    "beyond",
)  # of reading, not what is read
YFCC_BASE_URL = "https://live.staticflickr.com"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what the shards hold.

    Attributes:
        photos: Files or folders with the photos' metadata, absolute.
        overhead: The imagery, as `ingest.opening.open_source` takes it.
        options: How it is read; rate, timeout, retries and cache decide nothing.
        size_px: Side of the overhead image, pixels.
        gsd_m: Ground sample distance of it, metres.
        jitter_m: The photo stands up to so far east and north of the image's middle, drawn anew for each, metres.
        min_valid: Smallest share of the overhead image with imagery.
        photo_px: Longer side of a photo; larger ones are scaled down.
        quality: Of JPEG, for overhead images and for photos that are scaled down.
        min_accuracy: Smallest accuracy of the place, Flickr's 1 (world) … 16 (street); photos that say none are kept.
        licences: Codes as `ingest.pairs.metadata.licences` has them; empty: any.
        countries: Two-letter codes of the only countries; empty: any.
        without_countries: Two-letter codes of countries to leave out.
        earliest: The first plausible moment.
        keep_undated: Keep photos whose date is missing or implausible, without it.
        burst_m: Photos of one photographer nearer than that …
        burst_s: … and within so many seconds of one that is kept are left out.
        near_identical: Cosine of embeddings above which two photos are one.
        model_id: Of the model that embeds them; None: pictures are compared byte by byte only.
        split: Which test sets there are.
        val_share: Of the blocks, or with `random` of the photos, that validation gets.
        test_share: The same for each test set.
        seed: Of splits and jitter.
        per_shard: Candidates of a shard; pairs are those of them that have a picture and imagery.
        yfcc_base: Where the pictures of YFCC100M are: an address, or a folder.
    """

    photos: tuple[str, ...]
    overhead: str
    options: SourceOptions = field(default_factory=SourceOptions)
    size_px: int = 800
    gsd_m: float = 0.6
    jitter_m: float = 0.0
    min_valid: float = 0.5
    photo_px: int = 512
    quality: int = 90
    min_accuracy: float = 16
    licences: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    without_countries: tuple[str, ...] = ()
    earliest: datetime = datetime(1990, 1, 1)
    keep_undated: bool = False
    burst_m: float = 50.0
    burst_s: float = 60.0
    near_identical: float = 0.97
    model_id: str | None = None
    split: Split = "both"
    val_share: float = 0.02
    test_share: float = 0.02
    seed: int = 0
    per_shard: int = 1000
    yfcc_base: str = YFCC_BASE_URL

    def __post_init__(self) -> None:
        if self.val_share + 2 * self.test_share >= 1:
            raise UsageError(
                f"shares of {self.val_share} for validation and {self.test_share} for each test leave nothing to "
                "train on: give less"
            )
        if self.jitter_m > self.size_m / 2:
            raise UsageError(f"jitter of {self.jitter_m} m: the photo would stand outside its image of {self.size_m} m")
        if self.countries and set(self.countries) & set(self.without_countries):
            both = ", ".join(sorted(set(self.countries) & set(self.without_countries)))
            raise UsageError(f"{both} is both asked for and left out")

    @property
    def size_m(self) -> float:
        """Side of the overhead image on the ground, metres."""
        return self.size_px * self.gsd_m

    @property
    def splits(self) -> tuple[str, ...]:
        """The folders that the pairs go to, training last."""
        return SPLITS[self.split]

    def document(self) -> dict[str, Any]:
        """Everything as JSON, without secrets, with size and time of change of the input's files.

        Raises:
            SourceError: One of them is not there.
        """
        reading = {name: value for name, value in asdict(self.options).items() if name not in _MANNERS}
        reading["acquired_at"] = self.options.acquired_at and self.options.acquired_at.isoformat()
        values = asdict(self) | {"earliest": self.earliest.isoformat(), "options": reading}
        values |= {"overhead": shown(self.overhead), "yfcc_base": shown(self.yfcc_base)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return plain | {"stamps": [_stamp(Path(path)) for path in self.photos]}


def shown(address: str) -> str:
    """A path as it is, a URL without its secrets."""
    return mask_url(address) if "://" in address else address


def differences(theirs: dict[str, Any], mine: dict[str, Any]) -> Sequence[str]:
    """What a folder was begun with and is no longer asked for: `key THEIRS not MINE`."""
    return [f"{key} {theirs.get(key)} not {value}" for key, value in mine.items() if theirs.get(key) != value]


def _stamp(path: Path) -> str:
    """Size and time of change; those of a folder's files are read when it is."""
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be seen here: {error.strerror}") from error
    return "folder" if path.is_dir() else f"{status.st_size} {status.st_mtime_ns}"
