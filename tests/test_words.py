import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from ingest.sandbox.concepts import NAMES
from ingest.sandbox.scene import BACKDROPS, DISTANT, Scene
from ingest.sandbox.words import PROMPTS, UNSEEN, captions, content_words, hour_name, season_name, vocabulary

SUMMER_NOON = Scene(
    lat=50.0, lon=0.0, when=datetime(2023, 7, 1, 12), seed=1, subjects=("golf",), backdrop="park", second=None,
    sun_altitude_deg=60.0, sun_azimuth_deg=180.0, heading_deg=0.0, snow=0.0, leaf=1.0, autumn=0.0, blossom=0.0,
    warmth=0.9, cloud=0.1, rain=False,
)  # fmt: skip


def words_of(caption: str) -> list[str]:
    return ["".join(letter for letter in word if letter.isalpha()) for word in caption.lower().split()]


def test_the_same_scene_has_the_same_captions_and_another_seed_others() -> None:
    assert captions(SUMMER_NOON, 6) == captions(SUMMER_NOON, 6)
    assert captions(SUMMER_NOON, 6)[:3] == captions(SUMMER_NOON, 3)
    assert captions(SUMMER_NOON, 6) != captions(replace(SUMMER_NOON, seed=2), 6)


@pytest.mark.parametrize("name", NAMES)
def test_captions_of_a_concept_vary(name: str) -> None:
    said = {text for seed in range(60) for text in captions(replace(SUMMER_NOON, seed=seed, subjects=(name,)), 3)}
    assert len(said) > 80
    assert all("{" not in text and "|" not in text and text.strip() == text for text in said)


def test_every_word_of_every_caption_is_in_the_vocabulary() -> None:
    known = vocabulary()
    rng = np.random.default_rng(0)
    for seed in range(3000):
        subjects = () if seed % 9 == 0 else (NAMES[seed % 45], *rng.choice(sorted(DISTANT), rng.integers(0, 3)))
        scene = replace(
            SUMMER_NOON,
            seed=seed,
            subjects=subjects,
            backdrop=str(rng.choice(BACKDROPS)),
            sun_altitude_deg=float(rng.uniform(-40, 60)),
            when=datetime(2023, 7, 1, int(rng.integers(24))),
            snow=float(rng.integers(2)),
            autumn=float(rng.integers(2)),
            leaf=float(rng.integers(2)),
            cloud=float(rng.random()),
            rain=bool(rng.integers(2)),
        )
        for text in captions(scene, 2):
            for word in re.findall("[a-z]+", text.lower()):
                assert word in known, (word, text)


def test_no_content_word_of_an_unseen_query_is_in_any_caption() -> None:
    known = vocabulary()
    known |= {word + "s" for word in known} | {word[:-1] for word in known if word.endswith("s")}
    assert {query: seen for _, query in UNSEEN if (seen := [w for w in content_words(query) if w in known])} == {}


def test_every_concept_has_unseen_queries_and_every_one_has_content() -> None:
    assert len(UNSEEN) >= 120 and len({query for _, query in UNSEEN}) == len(UNSEEN)
    assert {name for name, _ in UNSEEN} == set(NAMES) == set(PROMPTS)
    assert all(content_words(query) for _, query in UNSEEN)


def test_a_caption_tells_night_and_winter_at_times_and_never_the_contrary() -> None:
    night = replace(SUMMER_NOON, sun_altitude_deg=-30.0, when=datetime(2023, 1, 1, 23), snow=1.0, warmth=0.0, leaf=0.0)
    assert (hour_name(night), season_name(night)) == ("night", "snow")
    texts = [text for seed in range(200) for text in captions(replace(night, seed=seed), 1)]
    said = {word for text in texts for word in words_of(text)}
    assert {"night", "snow"} <= said
    assert not {"noon", "summer", "morning", "sunshine"} & said


def test_something_in_the_distance_is_named_at_times() -> None:
    scene = replace(SUMMER_NOON, subjects=("grazing_cattle", "wind_turbines"))
    texts = [captions(replace(scene, seed=seed), 1)[0] for seed in range(100)]
    assert 10 < sum("turbine" in text for text in texts) < 80


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_a_view_without_a_subject_is_named_by_what_lies_around(backdrop: str) -> None:
    assert all(captions(replace(SUMMER_NOON, subjects=(), backdrop=backdrop), 8))
