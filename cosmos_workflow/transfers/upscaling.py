"""Which videos are upscaled: files, and what a run of transfers has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import RESULTS, folder_name, names_in
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.item import Item
from cosmos_workflow.kinds.upscale.kind import item_of_video

__all__ = ["items_of", "name_of"]

VIDEO = "video.mp4"


def items_of(paths: Sequence[Path], asked: Mapping[str, Any]) -> list[Item]:
    """An Item for each video: a file, or that of each item in a folder of results. `asked` are fields of a Spec.

    Each has the name of the file or of the item, with a number where that is not the first of this name. Raises
    BadInputError for a folder without results, or without videos.
    """
    names: set[str] = set()
    items = []
    for path in paths:
        for name, video in _videos(path) if path.is_dir() else [(name_of(path), path)]:
            free = next(free for free in chain([name], (f"{name}-{n}" for n in count(2))) if free not in names)
            names.add(free)
            items.append(item_of_video(video.absolute(), id=free, **asked))
    return items


def name_of(path: Path) -> str:
    """What people call a video: all that we make are called video.mp4, so the folder of such a one counts.

    >>> name_of(Path("night/city/video.mp4")), name_of(Path("night/city.mp4"))
    ('city', 'city')
    """
    return (path.name == VIDEO and path.absolute().parent.name) or path.stem


def _videos(folder: Path) -> Iterator[tuple[str, Path]]:
    from cosmos_workflow.runs.results import read_results

    if not (folder / RESULTS).is_file():
        raise BadInputError(
            f"a folder without {RESULTS}", where=str(folder), remedy="give videos, or the folder of a run of transfers"
        )
    names, any_video = names_in(folder), False
    for result in read_results(folder / RESULTS, get_kind("transfer")):
        if result.ok and VIDEO in result.outputs:
            any_video = True
            yield result.id, folder / folder_name(result.id, names) / VIDEO
    if not any_video:
        raise BadInputError(f"no item of it has a {VIDEO}", where=str(folder), remedy="see `cosmos runs show`")
