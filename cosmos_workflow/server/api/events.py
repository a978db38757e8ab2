"""What happens, as it happens: server-sent events that continue after a broken connection."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from cosmos_workflow.errors import NotFound
from cosmos_workflow.server.api.runs import RunId
from cosmos_workflow.server.server import Ctx, Server
from cosmos_workflow.store import RunRecord

__all__ = ["router"]

router = APIRouter(tags=["runs"])


def _existing_run(ctx: Ctx, id: RunId) -> RunRecord:
    """Looked up before the stream begins, as a stream that has begun cannot answer with an error."""
    return ctx.store.get(id)


# Of the file of events, read at once; results are larger by much than what the events say of them.
EVENTS_BYTES, RESULTS_BYTES = 1 << 20, 1 << 16

ExistingRun = Annotated[RunRecord, Depends(_existing_run)]
LastEventId = Annotated[str | None, Header()]


@router.get("/runs/{id}/events", response_class=EventSourceResponse)
async def follow_run(
    ctx: Ctx, run: ExistingRun, last_event_id: LastEventId = None,
    results: Annotated[bool, Query(description="a `result` has the whole `prompt` with its answer")] = False,
) -> AsyncIterator[ServerSentEvent]:  # fmt: skip
    """The events of a run from its beginning, or after the Last-Event-ID, until it has ended.

    The name of an event is what happened: `state`, `result`, `loading`, `loaded`, `warm`, `memory`, `lost`, `progress`.
    """
    async for event in _tail(ctx, run.id, _offset(last_event_id), results):
        yield event


@router.get("/events", response_class=EventSourceResponse)
async def follow_all(ctx: Ctx) -> AsyncIterator[ServerSentEvent]:
    """An event `runs` each time that any run has changed or has a new event."""
    before = ""
    async for now in ctx.pulse.values():
        if now != before:
            yield ServerSentEvent(event="runs", data={"pulse": now}, id=now)
            before = now


async def _tail(ctx: Server, id: str, offset: int, results: bool) -> AsyncIterator[ServerSentEvent]:
    path = ctx.runs.progress_file(id)
    try:
        async for over, size in ctx.progress_of(id).values():
            most = RESULTS_BYTES if results else EVENTS_BYTES
            lines = await run_in_threadpool(_lines_from, path, offset, most) if size > offset else []
            events = [json.loads(line) for line in lines]
            if results:
                await run_in_threadpool(_add_results, ctx, id, events)
            for line, event in zip(lines, events, strict=True):
                offset += len(line)
                yield ServerSentEvent(event=event.pop("event"), data=event, id=str(offset))
            if over and not lines:
                return
    except NotFound:
        return  # removed meanwhile


def _add_results(ctx: Server, run: str, events: list[dict[str, Any]]) -> None:
    """Put the whole prompts, as they are now, into the events that tell of results."""
    ids = [event["id"] for event in events if event["event"] == "result"]
    entries = ctx.store.history.of_items(run, ids) if ids else {}
    for event in events:
        if event["event"] == "result" and (entry := entries.get(event["id"])):
            event["prompt"] = ctx.prompts([entry])[0].model_dump(mode="json")


def _lines_from(path: Path, offset: int, most: int) -> list[bytes]:
    """The whole lines behind an offset."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(most)
    except FileNotFoundError:
        return []
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def _offset(last_event_id: str | None) -> int:
    """Where the id is not an offset, the beginning."""
    return int(last_event_id) if last_event_id and re.fullmatch(r"[0-9]{1,15}", last_event_id) else 0
