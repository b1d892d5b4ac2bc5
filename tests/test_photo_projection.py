"""How a model compares photos: learned from panels, kept beside the weights, heeded wherever photos meet S."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_ground import a_tile, world  # noqa: F401 - a fixture
from test_panels import day_and_night

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.settings import Settings
from search_ui.ground.retrieval import GroundRetriever
from search_ui.ground.view import GroundQuery
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from tests.conftest import TINY_CLIP
from trainer.bundled import add_bundled, bundled_folder, bundled_meta
from trainer.embedder import Embedder
from trainer.encoder import Form
from trainer.errors import CheckpointError, UsageError
from trainer.measures import metrics
from trainer.photo_projection import FILE, PhotoProjection, read_projection, write_projection
from trainer.training import photo_projection
from trainer.training.moment_refit import refit_moments
from trainer.training.panels import panels_of
from trainer.training.photo_projection import learn, learn_photo_projection
from trainer.weights.zoo import add_open_clip

SOME = PhotoProjection(np.random.default_rng(2).normal(size=(32, 32)).astype(np.float32))


def found(scenes: np.ndarray, photos: np.ndarray) -> float:
    """How often the photo of a scene is the nearest."""
    cosine = metrics.unit(scenes) @ metrics.unit(photos).T
    return float((cosine.argmax(axis=1) == np.arange(len(scenes))).mean())


def vector_of(archive: Archive, item_id: str) -> np.ndarray:
    item = archive.find(item_id)
    assert item is not None
    return item[1].astype(float)


def test_what_is_learned_tells_photos_apart_that_it_has_not_seen() -> None:
    chance = np.random.default_rng(0)
    scenes = chance.normal(size=(550, 16))
    noise = chance.normal(size=scenes.shape) * np.r_[np.full(8, 4.0), np.full(8, 0.3)]  # half of the numbers say little
    scenes, photos = scenes.astype(np.float32), (scenes + noise).astype(np.float32)
    projection = learn(scenes[:250], photos[:250], steps=600)
    before, after = found(scenes[250:], photos[250:]), found(scenes[250:], projection.of(photos[250:]))
    assert after > 2 * before > 0.1
    again = learn(scenes[:250], photos[:250], steps=600)
    np.testing.assert_array_equal(again.matrix, projection.matrix)


def test_of_s_and_of_photos_it_is_the_same_product() -> None:
    s, g = np.random.default_rng(1).normal(size=(2, 5, 32)).astype(np.float32)
    np.testing.assert_allclose(s @ SOME.of(g).T, SOME.back(s) @ g.T, rtol=1e-4, atol=1e-4)


def test_it_is_kept_beside_a_model_whose_id_it_does_not_change(tmp_path: Path) -> None:
    model = tmp_path / "m"
    add_open_clip(model, TINY_CLIP, random_seed=0)
    plain = Embedder.load(model)
    assert plain.photo_projection is None
    vectors = np.ones((1, plain.dim), np.float32)
    assert plain.compared(vectors) is vectors
    write_projection(model, PhotoProjection(2 * np.eye(plain.dim, dtype=np.float32)))
    after = Embedder.load(model)
    assert after.model_id == plain.model_id
    np.testing.assert_array_equal(after.compared(vectors), 2 * vectors)


@pytest.mark.parametrize("harm", ["cut short", "another width", "not a number"])
def test_a_broken_file_is_told(tmp_path: Path, harm: str) -> None:
    model = tmp_path / "m"
    add_open_clip(model, TINY_CLIP, random_seed=0)
    matrix = np.eye(31 if harm == "another width" else 32, dtype=np.float32)
    if harm == "not a number":
        matrix[3, 3] = np.nan
    write_projection(model, PhotoProjection(matrix))
    if harm == "cut short":
        (model / FILE).write_bytes((model / FILE).read_bytes()[:-7])
    with pytest.raises(CheckpointError, match="copy it again"):
        read_projection(model, "", 32)


def test_panels_give_a_model_its_projection_and_few_photos_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_open_clip(tmp_path / "clip", TINY_CLIP, random_seed=0)
    panels, form = day_and_night(tmp_path / "panels"), Form(8, "linear", "full", 4)
    refit_moments(tmp_path / "clip", panels, tmp_path / "few", form=form, device="cpu")
    assert not (tmp_path / "few" / FILE).exists()
    embedded = panels_of(panels, Embedder.load(tmp_path / "clip", device="cpu"))
    with pytest.raises(UsageError, match="knows no place and time"):
        learn_photo_projection(tmp_path / "clip", embedded)
    monkeypatch.setattr(photo_projection, "FEWEST", 100)
    refit_moments(tmp_path / "clip", panels, tmp_path / "m", form=form, device="cpu")
    matrix = Embedder.load(tmp_path / "m").photo_projection
    assert matrix is not None and not np.allclose(matrix.matrix, np.eye(len(matrix.matrix)), atol=1e-3)


def test_a_ground_view_and_a_photo_that_is_asked_by_heed_it(world: Path, tmp_path: Path) -> None:  # noqa: F811
    home = tmp_path / "home"
    shutil.copytree(world / "home", home)
    settings, (tile_id, _) = Settings(home=home, precision="float32"), a_tile(home)
    model = Embedder.load(home / "models" / "m", device="cpu", precision="float32")
    projection = PhotoProjection(np.random.default_rng(2).normal(size=(model.dim, model.dim)).astype(np.float32))
    catalog, query = Catalog(settings.catalog_path), GroundQuery(tile_id=tile_id, k=50)
    before = GroundRetriever(Engine(settings, catalog)).look("town", query)
    write_projection(home / "models" / "m", projection)
    engine = Engine(settings, catalog)
    after = GroundRetriever(engine).look("town", query)
    tiles, album = (
        Archive(settings.archive_dir("town"), "tiles"),
        Archive(settings.archive_dir("gallery.walk"), "gallery"),
    )
    o = vector_of(tiles, tile_id)
    for hit in after.hits:
        g = projection.of(vector_of(album, hit.photo_id)[None])[0]
        assert hit.cosine == pytest.approx(float(o @ g / np.linalg.norm(o) / np.linalg.norm(g)), abs=2e-4)
    assert [hit.cosine for hit in after.hits] == sorted((hit.cosine for hit in after.hits), reverse=True)
    assert [hit.photo_id for hit in after.hits] != [hit.photo_id for hit in before.hits]
    photo = next((world / "photos").glob("*.jpg"))
    asked = engine.query_vector(engine.collection("town"), Query(parts=(Part("photo", photo),)))
    with Image.open(photo) as picture:
        vector = model.embed_photos([np.asarray(picture.convert("RGB"))])
    np.testing.assert_allclose(asked, metrics.unit(projection.of(vector))[0], atol=1e-4)
    catalog.close()


def test_the_bundled_model_comes_with_one(tmp_path: Path) -> None:
    add_bundled(tmp_path / "m")
    projection = Embedder.load(tmp_path / "m").photo_projection
    assert projection is not None and projection.matrix.shape == (bundled_meta().dim,) * 2
    assert (tmp_path / "m" / FILE).read_bytes() == (bundled_folder() / FILE).read_bytes()
    (tmp_path / "m" / FILE).unlink()  # as a home of an older version has it
    again = Embedder.load(tmp_path / "m").photo_projection
    assert again is not None
    np.testing.assert_array_equal(again.matrix, projection.matrix)


def test_vectors_of_another_width_are_refused(tmp_path: Path) -> None:
    add_open_clip(tmp_path / "m", TINY_CLIP, random_seed=0)
    with pytest.raises(UsageError, match=r"shape \[2, 31\]"):
        Embedder.load(tmp_path / "m").compared(np.ones((2, 31), np.float32))
