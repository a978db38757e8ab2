"""The tab *New*: a clip, prompts, the check as one types, and the run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from cosmos_workflow.engines import ENGINES
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.limits import FIT_MODES, MODELS, Plan
from cosmos_workflow.web.page.forms import SettingsForm
from cosmos_workflow.web.page.rendering import render
from cosmos_workflow.web.routes.machine import hosts_of
from cosmos_workflow.web.server import Ctx, Server
from cosmos_workflow.web.shapes import ItemIn, NewRun

__all__ = ["router"]

router = APIRouter()

RECENT = 60
CHECKED = 200  # prompts that are checked while one types; all are when they run


class Asked(SettingsForm):
    """The form: one prompt a line."""

    video: str = ""
    prompts: str = ""
    engine: str = ""
    place: str = "local"
    name: str = ""
    held: str = ""

    def lines(self) -> list[str]:
        return [line.strip() for line in self.prompts.splitlines() if line.strip()] or [""]

    def items(self) -> list[ItemIn]:
        return [ItemIn(video=self.video.strip(), prompt=line) for line in self.lines()]


@router.get("/")
def new(
    request: Request, ctx: Ctx, prompt: Annotated[int | None, Query(ge=1, le=2**53)] = None, video: str = ""
) -> HTMLResponse:
    """An empty form, or one with an earlier prompt to edit and run again."""
    asked = Asked(video=video)
    if prompt is not None:
        entry = ctx.store.history.get(prompt)
        names = ctx.clip_names([entry.result.video])
        asked = Asked(video=next(iter(names), ""), prompts=entry.result.prompt)
    return render(request, "new.html", asked=asked, **_choices(ctx))


@router.post("/new/check")
def check(request: Request, ctx: Ctx, asked: Annotated[Asked, Form()]) -> HTMLResponse:
    """What the model would say of the form as it is now; the item that fits least is shown first."""
    try:
        settings = ctx.settings(asked.settings())
        if not asked.video.strip():
            return render(request, "_check.html", plans=[], total=0, video="", problem="")
        items = ctx.items(asked.items()[:CHECKED])
        plans = sorted((one.plan for one in ctx.check(items, settings)), key=_urgency)
    except (CosmosError, ValidationError) as error:
        return render(request, "_check.html", plans=[], total=0, video="", problem=_said(error))
    return render(request, "_check.html", plans=plans, total=len(asked.lines()), video=asked.video.strip(), problem="")


@router.post("/new/run")
def run(request: Request, ctx: Ctx, asked: Annotated[Asked, Form()]) -> Response:
    """Put it into the queue, and show the run."""
    try:
        how = asked.model_dump(include={"place", "engine", "name"})
        wanted = NewRun(items=asked.items(), settings=asked.settings(), held=bool(asked.held), **how)
        made = ctx.enqueue(wanted)
    except (CosmosError, ValidationError) as error:
        return render(request, "_problem.html", problem=_said(error))
    return Response(status_code=204, headers={"hx-redirect": f"/runs/{made.id}"})


def _choices(ctx: Server) -> dict[str, Any]:
    return {
        "media": ctx.store.media.all(most=RECENT), "shared": ctx.library.shared(), "fits": FIT_MODES,
        "models": list(MODELS), "engines": list(ENGINES), "places": ["local", *(host.name for host in hosts_of())],
    }  # fmt: skip


def _urgency(plan: Plan) -> tuple[bool, int]:
    return plan.runs, plan.room


def _said(error: CosmosError | ValidationError) -> str:
    if isinstance(error, CosmosError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'form'}: {first['msg']}"
