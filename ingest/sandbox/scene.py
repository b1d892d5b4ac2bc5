"""One view of the sandbox planet: what stands in the frame, before what, in which light and weather.

A scene is all that `ground.py` needs for the picture and `words.py` for its captions, so the two always tell the same
story. It does not know the map: what can be seen from a place comes in as probabilities.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ingest.sandbox.concepts import NAMES
from ingest.sandbox.moment import activity, season
from trainer.earth import sun_position

BACKDROPS = (
    "sea", "beach", "cliff", "lake", "river", "forest", "field", "pasture", "mountain", "suburb", "town", "city",
    "industry", "road", "park",
)  # fmt: skip

# Concepts that are still recognised when they are small and far behind another one.
DISTANT = frozenset({
    "wind_turbines", "lighthouse", "sailing_boats", "grazing_cattle", "factory", "container_port", "church_square",
    "airport_planes", "mountain_summit", "building_site", "vineyard", "solar_park", "snow_cover", "autumn_leaves",
    "night_lights",
})  # fmt: skip

# Before these nothing far away is seen but the season and the hour.
_ENCLOSED = frozenset({
    "forest_hike", "market_stalls", "cafe_terrace", "shopping_crowd", "school_yard", "church_square", "night_lights",
    "warehouse_trucks", "quarry", "factory", "container_port", "traffic_jam",
})  # fmt: skip
_EVERYWHERE = frozenset({"snow_cover", "autumn_leaves", "night_lights"})

# What lies around everywhere is the subject less often than what one comes for.
_COMMON = {
    "snow_cover": 0.4, "autumn_leaves": 0.5, "forest_hike": 0.6, "quiet_suburb": 0.5, "night_lights": 0.6,
    "mountain_summit": 0.7, "cliffs": 0.7, "grazing_cattle": 0.8,
}  # fmt: skip
_FAIR_WEATHER = frozenset({
    "beach_bathers", "sailing_boats", "lake_rowing", "wheat_harvest", "orchard_blossom", "cafe_terrace", "golf",
    "tennis_courts", "camping", "playground", "school_yard", "mountain_summit",
})  # fmt: skip
_NO_SUBJECT = 0.05  # people also take pictures of nothing in particular


@dataclass(frozen=True, slots=True)
class Scene:
    """What a camera at a place sees at a moment.

    Attributes:
        lat: Degrees north.
        lon: Degrees east.
        when: Wall-clock time at the place.
        seed: Of everything that is drawn by chance in the picture and its captions.
        subjects: Concepts in the frame, the main one first; those after it are in `DISTANT`. May be empty.
        backdrop: What lies around, one of `BACKDROPS`.
        second: Another backdrop in the distance, or None.
        sun_altitude_deg: Degrees above the horizon.
        sun_azimuth_deg: Degrees clockwise from north.
        heading_deg: Where the camera looks, degrees clockwise from north.
        snow: Share of the ground under snow, 0..1.
        leaf: Leaf on deciduous trees, 0..1.
        autumn: Colour of the leaves, 0 green to 1.
        blossom: Bloom of fruit trees, 0..1.
        warmth: 0 frost to 1 hot.
        cloud: Share of the sky under cloud, 0..1.
        rain: Whether it rains (or snows, where snow lies).
    """

    lat: float
    lon: float
    when: datetime
    seed: int
    subjects: tuple[str, ...]
    backdrop: str
    second: str | None
    sun_altitude_deg: float
    sun_azimuth_deg: float
    heading_deg: float
    snow: float
    leaf: float
    autumn: float
    blossom: float
    warmth: float
    cloud: float
    rain: bool


def look(
    *,
    lat: float,
    lon: float,
    when: datetime,
    elevation_m: float,
    presence: npt.ArrayLike,
    backdrops: npt.ArrayLike,
    seed: int,
) -> Scene:
    """One view from a place at a moment.

    Args:
        lat: Degrees north.
        lon: Degrees east.
        when: Wall-clock time at the place.
        elevation_m: Metres above the sea.
        presence: Probability that each concept's place is in view, float [45].
        backdrops: Weight of each backdrop, float [15].
        seed: Another seed, another view.
    """
    rng = np.random.default_rng([seed, 7])
    at = {"lat": [lat], "elevation_m": [elevation_m], "when": when}
    seen = np.asarray(presence, float) * activity(lon=[lon], **at)[0]  # type: ignore[arg-type]
    shown = subjects([NAMES[i] for i in np.flatnonzero(rng.random(len(NAMES)) < seen)], rng)
    now = season(**at)  # type: ignore[arg-type]
    altitude, azimuth = sun_position(lat=[lat], lon=[lon], when=when)
    backdrop, second = _backdrops(np.asarray(backdrops, float), rng)
    cloud, rain = _weather(shown, rng)
    return Scene(
        lat=lat,
        lon=lon,
        when=when,
        seed=seed,
        subjects=shown,
        backdrop=backdrop,
        second=second,
        sun_altitude_deg=float(altitude[0]),
        sun_azimuth_deg=float(azimuth[0]),
        heading_deg=float(rng.uniform(0, 360)),
        snow=float(now.snow[0]),
        leaf=float(now.leaf[0]),
        autumn=float(now.autumn[0]),
        blossom=float(now.blossom[0]),
        warmth=float(now.warmth[0]),
        cloud=cloud,
        rain=rain,
    )


def subjects(visible: list[str], rng: np.random.Generator) -> tuple[str, ...]:
    """What a photo shows of what is there to be seen: the main subject, and up to two more that can stand behind it."""
    if not visible or rng.random() < _NO_SUBJECT:
        return ()
    weights = np.array([_COMMON.get(name, 1.0) for name in visible])
    main = visible[rng.choice(len(visible), p=weights / weights.sum())]
    fitting = _EVERYWHERE if main in _ENCLOSED else DISTANT
    others = [name for name in visible if name != main and name in fitting]
    rng.shuffle(others)
    return (main, *others[: int(rng.choice(3, p=[0.35, 0.45, 0.2]))])  # none, one or two of them


def _backdrops(weights: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[str, str | None]:
    """What lies around, and what is seen in the distance."""
    weights = np.maximum(weights, 0) + 1e-9  # `choice` needs weights that are not all zero
    first, other = rng.choice(len(BACKDROPS), size=2, p=weights / weights.sum())
    # the same one twice is none in the distance, and one of (almost) no weight came by chance
    return BACKDROPS[first], BACKDROPS[other] if other != first and weights[other] > 1e-3 else None


def _weather(subjects: tuple[str, ...], rng: np.random.Generator) -> tuple[float, bool]:
    """Cloud 0..1 and whether it rains; what needs fair weather has it mostly."""
    fair = any(name in _FAIR_WEATHER for name in subjects[:1])
    cloud = float(rng.beta(0.9, 2.2 if fair else 1.1))  # on average 29 % of the sky, or 45 %
    rain = bool(rng.random() < (0.01 if fair else 0.14))
    return (max(cloud, 0.75) if rain else cloud), rain
