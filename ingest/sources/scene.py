"""A folder of raster files, seen as scenes: which files make a picture, which are masks of it, which are no imagery.

Names tell, see `products`: the picture of a scene is taken, or made of its red, green and blue; a mask of usable
pixels is laid over it; what measures quality, the atmosphere, angles or heights is left out, and told. Where names only
end like layers, it looks whether their files cover the same ground: map sheets may be called B2, B3 and B4, too. What
names do not tell, `raster` finds where files cover the same ground.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from rasterio.errors import NotGeoreferencedWarning

from ingest.sources.colours import PICTURE
from ingest.sources.products import SceneLayer, layer_of
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from ingest.sources.rasters.raster import RasterEntry
from ingest.sources.source import Problem
from trainer.errors import ItemError

HOW_TO_CHOOSE = "choose with --asset and one of these names, or give one file as the source"
_Files = list[tuple[RasterEntry, SceneLayer]]


def scene_entries(
    files: Sequence[RasterEntry], asset: str | None
) -> tuple[list[RasterEntry], list[Problem], list[Problem]]:
    """The rasters to read of a folder's files.

    Args:
        files: All of them, in order.
        asset: Layer to read instead of the one that fits: its name, such as ``TCI`` or ``AnalyticMS_SR``, or that of
            a file without its ending.

    Returns:
        What to read; scenes of which nothing can be read, with the reason; and what was chosen or left out.
    """
    layers = [layer_of(Path(entry.path)) for entry in files]
    masked = {layer.scene for layer in layers if layer and layer.kind == "mask"}
    scenes: dict[str, _Files] = defaultdict(list)
    for entry, known in zip(files, layers, strict=True):
        stem = Path(entry.path).stem
        # composite.tif beside composite_udm2.tif
        layer = known or SceneLayer(stem if stem in masked else entry.path, stem, "picture", sure=False)
        scenes[layer.scene].append((entry, layer))
    if asset is not None:
        return _asked(scenes.values(), asset)
    entries: list[RasterEntry] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    for scene in _held_together(scenes.values()):
        notes += [_left_out(entry, layer) for entry, layer in scene if layer.kind == "quality"]
        try:
            found, told = _scene(scene)
        except ItemError as error:
            problems.append(Problem(scene[0][0].name, error.reason, str(error)))
            continue
        entries += found
        notes += told
    return entries, problems, notes


def _held_together(scenes: Iterable[_Files]) -> Iterator[_Files]:
    """The scenes; where names do not tell for sure and files lie apart, each file by itself."""
    with closing(HandlePool()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # which is told where the file is read
        for files in scenes:
            layers = [entry for entry, layer in files if layer.kind in ("picture", "band")]
            sure = all(layer.sure for _, layer in files)
            if sure or len(layers) == 1 or _same_ground(layers, pool):
                yield files
                continue
            yield [file for file in files if file[0] not in layers]
            for entry in layers:
                yield [(entry, SceneLayer(entry.path, Path(entry.path).stem, "picture", sure=False))]


def _same_ground(entries: Sequence[RasterEntry], pool: HandlePool) -> bool:
    """Whether rasters cover the same ground, to a hundredth of their size; what cannot be opened is not asked."""
    found = []
    for entry in entries:
        with suppress(*GDAL_ERRORS, ItemError, UnicodeEncodeError), pool.lease(entry.path) as dataset:
            found.append((dataset.crs, np.array(dataset.bounds)))
    if not found:
        return True
    crs, bounds = found[0]
    slack = np.ptp(bounds.reshape(2, 2), axis=0).max() / 100
    return all(other == crs and np.abs(place - bounds).max() <= slack for other, place in found)


def _asked(scenes: Iterable[_Files], asset: str) -> tuple[list[RasterEntry], list[Problem], list[Problem]]:
    """The layers that are called so, each with the mask of its scene."""
    wanted = asset.casefold()
    entries: list[RasterEntry] = []
    known: set[str] = set()
    for files in scenes:
        known.update(layer.name for _, layer in files)
        paths = [Path(entry.path) for entry, _ in files]
        found = [
            f for f, path in zip(files, paths, strict=True) if wanted in (path.stem.casefold(), path.name.casefold())
        ]
        if not found:
            layers = [file for file in files if file[1].name.casefold() == wanted]
            # Sentinel-2 has a layer in several resolutions
            finest = min((layer.resolution_m or 0 for _, layer in layers), default=0)
            found = [file for file in layers if (file[1].resolution_m or 0) == finest]
        entries += [entry if layer.kind == "mask" else replace(entry, mask=_mask_of(files)) for entry, layer in found]
    if entries:
        return entries, [], []
    some = f"{', '.join(sorted(known)[:20])}{' …' if len(known) > 20 else ''}"
    return [], [Problem(asset, "no_asset", f"no file is the layer {asset!r}; there are {some}")], []


def _mask_of(files: _Files) -> str | None:
    """The path of a scene's mask of usable pixels."""
    masks = [entry.path for entry, layer in files if layer.kind == "mask"]
    return max(masks, key=lambda name: "udm2" in name, default=None)  # which has taken udm's place


