"""An item when its turn comes, perhaps long after its run was submitted: what was decided of it then stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare.item import Item, Result, Settings, Verdict
from cosmos_workflow.kinds.prepare.plan import Checked, bad_input, check_item
from cosmos_workflow.media.framing import anchor_of, frame_for

__all__ = ["check_again"]


def check_again(item: Item, decided: Result, settings: Settings) -> Checked:
    """An item whose frames are looked at again for what was `decided` of it: size, rate, length and words stay so."""
    checked = check_item(item, settings)
    if checked.seen is None:
        return checked
    first = next(iter(checked.seen.tracks.values()))
    now = first.width, first.height, len(checked.seen.numbers)
    before = decided.source_width, decided.source_height, decided.source_frames
    if now != before:
        width, height, frames = before
        return bad_input(item, BadInputError(
            f"there are {now[2]} frames of {now[0]}x{now[1]}, and there were {frames} of {width}x{height} when the run"
            " was submitted", remedy="submit it again",
        ))  # fmt: skip
    size = decided.width, decided.height
    return replace(
        checked,
        verdict=cast("Verdict", decided.verdict),
        size=size,
        framing=frame_for(now[:2], size, settings.fit, anchor_of(settings.anchor)),
        fps=decided.fps,
        frames=decided.frames,
        chunks=decided.chunks,
        reason=decided.reason,
        notes=_kept(checked.notes, decided.note),
        warnings=_kept(checked.warnings, decided.reason),
    )


def _kept(now: tuple[str, ...], before: str) -> tuple[str, ...]:
    """What was said before: in its parts where the same is said now."""
    return now if "; ".join(now) == before else (before,) if before else ()
