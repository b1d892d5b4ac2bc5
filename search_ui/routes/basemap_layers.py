"""How a map file in the scheme of Protomaps is drawn: land and water below the imagery; roads, borders, names above it.

Layers of MapLibre's style specification 8, of version 4 of the scheme (docs.protomaps.com/basemaps/layers); where a
property has another name in version 3, that is read too. Names are drawn with the browser's own fonts, so no glyphs are
loaded. It does not know where the tiles come from.
"""

from dataclasses import dataclass
from typing import Any, Literal

Theme = Literal["light", "dark"]
SOURCE = "basemap"
_KIND = ["coalesce", ["get", "kind"], ["get", "pmap:kind"]]
_NAME = ["coalesce", ["get", "name:en"], ["get", "name"]]
_FONT = ["sans-serif"]
_MAIN, _SIDE = ["highway", "major_road"], ["minor_road", "medium_road", "other"]


@dataclass(frozen=True)
class Ink:
    """Colours of a map, CSS; of names the letters' and their halo's."""

    sea: str
    land: str
    green: str
    road: str
    main: str
    casing: str
    border: str
    name: tuple[str, str]
    water: tuple[str, str]


INKS: dict[Theme, Ink] = {
    "light": Ink(
        "#aecbd6", "#efeee9", "#d8e6cf", "#ffffff", "#ffd98a", "#3a4247b0", "#ffe3f7", ("#14181c", "#ffffffe0"),
        ("#1d4f66", "#ffffffd0"),
    ),
    "dark": Ink(
        "#16242c", "#262b2e", "#26332a", "#8d979c", "#d8b25f", "#0b0e10c0", "#ffe3f7", ("#f4f6f7", "#0b0e10e0"),
        ("#a9d3e6", "#0b0e10d0"),
    ),
}  # fmt: skip


def below(theme: Theme) -> list[dict[str, Any]]:
    """What lies under the imagery."""
    ink = INKS[theme]
    return [
        _fill("earth", ink.land),
        _fill("landuse", ink.green, _is("park", "wood", "forest", "nature_reserve", "grass", "protected_area")),
        _fill("water", ink.sea),
        _line("water", ink.sea, 1.2, _is("river", "stream", "canal")),
    ]


def above(theme: Theme) -> list[dict[str, Any]]:
    """What lies over the imagery."""
    ink = INKS[theme]
    return [
        _line("roads", ink.casing, _wide(0.8, 5.0), _is(*_SIDE), least=12),
        _line("roads", ink.road, _wide(0.4, 3.4), _is(*_SIDE), least=12, name="over"),
        _line("roads", ink.casing, _wide(1.6, 8.0), _is(*_MAIN)),
        _line("roads", ink.main, _wide(0.9, 5.6), _is(*_MAIN), name="over"),
        _line("boundaries", "#0b0e10c0", 3.4),
        _line("boundaries", ink.border, 1.3, name="over") | {"paint": _dashed(ink.border)},
        _names("roads", ink.name, 11, _is(*_MAIN, *_SIDE), least=13, along=True),
        _names("water", ink.water, 12, None),
        _names("places", ink.name, 12, _is("neighbourhood", "macrohood"), least=12),
        _names("places", ink.name, ["interpolate", ["linear"], ["zoom"], 4, 11, 14, 17], _is("locality")),
        _names("places", ink.name, 14, _is("country", "region"), name="lands"),
    ]


def _is(*kinds: str) -> list[Any]:
    return ["match", _KIND, list(kinds), True, False]


def _wide(far: float, near: float) -> list[Any]:
    """Pixels at zoom 8 and at zoom 16."""
    return ["interpolate", ["exponential", 1.4], ["zoom"], 8, far, 16, near]


def _dashed(colour: str) -> dict[str, Any]:
    return {"line-color": colour, "line-width": 1.3, "line-dasharray": [4, 2]}


def _layer(kind: str, layer: str, name: str, filter_: list[Any] | None, least: int | None) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"{SOURCE}-{kind}-{layer}-{name}", "type": kind, "source": SOURCE}
    made |= {"source-layer": layer} | ({} if filter_ is None else {"filter": filter_})
    return made | ({} if least is None else {"minzoom": least})


def _fill(layer: str, colour: str, filter_: list[Any] | None = None) -> dict[str, Any]:
    own = ["==", ["geometry-type"], "Polygon"]
    both = own if filter_ is None else ["all", own, filter_]
    return _layer("fill", layer, "ground", both, None) | {"paint": {"fill-color": colour}}


def _line(
    layer: str, colour: str, width: float | list[Any], filter_: list[Any] | None = None, *, least: int | None = None,
    name: str = "",
) -> dict[str, Any]:  # fmt: skip
    made = _layer("line", layer, f"{name}-{_told(filter_)}", filter_, least)
    return made | {
        "layout": {"line-join": "round", "line-cap": "round"},
        "paint": {"line-color": colour, "line-width": width},
    }


def _names(
    layer: str, colour: tuple[str, str], size: float | list[Any], filter_: list[Any] | None,
    *, least: int | None = None, along: bool = False, name: str = "",
) -> dict[str, Any]:  # fmt: skip
    made = _layer("symbol", layer, f"{name}-{_told(filter_)}", filter_, least)
    layout: dict[str, Any] = {"text-field": _NAME, "text-font": _FONT, "text-size": size, "text-max-width": 8}
    layout |= {"symbol-placement": "line"} if along else {}
    ink, halo = colour
    return made | {"layout": layout, "paint": {"text-color": ink, "text-halo-color": halo, "text-halo-width": 1.6}}


def _told(filter_: list[Any] | None) -> str:
    """A word for a filter, so that layers of the same features have names of their own."""
    return "all" if filter_ is None else "-".join(filter_[2])
