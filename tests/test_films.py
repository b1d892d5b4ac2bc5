"""Films of many moments, read back frame by frame."""

from datetime import datetime

import av
import numpy as np
import pytest
from PIL import Image

from search_ui.maps.films import MAX_GIF_FRAMES, write_film
from search_ui.maps.layers import Words
from search_ui.maps.scales import Scale, amount_scale
from search_ui.search.series import Reel, calendar_moments
from tests.made_up import frames
from trainer.errors import GroundcastError, UsageError

WHENS = tuple(datetime(2025, month, 15, 14) for month in (1, 4, 7))
WORDS = Words("“a beach”", ("144 tiles",), "© A", "collection demo", '{"query": "é"}')


def reel() -> Reel:
    return Reel(frames, WHENS)


def scale() -> Scale:
    return amount_scale(reel().sample(), "cosine")


def middle_colours(pictures) -> list[np.ndarray]:
    return [np.asarray(picture.convert("RGB"))[550, 500].astype(int) for picture in pictures]


def test_a_gif_has_every_moment_on_one_scale(tmp_path) -> None:
    path = tmp_path / "film.gif"
    write_film(path, reel(), scale(), WORDS, fps=2)
    with Image.open(path) as film:
        assert (film.n_frames, film.info["duration"], film.info["loop"]) == (3, 500, 0)
        assert film.info["comment"] == '{"query": "é"}'.encode()
        pictures = []
        for number in range(3):
            film.seek(number)
            pictures.append(film.convert("RGB"))
    first, _, last = middle_colours(pictures)
    assert abs(first - last).max() > 60  # January and July differ, because the scale does not
    assert np.asarray(pictures[1])[3, 3].tolist() == [255, 255, 255]


def test_an_mp4_has_every_moment_and_plays_everywhere(tmp_path) -> None:
    path = tmp_path / "film.mp4"
    write_film(path, reel(), scale(), WORDS, fps=4)
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 4)
        assert film.metadata["comment"] == '{"query": "é"}'
        pictures = [frame.to_image() for frame in film.decode(video=0)]
    assert len(pictures) == 3
    assert all(side % 2 == 0 for side in pictures[0].size)
    first, _, last = middle_colours(pictures)
    assert abs(first - last).max() > 60


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_what_cannot_be_written_is_one_clear_error(tmp_path, suffix) -> None:
    with pytest.raises(GroundcastError, match="cannot write"):
        write_film(tmp_path / "gone" / f"film{suffix}", reel(), scale(), WORDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 31])
def test_a_speed_that_is_none_is_refused(tmp_path, fps) -> None:
    with pytest.raises(UsageError, match="--fps"):
        write_film(tmp_path / "film.mp4", reel(), scale(), WORDS, fps=fps)


def test_more_moments_than_a_gif_holds_are_refused(tmp_path) -> None:
    many = Reel(frames, calendar_moments(2025)[: MAX_GIF_FRAMES + 1])
    with pytest.raises(UsageError, match=r"\.mp4 instead"):
        write_film(tmp_path / "film.gif", many, scale(), WORDS)
