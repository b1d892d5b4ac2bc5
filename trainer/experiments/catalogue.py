"""All experiments, in the order of the paper and its supplement."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import UsageError

if TYPE_CHECKING:
    from trainer.experiments.finding import ExperimentResult
    from trainer.experiments.material import Material


@dataclass(frozen=True)
class Experiment:
    """One table or figure of the paper, and what it takes to repeat it.

    Attributes:
        name: Its name in commands, and of its folder.
        paper: Which table or figure of the paper it repeats.
        short: What it does, in a line.
        module: In this package; its `run` does it.
        needs: Of `pairs`, `tiles`, `land_cover`, `city`, `captioner`, `beside`.
    """

    name: str
    paper: str
    short: str
    module: str
    needs: tuple[str, ...]

    def run(self, material: "Material", folder: Path) -> "ExperimentResult":
        """Do it, and write its pictures into a folder.

        Raises:
            UsageError: The model, the data or the questions do not serve for it.
        """
        # imported when it runs: a list of names needs neither torch nor matplotlib
        work: Callable[[Material, Path], ExperimentResult] = importlib.import_module(
            f"trainer.experiments.paper.{self.module}"
        ).run
        return work(material, folder)


EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment("table-1", "Table 1", "retrieval both ways, CLIP and ours", "table_1", ("pairs", "beside")),
    Experiment("table-2", "Table 2", "captions against the photo's captions", "table_2", ("pairs", "captioner")),
    Experiment("figure-1", "Fig. 1", "country maps against land cover", "figure_1", ("tiles", "land_cover")),
    Experiment("figure-3", "Fig. 3", "the nine photos most like a tile", "figure_3", ("pairs",)),
    Experiment("figure-4", "Fig. 4", "silhouette of clusters over k", "figure_4", ("pairs", "beside")),
    Experiment("figure-5", "Fig. 5", "a city, CLIP against ours", "figure_5", ("city",)),
    Experiment("figure-6", "Fig. 6", "captions of tiles", "figure_6", ("pairs", "captioner")),
    Experiment("dynamic-retrieval", "supplement", "nine photos at 08:00 and 23:00", "dynamic_retrieval", ("pairs",)),
    Experiment(
        "dynamic-captions",
        "supplement",
        "captions of one place over the day",
        "dynamic_captions",
        ("pairs", "captioner"),
    ),
    Experiment("dynamic-maps", "supplement", "maps of January and July", "dynamic_maps", ("tiles",)),
    Experiment("text-to-overhead", "supplement", "the four best tiles of 1,000", "text_to_overhead", ("tiles",)),
    Experiment(
        "coarse-country", "supplement", "a country from a tenth of its tiles", "coarse_country", ("tiles", "land_cover")
    ),
    Experiment("localisation", "supplement", "finding a text in 24 km²", "localisation", ("tiles",)),
)


def experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises:
        UsageError: There is none.
    """
    for one in EXPERIMENTS:
        if one.name == name:
            return one
    raise UsageError(f"experiment {name!r} is unknown: use all, or one of {', '.join(e.name for e in EXPERIMENTS)}")
