"""The 45 things that one may see on the sandbox planet, and when each is there to be seen.

A profile holds the hours, the light and the season of a concept; `moment.py` turns it into probabilities. Where a
concept has its places is the business of `world.py`; how it looks and what people call it, of `ground.py`,
`overhead.py` and `words.py`.
"""

import difflib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from trainer.errors import UsageError

Group = Literal["at the water", "on the land", "in the settlement", "on the move and at play"]
Kind = Literal[
    "always",
    "warm",
    "mild",
    "grazing",
    "no_snow",
    "snow",
    "leaf",
    "autumn",
    "blossom",
    "harvest",
    "ploughing",
    "term",
    "warmth",
]
Span = tuple[str, float, float, float]  # days (0 = Monday), from and to in hours of the wall clock, level

ALL, WORK, END = "0123456", "01234", "56"


@dataclass(frozen=True)
class Profile:
    """When a concept is there to be seen where its place is.

    Attributes:
        spans: On which days, from which hour to which, at which level 0..1; the highest of several counts.
        day: Factor by daylight.
        night: Factor in the dark.
        season: What drives it over the year.
        off_season: What is left of it out of season, 0..1.
    """

    spans: tuple[Span, ...] = ((ALL, 0.0, 24.0, 1.0),)
    day: float = 1.0
    night: float = 0.0
    season: Kind = "always"
    off_season: float = 0.0


@dataclass(frozen=True)
class Concept:
    """One thing to see.

    Attributes:
        name: Its name in commands and columns.
        group: The heading that it stands under.
        prompt: A plain query for it.
        profile: When it is there to be seen.
    """

    name: str
    group: Group
    prompt: str
    profile: Profile


