"""What a pickle would call when it is loaded, told without loading it.

A pickle is a program: it names functions and calls them. One that names none but those of plain containers holds plain
values. Nothing of it is run here, and no tensor is read (see `files`).
"""

import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # the number that PyTorch before 1.6 begins a file with
_BUILT_IN = ("set", "frozenset", "complex", "bytearray", "bytes", "list", "dict")
_PLAIN = {
    "collections.OrderedDict",
    "collections.Counter",
    "_codecs.encode",  # of bytes, which protocol 2 does not know
    *(f"{home}.{name}" for home in ("builtins", "__builtin__") for name in _BUILT_IN),
}
# a length in it may be beyond all memory, which is asked for before it is read
_BROKEN = (ValueError, IndexError, EOFError, OSError, KeyError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Pickle:
    """A pickle.

    Attributes:
        protocol: Of pickle; 0 and 1 do not say so and count as 0.
        calls: What it would call or make that is no plain container, such as ``posix.system``, in order.
        of_torch: PyTorch wrote it.
        size: Bytes of the file that it takes.
    """

    protocol: int
    calls: tuple[str, ...]
    of_torch: bool
    size: int


def pickle_in(path: Path) -> Pickle | None:
    """The pickle that a file is, or that PyTorch packed into it; None where there is no whole one."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open(_member(archive)) as file:
                return _described(file, of_torch=True)
        with path.open("rb") as file:
            first = _described(file, of_torch=False)
            if not first.of_torch:
                return first
            # a number, the version of the format, facts of the machine, and then what was saved
            return [_described(file, of_torch=True) for _ in range(3)][-1]
    except (*_BROKEN, zipfile.BadZipFile, NotImplementedError):
        return None


def _member(archive: zipfile.ZipFile) -> str:
    return next((name for name in archive.namelist() if name.endswith("data.pkl")), "data.pkl")


def _described(file: IO[bytes], *, of_torch: bool) -> Pickle:
    """The pickle that begins where a file stands; it stands behind it then."""
    protocol, size = 0, 0
    calls: list[str] = []
    texts: list[str] = []  # put on the stack so far: the last two name what is called
    memo: dict[int, str] = {}
    for code, argument, at in pickletools.genops(file):
        size = (at or 0) + 1
        match code.name:
            case "PROTO":
                protocol = int(argument or 0)
            case "LONG1":
                of_torch |= argument == TORCH_MAGIC
            case "GLOBAL" | "INST":
                calls.append(str(argument).replace(" ", "."))
            case "STACK_GLOBAL":
                calls.append(".".join(texts[-2:]))
            case "MEMOIZE":
                memo[len(memo)] = texts[-1] if texts else ""
            case "BINGET" | "LONG_BINGET":
                texts.append(memo.get(int(argument or 0), ""))
            case "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8":
                texts.append(str(argument))
    return Pickle(protocol, tuple(name for name in dict.fromkeys(calls) if name not in _PLAIN), of_torch, size)
