"""Pickles that are given as weights are told for what they are, and nothing of them is run."""

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from trainer.errors import CheckpointError, UnsafeCheckpointError
from trainer.weights.files import read_weights

PROTOCOLS = (0, 2, 4, 5)


class Touches:
    """Makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "values", [{"a": 1, "b": "x"}, [1.5, None], OrderedDict(a={1, 2}), {"a": b"x", "b": 1j}, 3], ids=repr
)
def test_plain_values_are_no_code(tmp_path: Path, values: object, protocol: int) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(pickle.dumps(values, protocol))
    with pytest.raises(CheckpointError, match="is a pickle of plain Python values, no weights") as caught:
        read_weights(path)
    assert not isinstance(caught.value, UnsafeCheckpointError)


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_values_that_torch_saved_hold_no_tensors(tmp_path: Path, zipped: bool) -> None:
    torch.save({"a": 1}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="hold no tensors"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("writer", "protocol"), [*(("python", n) for n in PROTOCOLS), *((how, n) for how in ("zip", "old") for n in (2, 4))]
)
def test_code_is_named_in_every_protocol_and_not_run(tmp_path: Path, writer: str, protocol: int) -> None:
    path, content = tmp_path / "a.pt", {"w": torch.ones(1), "x": Touches(tmp_path / "ran")}
    if writer == "python":
        path.write_bytes(pickle.dumps({"x": content["x"]}, protocol))
    else:
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=writer == "zip")
    with pytest.raises(UnsafeCheckpointError, match=r"would run code \((?!something)\w"):
        read_weights(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_in_a_later_protocol_are_no_code_and_the_advice_helps(tmp_path: Path, zipped: bool) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt", pickle_protocol=4, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"pickle protocol 4.*pickle_protocol=2") as caught:
        read_weights(tmp_path / "a.pt")
    assert not isinstance(caught.value, UnsafeCheckpointError)
    content = torch.load(tmp_path / "a.pt", weights_only=False)
    torch.save(content, tmp_path / "b.pt", pickle_protocol=2)
    assert list(read_weights(tmp_path / "b.pt")) == ["w"]


def test_a_text_that_may_be_a_pickle_by_its_first_letters_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("N.B. these are no weights")
    with pytest.raises(CheckpointError, match="is text"):
        read_weights(tmp_path / "a.pt")