def _scene(files: _Files) -> tuple[list[RasterEntry], list[Problem]]:
    """The entries of one scene, and the choice if there was one.

    Raises:
        ItemError: There are layers, but which of them is the picture cannot be told.
    """
    pictures = [file for file in files if file[1].kind == "picture"]
    bands = [file for file in files if file[1].kind == "band"]
    mask = _mask_of(files)
    if pictures:
        first = min(layer.rank for _, layer in pictures)
        chosen = [file for file in pictures if file[1].rank == first]
        entries = [replace(entry, mask=mask) for entry, _ in chosen]
    elif bands:
        chosen, entries = _of_bands(bands, mask)
    elif mask:
        raise ItemError("no_picture", f"{mask}: a mask of usable pixels, but the picture it belongs to is not here")
    else:
        return [], []
    taken = dict.fromkeys(layer.name for _, layer in chosen)
    rest = [layer.name for _, layer in pictures + bands if layer.name not in taken]
    notes = []
    if rest:
        message = (
            f"{entries[0].name}: {' '.join(taken)} is shown, not {', '.join(dict.fromkeys(rest))}; {HOW_TO_CHOOSE}"
        )
        notes.append(Problem(entries[0].name, "layer", message))
    if mask:
        message = f"{entries[0].name}: pixels that {Path(mask).name} does not call usable count as no data"
        notes.append(Problem(entries[0].name, "mask", message))
    return entries, notes


def _of_bands(bands: _Files, mask: str | None) -> tuple[_Files, list[RasterEntry]]:
    """Red, green and blue put together; else the only band there is; else panchromatic."""
    best: dict[str, tuple[RasterEntry, SceneLayer]] = {}
    for file in sorted(bands, key=lambda file: (file[1].resolution_m or 0, file[1].name.startswith("TA_"))):
        best.setdefault(file[1].colour or "", file)
    if all(colour in best for colour in PICTURE):
        trio = [best[colour] for colour in PICTURE]
        return trio, [replace(trio[0][0], bands=tuple(entry.path for entry, _ in trio), mask=mask)]
    names = {layer.name for _, layer in bands}
    chosen = bands if len(names) == 1 else [file for file in bands if file[1].colour == "pan"]
    if not chosen:
        raise ItemError(
            "ambiguous_layers",
            f"{Path(bands[0][0].name).parent}: the bands {', '.join(sorted(names))} of one scene, without "
            f"red, green and blue: {HOW_TO_CHOOSE}",
        )
    return chosen, [replace(entry, mask=mask) for entry, _ in chosen]


def _left_out(entry: RasterEntry, layer: SceneLayer) -> Problem:
    return Problem(
        entry.name,
        "not_imagery",
        f"{entry.name}: {layer.name} is no picture but a layer of quality, atmosphere, angles or heights; to read "
        f"it all the same, pass --asset {layer.name} or give the file as the source",
    )
