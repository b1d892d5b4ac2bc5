"""JPEGs that are whole, and those of which something is missing though their decoder does not say so."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest.sources.decoding import Decoder
from ingest.sources.jpeg import END, left_open, whole_jpeg
from ingest.sources.picture import read_picture
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).resize((80, 80))


def saved(image: Image.Image = NOISE, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def scans(content: bytes) -> list[int]:
    """Where each scan begins, with the table that belongs to it."""
    return [
        found.start() for found in re.finditer(rb"(?:\xff\xc4..(?:(?!\xff[\xc4\xda]).)*)?\xff\xda", content, re.DOTALL)
    ]


PROGRESSIVE, BASELINE = saved(progressive=True), saved()
STARTS = scans(PROGRESSIVE)
WITHOUT_ONE = PROGRESSIVE[: STARTS[-1]]  # of its scans


def pictures(content: bytes, folder: Path) -> list[np.ndarray]:
    """As a photo, and as a chip or map tile."""
    (folder / "a.jpg").write_bytes(content)
    decoder = Decoder(SourceOptions(), lambda: [])
    return [read_picture(folder / "a.jpg"), decoder.read(content, "a")[..., :3]]


@pytest.mark.parametrize("cut", STARTS[1:])
@pytest.mark.parametrize("padding", [b"", bytes(3000), b"\xff"])
def test_a_progressive_jpeg_cut_between_two_scans_is_truncated(tmp_path: Path, cut: int, padding: bytes) -> None:
    content = PROGRESSIVE[:cut] + padding
    (tmp_path / "a.jpg").write_bytes(content)
    decoder = Decoder(SourceOptions(), lambda: [])
    for read in (lambda: read_picture(tmp_path / "a.jpg"), lambda: decoder.read(content, "a")):
        with pytest.raises(ItemError) as caught:
            read()
        assert caught.value.reason == "truncated"


def test_a_jpeg_whose_room_was_kept_but_not_filled_is_truncated() -> None:
    half = len(BASELINE) // 2
    with pytest.raises(EOFError):
        whole_jpeg(BASELINE[:half] + bytes(half))


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (BASELINE, None),
        (saved(NOISE.convert("L")), None),
        (saved(NOISE.convert("CMYK")), None),
        (saved(restart_marker_blocks=2), None),
        (PROGRESSIVE, STARTS[1]),  # the first of its scans
    ],
    ids=["colours", "grey", "inks", "intervals", "progressive"],
)
def test_a_jpeg_cut_in_its_data_and_closed_again_is_truncated(tmp_path: Path, content: bytes, ends: int | None) -> None:
    begins = scans(content)[0] + 300
    for cut in np.linspace(begins, (ends or len(content)) - 30, 9).astype(int):
        with pytest.raises(ItemError) as caught:
            pictures(content[:cut] + END, tmp_path)
        assert caught.value.reason == "truncated"


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_cut_between_two_intervals_is_truncated(progressive: bool) -> None:
    content = saved(progressive=progressive, restart_marker_blocks=2)
    assert whole_jpeg(content[:-2]) == content
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", content)][-6:]  # of the last scan
    for cut in (mark + more for mark in marks for more in (0, 1, 2)):  # before, in and behind the marker
        with pytest.raises(EOFError):
            whole_jpeg(content[:cut])


@pytest.mark.parametrize("content", [PROGRESSIVE, BASELINE], ids=["progressive", "baseline"])
@pytest.mark.parametrize("change", ["none", "no end", "zeros for its end", "rubbish behind", "another behind"])
def test_a_jpeg_that_lacks_no_pixel_is_read(tmp_path: Path, content: bytes, change: str) -> None:
    changed = {
        "none": content, "no end": content[:-2], "zeros for its end": content[:-2] + bytes(900),
        "rubbish behind": content + b"\xff\xda rubbish", "another behind": content + WITHOUT_ONE,
    }[change]  # fmt: skip
    right = np.asarray(Image.open(io.BytesIO(content)))
    assert all((picture == right).all() for picture in pictures(changed, tmp_path))


def test_a_jpeg_that_ends_as_its_encoder_made_it_is_whole() -> None:
    assert whole_jpeg(WITHOUT_ONE + END) == WITHOUT_ONE + END  # a preview, of which there is no more


def test_a_scan_that_is_missing_between_others_is_told(tmp_path: Path) -> None:
    lacking = PROGRESSIVE[: STARTS[-5]] + PROGRESSIVE[STARTS[-4] :]  # a bit of grey, before the last one
    Image.open(io.BytesIO(lacking)).load()  # without a word
    with pytest.raises(ItemError, match="one of its scans is missing") as caught:
        pictures(lacking, tmp_path)
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("mode", ["L", "CMYK", "YCbCr"])
@pytest.mark.parametrize("progressive", [True, False])
def test_jpegs_of_any_colours_are_whole(mode: str, progressive: bool) -> None:
    content = saved(NOISE.convert(mode), progressive=progressive, subsampling=0)
    assert whole_jpeg(content) is content and whole_jpeg(content[:-2]) == content
    right = np.asarray(Image.open(io.BytesIO(content)))
    assert (np.asarray(Image.open(io.BytesIO(left_open(content)))) == right).all()
    assert left_open(left_open(content)) == left_open(content)
    assert whole_jpeg(b"no JPEG") == b"no JPEG"
