"""The video that a transfer will make, for what is written of it beforehand: its size, its rate and its length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.kind import get_kind

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.plan import Checked

__all__ = ["runs_with_a_prompt", "target_of", "target_of_spec"]

REFUSING = ("bad_input", "no_memory")


def runs_with_a_prompt(checked: Checked) -> bool:
    """Whether a transfer that was checked runs, or would if it had a prompt."""
    refused = {each.statement.name for each in checked.findings if each.statement.level in REFUSING}
    return checked.case is not None and refused <= {"no-prompt"}


def target_of(checked: Checked) -> dict[str, Any]:
    """What a transfer that was checked will make, as settings of an upsampling: `for_size` (width and height in
    pixels, in which the model works), `for_fps` (frames a second) and `for_seconds`. It needs no prompt yet.

    Raises BadInputError for one that cannot run.
    """
    from cosmos_workflow.kinds.transfer.plan import work_of

    if checked.case is None or not runs_with_a_prompt(checked):
        raise BadInputError(checked.reason, where=checked.item.id, remedy=checked.remedy)
    work = checked.work or work_of(checked.case)
    return {"for_size": (work.width, work.height), "for_fps": work.fps, "for_seconds": round(work.frames / work.fps, 6)}


def target_of_spec(path: Path, note: Callable[[str], None]) -> dict[str, Any]:
    """The target of a spec of Cosmos 3, by the plan that the transfer itself has.

    Raises BadInputError for a spec that cannot be read or run, UsageError for another model's, and where a file has
    several specs that make different videos.
    """
    from cosmos_workflow.kinds.transfer.item import Settings
    from cosmos_workflow.kinds.transfer.sources import items_of

    targets = []
    for checked in get_kind("transfer").check(items_of(path, note), Settings()):
        if checked.case is not None and checked.case.family != "cosmos3":
            raise UsageError(
                f"this is a transfer by {checked.case.family}, which takes a paragraph", where=str(path),
                remedy='leave --format out, or write "model": "cosmos3" into the spec',
            )  # fmt: skip
        targets.append(target_of(checked))
    if not targets:
        raise BadInputError("there is no spec in it", where=str(path), remedy="give the spec of a transfer")
    if any(target != targets[0] for target in targets):
        raise UsageError(
            "its specs make videos of different sizes, rates or lengths", where=str(path),
            remedy="give one of them, or --size, --fps and --seconds",
        )  # fmt: skip
    return targets[0]
