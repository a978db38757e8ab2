"""Numbered images as a video: a folder of them, or a file name with `%04d` or `####` in place of the number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cosmos_workflow.errors import BadInputError, cannot_read
from cosmos_workflow.media.bounds import size_in_header
from cosmos_workflow.media.numbering import (
    IMAGES,
    gaps,
    has_place,
    in_words,
    number_in,
    pattern_of,
    ranges,
    sequences_in,
    some,
)
from cosmos_workflow.media.pictures import Pictures

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["FPS", "Still", "files_of", "is_sequence", "open_sequence"]

FPS = 24.0  # images state no frame rate; this is the rate of film and of Cosmos


class Still(NamedTuple):
    """One decoded image, with its pixels' width by their height."""

    frame: VideoFrame
    codec: str
    aspect: Fraction


def is_sequence(path: Path) -> bool:
    """Whether a path means numbered images: a folder, or a pattern for which no file of that very name exists."""
    try:
        is_pattern = path.suffix.lower() in IMAGES and has_place(path.name)
        return path.is_dir() or (is_pattern and not path.is_file())
    except (OSError, ValueError):  # not a valid file name
        return False


def files_of(path: Path) -> dict[int, Path]:
    """The images of a sequence by their numbers, in order.

    Raises BadInputError if there are none, if a folder holds several sequences (the error names them), or if two
    images have the same number.
    """
    files = _in_folder(path) if path.is_dir() else _of_pattern(path)
    return dict(sorted(files.items()))


def open_sequence(path: Path, still: Callable[[Path], Still]) -> Pictures:
    """The images of a sequence, each read by `still` when it is needed. Raises BadInputError if their sizes differ."""
    files = files_of(path)
    numbers = list(files)
    first = still(files[numbers[0]])
    _check_sizes(path, files, still)

    def load(index: int) -> VideoFrame:
        return still(files[numbers[index]]).frame

    count = len(files)
    return Pictures(
        first.codec,
        [index / FPS for index in range(count)],
        count / FPS,
        load,
        first.aspect,
        _gaps(numbers),
    )


def _in_folder(path: Path) -> dict[int, Path]:
    try:
        names = [
            file.name for file in path.iterdir() if not file.name.startswith(".") and file.suffix.lower() in IMAGES
        ]
    except OSError as error:
        raise BadInputError(f"cannot be opened ({error.strerror})", where=str(path), remedy="check the path") from error
    sequences, unnumbered = sequences_in(names)
    if len(sequences) == 1:
        return _by_number(path, [(number, path / name) for number, name in sequences[0].files])
    if not sequences:
        what = f"its images have no numbers ({some(unnumbered)})" if unnumbered else "a folder without images"
        remedy = "give the path of one video file, or number the images (name.0001.png)"
        raise BadInputError(what, where=str(path), remedy=remedy)
    patterns = [sequence.pattern for sequence in sequences]
    raise BadInputError(
        f"a folder with {len(patterns)} image sequences ({some(patterns)})",
        where=str(path),
        remedy=f"give one of them: {path / patterns[0]}",
    )


def _of_pattern(path: Path) -> dict[int, Path]:
    before, width, after = pattern_of(path.name)
    try:
        paths = list(path.parent.iterdir())
    except OSError as error:
        raise BadInputError("no such folder", where=str(path.parent), remedy="check the path") from error
    numbers = ((number_in(file.name, before, width, after), file) for file in paths)
    files = [(number, file) for number, file in numbers if number is not None]
    if not files:
        raise BadInputError("no image matches this pattern", where=str(path), remedy="check the pattern and the folder")
    return _by_number(path, files)


def _by_number(path: Path, files: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    numbered: dict[int, Path] = {}
    for number, file in files:
        if number in numbered:
            raise BadInputError(
                f"two images have the number {number} ({numbered[number].name}, {file.name})",
                where=str(path),
                remedy="move one of them away, or give a pattern such as name.%04d.png",
            )
        numbered[number] = file
    return numbered


def _check_sizes(path: Path, files: Mapping[int, Path], still: Callable[[Path], Still]) -> None:
    sizes: dict[tuple[int, int], list[int]] = {}
    for number, file in files.items():
        try:
            status = file.stat()
            size = _size(file, still, status.st_mtime_ns, status.st_size)
        except OSError as error:
            raise cannot_read(file, error) from error
        sizes.setdefault(size, []).append(number)
    if len(sizes) > 1:
        usual = max(sizes, key=lambda size: len(sizes[size]))
        others = [f"{w}x{h}: {ranges(numbers)}" for (w, h), numbers in sizes.items() if (w, h) != usual]
        raise BadInputError(
            f"images of several sizes: most are {usual[0]}x{usual[1]}, but {some(others)}",
            where=str(path),
            remedy="render these numbers again in the size of the others",
        )


@lru_cache(100_000)  # about an hour of images
def _size(file: Path, still: Callable[[Path], Still], *version: int) -> tuple[int, int]:
    """An image's width and height, decoded only if its header does not say; read again when `version` changes."""
    width, height = size_in_header(file)
    if not width * height:
        frame = still(file).frame
        width, height = frame.width, frame.height
    return width, height


def _gaps(numbers: list[int]) -> str:
    runs = gaps(numbers)
    count = sum(last - first + 1 for first, last in runs)
    return f"{count} images are missing and were left out: {in_words(runs)}" if runs else ""
