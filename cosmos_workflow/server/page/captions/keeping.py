"""An edited caption as an entry of the history: a run of one item, answered by hand, so that no answer of a model is
changed and everything that holds for answers (search, stars, export, comparing) holds for it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cosmos_workflow.kinds.upsample.caption.reading import written
from cosmos_workflow.kinds.upsample.item import Result
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.server.server import Server
from cosmos_workflow.server.shapes import Prompt
from cosmos_workflow.store import NewItem
from cosmos_workflow.store.records import new_id

__all__ = ["BY_HAND", "edited_from", "keep"]

BY_HAND = "by hand"  # stands where others have the engine that answered
TAG = "edited"


def keep(ctx: Server, origin: Prompt, caption: Mapping[str, Any]) -> int:
    """Keep a caption that was edited from another entry's; returns its number in the history."""
    video = getattr(origin.result, "video", "")
    result = Result(
        origin.result.id, origin.question if origin.kind == UPSAMPLE.name else "", video, "fits",
        engine=BY_HAND, note=f"a caption edited by hand, from that of prompt {origin.number}",
    )  # fmt: skip
    given = [each for each in ctx.store.files.of_items([origin.number]).get(origin.number, ()) if not each.is_output]
    inputs = {each.name: each.file for each in given if each.name in UPSAMPLE.inputs}
    id = new_id()
    ctx.runs.folder(id).mkdir(parents=True, exist_ok=True)  # it says that the run is this machine's
    source = f"{origin.clip or result.id}, edited by hand"[:200]
    ctx.store.add(
        id, "local", [NewItem(result, inputs=inputs)], out="", source=source,
        engine=BY_HAND, settings={"edited_from": origin.number},
    )  # fmt: skip
    ctx.store.move(id, "running")
    ctx.store.save(id, [replace(result, upsampled_prompt=written(caption))])
    ctx.store.move(id, "done")
    number = ctx.store.history.first_of(id, 1)[0].number
    ctx.store.history.tag(number, [TAG])
    return number


def edited_from(ctx: Server, prompt: Prompt) -> int | None:
    """The number of the entry that an edited caption was made from; None for any other entry."""
    number = ctx.store.get(prompt.run).settings.get("edited_from")
    return int(number) if number is not None else None
