"""Looks at one source of a clip: its files or its frames, what is wrong with each, and whether it is being written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.bounds import exr_aspect
from cosmos_workflow.media.moments import moments_of, steady
from cosmos_workflow.media.plates import LIGHT, size_of
from cosmos_workflow.media.sequence import FPS, files_of, is_sequence
from cosmos_workflow.media.video import probe
from cosmos_workflow.media.wholeness import broken

__all__ = ["Looked", "Version", "Within", "images_of", "is_within", "look", "version_of"]

Within = tuple[int | None, int | None]  # the first and the last number that are wanted, where they are given
Version = tuple[int, int]  # a file's time of change in ns, and its bytes


@dataclass
class Looked:
    """A modality as it was found, before it is brought in line with the others."""

    path: Path
    files: dict[int, Path]
    sizes: dict[tuple[int, int], list[int]]
    broken: dict[int, str]
    versions: dict[Path, Version]
    changing: list[int]
    fps: float = 0.0
    frames: tuple[int | None, ...] = ()  # of a video, from its first on
    note: str = ""


def images_of(path: Path) -> dict[int, Path]:
    """The images that a source means by their numbers; none if it is a video."""
    if is_sequence(path):
        return files_of(path)
    # FFmpeg reads no OpenEXR with many layers.
    return {1: path} if path.suffix.lower() in LIGHT or probe(path).is_image else {}


def look(path: Path, files: dict[int, Path], within: Within, start: int, settled: float) -> Looked:
    if not files:
        return _video(path, within, start, settled)
    files = {number: file for number, file in files.items() if is_within(number, within)}
    if not files:
        raise _nothing(path, within)
    versions = {file: version_of(file) for file in files.values()}
    with ThreadPoolExecutor(8) as pool:
        reasons = dict(zip(files, pool.map(broken, files.values()), strict=True))
        sound = {number: file for number, file in files.items() if not reasons[number]}
        measured = dict(zip(sound, pool.map(_size, sound.values()), strict=True))
    sizes: dict[tuple[int, int], list[int]] = {}
    for number, size in measured.items():
        if isinstance(size, str):
            reasons[number] = size
        else:
            sizes.setdefault(size, []).append(number)
    wrong = {number: reason for number, reason in reasons.items() if reason}
    changing = _changing(files, versions, settled)
    aspect = exr_aspect(next(iter(files.values())))
    note = ""
    if abs(aspect - 1) > 0.001:
        note = (
            f"its pixels are {aspect:g} times as wide as high, and taken for square: --size with --stretch widens them"
        )
    return Looked(path, files, sizes, wrong, versions, changing, note=note)


def _video(path: Path, within: Within, start: int, settled: float) -> Looked:
    versions = {path: version_of(path)}
    clip, moments = probe(path), moments_of(path)
    shown, fps = steady(moments.times, clip)
    frames = (*shown, *repeat(None, moments.lost))
    if not any(is_within(start + index, within) for index in range(len(frames))):
        raise _nothing(path, within)
    note = ""
    if shown != tuple(range(len(shown))):
        note = (
            f"its {len(moments.times)} frames come at no constant rate; at {fps:g} a second, each stays until the next"
        )
    changing = [0] if _changing({0: path}, versions, settled) else []
    return Looked(path, {}, {(clip.width, clip.height): [0]}, {}, versions, changing, fps or FPS, frames, note)


def is_within(number: int, within: Within) -> bool:
    first, last = within
    return (first is None or number >= first) and (last is None or number <= last)


def _nothing(path: Path, within: Within) -> BadInputError:
    first, last = within
    span = f"from {first} to {last}" if None not in within else f"from {first} on" if last is None else f"up to {last}"
    return BadInputError(f"no frame {span}", where=str(path), remedy="give other numbers")


def _size(path: Path) -> tuple[int, int] | str:
    try:
        return size_of(path)
    except BadInputError as error:
        return error.what


def version_of(path: Path) -> Version:
    """A value that changes when a file does; of one that is not there, (0, -1)."""
    try:
        status = path.stat()
    except OSError:
        return 0, -1
    return status.st_mtime_ns, status.st_size


def _changing(files: Mapping[int, Path], versions: Mapping[Path, Version], settled: float) -> list[int]:
    """The numbers of the files that change while they are looked at."""
    newest = max((version[0] for version in versions.values()), default=0) / 1e9
    age = time.time() - newest
    if 0 <= age < settled:
        time.sleep(settled - age)
    return [number for number, file in files.items() if version_of(file) != versions[file]]
