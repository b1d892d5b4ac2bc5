"""What a file is that is given as weights, told by its first bytes: its name may say something else.

Downloads leave a pointer or an error page under the name of the weights, and other programs write formats that hold no
PyTorch tensors. Nothing here reads tensors (see `files`).
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Literal

from trainer.errors import CheckpointError, UnsafeCheckpointError, reason
from trainer.weights.pickles import Pickle, pickle_in

Kind = Literal["safetensors", "pickle", "index"]

HEAD_BYTES = 1024
_PROTOCOL = 0x80  # a pickle of protocol 2 or more begins with it
_AGAIN = "download the weights themselves"
_CONVERT = "use the PyTorch weights (safetensors, .pt or .bin) of the same model"
_UNPACK = "unpack it and give the file of weights inside"
_MARKS: tuple[tuple[int, bytes, str, str], ...] = (  # where it stands, what it is, what to do
    (0, b"GGUF", "is a GGUF file of llama.cpp", _CONVERT),
    (0, b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes", _CONVERT),
    (0, b"\x93NUMPY", "is a single NumPy array", _CONVERT),
    (0, b"\x1f\x8b", "is packed with gzip", _UNPACK),
    (0, b"BZh", "is packed with bzip2", _UNPACK),
    (0, b"\xfd7zXZ\0", "is packed with xz", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "is packed with Zstandard", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "is a 7z archive", _UNPACK),
    (0, b"Rar!", "is a RAR archive", _UNPACK),
    (0, b"PAR1", "is a Parquet file", _AGAIN),
    (0, b"%PDF", "is a PDF document", _AGAIN),
    (0, b"\x89PNG", "is a PNG picture", _AGAIN),
    (0, b"\xff\xd8\xff", "is a JPEG picture", _AGAIN),
    (0, b"II*\0", "is a TIFF picture", _AGAIN),
    (0, b"MM\0*", "is a TIFF picture", _AGAIN),
    (4, b"TFL3", "is a TensorFlow Lite model", _CONVERT),
    (257, b"ustar", "is a tar archive", _UNPACK),
)


def kind_of(path: Path) -> Kind:
    """How a file of weights is to be read: as safetensors, as a pickle of PyTorch, or as an index of parts.

    Raises:
        CheckpointError: It is something else; the message says what.
        UnsafeCheckpointError: It is a TorchScript program, or a pickle that would run code.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError as e:
        raise CheckpointError(f"weights {path} cannot be read: {e.strerror}") from e
    if not head:
        raise CheckpointError(f"weights {path} are an empty file: download them again")
    if head.startswith(b"PK"):
        return _zip(path)
    # eight bytes with the length of the JSON that follows
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 * 2**20:
        return "safetensors"
    for at, mark, what, advice in _MARKS:
        if head[at:].startswith(mark):
            raise _no_weights(path, what, advice)
    if _is_onnx(head):
        raise _no_weights(path, "is an ONNX model", _CONVERT)
    if path.suffix == ".msgpack":
        raise _no_weights(path, "is a msgpack file of Flax", _CONVERT)
    if not any(head):
        raise _no_weights(path, f"begins with {len(head)} zeros, of {size} bytes: a download that broke off", _AGAIN)
    found = pickle_in(path)
    # of text, which protocol 0 is, a few letters may be a pickle by chance
    if found is not None and (head[0] == _PROTOCOL or found.size == size):
        return _of_pickle(path, found)
    if (text := _text(head)) is not None:
        return _of_text(path, text)
    raise _no_weights(path, f"is of a format that is not known here (it begins with {head[:8]!r})", _AGAIN)


def _no_weights(path: Path, what: str, advice: str) -> CheckpointError:
    return CheckpointError(f"{path} {what}, no weights: {advice}")


def _zip(path: Path) -> Kind:
    """PyTorch packs its pickle into a zip archive; so do NumPy, TorchScript and people."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as e:
        raise CheckpointError(f"weights {path} are broken or cut short ({reason(e)}): download them again") from e
    # a member that `torch.jit.save` writes and `torch.save` does not
    if any(name.endswith("constants.pkl") for name in names):
        raise UnsafeCheckpointError(
            f"{path} is a TorchScript program, not plain weights: use the safetensors of the same model"
        )
    if any(name.endswith("data.pkl") for name in names):
        return "pickle"
    if names and all(name.endswith(".npy") for name in names):
        raise _no_weights(path, "is an .npz of NumPy arrays", _CONVERT)
    raise _no_weights(path, f"is a zip archive of {len(names)} files ({', '.join(names[:3])}, …)", _UNPACK)


def _of_pickle(path: Path, found: Pickle) -> Kind:
    """A file of PyTorch before 1.6, which wrote tensors behind its pickles, or one that Python itself wrote."""
    if found.of_torch:
        return "pickle"
    if found.calls:
        raise UnsafeCheckpointError(f"{path} is a pickle that would run code ({found.calls[0]}): it is refused")
    raise _no_weights(path, "is a pickle of plain Python values", "give the file with the model's state dictionary")


def _is_onnx(head: bytes) -> bool:
    """A protocol buffer whose first fields are a small version and, by most exporters, the producer's name."""
    return head[0] == 0x08 and head[1:2] < b"\x20" and head[2:3] in (b"\x12", b"\x1a", b"\x3a")


def _text(head: bytes) -> str | None:
    """The beginning as text; None if it has bytes that no text has."""
    if any(byte < 0x20 and byte not in b"\t\n\r\f" for byte in head):
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        # the last character may be cut through
        return head[: e.start].decode("utf-8-sig") if e.start > len(head) - 4 else None


def _of_text(path: Path, text: str) -> Kind:
    start = text.lstrip().lower()
    if start.startswith("version https://git-lfs"):
        size = re.search(r"^size (\d+)", text, re.MULTILINE)
        of = f" to {int(size[1]) / 1e6:,.0f} MB" if size else ""
        raise _no_weights(path, f"is a pointer of git-lfs{of}", f"run `git lfs pull` in its folder, or {_AGAIN}")
    if start.startswith(("<!doctype html", "<html")):
        raise _no_weights(path, "is a web page", f"open the address in a browser to see what it says, and {_AGAIN}")
    if start.startswith("<"):
        raise _no_weights(path, f"is XML, such as the answer of a server that refuses ({_first(text)})", _AGAIN)
    if start.startswith("{"):
        return _of_json(path)
    raise _no_weights(path, f"is text ({_first(text)})", _AGAIN)


def _of_json(path: Path) -> Kind:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        raise _no_weights(path, "is broken JSON", _AGAIN) from None
    if isinstance(document, dict) and isinstance(document.get("weight_map"), dict):
        return "index"
    raise _no_weights(path, "is a JSON file, such as a model's configuration", "give the file of weights beside it")


def _first(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return repr(line[:60])
