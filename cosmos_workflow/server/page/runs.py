"""The tab *Runs*: the queue and what runs, live."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.server.api.runs import RunId, read_log, retry_run
from cosmos_workflow.server.page.files import inputs_of
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.page.upscaling import upscale_run
from cosmos_workflow.server.server import Ctx, Server
from cosmos_workflow.server.shapes import Run

__all__ = ["router"]

router = APIRouter()

LINE_SHOWN, ENDED_SHOWN = 100, 30
RESULTS_SHOWN = 50
PROGRESS_BYTES = 16384


@router.get("/runs")
def runs(request: Request, ctx: Ctx) -> HTMLResponse:
    """The whole tab, or its tables alone for HTMX."""
    template = "_runs.html" if "hx-request" in request.headers else "runs.html"
    return render(request, template, **_tables(ctx))


@router.post("/runs/pause")
def pause(request: Request, ctx: Ctx, on: Annotated[bool, Form()]) -> HTMLResponse:
    ctx.store.queue.pause(on)
    ctx.look()
    return render(request, "_runs.html", **_tables(ctx))


@router.get("/runs/{id}")
def show(request: Request, ctx: Ctx, id: RunId) -> HTMLResponse:
    """One run; its state alone for HTMX."""
    run = ctx.show(id)
    template = "_run.html" if "hx-request" in request.headers else "run.html"
    return render(request, template, **_details(ctx, run))


@router.post("/runs/{id}/{action}")
def act(request: Request, ctx: Ctx, id: RunId, action: str, whole: Annotated[str, Form()] = "") -> Response:
    """What a button asks for; then the tables or, with `whole`, the run's own page."""
    problem = ""
    try:
        if action == "upscale":
            return Response(status_code=204, headers={"hx-redirect": f"/runs/{upscale_run(ctx, id).id}"})
        _act(ctx, id, action)
    except CosmosError as error:
        problem = str(error)
    if whole and action == "remove" and not problem:
        return Response(status_code=204, headers={"hx-redirect": "/runs"})
    if whole:
        return render(request, "_run.html", **_details(ctx, ctx.show(id)) | {"problem": problem})
    return render(request, "_runs.html", **_tables(ctx) | {"problem": problem})


def _act(ctx: Server, id: str, action: str) -> None:
    queue = ctx.store.queue
    match action:
        case "cancel":
            ctx.runs.cancel(id)
        case "forget":
            ctx.runs.cancel(id, forget=True)
        case "retry":
            retry_run(ctx, id)
        case "remove":
            ctx.runs.remove(id)
        case "first":
            queue.move_before(id)
        case "earlier":
            waiting = [run.id for run in queue.waiting() if run.state == "queued"]
            at = waiting.index(id) if id in waiting else 0
            queue.move_before(id, waiting[at - 1] if at else "")
        case "hold" | "release":
            queue.change(id, held=action == "hold")
    ctx.look()


def _tables(ctx: Server) -> dict[str, Any]:
    waiting = ctx.store.queue.waiting()
    # Those of the command line are in no queue, and run all the same.
    unqueued = [
        run for run in ctx.store.runs(states=("planned", "uploading", "running", "fetching")) if run.rank is None
    ]
    ended = ctx.store.runs(states=("done", "failed", "cancelled"), most=ENDED_SHOWN)
    line = ctx.run_shapes([*unqueued, *waiting][:LINE_SHOWN])
    return {
        "more": max(0, len(unqueued) + len(waiting) - LINE_SHOWN),
        "line": [(run, progress(ctx, run)) for run in line],
        "ended": [(run, Progress()) for run in ctx.run_shapes(ended)],
        "paused": ctx.store.queue.paused,
        "problem": "",
    }


def _details(ctx: Server, run: Run) -> dict[str, Any]:
    prompts = ctx.prompts(ctx.store.history.first_of(run.id, RESULTS_SHOWN))
    log = bytes(read_log(ctx, run.id, 8192).body).decode()
    inputs = inputs_of(ctx, prompts)
    return {"run": run, "now": progress(ctx, run), "prompts": prompts, "inputs": inputs, "log": log, "problem": ""}


@dataclass(frozen=True)
class Progress:
    """The latest progress of a run: `eta` in s, memory in MiB; what no event has stated is empty."""

    step: str = ""
    eta: float | None = None
    mib: int = 0
    memory_of: str = ""


def progress(ctx: Server, run: Run) -> Progress:
    """What a run that goes on does now."""
    path, now = ctx.runs.progress_file(run.id), Progress()
    if run.state in ("queued", "done", "failed", "cancelled") or not path.exists():
        return now
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - PROGRESS_BYTES))
        lines = file.read().splitlines()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the first may be cut
        match event["event"]:
            case "loading" | "loaded" | "warm" | "waiting" | "lost":
                now = replace(now, step=event["event"])
            case "step":
                now = replace(now, step=event["text"] or f"{event['done']} of {event['total']}")
            case "result" | "progress":
                now = replace(now, step="answering", eta=event.get("eta"))
            case "memory":
                of = "GPU memory" if "gpu_mib" in event else "memory"
                now = replace(now, mib=event.get("gpu_mib") or event.get("process_mib") or 0, memory_of=of)
    return now
