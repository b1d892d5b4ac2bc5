"""Small pieces of HTML that several views show: facts, pictures with their credit.

Whatever comes from a person, a file's metadata or a server is escaped here, once.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from search_ui.maps.certainty import colour_of
from search_ui.search.relevance.calibration import say_relevance
from search_ui.service.warming import Warming

STYLE = """
<style>
.stMainBlockContainer { padding: 3.4rem 1.6rem 1rem; max-width: none; }
.stMain [data-testid="stVerticalBlock"] { gap: 0.6rem; }
.gc-facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 0.8rem; font-size: 0.82rem; }
.gc-facts, .gc-facts dt, .gc-facts dd { margin: 0 !important; padding: 0 !important; font-weight: 400; }
.gc-facts dt { opacity: 0.7; }
.gc-facts dd { margin: 0; overflow-wrap: anywhere; }
.gc-photos { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.5rem; }
.gc-photos figure { margin: 0; min-width: 0; }
.gc-photos img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 0.35rem; display: block;
  background: rgba(128, 128, 128, 0.15); }
.gc-photos figcaption { font-size: 0.7rem; line-height: 1.25; opacity: 0.85; margin-top: 0.2rem;
  overflow-wrap: anywhere; }
.gc-photos .here { color: #0b8a63; font-weight: 600; }
.gc-chip { position: relative; }
.gc-chip img { width: 100%; border-radius: 0.4rem; display: block; aspect-ratio: 1; object-fit: cover;
  background: rgba(128, 128, 128, 0.15); }
.gc-chip .bar { position: absolute; left: 0.5rem; bottom: 0.5rem; padding: 0.15rem 0.4rem 0.3rem; color: #fff;
  background: rgba(20, 24, 28, 0.7); border-radius: 0.3rem; font-size: 0.72rem; }
.gc-chip .bar i { display: block; height: 4px; border: 2px solid #fff; border-top: 0; }
/* behind the canvas, which covers it as soon as there is something on it */
[data-testid="stDeckGlJsonChart"] { position: relative; background: rgba(128, 128, 128, 0.15); border-radius: 0.4rem; }
[data-testid="stDeckGlJsonChart"]::before { content: "Loading the map …"; position: absolute; left: 0.8rem; top: 0.6rem;
  font-size: 0.85rem; }
.gc-calendar { font-size: 0.72rem; line-height: 1; }
.gc-calendar .cells { display: grid; grid-template-columns: 1.9rem repeat(24, minmax(0, 1fr)); align-items: center; }
.gc-calendar i { height: clamp(0.95rem, 2.4dvh, 1.5rem); }
.gc-calendar .best { outline: 2px solid #14181c; box-shadow: 0 0 0 4px #fff; z-index: 1; position: relative; }
.gc-calendar .hour { grid-column: span 3; padding-top: 0.3rem; }
.gc-calendar .ramp { display: flex; gap: 0.5rem; align-items: center; margin: 0.5rem 0 0 1.9rem; }
.gc-calendar .ramp b { height: 0.5rem; flex: 1; border-radius: 2px; }
.gc-credit { font-size: 0.74rem; opacity: 0.75; }
.gc-badge { display: inline-block; padding: 0.05rem 0.5rem; border-radius: 0.3rem; color: #fff; font-size: 0.78rem;
  font-weight: 600; background: #14181c; box-shadow: inset 0 -4px 0 var(--colour); padding-bottom: 0.25rem; }
</style>
"""


@dataclass(frozen=True)
class PictureCard:
    """A picture with lines under it.

    Attributes:
        url: Address of the picture on this server.
        alt: What it shows, for those who cannot see it.
        lines: Under it; those that say that it was taken here are marked.
        here: Whether it was taken in the tile.
    """

    url: str
    alt: str
    lines: Sequence[str]
    here: bool = False


def as_words(text: str) -> str:
    """Words without what Markdown would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|$~:-])", r"\\\1", text)


def facts(rows: Iterable[tuple[str, str | None]]) -> None:
    """Names and values, one below the other; what is not known is left out."""
    told = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in rows if value is not None
    )
    st.html(f'<dl class="gc-facts">{told}</dl>')


def photos(pictures: Sequence[PictureCard]) -> None:
    """Pictures three in a row, each with its lines."""
    figures = []
    for number, picture in enumerate(pictures, start=1):
        lines = "<br>".join(
            # line 1 says where
            f'<span class="here">{html.escape(line)}</span>' if picture.here and place == 1 else html.escape(line)
            for place, line in enumerate(picture.lines)
        )
        figures.append(
            f'<figure><a href="{html.escape(picture.url)}" target="_blank" rel="noopener">'
            f'<img src="{html.escape(picture.url)}" alt="{html.escape(picture.alt)}" loading="lazy"></a>'
            f"<figcaption>{number} · {lines}</figcaption></figure>"
        )
    st.html(f'<div class="gc-photos">{"".join(figures)}</div>')


def chip(url: str, alt: str, size_m: float) -> None:
    """An overhead picture of a tile with a scale bar."""
    metres, share = scale_bar(size_m)
    st.html(
        f'<div class="gc-chip"><img src="{html.escape(url)}" alt="{html.escape(alt)}">'
        f'<div class="bar" style="width: {100 * share:.1f}%">{say_length(metres)}<i></i></div></div>'
    )


def say_length(metres: float) -> str:
    """A length with its unit."""
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def scale_bar(size_m: float) -> tuple[float, float]:
    """A round length of about a third of a tile, metres, and its share of the tile's side."""
    power = 10.0 ** len(str(int(size_m / 3))) / 10
    length = max(one * power for one in (1, 2, 5, 10) if one * power <= max(size_m / 2.4, power))
    return length, length / size_m


def badge(grade: str, relevance: float) -> str:
    """A relevance in a coloured word, as HTML."""
    told = f"{html.escape(grade)} {say_relevance(relevance)}"
    return f'<span class="gc-badge" style="--colour: {colour_of(relevance)}">{told}</span>'


def credit(*names: str | None) -> None:
    """Whom to credit for what is on the screen."""
    told = " · ".join(html.escape(name) for name in names if name)
    st.html(f'<div class="gc-credit">{told}</div>')


def wait_for(warming: Warming | None) -> None:
    """Say what is loaded, while it is; where nothing is, show nothing."""
    if warming is None or warming.ready:
        return
    place = st.empty()
    while not warming.ready:
        with place.container(), st.spinner(warming.says, show_time=True):
            said = warming.says
            while warming.says == said and not warming.wait(0.1):
                pass
    place.empty()
