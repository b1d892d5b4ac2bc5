"""What the names of well-known products say of a file: which scene it belongs to, which layer of it it is, its bands.

Sentinel-2, Landsat, HLS, Planet, Maxar, Pléiades and SPOT, NAIP, drone projects, and folders in which every band is a
file of its own. It opens nothing: a name is all it knows.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ingest.sources.colours import PICTURE, BandFacts, colour_of, colour_of_code

_SENTINEL_2 = re.compile(
    r"(?P<scene>(?:L\w\w_)?T\d\d[A-Z]{3}_\d{8}T\d{6})_(?P<layer>[A-Z0-9]+?)(?:_(?P<res>10|20|60)m)?", re.IGNORECASE
)
_LANDSAT = re.compile(
    r"(?P<scene>L[CEMOT]0\d_[A-Z0-9]+_\d{6}_\d{8}_\d{8}_\d\d(?:_(?:RT|T1|T2|A1|V\d\d))?)_(?P<layer>\w+)", re.IGNORECASE
)
_HLS = re.compile(r"(?P<scene>HLS\.[LS]30\.T\w{5}\.\d{7}T\d{6}\.v[\d.]+?)\.(?P<layer>\w+)", re.IGNORECASE)
_PLANET = re.compile(
    r"(?P<scene>(?:\d{8}_|\d+_\d+_|composite|.*_[123][ABC](?=_)).*?)_?"
    r"(?P<layer>(?:ortho_|basic_)?(?:visual|analytic|pansharpened|panchromatic|udm2|DN_udm|udm)(?:MS)?"
    r"(?:_SR|_8b|_DN|_5b)*)(?P<rest>_(?:clip|harmonized|reproject|composite|file_format|bandmath|toar|cog|\d)\w*)?",
    re.IGNORECASE,
)
_SINGLE_BANDS = (_SENTINEL_2, _LANDSAT, _HLS)
_MAXAR = re.compile(r".*-(?P<layer>[PMS]\d[A-Z]S)(?:_R\d+C\d+)?[-_](?P<scene>\d+_\d+_P\d+)\S*", re.IGNORECASE)
_AIRBUS = re.compile(
    r"IMG_(?P<sat>[A-Z0-9]+)_(?P<layer>PMS|MS|P|PAN)(?:-\w+)?_(?P<scene>.+?)(?:_R\d+C\d+)?", re.IGNORECASE
)
_NAIP = re.compile(r"m_\d{7}_[ns][ew]_\d\d_\S+", re.IGNORECASE)
_BANDS = {
    "rgbn": ("red", "green", "blue", "nir"),
    "bgrn": ("blue", "green", "red", "nir"),
    "planet 8": ("coastal", "blue", "other", "green", "yellow", "red", "rededge", "nir"),
    "maxar 8": ("coastal", "blue", "green", "yellow", "red", "rededge", "nir", "nir"),
}
_RANK = (  # of layers that are pictures of one scene, which goes before: those made to be looked at, then the finest
    "tci", "visual", "ortho_visual", "truecolor", "rgb", "pansharpened", "ortho_pansharpened", "psh", "pms",
    "analyticms", "analytic", "ortho_analytic", "basic_analytic", "ms", "mul",
)  # fmt: skip
_QUALITY = re.compile(
    r"aot|wvp|scl|pvi|fmask|[sv][az]a|bqa|(?:\w+_)?qa(?:_\w+)?|msk_\w+|confidence|cldprb|snwprb"
    r"|(?:cloud|snow|shadow|water)_?(?:mask|prob\w*)|(?:data_?|nodata_?)?mask|label\w*|sun_?angle\w*|(?:solar|view)_\w+"
    r"|dem|dsm|dtm|chm|hillshade|slope|depth|ndvi|ndwi|browse|preview|thumb\w*|overview",
    re.IGNORECASE,
)
# of two words those that one alone would not tell
_COMPOUND = re.compile(
    r"red_?edge\d?|near_infrared|coastal_blue|true_color|SR_B\d+|(?:cloud|snow|shadow|water|data)_mask|\w+_qa|qa_\w+"
    r"|(?:cloud|snow)_prob\w*|ortho_\w+|sun_angle\w*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SceneLayer:
    """One file of a scene.

    Attributes:
        scene: What the layers of one scene have in common.
        name: Of the layer, such as TCI, B04, udm2 or AnalyticMS_SR.
        kind: A picture of several bands; a single band; a mask that says which pixels can be used; or what is never
            imagery: quality, atmosphere, angles, heights.
        sure: The name is that of a product; else it only ends like one, which counts beside others of its scene.
        colour: What a single band shows.
        resolution_m: Of its pixels, as the name says.
    """

    scene: str
    name: str
    kind: Literal["picture", "band", "mask", "quality"]
    sure: bool
    colour: str | None = None
    resolution_m: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the pictures of a scene, the one to show first."""
        name = re.sub(r"(_sr|_8b|_dn|_5b)+$", "", self.name.lower())
        name = re.sub(r"^([ms])\d[a-z]s$", lambda found: {"m": "ms", "s": "psh"}[found[1]], name)  # Maxar
        place = _RANK.index(name) if name in _RANK else len(_RANK)
        return 2 * place - (place < len(_RANK) and "_sr" in self.name.lower()), self.resolution_m or 0


def layer_of(path: Path) -> SceneLayer | None:
    """What the name of a file says of it; None: nothing."""
    readers = (_beside_scenes, _of_single_bands, _of_letters, _of_planet, _by_ending)
    return next((layer for read in readers if (layer := read(path)) is not None), None)


