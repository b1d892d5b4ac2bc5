"""The inference face of a checkpoint, and its precisions."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LONG
from PIL import Image

from trainer import embedder as embedder_module
from trainer import precision, vision
from trainer.checkpoint import Meta, read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoder import Form
from trainer.encoding import encode
from trainer.errors import CheckpointError, UsageError
from trainer.model import DynamicEncoder
from trainer.preprocess import SAT2CAP_MEAN, SAT2CAP_STD, Preprocess
from trainer.towers import TowerSpec, build_tower, load_config, load_tower, tower_specs
from trainer.weights.zoo import add_open_clip

TINY = str(Path(__file__).with_name("tiny_clip.json"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "clip"
    add_open_clip(folder, TINY, random_seed=3)
    return folder


@pytest.fixture(scope="module")
def sat2cap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with three different towers, other statistics for tiles than for photos, and an encoder."""
    vision, text = tower_specs(*load_config(TINY))
    ground = TowerSpec("vision", "tiny", 32, True, vision.config, "ground")
    meta = Meta(
        dim=32,
        overhead=vision,
        ground=ground,
        text=text,
        overhead_input=Preprocess(32, SAT2CAP_MEAN, SAT2CAP_STD),
        ground_input=Preprocess(32),
        encoding="cyclic",
    )
    tensors = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        for name, module in [
            ("overhead", build_tower(vision)),
            ("ground", build_tower(ground)),
            ("text", build_tower(text)),
            ("encoder", DynamicEncoder("cyclic", 32)),
        ]:
            tensors |= {f"{name}.{k}": v for k, v in module.state_dict().items()}
    folder = tmp_path_factory.mktemp("models") / "sat2cap"
    write_checkpoint(folder, meta, tensors)
    return folder


