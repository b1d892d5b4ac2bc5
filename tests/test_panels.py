"""Panels: photos over and over of few tiles; drawn on the sandbox planet, read, and fitted to."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest.geo.degree_blocks import blocks
from ingest.sandbox.panels import SHOWN, Extent, moments, tiles_of, total, write_panels
from ingest.sandbox.photographs import held_out
from ingest.sandbox.source import planet
from search_ui.cli import main
from tests.conftest import TINY_CLIP
from trainer.checkpoint import overhead_id, read_meta, read_tensors, verify, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoder import Form
from trainer.errors import SourceError, UsageError
from trainer.novelty import FEWEST, Novelty, write_novelty
from trainer.novelty import FILE as NOVELTY
from trainer.shards.tars import Shards, ShardWriter
from trainer.texts.adapter import FILE as LANGUAGES
from trainer.texts.adapter import LanguageAdapter, write_adapter
from trainer.training.moment_refit import refit_moments
from trainer.training.panels import panels_of
from trainer.weights.zoo import add_open_clip

SMALL = Extent(each=0, others=2, photos=3, size_px=32, photo_px=32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "clip"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    write_panels(folder, SMALL, processes=1, progress=lambda _: None)
    return folder


def jpeg(brightness: float, seed: int) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 60, (32, 32, 3))
    Image.fromarray((noise + 195 * brightness).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def day_and_night(folder: Path, tiles: int = 12) -> Path:
    """Panels of places that are bright by day and dark by night, every second one the other way round."""
    with ShardWriter(folder / "tiles", "tiles") as shard:
        for i in range(tiles):
            shard.write(f"t{i}", None, jpeg(i % 2, i), {"latitude": 48 + i / 100, "longitude": 11, "place": f"p{i}"})
    with ShardWriter(folder / "photos", "photos") as shard:
        for i in range(tiles):
            for hour in range(24):
                when = f"2022-0{1 + hour % 9}-{1 + i:02d} {hour:02d}:30:00"
                picture = jpeg((6 <= hour < 18) == (i % 2 == 0), 1000 + 24 * i + hour)
                about = {"latitude": 48 + i / 100, "longitude": 11, "date_taken": when, "place": f"p{i}"}
                shard.write(f"t{i}-{hour}", picture, None, about)
    return folder


def test_panels_lie_on_every_island_but_the_one_that_is_shown_and_in_no_block_that_is_held_out() -> None:
    tiles = tiles_of(replace(SMALL, others=6))
    lat, lon = (np.array([getattr(tile.footprint, name) for tile in tiles]) for name in ("lat", "lon"))
    islands = {planet().island_at(lat=float(a), lon=float(b)).name for a, b in zip(lat, lon, strict=True)}
    assert islands == {island.name for island in planet().islands} - {SHOWN}
    assert not np.isin(blocks(lat=lat, lon=lon), list(set.union(*held_out(planet(), 0)))).any()
    assert planet().is_land(lat=lat, lon=lon).all()


def test_moments_are_spread_over_the_year_the_day_and_the_week() -> None:
    when = moments(400, np.random.default_rng(0))
    days = when.astype("datetime64[D]")
    month = (when.astype("datetime64[M]").astype(int) % 12).astype(int)
    hour = ((when - days) / np.timedelta64(1, "h")).astype(int)
    weekday = (days.astype(int) + 3) % 7
    assert np.bincount(month, minlength=12).min() > 25
    assert np.bincount(hour, minlength=24).min() >= 15
    assert np.bincount(weekday, minlength=7).min() > 35
    assert abs(np.corrcoef(month, hour)[0, 1]) < 0.1


def test_what_is_drawn_is_whole_and_the_same_again(drawn: Path, tmp_path: Path) -> None:
    tiles, photos = Shards(drawn / "tiles", needs=["overhead"]), Shards(drawn / "photos", needs=["groundlevel"])
    assert (len(tiles), len(photos)) == (len(tiles_of(SMALL)), 3 * len(tiles_of(SMALL)))
    assert total(SMALL) == len(tiles) + len(photos)
    assert set(photos.place.tolist()) == set(tiles.place.tolist())
    assert not np.isnat(photos.when).any() and photos.captions(0)
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*.tar")}
    done: list[int] = []
    write_panels(drawn, SMALL, processes=1, progress=done.append)
    assert {path: path.stat().st_mtime_ns for path in drawn.rglob("*.tar")} == before
    assert sum(done) == total(SMALL)
    with pytest.raises(UsageError, match="photos 3 not 4"):
        write_panels(drawn, replace(SMALL, photos=4), processes=1, progress=lambda _: None)
    write_panels(tmp_path, SMALL, processes=1, progress=lambda _: None)
    for path in before:
        assert (tmp_path / path.relative_to(drawn)).read_bytes() == path.read_bytes()


def test_photos_of_no_tile_or_without_a_date_are_left_out(clip: Path, tmp_path: Path) -> None:
    folder = day_and_night(tmp_path)
    with ShardWriter(folder / "photos", "odd") as shard:
        where = {"latitude": 48, "longitude": 11}
        shard.write("lost", jpeg(1, 0), None, {**where, "date_taken": "2022-01-01 12:00:00", "place": "elsewhere"})
        shard.write("undated", jpeg(1, 0), None, {**where, "place": "p0"})
        shard.write("broken", b"no picture", None, {**where, "date_taken": "2022-01-01 12:00:00", "place": "p0"})
    panels = panels_of(folder, Embedder.load(clip, device="cpu"))
    assert len(panels) == 12 * 24
    assert panels.problems == {"of no tile": 1, "without a date": 1, "broken": 1}
    for path in (folder / "photos").glob("photos-*.tar"):
        path.unlink()
    with pytest.raises(SourceError, match=r"not one photo can be used \(.*`place` joins photos and tiles"):
        panels_of(folder, Embedder.load(clip, device="cpu"))


def seen_at(folder: Path, panels: Path, hour: int) -> np.ndarray:
    """Share of the panels' tiles whose S lies nearer to their own photo of an hour than to the others' mean photo."""
    embedder = Embedder.load(folder, device="cpu")
    tiles, photos = Shards(panels / "tiles", needs=["overhead"]), Shards(panels / "photos", needs=["groundlevel"])

    def pictures(shards: Shards, part: str, rows: list[int]) -> list[Image.Image]:
        return [Image.open(io.BytesIO(shards.picture(i, part))).convert("RGB") for i in rows]  # type: ignore[arg-type]

    hours = (photos.when.astype("datetime64[h]").astype(int)) % 24
    g = embedder.embed_photos(pictures(photos, "groundlevel", np.flatnonzero(hours == hour).tolist()))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    o = embedder.embed_tiles(pictures(tiles, "overhead", list(range(len(tiles)))))
    s = embedder.at(o, lat=tiles.lat, lon=tiles.lon, when=photos.when[hours == hour])
    s /= np.linalg.norm(s, axis=1, keepdims=True)
    other = np.stack([g[1::2].mean(axis=0), g[::2].mean(axis=0)])[np.arange(len(g)) % 2]
    return np.asarray(((s * g).sum(axis=1) > (s * other).sum(axis=1)).mean())


def test_a_refitted_model_knows_what_the_moment_makes_of_each_tile_and_its_towers_stay(
    clip: Path, tmp_path: Path
) -> None:
    panels = day_and_night(tmp_path / "panels")
    right = {}
    for interaction, rank in (("none", 0), ("full", 4)):
        meta = refit_moments(
            clip, panels, tmp_path / interaction, form=Form(8, "linear", interaction, rank), device="cpu"
        )
        assert read_meta(tmp_path / interaction) == meta
        assert (meta.encoding, meta.interaction, meta.rank) == ("seasonal", interaction, rank)
        assert meta.data_card["panels"]["photos"] == 12 * 24
        assert overhead_id(tmp_path / interaction) == overhead_id(clip)
        right[interaction] = np.mean([seen_at(tmp_path / interaction, panels, hour) for hour in (0, 12)])
    assert right["full"] > 0.9 > right["none"]  # one e cannot make half of them brighter and half of them darker
    with pytest.raises(UsageError, match="exists"):
        refit_moments(clip, panels, tmp_path / "full", device="cpu")


def test_a_refitted_model_keeps_what_lies_beside_it_of_tiles_and_texts_and_not_its_measures(
    clip: Path, tmp_path: Path
) -> None:
    meta = write_checkpoint(tmp_path / "clip", replace(read_meta(clip), metrics={"r10": 0.3}), read_tensors(clip))
    of = np.random.default_rng(0).normal(size=(FEWEST, 32)).astype(np.float32)
    write_novelty(tmp_path / "clip", Novelty.of(of))
    centre, mean = np.zeros(384, np.float32), np.zeros(32, np.float32)
    write_adapter(tmp_path / "clip", LanguageAdapter(centre, np.eye(2, 384, dtype=np.float32), mean, of[:2], 0.5))
    panels, form = day_and_night(tmp_path / "panels", tiles=4), Form(4, "linear", "full", 2)
    made = refit_moments(tmp_path / "clip", panels, tmp_path / "m", form=form, device="cpu")
    for name in (NOVELTY, LANGUAGES):
        assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "clip" / name).read_bytes()
    assert meta.metrics and not made.metrics
    assert verify(tmp_path / "m") == made


def test_the_eyes_of_a_teacher_take_the_place_of_the_models(clip: Path, tmp_path: Path) -> None:
    panels, tensors = day_and_night(tmp_path / "panels"), read_tensors(clip)
    meta = read_meta(clip)
    other = {k.replace("overhead.", "ground."): v.clone() for k, v in tensors.items() if k.startswith("overhead.")}
    for name, changed in (
        ("taught", {"ground.proj": 2 * other["ground.proj"]}),
        ("foreign", {"text.positional_embedding": None}),
    ):
        mine = {**tensors, **other, **{k: v if v is not None else tensors[k] + 1 for k, v in changed.items()}}
        write_checkpoint(tmp_path / name, replace(meta, ground=replace(meta.ground, stored_as="ground")), mine)
    done = refit_moments(
        clip, panels, tmp_path / "m", teacher=tmp_path / "taught", form=Form(8, "linear", "full", 4), device="cpu"
    )
    made, taught = (Embedder.load(tmp_path / name, device="cpu") for name in ("m", "taught"))
    picture = [Image.new("RGB", (32, 32), "red")]
    np.testing.assert_allclose(made.embed_photos(picture), taught.embed_photos(picture))
    assert np.abs(made.embed_photos(picture) - made.embed_tiles(picture)).max() > 1e-3
    assert done.origin["eyes"] == taught.model_id and overhead_id(tmp_path / "m") == overhead_id(clip)
    with pytest.raises(UsageError, match=r"foreign has another text tower .* teacher-dark init=MODEL"):
        refit_moments(clip, panels, tmp_path / "n", teacher=tmp_path / "foreign", device="cpu")
    assert not (tmp_path / "n").exists()


def test_the_commands_draw_panels_and_fit_to_them(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def groundcast(*arguments: object) -> str:
        with pytest.raises(SystemExit) as done:
            main(["--home", str(tmp_path / "home"), *map(str, arguments)])
        assert not done.value.code
        return capsys.readouterr().out

    drawn, small = tmp_path / "panels", ("--each", 0, "--others", 3, "--photos", 4, "--size-px", 32, "--photo-px", 32)
    assert "75 pictures" in groundcast("sandbox", "panels", drawn, *small, "--processes", 1)
    said = groundcast("moments", clip, drawn, "-o", tmp_path / "m", "--rank", 2, "--hidden", 4)
    assert "fitted to 60 photos of 15 tiles" in said
    assert read_meta(tmp_path / "m").rank == 2
    with pytest.raises(SystemExit, match="2"):
        main(["moments", str(clip), str(drawn), "-o", str(tmp_path / "n"), "--interaction", "none", "--rank", "2"])
    assert "without an interaction there are no directions" in capsys.readouterr().err
    assert not (tmp_path / "n").exists()
