"""Writes files so that they are never half written, under names that every system takes; every room may use it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

__all__ = [
    "RESULTS", "aside", "at_home", "folder_name", "is_file_name", "is_output_name", "is_sha256",
    "is_taken_by_windows", "names_in", "of_this_machine", "write_whole", "writing_whole",
]  # fmt: skip

RESULTS = "results.jsonl"  # the results file in the folder of results that have files
# What Windows takes for devices, whatever stands behind their dot.
DEVICES = {
    "con",
    "conin$",
    "conout$",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}


def aside(path: Path) -> Path:
    """A path beside `path` that no other writer has: no other thread, process, or machine that shares the disk.

    It has only the beginning of the file's name, which may already be as long as the system allows.
    """
    return path.with_name(f"{path.name[:50]}.{token_hex(8)}.part")


@contextmanager
def writing_whole(path: Path, *, sync: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write aside, sync, rename: readers see the old file or the whole new one, also after a crash.

    An exception raised inside leaves the old file. Without `sync` a power cut may leave an empty file. `mode` is the
    new file's, less the umask. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = aside(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        with of_this_machine(path), os.fdopen(descriptor, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, sync: bool = True, mode: int = 0o666) -> None:
    """Write data as `writing_whole`."""
    with writing_whole(path, sync=sync, mode=mode) as file:
        file.write(data)


@contextmanager
def of_this_machine(path: Path | str) -> Iterator[None]:
    """Adds `path`, a file of this machine, to an OSError that is raised inside and names no file.

    A failed write names no file by itself, and an error without one looks like an error of the network.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def at_home(path: Path) -> Path:
    """A path with a leading `~` replaced by the home folder; a file whose own name begins with `~` stays as it is."""
    first = path.parts[0] if path.parts else ""
    if first == "~" or (first.startswith("~") and len(path.parts) > 1):
        with suppress(RuntimeError):  # there is no such user
            return path.expanduser()
    return path


_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def is_file_name(name: str) -> bool:
    """Whether every system takes this for the name of a file or a folder: plain characters, and no name of Windows'.

    >>> [is_file_name(name) for name in ("video.mp4", "shot 1", "nul.txt", "shot.", ".hidden", "a/b", "größe")]
    [True, True, False, False, False, False, False]
    """
    return bool(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_. +=@,-]{0,99}", name)) and is_taken_by_windows(name)


def is_taken_by_windows(name: str) -> bool:
    """Whether Windows takes this for a name inside a folder: no drive, no stream, no device, and not another name.

    >>> [is_taken_by_windows(name) for name in ("größe #1.png", "D:x.png", "a.png:b", "con.png", "a.png.", "b ", "?")]
    [True, False, False, False, False, False, False]
    """
    return (
        not re.search(r'[\x00-\x1f<>:"/\\|?*]', name)
        and name[-1:] not in ("", ".", " ")
        and name.partition(".")[0].rstrip(" ").lower() not in DEVICES
    )


def is_output_name(name: str) -> bool:
    """Whether an output file may be called so: a file name, or a path of such names.

    >>> [is_output_name(name) for name in ("video.mp4", "frames/0001.png", "../video.mp4", "/etc/passwd", "")]
    [True, True, False, False, False]
    """
    return len(name) <= 100 and all(map(is_file_name, name.split("/")))


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in small hex digits, and so a name that leads nowhere else.

    >>> [is_sha256(text) for text in ("0" * 64, "0" * 63, "/etc/passwd", "0" * 64 + chr(10))]
    [True, False, False, False]
    """
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def names_in(folder: Path) -> dict[str, str]:
    """The names in a folder, by how a system that does not tell a from A sees them; none where there is no folder."""
    with suppress(FileNotFoundError):
        return {path.name.casefold(): path.name for path in folder.iterdir()}
    return {}


def folder_name(id: str, names: Mapping[str, str]) -> str:
    """The name of an item's folder beside those that exist (`names_in`): its id, where every system takes that.

    Other ids, and one that differs from another's folder in case alone, get a name with a hash of the id, so that no
    two items share a folder anywhere.

    >>> folder_name("shot_1", {}), folder_name("Shot_1", {"shot_1": "shot_1"}), folder_name("a/b", {})
    ('shot_1', 'Shot_1~26a9de548cc4', 'a_b~c14cddc033f6')
    """
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", id)[:60].strip("_-") or "item"
    made = f"{readable}~{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    plain = is_file_name(id) and id.casefold() != RESULTS and names.get(id.casefold(), id) == id
    return id if plain and made.casefold() not in names else made