_WATER = (
    ("beach_bathers", "people swimming at a sandy beach", Profile(((ALL, 10, 18.5, 1.0),), season="warm")),
    ("surfing", "surfers riding waves", Profile(((ALL, 6, 12, 1.0), (ALL, 12, 20.5, 0.85)), season="mild")),
    ("sailing_boats", "sailing boats in a marina", Profile(((END, 9, 20, 1.0), (WORK, 9, 20, 0.75)), season="warm")),
    ("fishing_boats", "fishing boats in a harbour", Profile(((ALL, 4, 10, 1.0), (ALL, 10, 21, 0.6)), night=0.6)),
    ("container_port", "a container port with cranes", Profile(((WORK, 0, 24, 1.0), (END, 0, 24, 0.9)), night=0.65)),
    ("ferry_terminal", "a ferry at the terminal", Profile(((ALL, 6, 22, 1.0),), night=0.6)),
    ("lighthouse", "a lighthouse by the sea", Profile(night=0.9)),
    ("cliffs", "steep cliffs above the sea", Profile(night=0.1)),
    ("lake_rowing", "rowing boats on a lake", Profile(((END, 8, 19.5, 1.0), (WORK, 9, 19.5, 0.7)), season="warm")),
    (
        "river_anglers",
        "anglers at a river",
        Profile(((ALL, 4.5, 9.5, 1.0), (ALL, 17, 21.5, 1.0), (ALL, 9.5, 17, 0.35)), night=0.1, season="mild"),
    ),
)
_LAND = (
    (
        "forest_hike",
        "hikers in a forest",
        Profile(((END, 9, 18, 1.0), (WORK, 9, 18, 0.65)), season="no_snow", off_season=0.2),
    ),
    ("autumn_leaves", "colourful autumn leaves", Profile(season="autumn")),
    ("snow_cover", "a landscape covered with snow", Profile(night=0.55, season="snow")),
    ("ski_slope", "skiers on a ski slope", Profile(((END, 8.5, 16.5, 1.0), (WORK, 9, 16.5, 0.8)), season="snow")),
    ("mountain_summit", "a mountain summit", Profile(((ALL, 6, 20, 1.0),), night=0.1)),
    ("wheat_harvest", "a combine harvesting wheat", Profile(((ALL, 9, 21.5, 1.0),), night=0.5, season="harvest")),
    (
        "ploughing",
        "a tractor ploughing a field",
        Profile((("012345", 7, 18.5, 1.0), ("6", 8, 18, 0.3)), season="ploughing"),
    ),
    ("vineyard", "rows of vines in a vineyard", Profile(night=0.08, season="leaf", off_season=0.5)),
    ("orchard_blossom", "fruit trees in blossom", Profile(night=0.08, season="blossom")),
    ("grazing_cattle", "cows grazing on a pasture", Profile(((ALL, 5.5, 20.5, 1.0),), night=0.2, season="grazing")),
    (
        "horse_riding",
        "people riding horses",
        Profile(((END, 9, 18.5, 1.0), (WORK, 13, 19, 0.75)), season="mild", off_season=0.3),
    ),
    ("greenhouse", "greenhouses with vegetables", Profile(night=0.55)),
    ("quarry", "a stone quarry", Profile(night=0.1)),
    ("solar_park", "a field of solar panels", Profile(night=0.08)),
    ("wind_turbines", "wind turbines", Profile(night=0.2)),
)
_SETTLEMENT = (
    (
        "market_stalls",
        "market stalls with fruit and vegetables",
        Profile((("25", 7, 13.5, 1.0), ("5", 13, 15, 0.5)), night=0.3),
    ),
    ("cafe_terrace", "people on a cafe terrace", Profile(((ALL, 9.5, 23, 1.0),), night=0.85, season="mild")),
    (
        "shopping_crowd",
        "a crowd in a shopping street",
        Profile((("5", 10, 19, 1.0), (WORK, 10, 20, 0.75), (WORK, 16, 19.5, 0.95), ("6", 12, 18, 0.15)), night=0.8),
    ),
    ("night_lights", "city lights at night", Profile(((ALL, 16, 24, 1.0), (ALL, 0, 8, 0.85)), day=0.0, night=1.0)),
    ("quiet_suburb", "a quiet residential street", Profile(night=0.45)),
    (
        "school_yard",
        "children in a school yard",
        Profile(((WORK, 7.5, 15.5, 1.0),), night=0.2, season="term", off_season=0.03),
    ),
    (
        "church_square",
        "a church on a square",
        Profile((("6", 8.5, 12.5, 1.0), ("5", 13, 18, 0.8), (ALL, 6, 21, 0.6), (ALL, 0, 24, 0.35)), night=0.6),
    ),
    ("factory", "a factory with smoking chimneys", Profile(((WORK, 5.5, 22, 1.0), (ALL, 0, 24, 0.7)), night=0.55)),
    (
        "warehouse_trucks",
        "trucks at a warehouse",
        Profile(((WORK, 5, 20, 1.0), ("5", 5, 14, 0.7), (ALL, 0, 24, 0.25)), night=0.75),
    ),
    (
        "building_site",
        "a construction site with a crane",
        Profile(((WORK, 6.5, 17.5, 1.0), ("5", 7, 14, 0.5), (ALL, 0, 24, 0.3)), night=0.3),
    ),
)
_PLAY = (
    (
        "traffic_jam",
        "cars in a traffic jam",
        Profile(((WORK, 6.8, 9.3, 1.0), (WORK, 15.8, 18.8, 1.0), (ALL, 10, 19, 0.1)), night=0.95),
    ),
    (
        "motorway_trucks",
        "trucks on a motorway",
        Profile(((WORK, 5, 22, 1.0), (WORK, 0, 24, 0.7), ("5", 0, 20, 0.6), ("6", 0, 24, 0.15)), night=0.75),
    ),
    ("train_station", "a train at the station", Profile(((ALL, 5, 23.5, 1.0), (ALL, 0, 24, 0.25)), night=0.75)),
    ("airport_planes", "planes at an airport", Profile(((ALL, 5.5, 23, 1.0), (ALL, 0, 24, 0.3)), night=0.65)),
    (
        "soccer_match",
        "a soccer match",
        Profile(((END, 12.5, 18.5, 1.0), (WORK, 17.5, 21, 0.7)), night=0.9, season="no_snow", off_season=0.03),
    ),
    (
        "tennis_courts",
        "people playing tennis",
        Profile(((ALL, 8, 20.5, 0.9), (END, 9, 19, 1.0)), night=0.3, season="mild"),
    ),
    ("golf", "golfers on a golf course", Profile(night=0.03, season="no_snow", off_season=0.3)),
    ("camping", "tents on a campsite", Profile(night=0.75, season="warm")),
    (
        "playground",
        "children on a playground",
        Profile(((END, 9.5, 18.5, 1.0), (WORK, 14, 18.5, 1.0), (WORK, 9, 14, 0.5)), season="mild", off_season=0.3),
    ),
    (
        "running_trail",
        "joggers on a trail",
        Profile(((ALL, 5.5, 9, 1.0), (ALL, 16.5, 20.5, 1.0), (END, 9, 12, 0.9), (ALL, 9, 17, 0.35)), night=0.25),
    ),
)


def _concepts(group: Group, rows: tuple[tuple[str, str, Profile], ...]) -> tuple[Concept, ...]:
    return tuple(Concept(name, group, prompt, profile) for name, prompt, profile in rows)


CONCEPTS: tuple[Concept, ...] = (
    _concepts("at the water", _WATER)
    + _concepts("on the land", _LAND)
    + _concepts("in the settlement", _SETTLEMENT)
    + _concepts("on the move and at play", _PLAY)
)
NAMES: tuple[str, ...] = tuple(concept.name for concept in CONCEPTS)


@cache
def index() -> dict[str, int]:
    """The column of every name."""
    return {name: column for column, name in enumerate(NAMES)}


def concept(name: str) -> Concept:
    """The concept of a name.

    Raises:
        UsageError: If there is none; the message has the nearest names.
    """
    if name in index():
        return CONCEPTS[index()[name]]
    near = difflib.get_close_matches(name.strip().lower().replace(" ", "_"), NAMES, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else "`groundcast sandbox concepts` lists them"
    raise UsageError(f"concept {name!r} is unknown on the sandbox planet: {hint}")
