"""Folders of 0700 and files of 0600, whatever the umask, as a host may have other users, who must not read prompts; and
locks in such files, which die with their process. Every room may use it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "FILE",
    "FOLDER",
    "hand_over",
    "is_locked",
    "make_folder",
    "open_private",
    "touch",
    "try_lock",
    "waiting_lock",
]

FOLDER, FILE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """Make the folder, and those above it that do not exist yet. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):  # another process was quicker
        path.mkdir(mode=FOLDER)
        hand_over(path)


def open_private(path: Path, flags: int) -> int:
    """A file descriptor that children do not inherit; only we may read a new file. Raises OSError."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), FILE)
    if flags & os.O_CREAT:
        hand_over(path)
    return descriptor


def touch(path: Path) -> None:
    """Make an empty file, or give it the present time. Raises OSError."""
    path.touch(mode=FILE)
    hand_over(path)


def hand_over(path: Path) -> None:
    """Give what a container's root makes in a user's folder to the user, who could not read it otherwise."""
    if not hasattr(os, "geteuid") or os.geteuid():
        return
    with suppress(OSError):
        above, own = path.parent.stat(), path.stat()
        if above.st_uid != own.st_uid:
            os.chown(path, above.st_uid, above.st_gid)


def try_lock(path: Path, patience: float = 0.3, *, create: bool = True) -> int | None:
    """Take the lock and return its file descriptor, or None where another process holds it.

    Without `create`, a lock whose file is missing is not taken either: its run was removed.

    The kernel frees it when the last process that holds the descriptor ends, however it ends. A process that only
    asks (`is_locked`) holds it for a moment, hence `patience`, in seconds. Raises OSError where there can be no lock.
    """
    import fcntl

    if create:
        make_folder(path.parent)
    try:
        descriptor = open_private(path, os.O_RDWR | (os.O_CREAT if create else 0))
    except FileNotFoundError:
        if create:
            raise
        return None
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except (BlockingIOError, PermissionError):  # noqa: PERF203 - it is the wait
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        except OSError:
            os.close(descriptor)
            raise


def is_locked(path: Path, patience: float = 0.0) -> bool:
    """Whether a process holds the lock, and still does after `patience`, in seconds."""
    if not path.exists():
        return False
    descriptor = try_lock(path, patience, create=False)
    if descriptor is None:
        return path.exists()  # removed meanwhile, and nobody's
    os.close(descriptor)
    return False


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold a lock that others hold only for moments."""
    while (descriptor := try_lock(path, patience=60.0)) is None:
        pass
    try:
        yield
    finally:
        os.close(descriptor)
