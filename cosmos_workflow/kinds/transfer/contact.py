"""A contact sheet: a row for each video of a call, so that a person sees at a glance which seed or weight is best."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import folder_name, names_in
from cosmos_workflow.media.frames import upright
from cosmos_workflow.media.opening import decoded, opened
from cosmos_workflow.media.sheet import picks, thumbnail, write_sheet

__all__ = ["CONTACT", "write_contact"]

CONTACT = "contact.jpg"
VIDEOS = ("video.mp4", "preview.mp4")
MOST_ROWS = 60


def write_contact(folder: Path, results: Sequence[Any]) -> Path | None:
    """Write the sheet of those results whose videos are in `folder`; its path, or None where there are fewer than two.

    All rows show the frames of the same numbers, those of the shortest video. The first MOST_ROWS videos are on it.
    """
    rows: dict[str, list[Any]] = {}
    used = names_in(folder)
    videos = {result.id: name for result in results for name in VIDEOS if name in result.outputs}
    shown = [result for result in results if result.id in videos][:MOST_ROWS]
    numbers = picks(min((result.frames for result in shown), default=0))
    for result in shown:
        path = folder / folder_name(result.id, used) / videos[result.id]
        with suppress(BadInputError):  # somebody has removed it since
            if pictures := _frames(path, numbers):
                rows[result.id] = pictures
    if len(rows) < 2:
        return None
    sheet = folder / CONTACT
    count = f"{len(rows)}" if len(shown) == len(videos) else f"the first {len(rows)} of {len(videos)}"
    write_sheet(sheet, f"{folder.name}: {count} videos", rows, [number + 1 for number in numbers])
    return sheet


def _frames(path: Path, numbers: list[int]) -> list[Any]:
    with opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        return [
            thumbnail(upright(frame, (frame.width, frame.height)))
            for number, frame in enumerate(islice(decoded(container, stream), max(numbers, default=-1) + 1))
            if number in numbers
        ]
