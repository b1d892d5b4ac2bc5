"""What experiments work on: a model, others beside it, and a folder of data.

    DATA/pairs/ or test_strict/ (any test…/)   shards of pairs of tile, photo and captions
    DATA/tiles/, truth.parquet                 shards of the tiles of a country, and what is there (`measures.maps`)
    DATA/land_cover.parquet                    what covers their ground, in the same form: concept is the class,
                                               probability its share of the tile
    DATA/city/, city/truth.parquet             tiles of a city, closer together
    DATA/questions.json                        what is asked of them (`experiments.questions`)

`groundcast sandbox shards` writes the first two. A part that no chosen experiment needs may be missing. Everything is
read and embedded when it is first asked for. It does not know where data come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.checkpoint import read_meta
from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.experiments.questions import Questions
from trainer.experiments.saying import Sayer, captioner_folder, identity, sayers
from trainer.experiments.tiles import Tiles
from trainer.measures.embedding import Role, expectations
from trainer.measures.evaluate import Evaluation, Options, SampleGallery, draw_gallery, evaluate
from trainer.measures.maps import Truth, read_truth
from trainer.measures.metrics import Ints, Vectors
from trainer.shards.tars import Part, Shards

TRUTH, LAND_COVER = "truth.parquet", "land_cover.parquet"


@dataclass(frozen=True)
class GalleryPairs:
    """The pairs of a gallery, and what the model makes of them.

    Attributes:
        shards: The shards that hold the pictures.
        gallery: Which of them, where and when; n.
        tiles: O, float32 [n, d].
        photos: G, float32 [n, d].
        compared: The same as the model compares photos with S, see `trainer.photo_projection`.
        clip: What the frozen tower of photos makes of the tiles, float32 [n, d].
        expected: Given → S, see `trainer.measures.embedding.expectations`.
    """

    shards: Shards
    gallery: SampleGallery
    tiles: Vectors
    photos: Vectors
    compared: Vectors
    clip: Vectors
    expected: Mapping[str, Vectors]

    def __len__(self) -> int:
        """How many pairs the gallery has."""
        return len(self.gallery.rows)

    def picture(self, i: int, part: Part) -> bytes:
        """The encoded photo or tile of pair i."""
        return self.shards.picture(int(self.gallery.rows[i]), part)

    @cached_property
    def captions(self) -> list[tuple[str, ...]]:
        """Of each photo."""
        return [self.shards.captions(int(row)) for row in self.gallery.rows]

    @cached_property
    def subjects(self) -> list[frozenset[str]]:
        """What each photo shows, where the metadata has `subjects`; else empty."""
        return [frozenset(map(str, self.shards.metadata(int(r)).get("subjects") or ())) for r in self.gallery.rows]


class Material:
    """A model, others beside it, and a folder of data.

    Args:
        name: What tables call the model.
        checkpoint: Folder of its checkpoint.
        beside: Name → folder of other models, for the experiments that compare.
        data: The folder of data, see the module.
        questions: Texts and moments that the experiments ask.
        captioner: Folder of a captioner of the model; None: that beside the model, or the bundled one if it is its.
        options: How to embed and measure; None: the defaults of `Options`.

    Raises:
        CheckpointError: A folder is no checkpoint.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Path,
        *,
        data: Path,
        questions: Questions,
        beside: Mapping[str, Path] | None = None,
        captioner: Path | None = None,
        options: Options | None = None,
    ) -> None:
        self.name = name
        self.checkpoint = checkpoint
        self.models = {name: checkpoint} | dict(beside or {})
        self.data = data
        self.questions = questions
        self.options = options or Options()
        self.embedder = Embedder.load(checkpoint, precision=self.options.precision, device=self.options.device)
        self._captioner = captioner_folder(checkpoint, self.embedder, captioner)
        self._tiles: dict[str, Tiles] = {}

    @cached_property
    def identities(self) -> dict[str, str]:
        """Name → model_id of all models."""
        return {name: read_meta(folder).model_id for name, folder in self.models.items()}

    @cached_property
    def sayers(self) -> list[Sayer]:
        """What captions: the model's captioner, if there is one, and the phrase bank."""
        return sayers(self.embedder, self._captioner)

    @cached_property
    def captioner_id(self) -> str:
        """Of the captioner, `phrases` where there is none."""
        return identity(self._captioner)

    @cached_property
    def pairs(self) -> GalleryPairs:
        """The gallery of pairs; those that cannot be decoded are left out."""
        shards = Shards(self.pairs_folder)
        gallery = draw_gallery(shards, self.options)
        tiles = self._embed(shards, gallery.rows, "tiles", part="overhead", role="tile")
        photos = self._embed(shards, gallery.rows, "photos", part="groundlevel", role="photo")
        clip = self._embed(shards, gallery.rows, "tiles as photos", part="overhead", role="photo")
        # a picture that cannot be decoded is a row of NaN; its pair is no query and in no gallery
        sound = np.isfinite(tiles[:, 0]) & np.isfinite(photos[:, 0])
        if not sound.any():
            raise UsageError(f"shards {shards.where}: not one pair can be decoded: check the pictures in them")
        gallery, tiles, photos, clip = gallery[sound], tiles[sound], photos[sound], clip[sound]
        expected = expectations(self.embedder, tiles, lat=gallery.lat, lon=gallery.lon, when=gallery.when)
        return GalleryPairs(shards, gallery, tiles, photos, self.embedder.compared(photos), clip, expected)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Retrieval, silhouette and time swap of all models."""
        return evaluate(self.models, Shards(self.pairs_folder), options=self.options)

    def tiles(self, part: str = "tiles") -> Tiles:
        """The tiles of the country, `tiles`, or of the city, `city`.

        Raises:
            UsageError: They or their truth are missing, or one cannot be decoded.
        """
        if part not in self._tiles:
            shards, truth = Shards(self.part_folder(part), needs=("overhead",)), read_truth(self.truth_path(part))
            rows, what = np.arange(len(shards)), "tiles of the country" if part == "tiles" else f"tiles of the {part}"
            vectors = self._embed(shards, rows, what, part="overhead", role="tile")
            clip = self._embed(shards, rows, f"{what}, as photos", part="overhead", role="photo")
            _refuse_broken(shards, vectors)
            self._tiles[part] = Tiles(shards, truth, self.embedder, vectors, clip)
        return self._tiles[part]

    @cached_property
    def land_cover(self) -> Truth | None:
        """What covers the country's ground; None where the data do not say."""
        path = self.data / LAND_COVER
        return read_truth(path) if path.exists() else None

    @property
    def pairs_folder(self) -> Path:
        """Where the pairs lie: `pairs`, `test_strict`, another `test…`, or the folder of data itself."""
        # strict before any other test: training saw neither its places nor its photographers
        found = [self.data / "pairs", self.data / "test_strict", *sorted(self.data.glob("test*")), self.data]
        for folder in found:
            if any(folder.glob("*.tar")):
                return folder
        raise UsageError(f"data {self.data} has no pairs: it needs shards in pairs/ or test_strict/")

    def part_folder(self, part: str) -> Path:
        """Where the tiles of a part lie.

        Raises:
            UsageError: They are missing.
        """
        folder = self.data / part
        if not any(folder.glob("*.tar")):
            raise UsageError(f"data {self.data} has no {part}: this experiment needs shards of tiles in {folder}")
        return folder

    def truth_path(self, part: str) -> Path:
        """Where the truth of a part lies."""
        return self.data / TRUTH if part == "tiles" else self.data / part / TRUTH

    def _embed(self, shards: Shards, rows: Ints, what: str, *, part: Part, role: Role) -> Vectors:
        return self.options.embed(
            self.embedder,
            shards,
            rows,
            part=part,
            role=role,
            what=f"{self.name}: {what}",
            progress=self.options.progress,
        )


def _refuse_broken(shards: Shards, vectors: Vectors) -> None:
    sound: npt.NDArray[np.bool_] = np.isfinite(vectors[:, 0])
    if not sound.all():
        broken = shards.keys[int(np.argmin(sound))]
        raise UsageError(f"shards {shards.where}: tile {broken} cannot be decoded: write the tiles again")
