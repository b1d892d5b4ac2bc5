"""Captions of a scene as photographers would write them, and queries that people would type.

A caption says what stands in the frame and nothing that does not; at times the hour, season or weather, at times only
a few tags. Phrases and queries lie in `vocabulary/`. It does not know the picture, only the scene that both come from.
"""

import re
from functools import cache

import numpy as np

from ingest.sandbox.scene import Scene
from ingest.sandbox.vocabulary import around, land, play, town, water
from ingest.sandbox.vocabulary.unseen import PROMPTS, unseen

__all__ = ["PROMPTS", "UNSEEN", "captions", "content_words", "hour_name", "season_name", "vocabulary"]

UNSEEN: tuple[tuple[str, str], ...] = unseen()

_CHOICE = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[a-z]+")
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "on",
        "in",
        "at",
        "by",
        "to",
        "for",
        "with",
        "and",
        "or",
        "off",
        "from",
        "into",
        "onto",
        "over",
        "under",
        "above",
        "past",
        "near",
        "as",
        "is",
        "are",
        "its",
        "it",
        "s",
        "this",
        "that",
    ]
)
_MODULES = (water, land, town, play)


def captions(scene: Scene, count: int) -> list[str]:
    """Captions that different people might write under the picture of a scene.

    Args:
        scene: What is in the picture.
        count: How many; they come from the seed of the scene, and the first n are the same whatever the count.
    """
    rng = np.random.default_rng([scene.seed, 11])
    return [_tags(scene, rng) if rng.random() < 0.15 else _sentence(scene, rng) for _ in range(count)]


def vocabulary() -> frozenset[str]:
    """Every word that a caption can use, in lower case."""
    texts = [text for phrases in _phrases().values() for text in phrases]
    texts += [tags for module in _MODULES for tags in module.TAGS.values()]
    for table in (
        around.AROUND,
        around.BEHIND,
        around.HOUR,
        around.SEASON,
        around.WEATHER,
    ):
        texts += [text for several in table.values() for text in several]
    texts += [*around.LEADS, *around.HOUR, *around.AROUND, *around.SEASON]
    return frozenset(word for text in texts for word in _WORD.findall(text.lower()))


def content_words(query: str) -> list[str]:
    """The words of a query that carry meaning, in lower case; articles, prepositions and the like left out."""
    return [word for word in _WORD.findall(query.lower()) if word not in _FUNCTION_WORDS]


def hour_name(scene: Scene) -> str:
    """What people call the hour: night, dawn, morning, noon, afternoon, evening or dusk."""
    hour = scene.when.hour + scene.when.minute / 60
    if scene.sun_altitude_deg < -7:
        return "night"
    if scene.sun_altitude_deg < 5:
        return "dawn" if hour < 12 else "dusk"
    for end, name in ((11, "morning"), (13.5, "noon"), (17.5, "afternoon")):
        if hour < end:
            return name
    return "evening"


def season_name(scene: Scene) -> str | None:
    """What people call the season, as far as it can be seen: snow, winter, spring, summer, autumn or None."""
    if scene.snow > 0.5:
        return "snow"
    if scene.autumn > 0.5:
        return "autumn"
    if scene.blossom > 0.3:
        return "spring"
    if scene.warmth > 0.65:
        return "summer"
    return "winter" if scene.leaf < 0.2 else None


@cache
def _phrases() -> dict[str, tuple[str, ...]]:
    """Of every concept."""
    return {name: phrases for module in _MODULES for name, phrases in module.PHRASES.items()}


@cache
def _tag_lists() -> dict[str, list[str]]:
    return {name: tags.split(", ") for module in _MODULES for name, tags in module.TAGS.items()}


def _pick(options: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _expand(phrase: str, rng: np.random.Generator) -> str:
    """One reading of a phrase with choices."""
    return _CHOICE.sub(lambda match: _pick(match[1].split("|"), rng), phrase)


def _sentence(scene: Scene, rng: np.random.Generator) -> str:
    if scene.subjects:
        text = _expand(_pick(_phrases()[scene.subjects[0]], rng), rng)
    else:
        text = _expand(_pick(around.AROUND[scene.backdrop], rng), rng)
    parts = [text]
    for name in scene.subjects[1:]:
        if rng.random() < 0.4:
            parts.append(_pick(around.BEHIND[name], rng))
            break
    dark = hour_name(scene) in {"night", "dawn", "dusk"}
    wanted = 0.6 if not scene.subjects else 0.45 if dark else 0.2
    if rng.random() < wanted:
        parts.append(_pick(around.HOUR[hour_name(scene)], rng))
    season = season_name(scene)
    if season and rng.random() < (0.4 if season in {"snow", "autumn"} else 0.2):
        parts.append(_pick(around.SEASON[season], rng))
    elif (weather := _weather_name(scene)) and rng.random() < 0.2:
        parts.append(_pick(around.WEATHER[weather], rng))
    text = " ".join(parts) if rng.random() < 0.6 else ", ".join(parts)
    if rng.random() < 0.2:
        text = f"{_pick(around.LEADS, rng)} {text}"
    return text


def _tags(scene: Scene, rng: np.random.Generator) -> str:
    """A few tags, the way people file their photos."""
    words: list[str] = []
    for name, most in zip(scene.subjects, (5, 1, 1), strict=False):
        tags = _tag_lists()[name]
        words += [tags[i] for i in rng.permutation(len(tags))[: int(rng.integers(1, most + 1)) + (most > 1)]]
    if not scene.subjects or rng.random() < 0.15:
        words.append(scene.backdrop)
    if rng.random() < 0.3:
        words.append(hour_name(scene))
    season = season_name(scene)
    if season and rng.random() < 0.3:
        words.append(season)
    return ", ".join(dict.fromkeys(words))


def _weather_name(scene: Scene) -> str | None:
    """What people say of the weather; nothing of clouds in the dark."""
    if scene.rain:
        return "snowing" if scene.snow > 0.4 else "rain"
    if scene.sun_altitude_deg < -7:
        return "stars" if scene.cloud < 0.4 else None
    return "clear" if scene.cloud < 0.3 else "cloudy" if scene.cloud < 0.65 else "grey"
