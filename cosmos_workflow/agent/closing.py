"""Takes other users' rights away from what earlier versions left open on a host."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cosmos_workflow.private import FILE, FOLDER

__all__ = ["close_to_others"]


def close_to_others(root: Path) -> None:
    """Take other users' rights away from what an earlier version left open in `root`, if it is certainly ours.

    `root` may be a home with a `runs` folder of another program in it: a folder is closed only where all that it
    holds is ours, else only our entries in it are. A closed folder is not looked into, as nobody can reach into it.
    """
    with suppress(OSError):
        ours = [_close_folder(path, OURS[path.name]) if path.name in OURS else False for path in root.iterdir()]
        if all(ours):
            _close(root, FOLDER)


def _close_folder(folder: Path, is_ours: Callable[[Path], bool]) -> bool:
    """Returns whether nobody else can look into it now."""
    with suppress(OSError):  # gone meanwhile, or not ours
        if not _is_folder(folder):
            return False
        if not _is_open(folder):
            return True
        entries = {path: is_ours(path) for path in folder.iterdir()}
        if entries and all(entries.values()):
            return _close(folder, FOLDER)
        for path, ours in entries.items():
            if ours and _is_open(path):
                _close(path, FOLDER if _is_folder(path) else FILE)
    return False


def _close(path: Path, mode: int) -> bool:
    with suppress(OSError):  # gone meanwhile, or not ours
        if _is_open(path):
            path.chmod(mode)
        return True
    return False


def _is_open(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not stat.S_ISLNK(mode) and bool(stat.S_IMODE(mode) & 0o077)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _is_program(path: Path) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{64}\.pyz(\.\d+)?", path.name)) and path.is_file()


def _is_blobs(path: Path) -> bool:
    """Blobs lie in folders named by the first two digits of their SHA-256."""
    if not re.fullmatch("[0-9a-f]{2}", path.name) or not _is_folder(path):
        return False
    names = [entry.name for entry in path.iterdir()]
    return bool(names) and all(re.fullmatch(rf"{path.name}[0-9a-f]{{62}}(\.part)?", name) for name in names)


def _holds(*names: str) -> Callable[[Path], bool]:
    return lambda path: _is_folder(path) and all((path / name).is_file() for name in names)


def _is_device(path: Path) -> bool:
    status = path.lstat()
    return path.suffix == ".lock" and stat.S_ISREG(status.st_mode) and not status.st_size


# Our folders in a workdir, and how to tell that an entry of each is ours.
OURS: dict[str, Callable[[Path], bool]] = {
    "program": _is_program,
    "blobs": _is_blobs,
    "runs": _holds("order.json", "lock"),
    "workers": _holds("settings.json", "lock", "door"),
    "devices": _is_device,
}
