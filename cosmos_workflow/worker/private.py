"""Folders of 0700 and files of 0600, whatever the umask: a host may have other users, and prompts are nobody else's."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["close_to_others", "hand_over", "make_folder", "open_private", "touch"]

FOLDER, FILE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """The folder, and those above it that are not there yet. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):  # another process was quicker
        path.mkdir(mode=FOLDER)
        hand_over(path)


def open_private(path: Path, flags: int) -> int:
    """A file descriptor that children do not inherit; a file that is new is ours alone. Raises OSError."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), FILE)
    if flags & os.O_CREAT:
        hand_over(path)
    return descriptor


def touch(path: Path) -> None:
    """An empty file, or its time anew. Raises OSError."""
    path.touch(mode=FILE)
    hand_over(path)


def hand_over(path: Path) -> None:
    """What a container's root makes in a user's folder is the user's: nobody else can read it there."""
    if not hasattr(os, "geteuid") or os.geteuid():
        return
    with suppress(OSError):
        above, own = path.parent.stat(), path.stat()
        if above.st_uid != own.st_uid:
            os.chown(path, above.st_uid, above.st_gid)


def close_to_others(root: Path, names: tuple[str, ...]) -> None:
    """Take others' rights away from the folders `names` in `root` and all that is in them.

    `root` itself may be a folder that others use as well: its rights change only where nothing else is in it.
    """
    with suppress(OSError):
        for name in names:
            for folder, _, files in os.walk(root / name):
                _close(Path(folder), FOLDER)
                for file in files:
                    _close(Path(folder, file), FILE)
        if {path.name for path in root.iterdir()} <= set(names):
            _close(root, FOLDER)


def _close(path: Path, mode: int) -> None:
    with suppress(OSError):  # gone meanwhile, or not ours
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(mode)
