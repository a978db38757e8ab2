"""Weight maps as PyTorch saves tensors (.pt), written and looked at without PyTorch."""

from __future__ import annotations

import pickle
import zipfile
from array import array
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

__all__ = ["shape_of", "write_map"]


def write_map(path: Path, shape: tuple[int, ...], value: float) -> None:
    """Write a tensor of 32-bit floats, the same everywhere, in the format of torch.save."""
    count, strides = 1, []
    for length in reversed(shape):
        strides.append(count)
        count *= length
    storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text("0") + _text("cpu")
    storage += b"J" + count.to_bytes(4, "little") + b"tQ"
    tensor = b"(" + storage + b"K\x00" + _numbers(shape) + _numbers(reversed(strides)) + b"\x89"
    tensor += b"ccollections\nOrderedDict\n)Rt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + tensor + b"R.")
        archive.writestr("archive/data/0", array("f", [value]) * count)
        archive.writestr("archive/version", "3\n")


def _text(word: str) -> bytes:
    return b"X" + len(word).to_bytes(4, "little") + word.encode()


def _numbers(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(b"J" + number.to_bytes(4, "little") for number in values) + b"t"


def shape_of(path: str | Path) -> tuple[int, ...]:
    """A saved tensor's shape. Raises FileNotFoundError, or pickle.UnpicklingError for what torch.load would refuse."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as file:
                return _Shapes(file).load()
    except (zipfile.BadZipFile, StopIteration) as error:
        raise pickle.UnpicklingError(f"invalid load key in {path}") from error


class _Shapes(pickle.Unpickler):
    """Makes of each tensor its shape, and loads nothing else."""

    def persistent_load(self, pid: object) -> object:
        return pid

    def find_class(self, module: str, name: str) -> object:
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, *rest: tuple(shape)
        if name == "OrderedDict":
            return OrderedDict
        if module == "torch":
            return name
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL {module}.{name}")
