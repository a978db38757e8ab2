"""How renderers number their images: which files of a folder are one sequence, and what a pattern stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

__all__ = [
    "IMAGES",
    "Missing",
    "Numbered",
    "gaps",
    "has_place",
    "in_words",
    "number_in",
    "pattern_of",
    "ranges",
    "sequences_in",
    "some",
]

IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx", ".webp", ".bmp", ".tga", ".jp2", ".j2k", ".hdr",
          ".ppm", ".pgm", ".pnm", ".sgi", ".gif", ".avif", ".jxl", ".cin", ".pcx", ".qoi"}  # fmt: skip

# What stands for the number: printf and Nuke's %04d, Blender's and Nuke's ####, RenderMan's and Maya's <F4>, <f>,
# Houdini's $F4, Unreal's {frame_number}, Cinema 4D's $frame.
PLACE = re.compile(
    r"%0?(\d*)d|(#+)|<f(\d*)>|<frame>|\$\{?f(\d*)(?![a-z])\}?|\$frame|\{frame(?:_number)?\}", re.IGNORECASE
)
# A minus sign begins a number only at the start of a name, or behind one of these.
NUMBER = re.compile(r"((?:(?:^|(?<=[._= -]))-)?[0-9]+)")
# Numbers that count something else than frames: take_v003, cam2, 1920x1080.
NOT_FRAMES = re.compile(r"(?:^|[^a-z])(?:v|ver|version|cam|camera|view|eye|take)[._-]?$|^x$", re.IGNORECASE)


# What stands in the place of frames that are missing: nothing, as that is an error; the frame before; or black.
Missing = Literal["error", "hold", "black"]


class Numbered(NamedTuple):
    """The images of one sequence: what stands before and after the number, and each file's number and name."""

    before: str
    after: str
    files: list[tuple[int, str]]

    @property
    def pattern(self) -> str:
        """A pattern that stands for these names."""
        lengths = [len(name) - len(self.before) - len(self.after) for _, name in self.files]
        width = min(length - (number < 0) for length, (number, _) in zip(lengths, self.files, strict=True))
        fits = all(number_in(name, self.before, width, self.after) is not None for _, name in self.files)
        place = f"%0{width}d" if fits else "%d"
        return f"{self.before.replace('%', '%%')}{place}{self.after.replace('%', '%%')}"


def sequences_in(names: Iterable[str]) -> tuple[list[Numbered], list[str]]:
    """File names of one folder as sequences, and those without a number.

    Where names have several numbers, the frame's is the one before the suffix if it changes, else the one that changes
    most.

    >>> [each.pattern for each in sequences_in(["shot_010.1001.exr", "shot_010.1002.exr", "0001_depth.png"])[0]]
    ['%04d_depth.png', 'shot_010.%04d.exr']
    """
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    unnumbered = []
    for name in sorted(names):
        stem, dot, suffix = name.rpartition(".")
        if not dot:
            stem, suffix = name, ""
        parts = NUMBER.split(stem)
        if len(parts) == 1:
            unnumbered.append(name)
        else:
            alike.setdefault((*parts[::2], dot + suffix), []).append(parts)
    sequences: dict[tuple[str, str], Numbered] = {}
    for (*_, suffix), group in alike.items():
        place = _frame_number(group)
        for parts in group:
            before, after = "".join(parts[:place]), "".join(parts[place + 1 :]) + suffix
            sequence = sequences.setdefault((before, after), Numbered(before, after, []))
            sequence.files.append((int(parts[place]), f"{before}{parts[place]}{after}"))
    return list(sequences.values()), unnumbered


def _frame_number(group: Sequence[list[str]]) -> int:
    """The index of the frame's number in the parts of names that are alike but for their numbers."""
    first = group[0]
    places = [i for i in range(1, len(first), 2) if not NOT_FRAMES.search(first[i - 1])] or [*range(1, len(first), 2)]
    values = {place: len({parts[place] for parts in group}) for place in places}
    last = len(first) - 2
    changing = [place for place in places if values[place] > 1]
    if not changing or (last in changing and not first[-1]):
        return last if last in places else places[-1]
    return max(changing, key=lambda place: (values[place], place))


def has_place(name: str) -> bool:
    """Whether a file name is a pattern: it has a place for the number."""
    return bool(_places(name))


def _places(name: str) -> list[re.Match[str]]:
    """The marks in a name; a doubled percent sign is none."""
    escaped = [each.end() for each in re.finditer("%%", name)]
    return [each for each in PLACE.finditer(name) if not (each[0][0] == "%" and each.start() + 1 in escaped)]


def pattern_of(name: str) -> tuple[str, int | None, str]:
    """A pattern's text before the number, the number's digits (None: any count), and the text after it.

    >>> pattern_of("z.$F4.exr"), pattern_of("100%%_<f>.png"), pattern_of("a.%d.png")
    (('z.', 4, '.exr'), ('100%_', None, '.png'), ('a.', None, '.png'))
    """
    places = _places(name)
    # Other marks may be part of a name: take#2_%04d.png.
    place = ([each for each in places if each[0].startswith("%")] or places)[-1]
    digits = next((part for part in place.groups() if part), "")
    width = len(digits) if digits.startswith("#") else int(digits) if digits else None
    return name[: place.start()].replace("%%", "%"), width, name[place.end() :].replace("%%", "%")


def number_in(name: str, before: str, width: int | None, after: str) -> int | None:
    """The number of a file name that a pattern stands for; None for a name of another kind.

    A pattern of four digits also means 10000 and above, which follow 9999, and -001.
    """
    digits = name[len(before) : len(name) - len(after)]
    if name != f"{before}{digits}{after}" or not re.fullmatch(r"-?[0-9]+", digits):
        return None
    plain = digits.removeprefix("-")
    fits = width is None or width in (len(digits), len(plain)) or (len(plain) > width and not plain.startswith("0"))
    return int(digits) if fits else None


def ranges(numbers: Iterable[int], limit: int = 6) -> str:
    """Numbers in words.

    >>> ranges([1, 2, 3, 7])
    '1-3, 7'
    """
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return in_words(runs, limit)


def in_words(runs: Sequence[tuple[int, int]], limit: int = 6) -> str:
    """Runs of numbers, each from its first to its last, in words.

    >>> in_words([(-2, -1), (4, 4)])
    '-2 to -1, 4'
    """
    between = " to " if any(first < 0 for first, _ in runs) else "-"
    return some([str(first) if first == last else f"{first}{between}{last}" for first, last in runs], limit)


def some(names: Sequence[str], limit: int = 6) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def gaps(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers that are missing between the first and the last, as runs; `numbers` are in order.

    >>> gaps([1, 2, 5, 7])
    [(3, 4), (6, 6)]
    """
    return [(before + 1, after - 1) for before, after in pairwise(numbers) if after - before > 1]
