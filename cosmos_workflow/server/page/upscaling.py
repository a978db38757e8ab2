"""The button *Upscale* of a run of transfers: its videos, three times as wide and as high, as a run of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.item import Item
from cosmos_workflow.kinds.upscale.kind import UPSCALE
from cosmos_workflow.kinds.upscale.shapes import ItemIn
from cosmos_workflow.server.kind_shapes import new_run_of
from cosmos_workflow.server.server import Server
from cosmos_workflow.store import RunRecord
from cosmos_workflow.transfers.upscaling import items_of

__all__ = ["upscale_run"]


def upscale_run(ctx: Server, id: str) -> RunRecord:
    """Put the videos of a run into the queue, for the place where they were made.

    They are taken in as uploads, so that they are there even where the run is removed. Raises NotFound, BadInputError
    for a run without videos, and EngineUnavailable where that place cannot upscale.
    """
    run = ctx.store.get(id)
    items = items_of([Path(run.out)], {})
    ctx.decide(UPSCALE, UPSCALE.settings(), run.place, "", runs=True)  # before anything is copied
    asked = new_run_of(UPSCALE.name)(
        kind=UPSCALE.name, items=[_entry(ctx, item) for item in items], settings=UPSCALE.settings_shape()(),
        place=run.place, name=f"{run.source}, upscaled"[:200],
    )  # fmt: skip
    return ctx.enqueue(asked)


def _entry(ctx: Server, item: Item) -> ItemIn:
    assert item.video is not None
    part = ctx.library.part()
    try:
        shutil.copyfile(item.video, part)
        record = ctx.library.take(part, f"{item.id}.mp4")
    except OSError as error:
        raise BadInputError(
            f"its video cannot be taken in ({error.strerror})", where=item.id, remedy="look at the server's disk"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return ItemIn(id=item.id[:200], asked=item.asked, video=record.sha256)
