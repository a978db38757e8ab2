"""Finds the shots in a folder: image sequences and videos, and what each of them shows, told by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import RESULTS
from cosmos_workflow.media.numbering import IMAGES, Numbered, sequences_in, some

__all__ = ["MODALITIES", "VIDEOS", "Shot", "find_shots", "modality_in"]

VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mxf", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv",
          ".flv", ".ogv", ".y4m", ".3gp"}  # fmt: skip

# What a clip may show, as NVIDIA's hints are named, and the words by which people and renderers call it.
MODALITIES: dict[str, tuple[str, ...]] = {
    "rgb": ("rgb", "rgba", "color", "colour", "colors", "beauty", "combined", "diffuse", "albedo", "image", "final",
            "src", "source", "plate", "input"),
    "depth": ("depth", "z", "zdepth", "mist", "distance", "disparity", "pz"),
    "seg": ("seg", "segmentation", "segments", "mask", "masks", "id", "ids", "objectid", "indexob", "indexma", "matte",
            "cryptomatte", "crypto", "cryptoobject", "cryptoasset", "cryptomaterial", "instance", "instances",
            "semantic", "semantics", "label", "labels", "objects"),
    "edge": ("edge", "edges", "canny", "outline", "outlines", "lineart", "freestyle"),
    "vis": ("vis", "blur", "blurred"),
    "normal": ("normal", "normals", "nrm"),
}  # fmt: skip
WORDS = {word: modality for modality, words in MODALITIES.items() for word in words}
# Words of a name that tell no shot from another.
FILLERS = {"image", "images", "final", "frames", "frame", "pass", "passes", "render", "renders", "world", "layer",
           "viewlayer", "map", "maps", "video", "videos", "control", "controls", "aov", "out", "output", "obj",
           "object", "exr", "png"}  # fmt: skip
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # FinalImage01 has three
DEEPEST = 8  # folders inside folders
MOST_FILES = 500_000
SHEET = "sheet.jpg"
UNPLACED = ".cosmos-files"  # in a folder of results: files that are on their way into their places


@dataclass(frozen=True)
class Shot:
    """What belongs together: the path of a pattern or a video for each modality that was found.

    Where two show the same, `unclear` says so with a remedy, and the source is the folder that has both.
    """

    name: str
    sources: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unclear: tuple[str, str] | None = None


def find_shots(root: Path, without: Container[str] = ()) -> list[Shot]:
    """The shots in a folder and the folders in it, by name; clips that show what is in `without` are passed over.

    Folders with results of ours are not searched, except `root` itself. A sequence whose name says nothing is taken for
    the picture where a shot has no other. Raises BadInputError if the folder cannot be read.
    """
    shots: dict[str, dict[str, list[Path]]] = {}
    for path, name in _clips(root):
        key, modality = _place(path, name, root)
        if modality in without:
            continue
        shots.setdefault(key, {}).setdefault(modality, []).append(path)
    return [_shot(key or root.resolve().name, modalities, root) for key, modalities in sorted(shots.items())]


def modality_in(name: str) -> str:
    """What a file or a layer shows, by its name; empty if that says nothing.

    >>> modality_in("Shot_FinalImageWorldDepth."), modality_in("ViewLayer.CryptoObject00"), modality_in("shot_010")
    ('depth', 'seg', '')
    """
    named = [WORDS[word] for word in _words(name) if word in WORDS]
    others = [modality for modality in named if modality != "rgb"]
    return (others or named or [""])[-1]


def _words(name: str) -> list[str]:
    """The words of a name, in lower case; `FinalImage` and `final_image` have the same."""
    parts = PART.findall(name)
    words = [part.lower() for part in parts]
    joined = [a + b for a, b in zip(words, words[1:], strict=False)]
    return [word for pair in zip(words, [*joined, ""], strict=True) for word in pair if word] if words else []


def _place(path: Path, name: str, root: Path) -> tuple[str, str]:
    """The shot that a clip belongs to, and what it shows; its own name counts before those of its folders."""
    folders = path.parent.relative_to(root).parts
    modality = next(filter(None, map(modality_in, (name, *reversed(folders)))), "")
    parts = filter(None, (_without(part) for part in (*folders, name)))
    return "/".join(parts), modality


def _without(name: str) -> str:
    """A name without the words that say what it shows, nor separators at its ends."""
    name = re.sub(r"distance_to_(camera|image_plane)", "distance", name)  # Isaac Sim's names for two kinds of depth
    parts = re.split(r"([^A-Za-z0-9]+)", name)
    kept = []
    for index in range(0, len(parts), 2):
        words = PART.findall(parts[index])
        plain = {word.lower() for word in words}
        says = {word for word in _words(parts[index]) if word in WORDS}
        if words and (says or plain <= FILLERS) and all(_tells_nothing(word.lower(), says) for word in words):
            continue
        kept.append(index)
    joined = "".join(parts[index] + (parts[index + 1] if index + 1 < len(parts) else "") for index in kept)
    return joined.strip(" ._-")


def _tells_nothing(word: str, says: Iterable[str]) -> bool:
    return word in WORDS or word in FILLERS or any(word in longer for longer in says) or word.isdigit()


def _shot(name: str, modalities: dict[str, list[Path]], root: Path) -> Shot:
    unnamed = modalities.pop("", [])
    if "rgb" not in modalities and len(unnamed) == 1:
        modalities["rgb"], unnamed = unnamed, []
    notes = [f"not used, as the name does not say what it shows: {path.relative_to(root)}" for path in unnamed]
    if "normal" in modalities:
        paths = modalities.pop("normal")
        notes += [f"not used, as no model takes normals: {path.relative_to(root)}" for path in paths]
    unclear = None
    for modality, paths in modalities.items():
        if len(paths) > 1:
            names = [str(path.relative_to(root)) for path in sorted(paths)]
            unclear = (
                f"{len(paths)} clips of {name} show {modality}: {some(names)}", f"say which: --{modality} '{names[0]}'"
            )  # fmt: skip
            modalities[modality] = [Path(os.path.commonpath([path.parent for path in paths]))]
    return Shot(name, {modality: modalities[modality][0] for modality in MODALITIES if modality in modalities},
                tuple(notes), unclear)  # fmt: skip


def _clips(root: Path) -> Iterator[tuple[Path, str]]:
    """Each sequence of images as its pattern, each numberless image and each video, with the part of its name that
    tells what it shows.
    """
    for folder, names in _folders(root):
        images, unnumbered = sequences_in(name for name in names if Path(name).suffix.lower() in IMAGES)
        for sequence in images:
            yield folder / sequence.pattern, _text_of(sequence)
        stills = unnumbered if not images else []
        for name in (*stills, *(name for name in names if Path(name).suffix.lower() in VIDEOS)):
            yield folder / name, Path(name).stem


def _text_of(sequence: Numbered) -> str:
    after = sequence.after[: -len(Path("x" + sequence.after).suffix)]
    return f"{sequence.before} {after}".strip(" ._-")


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    count = 0
    try:
        for folder, folders, names in os.walk(root, onerror=_raise):
            depth = len(Path(folder).relative_to(root).parts)
            if _is_ours({*folders, *names}):
                folders[:] = [] if depth else folders
                names[:] = [] if depth else [name for name in names if name != SHEET]
            folders[:] = sorted(name for name in folders if not name.startswith(".") and depth < DEEPEST)
            count += len(names)
            if count > MOST_FILES:
                raise BadInputError(
                    f"more than {MOST_FILES:,} files", where=str(root), remedy="give the folder of one shot"
                )
            yield Path(folder), sorted(name for name in names if not name.startswith("."))
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(root), remedy="check the path") from error


def _is_ours(names: Container[str]) -> bool:
    """Whether a folder of these names has results of ours, or controls that were made: they are no sources."""
    return RESULTS in names or UNPLACED in names or ("manifest.json" in names and SHEET in names)


def _raise(error: OSError) -> None:
    raise error