def images(n: int, height: int = 50, width: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def test_tiles_and_photos_go_through_their_own_tower_and_statistics(sat2cap: Path) -> None:
    embedder = Embedder.load(sat2cap)
    tiles, photos = embedder.embed_tiles(images(3)), embedder.embed_photos(images(3))
    for name, found, expects in [
        ("overhead", tiles, embedder.meta.overhead_input),
        ("ground", photos, embedder.meta.ground_input),
    ]:
        tower = load_tower(getattr(embedder.meta, name), read_tensors(sat2cap, f"{name}."))
        pixels = np.stack([expects.pixels(i) for i in images(3)]) / 255.0
        mean, std = (np.array(v)[:, None, None] for v in (expects.mean, expects.std))
        with torch.inference_mode():
            expected = tower(torch.from_numpy((pixels - mean) / std).float()).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(tiles, photos)


def test_one_tower_with_two_statistics_is_loaded_once_and_keeps_them_apart(tmp_path: Path) -> None:
    vision, text = tower_specs(*load_config(TINY))
    ground = replace(vision, stored_as="ground")
    towers = {"overhead": build_tower(vision).state_dict(), "text": build_tower(text).state_dict()}
    tensors = {f"{n}.{k}": v for n, t in towers.items() for k, v in t.items()}
    tensors |= {f"ground.{k}": v for k, v in towers["overhead"].items()}
    statistics = Preprocess(32, SAT2CAP_MEAN, SAT2CAP_STD), Preprocess(32)
    meta = write_checkpoint(tmp_path / "m", Meta(32, vision, ground, text, *statistics), tensors)
    assert meta.ground.stored_as == "overhead"
    embedder = Embedder.load(tmp_path / "m")
    for found, expects in [(embedder.embed_tiles, statistics[0]), (embedder.embed_photos, statistics[1])]:
        scale, shift = expects.scale_and_shift()
        x = torch.from_numpy(np.stack([expects.pixels(i) for i in images(2)]) * scale + shift)
        with torch.inference_mode():
            expected = load_tower(vision, towers["overhead"])(x).numpy()
        np.testing.assert_allclose(found(images(2)), expected, atol=1e-5)


def test_prepared_images_give_what_whole_images_give(clip: Path) -> None:
    embedder = Embedder.load(clip)
    prepared = [embedder.prepare(i) for i in images(3)]
    assert (prepared[0].shape, prepared[0].dtype) == ((3, embedder.input_px, embedder.input_px), np.uint8)
    np.testing.assert_allclose(embedder.embed_prepared(np.stack(prepared)), embedder.embed_tiles(images(3)), atol=1e-6)
    photos = [embedder.prepare_photo(Image.fromarray(i)) for i in images(3)]
    np.testing.assert_allclose(embedder.embed_prepared_photos(photos), embedder.embed_photos(images(3)), atol=1e-6)


def test_a_long_batch_gives_what_its_parts_give(clip: Path) -> None:
    embedder = Embedder.load(clip)
    many = images(vision.BATCH + 5)
    whole = embedder.embed_tiles(many)
    assert whole.shape == (len(many), embedder.dim)
    np.testing.assert_allclose(whole[-5:], embedder.embed_tiles(many[-5:]), atol=1e-5)


@pytest.mark.parametrize("says", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_too_many_images_for_the_memory_are_halved_until_they_fit_and_stay_so(
    clip: Path, monkeypatch: pytest.MonkeyPatch, says: RuntimeError
) -> None:
    embedder = Embedder.load(clip)
    expected = embedder.embed_tiles(images(40))
    tower = embedder._vision.tower(embedder.meta.overhead).tower
    forward, sizes = tower.forward, []

    def small(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        if len(x) > 10:
            raise says
        return forward(x)

    monkeypatch.setattr(tower, "forward", small)
    np.testing.assert_allclose(embedder.embed_tiles(images(40)), expected, atol=1e-5)
    assert sizes == [40, 32, 16, 8, 8, 8, 8, 8]
    embedder.embed_tiles(images(16))
    assert sizes[-2:] == [8, 8]
    monkeypatch.setattr(tower, "forward", lambda _: (_ for _ in ()).throw(RuntimeError("another")))
    with pytest.raises(RuntimeError, match="another"):
        embedder.embed_tiles(images(3))


def test_nothing_in_gives_nothing_out(clip: Path) -> None:
    embedder = Embedder.load(clip)
    assert embedder.embed_tiles([]).shape == embedder.embed_texts([]).shape == (0, 32)


def test_vectors_are_not_normalised_and_texts_differ(clip: Path) -> None:
    embedder = Embedder.load(clip)
    vectors = embedder.embed_texts(["a harbour", "a forest road", "word " * 200])
    assert (vectors.shape, vectors.dtype) == ((3, 32), np.float32)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert cosine(vectors[0], vectors[1]) < 0.9999
    with pytest.raises(UsageError, match="list of texts"):
        embedder.embed_texts("a harbour")


def test_texts_are_embedded_without_any_vision_tower(clip: Path, tmp_path: Path) -> None:
    """A checkpoint whose vision tensors are gone still embeds texts: they are not even looked at."""
    from safetensors.torch import save_file

    folder = tmp_path / "textless"
    folder.mkdir()
    (folder / "meta.json").write_bytes((clip / "meta.json").read_bytes())
    save_file({f"text.{k}": v for k, v in read_tensors(clip, "text.").items()}, folder / "model.safetensors")
    embedder = Embedder.load(folder)
    np.testing.assert_array_equal(embedder.embed_texts(["a boat"]), Embedder.load(clip).embed_texts(["a boat"]))
    with pytest.raises(CheckpointError, match=r"no tensor named overhead\."):
        embedder.embed_tiles(images(1))


def test_the_same_checkpoint_gives_the_same_vectors_again(clip: Path) -> None:
    a, b = (Embedder.load(clip) for _ in range(2))
    assert a.model_id == b.model_id
    np.testing.assert_array_equal(a.embed_tiles(images(2)), b.embed_tiles(images(2)))


def test_threads_share_an_embedder_and_load_a_tower_once(sat2cap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def counted(spec: TowerSpec, *args: object) -> torch.nn.Module:
        loads.append(spec.stored_as)
        return load_tower(spec, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(vision, "load_tower", counted)
    embedder = Embedder.load(sat2cap)
    many, start = images(16), threading.Barrier(8)

    def work(i: int) -> np.ndarray:
        start.wait()
        return embedder.embed_prepared([embedder.prepare(many[2 * i]), embedder.prepare(many[2 * i + 1])])

    with ThreadPoolExecutor(8) as pool:
        found = np.concatenate(list(pool.map(work, range(8))))
    assert loads == ["overhead"]
    np.testing.assert_allclose(found, embedder.embed_tiles(many), atol=1e-5)


def test_place_and_time_add_what_the_encoder_says(sat2cap: Path) -> None:
    embedder = Embedder.load(sat2cap)
    o, when = np.ones((2, 32), np.float32), datetime(2020, 7, 14, 18)
    s = embedder.at(o, lat=[48, 49], lon=[11, 11], when=when)
    assert (s.shape, s.dtype) == ((2, 32), np.float32)
    assert not np.allclose(s[0], s[1])
    assert not np.allclose(s[0], embedder.at(o, lat=48, lon=11, when=datetime(2020, 1, 14, 6))[0])
    np.testing.assert_array_equal(embedder.at(o, lat=None, lon=None, when=None), o)  # S = O


def test_the_encoder_as_arrays_computes_the_same(sat2cap: Path) -> None:
    embedder = Embedder.load(sat2cap)
    w = embedder.encoder_weights()
    m = encode("cyclic", lat=48, lon=11, when=datetime(2020, 7, 14, 18)).values[0]
    expected = w.w2 @ np.maximum(w.w1 @ m + w.b1, 0) + w.b2
    nothing = np.zeros((1, 32))
    found = embedder.at(nothing, lat=48, lon=11, when=datetime(2020, 7, 14, 18))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def with_interaction(sat2cap: Path, folder: Path, interaction: str) -> Path:
    """The same towers, and an encoder in which the moment meets the tile."""
    form = Form(6, "linear", interaction, 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = DynamicEncoder("seasonal", 32, form)
        with torch.no_grad():
            encoder.moment.normal_()
            encoder.mean.normal_()
    tensors = {k: v for k, v in read_tensors(sat2cap).items() if not k.startswith("encoder.")}
    tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    write_checkpoint(folder, replace(read_meta(sat2cap), encoding="seasonal", **asdict(form)), tensors)
    return folder


@pytest.mark.parametrize("interaction", ["diagonal", "full", "untied"])
def test_a_moment_that_meets_the_tile_as_arrays_computes_the_same(
    sat2cap: Path, tmp_path: Path, interaction: str
) -> None:
    embedder = Embedder.load(with_interaction(sat2cap, tmp_path / "m", interaction))
    w, o = embedder.encoder_weights(), np.random.default_rng(0).normal(size=(3, 32)).astype(np.float32)
    where = {"lat": [48, -20, 3], "lon": [11, 12, 13], "when": datetime(2020, 7, 14, 18)}
    z = w.hidden(encode("seasonal", **where).values)
    met = w.interaction
    assert met is not None and (met.tied, met.diagonal) == (interaction != "untied", interaction == "diagonal")
    # to the bit: a field is made anew where its encoder is another
    np.testing.assert_array_equal(met.basis, read_tensors(tmp_path / "m")["encoder.basis"].numpy())
    turned = np.einsum("noi,ni->no", met.matrix(z), (o - met.mean) @ met.basis) @ met.out_basis.T
    np.testing.assert_allclose(embedder.at(o, **where), o + z @ w.w2.T + w.b2 + turned, atol=1e-4)


def test_what_is_known_of_nothing_leaves_the_tile_as_it_is(sat2cap: Path, tmp_path: Path) -> None:
    o = np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)
    for folder in (sat2cap, with_interaction(sat2cap, tmp_path / "m", "full")):
        embedder = Embedder.load(folder)
        np.testing.assert_array_equal(embedder.at(o, lat=None, lon=None, when=None), o)
        known = embedder.at(o, lat=None, lon=None, when=[None, datetime(2020, 7, 14, 18)])
        np.testing.assert_array_equal(known[0], o[0])
        assert not np.allclose(known[1], o[1])
        with pytest.raises(UsageError, match="3 places or moments for 2 vectors"):
            embedder.at(o, lat=[1, 2, 3], lon=[1, 2, 3])


def test_one_moment_for_all_and_however_many_at_once_is_the_same(
    sat2cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Embedder.load(with_interaction(sat2cap, tmp_path / "m", "full"))
    o = np.random.default_rng(0).normal(size=(7, 32)).astype(np.float32)
    where = {"lat": np.full(7, 48.0), "lon": np.full(7, 11.0), "when": datetime(2020, 7, 14, 18)}
    whole = embedder.at(o, **where)
    np.testing.assert_allclose(embedder.at(o, lat=48.0, lon=11.0, when=where["when"]), whole, atol=1e-4)
    monkeypatch.setattr(embedder_module, "_AT_ONCE", 3)
    np.testing.assert_allclose(embedder.at(o, **where), whole, atol=1e-5)


def test_at_adds_e_where_the_moment_is_the_same_for_every_tile(sat2cap: Path) -> None:
    embedder, o = Embedder.load(sat2cap), np.ones((2, 32), np.float32)
    where = {"lat": [48, 49], "lon": [11, 12], "when": datetime(2020, 7, 14, 18)}
    e = embedder.at(np.zeros((2, 32)), **where)
    assert e.any()
    np.testing.assert_allclose(embedder.at(o, **where), o + e, atol=1e-6)


def test_a_model_without_encoder_refuses_a_time(clip: Path) -> None:
    embedder = Embedder.load(clip)
    assert not embedder.has_encoder
    with pytest.raises(UsageError, match="neither place nor time"):
        embedder.at(np.ones((1, embedder.dim)), lat=1, lon=2, when=datetime(2020, 1, 1))


def test_wrong_arguments_are_refused(clip: Path) -> None:
    with pytest.raises(UsageError, match="precision 'int4' is unknown"):
        Embedder.load(clip, precision="int4")
    with pytest.raises(UsageError, match="device 'abacus' cannot be used"):
        Embedder.load(clip, device="abacus").device  # noqa: B018 - that it is asked for
    with pytest.raises(UsageError, match=r"prepared images must be uint8"):
        Embedder.load(clip).embed_prepared(np.zeros((1, 3, 16, 16), np.uint8))
    with pytest.raises(CheckpointError, match="not a folder"):
        Embedder.load(clip / "missing")


@pytest.mark.parametrize(("name", "least"), [("bfloat16", 0.9999), ("int8", 0.999)])
def test_faster_precisions_stay_close_to_float32(clip: Path, name: str, least: float) -> None:
    exact = Embedder.load(clip, precision="float32").embed_tiles(images(8))
    fast = Embedder.load(clip, precision=name)
    assert fast.precision == name
    found = fast.embed_tiles(images(8))
    assert cosine(found, exact).min() >= least
    assert not np.array_equal(found, exact)


def test_int8_replaces_every_large_product() -> None:
    vision, _ = tower_specs(*load_config(TINY))
    tower = precision.with_precision(build_tower(vision), "int8")
    kinds = [type(m).__name__ for m in tower.modules()]
    assert kinds.count("_Int8Linear") == 2 * 4  # two blocks: qkv, out, c_fc, c_proj
    assert "MultiheadAttention" not in kinds
    assert "Linear" not in kinds


def test_int8_copes_with_rows_and_weights_of_zeros() -> None:
    linear = precision._Int8Linear(torch.zeros(16, 32), None)
    assert torch.equal(linear(torch.zeros(2, 32)), torch.zeros(2, 16))


@pytest.mark.skipif(not LONG, reason="takes long: `make test-long` runs it")
def test_compiled_gives_the_vectors_of_float32_for_any_batch(clip: Path) -> None:
    exact = Embedder.load(clip, precision="float32").embed_tiles(images(5))
    compiled = Embedder.load(clip, precision="compiled")
    np.testing.assert_allclose(compiled.embed_tiles(images(5)), exact, atol=1e-5)
    np.testing.assert_allclose(compiled.embed_tiles(images(3)), exact[:3], atol=1e-5)


def tiny_tower() -> torch.nn.Module:
    vision, _ = tower_specs(*load_config(TINY))
    return build_tower(vision).requires_grad_(False)


def test_auto_takes_float32_for_short_jobs_without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure", lambda *_a, **_k: pytest.fail("measured"))
    for expected in (None, 1, 499):
        assert precision.choose(tiny_tower(), size_px=32, expected_images=expected) == "float32"


def test_auto_is_the_fastest_that_is_exact_enough() -> None:
    table = {
        "float32": {"images_per_s": 10.0, "min_cosine": 1.0},
        "bfloat16": {"images_per_s": 20.0, "min_cosine": 0.99995},
        "int8": {"images_per_s": 40.0, "min_cosine": 0.9997},
    }
    assert precision.fastest(table, list(table)) == "bfloat16"
    assert precision.fastest(table, ["float32", "int8"]) == "float32"
    assert precision.fastest({}, ["float32", "int8"]) == "float32"


def test_auto_follows_the_number_of_images_that_is_expected(clip: Path, tmp_path: Path) -> None:
    embedder = Embedder.load(clip, measurements=tmp_path / "precision.json")
    embedder.expect(600)
    assert embedder.precision in precision.PRECISIONS
    assert (tmp_path / "precision.json").exists()


def test_auto_measures_once_and_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tower = tmp_path / "precision.json", tiny_tower()
    first = precision.choose(tower, size_px=32, expected_images=600, remembered=path)
    (entry,) = json.loads(path.read_text()).values()
    assert set(entry) == {"float32", "bfloat16", "int8"}  # nothing is compiled for a job of this length
    assert entry[first]["min_cosine"] >= precision.MIN_COSINE
    monkeypatch.setattr(precision, "measure", lambda *_a, **_k: pytest.fail("measured again"))
    assert precision.choose(tower, size_px=32, expected_images=600, remembered=path) == first
    assert precision.choose(tower, size_px=32, expected_images=1, remembered=path) == first


def test_another_tower_is_measured_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "precision.json"
    path.write_text("not json")
    for _ in range(2):
        precision.choose(tiny_tower(), size_px=32, expected_images=600, remembered=path)
    assert len(json.loads(path.read_text())) == 2


def test_measuring_leaves_the_tower_as_it_was() -> None:
    tower = tiny_tower()
    before = {k: v.clone() for k, v in tower.state_dict().items()}
    precision.measure(tower, size_px=32, names=["float32", "bfloat16", "int8"], rounds=1)
    after = tower.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_a_precision_that_cannot_run_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no C++ compiler")

    def without_compiler(tower: torch.nn.Module, name: str) -> torch.nn.Module:
        if name == "compiled":
            tower.forward = broken
        return tower

    monkeypatch.setattr(precision, "with_precision", without_compiler)
    found = precision.measure(tiny_tower(), size_px=32, names=["float32", "compiled"], rounds=1)
    assert list(found) == ["float32"]
