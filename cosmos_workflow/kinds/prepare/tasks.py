"""A checked item as a task, and a task as what control videos are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.kinds.kind import Packed, Task
from cosmos_workflow.kinds.prepare.plan import Checked
from cosmos_workflow.kinds.prepare.recipe import Recipe
from cosmos_workflow.media import sha256_of
from cosmos_workflow.media.ocio import ARCHIVE, archive_of
from cosmos_workflow.media.survey import Track, Version, version_of

__all__ = ["asks_of", "clip_of", "task_of"]


# The input that is the configuration of OpenColorIO, where a file is named: with its tables, whatever their folder.
CONFIG = f"ocio/config{ARCHIVE}"


def asks_of(checked: Checked, recipe: Recipe) -> dict[str, Any]:
    """All that decides what is made, besides the content of the item's files."""
    assert checked.seen is not None  # an item that was not looked at does not run
    asks: dict[str, Any] = {
        "recipe": recipe.dump(),
        "tracks": {name: _dump(name, track) for name, track in checked.seen.tracks.items()},
    }
    if archive := archive_of(recipe.view.config):
        asks["recipe"]["view"]["config"] = CONFIG
        asks["ocio"] = archive.sha256
    return asks


def _dump(modality: str, track: Track) -> dict[str, Any]:
    """A track as JSON: each frame is the name of an input, or its index in the video that is the only one."""
    frames = [f"{modality}/{frame.name}" if isinstance(frame, Path) else frame for frame in track.frames]
    video = f"{modality}/{track.path.name}" if track.is_video else ""
    return {"frames": frames, "video": video, "width": track.width, "height": track.height, "fps": track.fps}


def task_of(checked: Checked, recipe: Recipe, kind: str) -> Packed:
    """An item as a task; its files are named by their content. Raises BadInputError if one cannot be read."""
    assert checked.seen is not None
    files: dict[str, Path] = {}
    for modality, track in checked.seen.tracks.items():
        paths = [track.path] if track.is_video else [frame for frame in track.frames if isinstance(frame, Path)]
        files |= {f"{modality}/{path.name}": path for path in paths}
    with ThreadPoolExecutor(4) as pool:
        hashes = dict(zip(files, pool.map(_hash, files.values()), strict=True))
    content: dict[str, bytes | Path] = {hashes[name]: path for name, path in files.items()}
    if archive := archive_of(recipe.view.config):
        hashes[CONFIG] = archive.sha256
        content[archive.sha256] = archive.data
    return Packed(Task(checked.item.id, kind, asks_of(checked, recipe), hashes), content)


def _hash(path: Path) -> str:
    return _hash_of(path, version_of(path))


@lru_cache(100_000)  # the frames of several modalities may be layers of one file
def _hash_of(path: Path, version: Version) -> str:
    return sha256_of(path)


def clip_of(task: Task, path_of: Callable[[str], Path]) -> tuple[Recipe, dict[str, Track], dict[str, Any]]:
    """The recipe and the tracks of a task, and what its manifest tells of the sources.

    `path_of` gives the file of an input by its name; the file's own suffix is that of the name.
    """
    recipe = Recipe.load(task.asks["recipe"])
    tracks: dict[str, Track] = {}
    sources: dict[str, Any] = {}
    for modality, values in task.asks["tracks"].items():
        named = {name: path_of(name) for name in task.inputs if name.startswith(f"{modality}/")}
        tracks[modality] = _track(values, named)
        hashes = {name.partition("/")[2]: task.inputs[name] for name in sorted(named)}
        sources[modality] = {"width": values["width"], "height": values["height"], "files": hashes}
        if values["video"]:
            sources[modality]["fps"] = values["fps"]
    if config := task.inputs.get(CONFIG):
        recipe = replace(recipe, view=replace(recipe.view, config=str(path_of(CONFIG))))
        sources["ocio"] = {"files": {Path(CONFIG).name: config}}
    return recipe, tracks, sources


def _track(values: Mapping[str, Any], named: Mapping[str, Path]) -> Track:
    frames = tuple(named[frame] if isinstance(frame, str) else frame for frame in values["frames"])
    size = values["width"], values["height"]
    versions = {path: version_of(path) for path in named.values()}
    path = named[values["video"]] if values["video"] else next(iter(named.values())).parent
    return Track(path, frames, *size, values["fps"] if values["video"] else 0.0, versions)
