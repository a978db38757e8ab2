"""Looks at the sources of a clip before anything is made of them: what is missing, broken, of another size, or still
being written, by the numbers of the frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cosmos_workflow.media.looking import Looked, Version, Within, images_of, is_within, look, version_of
from cosmos_workflow.media.numbering import Missing, ranges, some

__all__ = ["Survey", "Track", "Version", "Within", "changed", "survey", "version_of"]

MOST_FRAMES = 200_000  # two hours; more are the numbers of something else
SETTLED = 2.0  # seconds since the last change of a file that counts as finished
ALIKE = 0.01  # by so much may the shapes of two modalities differ


@dataclass(frozen=True)
class Track:
    """One modality of a clip: for each frame its file, or its index in the video at `path`; None where it is missing.

    Width and height in pixels; `fps` is that of a video, 0 for images, which state none. `versions` are those of all
    files when they were looked at.
    """

    path: Path
    frames: tuple[Path | int | None, ...]
    width: int
    height: int
    fps: float = 0.0
    versions: Mapping[Path, Version] = field(default_factory=dict)

    @property
    def is_video(self) -> bool:
        return self.fps > 0


@dataclass(frozen=True)
class Survey:
    """What was found: the numbers of the clip's frames, its modalities, what stops the work and what does not."""

    numbers: tuple[int, ...]
    tracks: Mapping[str, Track]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def survey(
    sources: Mapping[str, Path],
    *,
    missing: Missing = "error",
    within: Within = (None, None),
    settled: float = SETTLED,
) -> Survey:
    """Look at the sources of one clip, by modality: patterns, folders of images, or videos.

    `missing` says what becomes of frames that are missing or broken: the frame before is held, or they are black.
    `within` are the first and the last number of the clip, where they are given. A video has numbers from 0 on; beside
    images its first frame has the first number that any of them has. Files that changed within the last `settled`
    seconds are looked at twice. Raises BadInputError if a source has no frames at all.
    """
    problems: list[str] = []
    notes: list[str] = []
    files = {modality: images_of(path) for modality, path in sources.items()}
    start = min((number for group in files.values() for number in group), default=0)
    looked = {modality: look(path, files[modality], within, start, settled) for modality, path in sources.items()}
    for modality, seen in looked.items():
        problems += [f"{modality}: {text}" for text in _own_problems(seen)]
        notes += [f"{modality}: {seen.note}"] if seen.note else []
    numbers = _numbers(looked, within, start, problems)
    tracks: dict[str, Track] = {}
    for modality, seen in looked.items():
        frames = _frames(seen, numbers, start)
        for kind, text in _lacking(seen, numbers, frames):
            (problems if missing == "error" else notes).append(f"{modality}: {text}{_remedy(kind, missing)}")
        if missing == "hold":
            frames = _held(frames)
        size = max(seen.sizes, key=lambda size: len(seen.sizes[size]), default=(0, 0))
        tracks[modality] = Track(seen.path, frames, *size, seen.fps, seen.versions)
    problems += _shapes(tracks)
    return Survey(tuple(numbers), tracks, tuple(problems), tuple(notes))


def changed(track: Track) -> list[Path]:
    """The files that are not any more what they were when they were looked at."""
    return [path for path, version in track.versions.items() if version_of(path) != version]


def _own_problems(seen: Looked) -> list[str]:
    texts = []
    if seen.changing:
        which = "the video is" if seen.frames else _frames_in_words(ranges(seen.changing), seen.changing)
        texts.append(f"{which} still being written; wait for the renderer")
    if not seen.sizes:
        texts.append("no frame can be read; render them again")
    if len(seen.sizes) > 1:
        usual = max(seen.sizes, key=lambda size: len(seen.sizes[size]))
        others = [f"{w}x{h}: {ranges(n)}" for (w, h), n in seen.sizes.items() if (w, h) != usual]
        texts.append(
            f"images of several sizes: most are {usual[0]}x{usual[1]}, but {some(others)};"
            " render these numbers again in the size of the others"
        )
    return texts


def _numbers(looked: Mapping[str, Looked], within: Within, start: int, problems: list[str]) -> list[int]:
    """The numbers of the clip's frames: those that are asked for, else from the first that any modality has to the
    last.
    """
    all_files = [number for seen in looked.values() for number in seen.files]
    videos = [index + start for seen in looked.values() if seen.frames for index in (0, len(seen.frames) - 1)]
    there = [number for number in (*all_files, *videos) if is_within(number, within)] or [start]
    first, last = within
    first, last = min(there) if first is None else first, max(there) if last is None else last
    if last - first >= MOST_FRAMES:
        problems.append(f"the numbers go from {first} to {last}; more than {MOST_FRAMES:,} frames are not one clip")
        return sorted(set(all_files))[:MOST_FRAMES] or [first]
    return list(range(first, last + 1))


def _frames(seen: Looked, numbers: Sequence[int], start: int) -> tuple[Path | int | None, ...]:
    if seen.frames:
        there = dict(enumerate(seen.frames, start))
        return tuple(map(there.get, numbers))
    return tuple(None if number in seen.broken else seen.files.get(number) for number in numbers)


def _lacking(
    seen: Looked, numbers: Sequence[int], frames: Sequence[Path | int | None]
) -> list[tuple[Literal["missing", "broken"], str]]:
    """What is said of the frames that are not there, and of those that cannot be read."""
    texts: list[tuple[Literal["missing", "broken"], str]] = []
    none = (number for number, frame in zip(numbers, frames, strict=True) if frame is None)
    absent = [number for number in none if number not in seen.broken]
    if absent:
        texts.append(("missing", f"{_frames_in_words(ranges(absent), absent)} missing"))
    reasons: dict[str, list[int]] = {}
    for number, reason in sorted(seen.broken.items()):
        reasons.setdefault(reason, []).append(number)
    for reason, group in reasons.items():
        texts.append(("broken", f"{_frames_in_words(ranges(group), group)} not readable ({reason})"))
    return texts


def _remedy(kind: Literal["missing", "broken"], missing: Missing) -> str:
    if missing == "error":
        again = "render these" if kind == "missing" else "render these again"
        return f"; {again}, or give --missing hold or --missing black"
    return "; the frame before is held" if missing == "hold" else "; black instead"


def _frames_in_words(text: str, numbers: Sequence[int]) -> str:
    return f"frame {text} is" if len(numbers) == 1 else f"{len(numbers)} frames ({text}) are"


def _held(frames: Sequence[Path | int | None]) -> tuple[Path | int | None, ...]:
    """Each missing frame is the one before; at the start, the first that is there."""
    last = next((frame for frame in frames if frame is not None), None)
    held = []
    for frame in frames:
        last = frame if frame is not None else last
        held.append(last)
    return tuple(held)


def _shapes(tracks: Mapping[str, Track]) -> list[str]:
    """Controls of another shape than the picture do not lie over it."""
    first = next(iter(tracks), "")
    texts = []
    for modality, track in tracks.items():
        of = tracks[first]
        if not track.height or not of.height:
            continue
        if abs((track.width * of.height) / (track.height * of.width) - 1) > ALIKE:
            texts.append(
                f"{modality} is {track.width}x{track.height}, of another shape than {first} ({of.width}x{of.height});"
                " render both with the same camera"
            )
    return texts
