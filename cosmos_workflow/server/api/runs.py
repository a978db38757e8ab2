"""Runs and their queue."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from cosmos_workflow.errors import Conflict
from cosmos_workflow.server.kind_shapes import AnyNewRun, PromptPage
from cosmos_workflow.server.paging import Limit, MomentCursor, NumberCursor, moment_and_id, page, position
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.shapes import Page, Queue, QueueChange, Run, RunChange
from cosmos_workflow.store import Filters, State

__all__ = ["RunId", "router"]

router = APIRouter(tags=["runs"])

RunId = Annotated[
    str, Path(min_length=1, max_length=40, description="a run's id, or a beginning of it that no other has")
]

Forget = Annotated[bool, Query(description="do not ask the run's host, as it is gone for good")]


@router.get("/runs")
def list_runs(
    ctx: Ctx, state: Annotated[list[State], Query(max_length=20)] = [],  # noqa: B006
    place: Annotated[str, Query(max_length=255)] = "", limit: Limit = 50, cursor: MomentCursor = None,
) -> Page[Run]:  # fmt: skip
    """Runs, the newest first."""
    records = ctx.store.runs(states=state, place=place, most=limit + 1, before=moment_and_id(cursor))
    return page(records, limit, lambda run: f"{run.created}~{run.id}", ctx.run_shapes)


@router.post("/runs", status_code=201)
def create_run(ctx: Ctx, body: AnyNewRun, response: Response) -> Run:
    """Put a batch into the queue. Items that cannot run get their error at once, the others are answered in turn."""
    run = ctx.enqueue(body)
    response.headers["location"] = f"/api/v1/runs/{run.id}"
    return ctx.show(run.id)


@router.get("/runs/{id}")
def show_run(ctx: Ctx, id: RunId) -> Run:
    """One run, as it is now."""
    return ctx.show(id)


@router.patch("/runs/{id}")
def change_run(ctx: Ctx, id: RunId, change: RunChange) -> Run:
    """Move a waiting run to an earlier or later place, hold it back, or release it."""
    run = ctx.store.get(id)
    ctx.store.queue.change(run.id, priority=change.priority, held=change.held)
    if change.first or change.before:
        before = ctx.store.get(change.before).id if change.before else ""
        ctx.store.queue.move_before(run.id, before)
    ctx.look()
    return ctx.show(run.id)


@router.post("/runs/{id}/cancel")
def cancel_run(ctx: Ctx, id: RunId, forget: Forget = False) -> Run:
    """Cancel a run; its answers so far are kept."""
    return ctx.show(ctx.runs.cancel(id, forget=forget).id)


@router.post("/runs/{id}/retry")
def retry_run(ctx: Ctx, id: RunId) -> Run:
    """Put a run into the queue again, for its items without an answer."""
    run = ctx.store.get(id)
    if "job" in run.settings:
        raise Conflict(
            "a run on a Ray cluster can be retried from the command line only",
            where=run.id,
            remedy=f"cosmos runs retry {run.id}",
        )
    ctx.runs.retry(run.id, queued=True)
    ctx.look()
    return ctx.show(run.id)


@router.delete("/runs/{id}", status_code=204)
def remove_run(ctx: Ctx, id: RunId, forget: Forget = False) -> None:
    """Forget a run that has ended, with its prompts."""
    ctx.runs.remove(ctx.store.get(id).id, forget=forget)


@router.get("/runs/{id}/results")
def list_results(ctx: Ctx, id: RunId, limit: Limit = 50, cursor: NumberCursor = None) -> PromptPage:
    """The prompts of a run, the last first; those that wait have no answer yet."""
    run = ctx.store.get(id)
    entries = ctx.store.history.find(Filters(run=run.id), before=position(cursor), most=limit + 1)
    return page(entries, limit, lambda entry: entry.number, ctx.prompts)


@router.get(
    "/runs/{id}/log",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_log(
    ctx: Ctx, id: RunId, last: Annotated[int, Query(ge=1, le=1 << 22, description="bytes")] = 1 << 16,
    start: Annotated[int | None, Query(ge=0, le=2**53, description="begin at this byte instead")] = None,
) -> Response:  # fmt: skip
    """The end of the output of the run's engine, as far as it has come to the server; at most `last` bytes."""
    run = ctx.store.get(id)
    if start is None:
        path = ctx.runs.log(run)
        start = max(0, path.stat().st_size - last) if path.exists() else 0
    return Response(ctx.runs.log_from(run, start, last), media_type="text/plain; charset=utf-8")


@router.get("/runs/{id}/attempt")
def show_attempt(ctx: Ctx, id: RunId) -> list[dict[str, Any]]:
    """What the engine of a run has told in its latest attempt, as far as it has come to the server."""
    return ctx.runs.events(ctx.store.get(id))


@router.get("/queue")
def show_queue(ctx: Ctx) -> Queue:
    """The waiting and running runs, in the order in which they are started."""
    return Queue(paused=ctx.store.queue.paused, runs=ctx.run_shapes(ctx.store.queue.waiting()))


@router.patch("/queue")
def change_queue(ctx: Ctx, change: QueueChange) -> Queue:
    """Pause or resume the queue: while it is paused no further run is started; running ones continue."""
    ctx.store.queue.pause(change.paused)
    ctx.look()
    return show_queue(ctx)
