"""Maps of one moment after another as GIF or MP4, all on one scale, so that what changes is seen to change.

GIF with one palette for all frames, written by Pillow; MP4 (H.264, 4:2:0, which every player shows) by PyAV, frame
after frame. The provenance is the comment of the file. It does not know how scores are made.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from ingest.geo.footprints import Places
from search_ui.files.writing import cannot_write, whole_file
from search_ui.maps.furniture import EMPTY, GREY, HIDDEN, INK, PAPER
from search_ui.maps.layers import Panel, Sheet, Words, screen
from search_ui.maps.scales import Scale
from search_ui.search.moments import say_moment
from search_ui.search.series import Reel
from trainer.errors import UsageError

FPS = 4.0
MAX_FPS = 30.0
MAX_GIF_FRAMES = 150  # Pillow holds them all
_COLOURS = 200  # of a GIF's 256 are the scale's


def check_fps(fps: float) -> None:
    """Refuse a speed that is no film.

    Raises:
        UsageError: It is not above 0 and at most `MAX_FPS`.
    """
    if not 0 < fps <= MAX_FPS:
        raise UsageError(f"--fps {fps:g}: give frames a second, above 0 and up to {MAX_FPS:g}")


def write_film(path: Path, reel: Reel, scale: Scale, words: Words, *, fps: float = FPS) -> None:
    """Write a map of every moment; the file appears whole or not at all.

    Args:
        path: A ``.gif`` or ``.mp4``: its suffix decides the format.
        reel: Scores of the same tiles at every moment.
        scale: One for all frames, so that what changes is seen to change.
        words: What stands round the maps; the moment is the map's name.
        fps: Frames a second, above 0 and up to `MAX_FPS`.

    Raises:
        UsageError: A speed that is none, or more moments than a GIF holds.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    check_fps(fps)
    gif = path.suffix.lower() == ".gif"
    if gif and len(reel) > MAX_GIF_FRAMES:
        raise UsageError(f"{len(reel)} moments: a .gif holds at most {MAX_GIF_FRAMES}, write .mp4 instead")
    pages = _pages(reel, scale, words)
    with whole_file(path) as temporary:
        if gif:
            _write_gif(temporary, pages, scale, words, fps)
        else:
            _write_mp4(temporary, path, pages, words, fps)


def _pages(reel: Reel, scale: Scale, words: Words) -> Iterator[Image.Image]:
    tiles = reel.tiles
    empty = np.full(len(tiles.tile_id), np.nan, np.float32)
    # laid out with any moment's name: that there is one decides the layout, and frames must all be of one size
    named = Panel(say_moment(reel.whens[0]), empty)
    ground = screen(Places(tiles.lat, tiles.lon, tiles.size_m), 1)
    sheet = Sheet(ground, [named], scale, words)
    for when, cosine in reel.frames():
        yield sheet.page([Panel(say_moment(when), cosine)])


def _write_gif(path: Path, pages: Iterator[Image.Image], scale: Scale, words: Words, fps: float) -> None:
    palette = _palette(scale)
    # dithering would scatter colours that mean other values
    frames = (page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages)
    first = next(frames)
    comment = (words.provenance or "").encode("utf-8", "replace")
    first.save(
        path, "GIF", save_all=True, append_images=frames, duration=round(1000 / fps), loop=0, optimize=False,
        comment=comment,
    )  # fmt: skip


def _palette(scale: Scale) -> Image.Image:
    """The colours of the scale, those of the page, and greys for the edges of letters."""
    some = scale.lut[np.linspace(0, scale.steps - 1, _COLOURS).round().astype(int)]
    page = [[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in (PAPER, INK, GREY, EMPTY, HIDDEN)]
    greys = np.linspace(0, 235, 256 - _COLOURS - len(page)).round()  # none that Pillow may take for white
    colours = np.concatenate([some, np.array(page), np.repeat(greys[:, None], 3, axis=1)]).astype(np.uint8)
    image = Image.new("P", (1, 1))
    image.putpalette(colours.tobytes())
    return image


def _write_mp4(path: Path, named: Path, pages: Iterable[Image.Image], words: Words, fps: float) -> None:
    import av

    try:
        # faststart: the index stands in front, and a browser plays before it has all
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
            if words.provenance:
                film.metadata["comment"] = words.provenance
            stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
            assert isinstance(stream, av.VideoStream)  # noqa: S101 - of that codec
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "16", "preset": "medium", "tune": "stillimage"}
            for page in pages:
                # 4:2:0 halves the colours both ways, so sides must be even
                even = page.crop((0, 0, page.width // 2 * 2, page.height // 2 * 2))
                if not stream.codec_context.is_open:
                    stream.width, stream.height = even.size
                film.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(even), format="rgb24")))
            film.mux(stream.encode())  # what the encoder still holds
    except av.FFmpegError as error:
        raise cannot_write(named, error.strerror or str(error)) from error