def bands_of(path: str, count: int) -> tuple[BandFacts, ...]:
    """What the product's name says of the bands of a file with so many of them; empty: nothing."""
    stem = Path(path.partition("?")[0]).stem
    layer = layer_of(Path(stem))
    name = layer.name.lower() if layer else ""
    colours: tuple[str, ...] = ()
    if _NAIP.fullmatch(stem) and count == 4:
        colours = _BANDS["rgbn"]
    elif layer and layer.sure and count == 3 and (name in _RANK[:5] or re.fullmatch(r"s\d[a-z]s", name)):
        colours = PICTURE
    elif layer and layer.sure and "analytic" in name:
        colours = {4: _BANDS["bgrn"], 5: (*_BANDS["bgrn"][:3], "rededge", "nir"), 8: _BANDS["planet 8"]}.get(count, ())
    elif layer and layer.sure and name in ("pansharpened", "ortho_pansharpened") and count == 4:
        colours = _BANDS["bgrn"]
    elif re.fullmatch(r"[ms]\d[a-z]s", name):
        colours = {4: _BANDS["bgrn"], 8: _BANDS["maxar 8"]}.get(count, ())
    return tuple(BandFacts(colour=colour) for colour in colours)


def _beside_scenes(path: Path) -> SceneLayer | None:
    """Masks of Sentinel-2's granules and browse pictures, whose names do not say of which scene."""
    if re.match(r"MSK_", path.stem) or re.search(r"[-_]BROWSE$", path.stem, re.IGNORECASE):
        return SceneLayer(str(path.parent), path.stem, "quality", sure=True)
    return None


def _of_single_bands(path: Path) -> SceneLayer | None:
    """A layer of Sentinel-2, Landsat or HLS, whose bands are files of their own."""
    found = next((match for pattern in _SINGLE_BANDS if (match := pattern.fullmatch(path.stem))), None)
    if found is None:
        return None
    scene, name, resolution = found["scene"], found["layer"], found.groupdict().get("res")
    resolution_m = int(resolution) if resolution else None
    if name.upper() == "TCI":
        return SceneLayer(scene, name, "picture", sure=True, resolution_m=resolution_m)
    if re.fullmatch(r"(SR_|TA_|TOA_)?B(AND)?\d{1,2}A?", name, re.IGNORECASE):  # sr_band4: Landsat of before 2020
        colour = colour_of_code(name, path.stem)
        return SceneLayer(scene, name, "band", sure=True, colour=colour, resolution_m=resolution_m)
    return SceneLayer(scene, name, "quality", sure=True, resolution_m=resolution_m)


def _of_letters(path: Path) -> SceneLayer | None:
    """A layer of Maxar's or Airbus's products, whose letters say panchromatic, multispectral or pansharpened."""
    if found := _MAXAR.fullmatch(path.stem):
        scene = found["scene"]
    elif found := _AIRBUS.fullmatch(path.stem):
        scene = f"{found['sat']} {found['scene'].split('_')[0]}"
    else:
        return None
    name = found["layer"]
    if name.upper()[0] == "P" and name.upper() != "PMS":
        return SceneLayer(scene, name, "band", sure=True, colour="pan")
    return SceneLayer(scene, name, "picture", sure=True)


def _of_planet(path: Path) -> SceneLayer | None:
    found = _PLANET.fullmatch(path.stem)
    if found is None:
        return None
    scene = re.sub(r"(_[123][ABC])?(_(ortho_)?(visual|analytic|pan)\w*)?$", "", found["scene"], flags=re.IGNORECASE)
    name = found["layer"]
    if "udm" in name.lower():
        return SceneLayer(scene.rstrip("_"), name, "mask", sure=True)
    if "panchromatic" in name.lower():
        return SceneLayer(scene.rstrip("_"), name, "band", sure=True, colour="pan")
    return SceneLayer(scene.rstrip("_"), name, "picture", sure=True)


def _by_ending(path: Path) -> SceneLayer | None:
    """A layer by the last word of a name, or by a name that is nothing else, beside others in the same folder."""
    # Copernicus Browser has "…_B04_(Raw)"
    words = re.split(r"[_.\-\s]+", re.sub(r"_\(Raw\)$|[_.\-\s](10|20|30|60)m$", "", path.stem))
    for count in (2, 1):
        name = "_".join(words[-count:])
        kind, colour = _kind_of(name, path.stem)
        # of two words only what one alone does not say: in town_red, town belongs to the scene
        if kind and (count == 1 or _COMPOUND.fullmatch(name)):
            return SceneLayer(f"{path.parent}/{'_'.join(words[:-count])}", name, kind, sure=False, colour=colour)
    return None


def _kind_of(word: str, product: str) -> tuple[Literal["picture", "band", "mask", "quality"] | None, str | None]:
    """What a word at the end of a name says: a kind, and of a band its colour."""
    if word.lower() in ("udm", "udm2"):
        return "mask", None
    if _QUALITY.fullmatch(word):
        return "quality", None
    if word.lower() in (*_RANK, "orthophoto", "ortho", "true_color"):
        return "picture", None
    if re.fullmatch(r"(SR_)?B\d{1,2}A?", word, re.IGNORECASE):
        return "band", colour_of_code(word, product)
    colour = colour_of(word)
    if len(word) == 1 or colour in (None, "other", "mask", "alpha"):
        return None, None
    return "band", colour
