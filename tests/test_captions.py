"""Captioners: their network and folder, the authors' weights, training, and the words for moments."""

import io
import json
import pickle
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LONG, TINY_CLIP, Groundcast
from PIL import Image
from tokenizers import Tokenizer
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from trainer.captioning import daytime
from trainer.captioning.captions import load_captioner, nearest
from trainer.captioning.clipcap import add_clipcap
from trainer.captioning.folder import captioner_of, read_captioner_meta
from trainer.captioning.phrases import PhraseBank, read_phrases
from trainer.captioning.samples import WAYS, Samples, _told, _worth
from trainer.captioning.training import CaptionerConfig, train_captioner
from trainer.captioning.words import END, learn_words, read_words
from trainer.errors import (
    CheckpointError,
    ModelMismatchError,
    UnsafeCheckpointError,
    UsageError,
    WeightsUnavailableError,
)
from trainer.shards.tars import ShardWriter

DIM = 12
SCENES = ("a boat on the lake", "cows on a green meadow", "people on a busy street")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer in GPT-2's form, which has a token for the full stop."""
    folder = tmp_path_factory.mktemp("words")
    learn_words([f"{scene}." for scene in SCENES] * 3, most=320).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def clipcap(words: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GPT2LMHeadModel, nn.Sequential]:
    """Weights as CLIPCap's authors store them, of random numbers, and the modules that they come from."""
    torch.manual_seed(3)
    size = Tokenizer.from_file(str(words / "tokenizer.json")).get_vocab_size()
    config = GPT2Config(
        n_embd=16, n_layer=2, n_head=2, n_positions=90, vocab_size=size, bos_token_id=None, eos_token_id=None
    )
    gpt = GPT2LMHeadModel(config).eval()
    gpt.transformer.wte.weight.data *= 20  # so that one word is likelier than another
    mlp = nn.Sequential(nn.Linear(DIM, 16 * 10 // 2), nn.Tanh(), nn.Linear(16 * 10 // 2, 16 * 10))
    tensors = {f"gpt.{name}": value for name, value in gpt.state_dict().items()}
    for layer in range(2):  # buffers that GPT-2 had when the weights were published
        tensors[f"gpt.transformer.h.{layer}.attn.bias"] = torch.ones(1, 1, 90, 90, dtype=torch.uint8)
        tensors[f"gpt.transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    tensors |= {f"clip_project.model.{name}": value for name, value in mlp.state_dict().items()}
    path = tmp_path_factory.mktemp("clipcap") / "coco_weights.pt"
    torch.save(tensors, path)
    return path, gpt, mlp


def samples(count: int = 60, seed: int = 0) -> Samples:
    """Vectors around three directions, each with its caption, which names the season where it is known."""
    random = np.random.default_rng(seed)
    kinds = np.arange(count) % len(SCENES)
    directions = 4 * np.random.default_rng(9).standard_normal((len(SCENES) + 1, DIM)).astype(np.float32)
    overhead = directions[kinds] + 0.1 * random.standard_normal((count, DIM)).astype(np.float32)
    dynamic = np.zeros((len(WAYS), count, DIM), np.float32)
    dynamic[:2] = directions[-1]
    plain = [[SCENES[kind]] for kind in kinds]
    named = [[f"{SCENES[kind]} in summer"] for kind in kinds]
    return Samples(overhead, dynamic, [named, named, plain, plain])


SMALL = CaptionerConfig(steps=150, batch=24, lr=8e-3, width=32, layers=2, heads=2, words=300, store_every=60)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "captioner"
    train_captioner(samples(), folder, SMALL, model_id="0123456789abcdef", validation=samples(30, 1))
    return folder


# -- the authors' weights ------------------------------------------------------------------------------------------


def test_clipcaps_weights_say_what_they_say_in_the_modules_they_come_from(clipcap, words: Path, tmp_path: Path) -> None:
    path, gpt, mlp = clipcap
    meta = add_clipcap(path, words, tmp_path / "captioner", model_id="m", dim=DIM, heads=2)
    captioner = load_captioner(tmp_path / "captioner", model_id="m")
    vectors = np.random.default_rng(1).standard_normal((4, DIM)).astype(np.float32)
    prefix = mlp(torch.from_numpy(vectors)).view(4, 10, 16)
    tokenizer = Tokenizer.from_file(str(words / "tokenizer.json"))
    stop = tokenizer.token_to_id(".")
    assert meta.stop == stop
    for row, said in enumerate(captioner.captions(vectors, beams=5)):
        tokens = gpt.generate(
            inputs_embeds=prefix[row : row + 1], attention_mask=torch.ones(1, 10, dtype=torch.long), num_beams=5,
            do_sample=False, max_new_tokens=meta.most_tokens, eos_token_id=stop, pad_token_id=stop,
        )[0].tolist()  # fmt: skip
        tokens = tokens[: tokens.index(stop)] if stop in tokens else tokens
        assert said == " ".join(tokenizer.decode(tokens).split())
    network = captioner._network
    tokens = torch.arange(6)[None]
    with torch.inference_mode():
        embedded = torch.cat([prefix[:1], gpt.transformer.wte(tokens)], dim=1)
        expected = gpt(inputs_embeds=embedded).logits[:, 9:-1]
        assert torch.allclose(network(torch.from_numpy(vectors[:1]), tokens), expected, atol=1e-5)


def test_weights_that_would_run_code_are_refused(words: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return exec, ("raise SystemExit(7)",)

    (tmp_path / "weights.pt").write_bytes(pickle.dumps({"gpt.x": Trap()}))
    with pytest.raises(UnsafeCheckpointError, match="would run code"):
        add_clipcap(tmp_path / "weights.pt", words, tmp_path / "out", model_id="m", dim=DIM)
    assert not (tmp_path / "out").exists()


def test_other_weights_than_clipcaps_mlp_are_refused_with_the_reason(clipcap, words: Path, tmp_path: Path) -> None:
    path, *_ = clipcap
    tensors = torch.load(path)
    variant = {name.replace("clip_project.model", "clip_project.transformer"): t for name, t in tensors.items()}
    torch.save(variant, tmp_path / "transformer.pt")
    torch.save({name: t for name, t in tensors.items() if "model.2" not in name}, tmp_path / "half.pt")
    for name, said in (("transformer.pt", "transformer variant"), ("half.pt", "has no projector.2.weight")):
        with pytest.raises(CheckpointError, match=said):
            add_clipcap(tmp_path / name, words, tmp_path / "out", model_id="m", dim=DIM)
    with pytest.raises(ModelMismatchError, match=f"captions vectors of {DIM} numbers, model m has 512"):
        add_clipcap(path, words, tmp_path / "out", model_id="m", dim=512)


def test_where_gpt2s_words_are_missing_one_line_says_what_to_download_and_where_to_put_it(clipcap, tmp_path) -> None:
    with pytest.raises(WeightsUnavailableError) as told:
        add_clipcap(clipcap[0], tmp_path, tmp_path / "out", model_id="m", dim=DIM)
    message = str(told.value)
    assert "\n" not in message and "download tokenizer.json" in message and str(tmp_path) in message


def test_gpt2s_older_pair_of_tokenizer_files_is_read_too(words: Path, tmp_path: Path) -> None:
    whole = Tokenizer.from_file(str(words / "tokenizer.json"))
    whole.model.save(str(tmp_path))
    assert read_words(tmp_path).encode(" cows on a").ids == whole.encode("cows on a").ids
    (tmp_path / "merges.txt").write_text("#version: 0.2\nno such pair\n")
    with pytest.raises(CheckpointError, match="copy it again"):
        read_words(tmp_path)


# -- training and the folder ---------------------------------------------------------------------------------------


def test_a_captioner_learns_what_is_there_and_names_the_season_only_where_it_is_told(trained: Path) -> None:
    captioner = load_captioner(trained)
    unseen = samples(12, 5)
    every = np.arange(12)
    with_date = captioner.captions(unseen.vectors(np.zeros(12, int), every))
    without = captioner.captions(unseen.vectors(np.full(12, WAYS.index("tile")), every))
    assert without == [texts[0] for texts in unseen.captions[-1]]
    assert with_date == [texts[0] for texts in unseen.captions[0]]
    assert read_captioner_meta(trained).metrics["loss"] < 0.5


def test_a_caption_of_a_known_moment_names_no_other(trained: Path) -> None:
    captioner, unseen = load_captioner(trained), samples(12, 5)
    summer = unseen.vectors(np.zeros(12, int), np.arange(12))  # each of its captions ends with "in summer"
    slots = [("winter", None), ("summer", "night"), (None, None)] * 4
    said = captioner.captions(summer, slots=slots)
    for number, (scene, text) in enumerate(zip(unseen.captions[-1], said, strict=True)):
        assert text.startswith(scene[0])
        assert daytime.said_seasons(text) == (set() if slots[number][0] == "winter" else {"summer"})
    with pytest.raises(UsageError, match="11 slots for 12 vectors"):
        captioner.captions(summer, slots=slots[:-1])


def test_of_its_sentences_the_nearest_to_the_vector_is_said(trained: Path) -> None:
    captioner, vectors = load_captioner(trained), samples(6, 5).overhead
    candidates = captioner.candidates(vectors, beams=4)
    assert [said[0] for said in candidates] == captioner.captions(vectors, beams=4)
    assert {len(set(said)) for said in candidates} == {4}
    chosen = [said[row % 4] for row, said in enumerate(candidates)]

    def embed(texts: Sequence[str]) -> np.ndarray:  # each chosen text lies where its vectors do, others at right angles
        return np.stack(
            [next((3 * v for v, c in zip(vectors, chosen, strict=True) if c == t), np.zeros(DIM)) for t in texts]
        )

    assert captioner.captions(vectors, embed, beams=4) == chosen
    assert nearest(candidates, vectors, embed) == [(text, pytest.approx(1)) for text in chosen]
    assert nearest([], vectors[:0], embed) == []


def test_a_caption_does_not_depend_on_the_others_of_its_batch(trained: Path) -> None:
    captioner, unseen = load_captioner(trained), samples(100, 6)
    vectors = unseen.vectors(np.zeros(100, int), np.arange(100))
    assert captioner.captions(vectors)[70:80] == captioner.captions(vectors[70:80])
    assert captioner.captions(vectors[:0]) == []
    assert captioner.captions(vectors[:3], beams=1) == captioner.captions(vectors)[:3]  # what it learnt leaves no doubt


@pytest.mark.skipif(not LONG, reason="takes long: `make test-long` runs it")
def test_a_training_that_was_stopped_goes_on_to_the_same_captioner(trained: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(step: int, numbers: dict[str, float]) -> None:
        if step == 100:
            raise StoppedError

    def train(report=None) -> None:
        train_captioner(
            samples(), tmp_path / "captioner", SMALL, model_id="0123456789abcdef", validation=samples(30, 1),
            report=report,
        )  # fmt: skip

    with pytest.raises(StoppedError):
        train(stop)
    with pytest.raises(UsageError, match="state of another recipe"):
        train_captioner(samples(), tmp_path / "captioner", SMALL, model_id="another")
    train()
    for name in ("model.safetensors", "meta.json", "tokenizer.json"):
        assert (tmp_path / "captioner" / name).read_bytes() == (trained / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["captioner"]


def test_a_frozen_language_model_is_left_as_it_is_and_a_tuned_one_is_not(words: Path, tmp_path: Path) -> None:
    gpt = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=60, vocab_size=320))
    gpt.save_pretrained(tmp_path / "gpt2")
    (tmp_path / "gpt2" / "tokenizer.json").write_bytes((words / "tokenizer.json").read_bytes())
    before = gpt.transformer.h[0].mlp.c_fc.weight.detach().half()
    for frozen in (True, False):
        recipe = CaptionerConfig(steps=2, batch=4, lm=str(tmp_path / "gpt2"), frozen=frozen)
        train_captioner(samples(), tmp_path / str(frozen), recipe, model_id="m")
        after = load_captioner(tmp_path / str(frozen))._network.lm.transformer.h[0].mlp.c_fc.weight
        assert torch.equal(after.half(), before) is frozen
    with pytest.raises(UsageError, match="nothing cannot stay frozen"):
        CaptionerConfig(frozen=True)
    with pytest.raises(CheckpointError, match=r"config\.json, model\.safetensors and tokenizer\.json"):
        train_captioner(samples(), tmp_path / "out", CaptionerConfig(lm=str(tmp_path)), model_id="m")


def test_a_captioner_of_another_model_or_format_or_a_broken_one_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match="belongs to model 0123456789abcdef, these vectors come from fedc"):
        load_captioner(trained, model_id="fedc")
    with pytest.raises(CheckpointError, match=r"has no meta\.json"):
        load_captioner(tmp_path)

    def changed(name: str, content: bytes) -> Path:
        folder = tmp_path / f"{name}{len(content)}"
        folder.mkdir()
        for path in trained.iterdir():
            (folder / path.name).write_bytes(content if path.name == name else path.read_bytes())
        return folder

    meta = json.loads((trained / "meta.json").read_bytes())
    for document, said in (
        ({**meta, "format_version": 2}, "update groundcast"),
        ({**meta, "format": "other"}, "is not a captioner's"),
        ({**meta, "lm": {}}, "is incomplete"),
        ({**meta, "prefix_length": 9}, "do not fit"),
    ):
        with pytest.raises(CheckpointError, match=said):
            load_captioner(changed("meta.json", json.dumps(document).encode()))
    with pytest.raises(CheckpointError, match="broken or cut short"):
        load_captioner(changed("model.safetensors", (trained / "model.safetensors").read_bytes()[:5000]))
    with pytest.raises(CheckpointError, match="tokenizer"):
        load_captioner(changed("tokenizer.json", b"{"))
    large = changed("tokenizer.json", b"")
    with (large / "tokenizer.json").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(CheckpointError, match="is larger than 64 MiB, which no tokenizer is"):
        load_captioner(large)


def test_vectors_that_cannot_be_captioned_are_refused(trained: Path) -> None:
    captioner = load_captioner(trained)
    with pytest.raises(UsageError, match=r"must be \[n, 12\]; these are \[1, 13\]"):
        captioner.captions(np.zeros((1, 13), np.float32))
    with pytest.raises(UsageError, match="not finite"):
        captioner.captions(np.full((1, DIM), np.nan, np.float32))
    with pytest.raises(UsageError, match="give 1 to 50"):
        captioner.captions(np.zeros((1, DIM), np.float32), beams=0)


def test_a_models_own_captioner_lies_in_its_folder(trained: Path, tmp_path: Path) -> None:
    assert captioner_of(tmp_path, "0123456789abcdef") is None
    (tmp_path / "captioner").symlink_to(trained)
    assert captioner_of(tmp_path, "0123456789abcdef") == tmp_path / "captioner"


def test_what_is_learnt_tells_no_more_of_the_moment_than_is_known_and_nothing_of_cameras() -> None:
    said = ["a photo of a quiet street at night", "here: a street with houses", "houses, home", "a street in winter"]
    worth = _worth(said)
    assert worth == ["a quiet street at night", "a street with houses", "a street in winter"]
    assert _told(worth, None) == ["a street with houses"] * 3
    assert _told(worth, date(2020, 1, 1)) == ["a street with houses", "a street in winter", "a street with houses"]
    assert _told(worth[:1], None) == worth[:1]


# -- words for moments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "lat", "named"),
    [
        (datetime(2023, 7, 14, 15), 50, ("summer", "afternoon")),
        (datetime(2023, 7, 14, 15), -50, ("winter", "afternoon")),
        (datetime(2023, 1, 14, 23), 50, ("winter", "night")),
        (datetime(2023, 6, 21, 20), 59, ("summer", "evening")),
        (datetime(2023, 10, 2, 9), 1, (None, "morning")),
        (date(2023, 4, 1), 40, ("spring", None)),
        (time(2), 40, (None, "night")),
        (None, 40, (None, None)),
    ],
)
def test_a_moment_has_a_season_and_a_part_of_the_day(when, lat: float, named) -> None:
    assert (daytime.season(when, lat=lat), daytime.part_of_day(when, lat=lat, lon=0)) == named


def test_a_caption_says_season_and_part_of_the_day_once() -> None:
    night = datetime(2023, 10, 14, 23)
    assert daytime.dated("a beach", night, lat=50, lon=0) == "a beach on an autumn night"
    assert daytime.dated("a beach at night", night, lat=50, lon=0) == "a beach at night in autumn"
    assert daytime.dated("autumn trees", night, lat=50, lon=0) == "autumn trees at night"
    assert daytime.dated("a beach", night.date(), lat=0, lon=0) == "a beach"
    assert daytime.dated("a beach", None, lat=50, lon=0) == "a beach"


@pytest.mark.parametrize("part", daytime.PARTS)
@pytest.mark.parametrize("season", [None, *daytime.SEASONS])
def test_what_is_said_of_a_moment_is_found_again(part: str, season: str | None) -> None:
    said = f"a place {daytime.say(season, part)}"
    assert daytime.said_parts(said) == {part}
    assert daytime.said_seasons(said) == ({season} - {None})
    assert not daytime.says(said, daytime.untrue((season, part)))  # true of its own moment, untrue of every other
    assert all(daytime.says(said, daytime.untrue((season, other))) for other in daytime.PARTS if other != part)


# -- phrases -------------------------------------------------------------------------------------------------------


def embed(texts: Sequence[str]) -> np.ndarray:
    """A bag of letters."""
    return np.stack([np.bincount([ord(c) % 61 for c in text], minlength=61) for text in texts]).astype(np.float32)


def test_a_phrase_is_the_nearest_of_all_and_says_its_cosine() -> None:
    bank = PhraseBank(embed, SCENES)
    every = [text for season in daytime.SEASONS for part in daytime.PARTS for text in bank.texts((season, part))]
    assert len(every) == len(set(every)) == 3 * 4 * 4
    s = 7 * embed(["cows on a meadow on a winter night"])
    found = bank.captions(s)[0]
    vectors = embed(every)
    cosines = vectors @ s[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(s)
    assert found.text == every[int(cosines.argmax())] == "cows on a green meadow on a winter night"
    assert found.cosine == pytest.approx(cosines.max(), abs=1e-6)
    assert bank.captions(s, season=False, part=False)[0].text == "cows on a green meadow"
    assert bank.captions(s, part=False)[0].text == "cows on a green meadow in winter"


def test_a_bank_embeds_no_more_phrases_than_a_moment_needs_and_none_twice() -> None:
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    bank, s = PhraseBank(counted, SCENES), embed(["cows"])
    bank.captions_at(s, ("summer", "night"))
    bank.captions_at(s, ("summer", "night"))
    assert asked == [f"{scene} on a summer night" for scene in SCENES]


def test_a_phrase_of_a_known_moment_names_that_moment_whatever_is_nearer() -> None:
    bank = PhraseBank(embed, SCENES)
    s = embed(["cows on a meadow on a winter night"])
    assert bank.captions_at(s, ("summer", "morning"))[0].text == "cows on a green meadow on a summer morning"
    assert bank.captions_at(s, (None, "evening"))[0].text == "cows on a green meadow in the evening"
    assert bank.captions_at(s, (None, None)) == bank.captions(s, season=False, part=False)


def test_the_phrases_that_come_along_are_read_and_a_file_without_any_is_refused(tmp_path: Path) -> None:
    phrases = read_phrases()
    assert len(phrases) == len(set(phrases)) > 50
    assert not any(daytime.said_parts(text) for text in phrases)
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    with pytest.raises(UsageError, match="write one a line"):
        read_phrases(tmp_path / "empty.txt")
    with pytest.raises(UsageError, match="no direction"):
        PhraseBank(embed, SCENES).captions(np.zeros((1, 61)))


def test_a_learnt_tokenizer_gives_every_caption_back(words: Path) -> None:
    tokenizer = learn_words(SCENES, most=300)
    assert tokenizer.token_to_id(END) == 0
    for text in (*SCENES, "żółw & 東京"):
        assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text


# -- the command line ----------------------------------------------------------------------------------------------


def test_a_captioner_is_trained_from_shards_and_lies_in_its_models_folder(groundcast: Groundcast, tmp_path) -> None:
    random = np.random.default_rng(4)
    with ShardWriter(tmp_path / "train", "pairs") as shards:
        for number in range(6):
            picture = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(picture, "JPEG")
            about = {"latitude": 40.0, "longitude": 10.0, "date_taken": datetime(2020, 7, 1, 12) if number else None}
            content = picture.getvalue() if number != 3 else b"no picture"
            shards.write(f"s{number}", None, content, about | {"captions": [SCENES[number % 3], "tag"][: number + 1]})
    groundcast("model", "add", "tiny", "--open-clip", TINY_CLIP, "--random-seed", "0")
    asked = ("captioner", "train", tmp_path / "train", "--model", "tiny", "--steps", "3", "--batch", "4", "--json")
    made = groundcast(*asked)
    assert made.code == 0, made.err
    document = made.json()
    folder = tmp_path / "home" / "models" / "tiny"
    assert Path(document["folder"]) == folder / "captioner"
    assert document["captioner"]["data_card"] == {"shards": "train", "samples": 5}  # one tile cannot be read
    assert captioner_of(folder, document["captioner"]["model_id"]) == folder / "captioner"
    assert str(tmp_path) not in (folder / "captioner" / "meta.json").read_text()
    again = groundcast(*asked)
    assert again.code == 2 and "exists" in again.err
    neither = groundcast("captioner", "train", tmp_path / "train")
    assert neither.code == 2 and "one of --model and --checkpoint" in neither.err


def test_clipcaps_weights_are_taken_for_a_model_of_the_same_width_alone(
    groundcast: Groundcast, clipcap, words: Path
) -> None:
    groundcast("model", "add", "tiny", "--open-clip", TINY_CLIP, "--random-seed", "0")
    refused = groundcast("captioner", "clipcap", clipcap[0], "--model", "tiny", "--words", words)
    assert refused.code == 1 and f"captions vectors of {DIM} numbers" in refused.err
