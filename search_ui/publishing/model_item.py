"""The model of a collection as a STAC Item with the extension for machine learning models (MLM), beside its own words.

Weights are not published: they may be large and another's. What the model says of itself is, without paths of the
machine that it was trained on. It does not know collections.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pystac
from pystac.extensions.mlm import (
    Hyperparameters,
    InputStructure,
    MLMExtension,
    ModelInput,
    ModelOutput,
    ResultStructure,
    TaskType,
    ValueScaling,
    ValueScalingType,
)
from pystac.extensions.raster import DataType

from search_ui.publishing.imagery import public_name
from search_ui.publishing.layout import NORM_RULE
from trainer.checkpoint import Meta

DESCRIPTION = "model/description.json"
_TOLD = ("dim", "overhead", "text", "overhead_input", "encoding", "hidden", "activation", "interaction", "rank")
_ALSO = ("tile_size_m", "gsd_m", "step", "metrics", "model_id")


@dataclass(frozen=True)
class PublishedModel:
    """What is known of a model.

    Attributes:
        name: As it is called here.
        model_id: Hash of its weights and configuration.
        dim: Width of its vectors.
        since: When it came here, or the collection did; aware UTC.
        meta: What its checkpoint says; None: it is not here.
    """

    name: str
    model_id: str
    dim: int
    since: datetime
    meta: Meta | None


def write_description(folder: Path, model: PublishedModel) -> None:
    """Write what a model says of itself, as JSON."""
    path = folder / DESCRIPTION
    path.parent.mkdir()
    told: dict[str, Any] = {"name": model.name, "model_id": model.model_id, "dim": model.dim}
    if model.meta is not None:
        meta = asdict(model.meta)
        told |= {name: meta[name] for name in (*_TOLD, *_ALSO)} | {"origin": _public(meta["origin"])}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")


def model_item(model: PublishedModel) -> pystac.Item:
    """The item of a model; its asset is what `write_description` wrote."""
    here = "Its weights are not part of this publication."
    unknown = (
        "" if model.meta else " It is known by its name alone: what it takes and how it is built is not known here."
    )
    item = pystac.Item(
        id=f"model-{model.model_id}",
        geometry=None,
        bbox=None,
        datetime=model.since,
        properties={
            "title": f"Model {model.name}",
            "description": f"What turned overhead tiles into the vectors of this publication. {here}{unknown}",
        },
    )
    meta = model.meta
    told: dict[str, Any] = {"model_id": model.model_id}
    if meta is not None:
        told |= {"tile_size_m": meta.tile_size_m, "gsd_m": meta.gsd_m, "time_encoding": meta.encoding}
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=model.name,
        architecture=meta.overhead.arch if meta else "unknown",
        tasks=[TaskType.SIMILARITY_SEARCH],
        input=[] if meta is None else [_input(meta)],
        output=[_output(model)],
        framework="pytorch" if meta else None,
        hyperparameters=Hyperparameters.create(**{name: value for name, value in told.items() if value is not None}),
    )
    item.add_asset(
        "model",
        pystac.Asset(
            f"./{DESCRIPTION}",
            title="What the model says of itself",
            description=f"Towers, preprocessing, encoding of time, measures. {here}",
            media_type=pystac.MediaType.JSON,
            roles=["mlm:model", "metadata"],
            extra_fields={"mlm:artifact_type": "groundcast checkpoint description"},
        ),
    )
    return item


def _input(meta: Meta) -> ModelInput:
    px = meta.overhead_input.size_px
    channels = zip(meta.overhead_input.mean, meta.overhead_input.std, strict=True)
    scaling = [ValueScaling.create(ValueScalingType.Z_SCORE, mean=mean, stddev=std) for mean, std in channels]
    taken = ModelInput.create(
        name="overhead tile",
        description="Red, green and blue of 0 to 1, north up, a square on the ground",
        bands=[],
        input=InputStructure.create([-1, 3, px, px], ["batch", "channel", "height", "width"], DataType.FLOAT32),
    )
    # one for each channel, as the extension has it; pystac's setter takes a single one
    taken.properties["value_scaling"] = [one.to_dict() for one in scaling]
    return taken


def _output(model: PublishedModel) -> ModelOutput:
    return ModelOutput.create(
        name="overhead vector",
        tasks=[TaskType.SIMILARITY_SEARCH],
        result=ResultStructure.create([-1, model.dim], ["batch", "embedding"], DataType.FLOAT32),
        description=NORM_RULE,
    )


def _public(value: Any) -> Any:
    """What weights come from, without folders of a machine."""
    if isinstance(value, dict):
        return {name: _public(one) for name, one in value.items()}
    return public_name(value) if isinstance(value, str) else value
