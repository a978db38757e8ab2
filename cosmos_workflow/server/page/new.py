"""The tab *New*: clips with their prompts in rows, the check as one types, and the run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.kinds.reading import BATCH_SUFFIXES
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.shapes import ItemIn
from cosmos_workflow.limits import FIT_MODES, MODELS, Plan
from cosmos_workflow.server.api.machine import hosts_of
from cosmos_workflow.server.api.prompts import Numbers
from cosmos_workflow.server.kind_shapes import new_run_of
from cosmos_workflow.server.page.forms import SettingsForm, explained
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx, Server

__all__ = ["router"]

router = APIRouter()

RECENT = 60
OWN = ("id", "frames", "seed", "temperature", "max_tokens")  # what an item of a batch may say besides
CHECKED = 200  # prompts that are checked while one types; all are when they run


class Row(BaseModel):
    """One clip with its own prompts, one a line unless `whole` says that it is one prompt.

    `key` is the page's name of the row, `own` an item's further settings.
    """

    key: str = ""
    video: str = ""
    clip: str = ""
    prompt: str = ""
    whole: bool = False
    own: dict[str, Any] = {}

    def prompts(self) -> tuple[str, ...]:
        return (self.prompt,) if self.whole and self.prompt.strip() else _lines(self.prompt)


ROWS = TypeAdapter(list[Row])


class NewForm(SettingsForm):
    """`rows` as JSON, as forms of a thousand fields are refused; `prompts`, one a line, hold where a row has none."""

    rows: str = "[]"
    prompts: str = ""
    engine: str = ""
    place: str = "local"
    name: str = ""
    held: str = ""

    def items(self) -> list[tuple[Row, ItemIn]]:
        """An item for each prompt of the rows that have a clip. Raises pydantic's ValidationError."""
        shared = _lines(self.prompts) or ("",)
        return [
            (row, ItemIn(**{**row.own, "video": row.video, "prompt": prompt}))
            for row in ROWS.validate_json(self.rows)
            if row.video  # those that still come, or were refused, have none
            for prompt in row.prompts() or shared
        ]


@router.get("/")
def new(
    request: Request, ctx: Ctx, prompt: Annotated[int | None, Query(ge=1, le=2**53)] = None, video: str = "",
    number: Annotated[Numbers, Query(max_length=1000)] = [],  # noqa: B006
) -> HTMLResponse:  # fmt: skip
    """An empty form, or one with a clip, or with earlier prompts to edit and run again.

    It says which work of other kinds it leaves out.
    """
    entries = [ctx.store.history.get(prompt)] if prompt is not None else ctx.store.history.by_numbers(number)
    rows = [
        {"video": entry.media or "", "clip": entry.clip, "prompt": entry.result.prompt, "whole": True}
        for entry in ctx.prompts(entries)
        if entry.kind == UPSAMPLE.name
    ] or ([{"video": video, "clip": video, "prompt": ""}] if video else [])
    others = [entry for entry in entries if entry.kind != UPSAMPLE.name]
    return render(request, "new.html", rows=rows, others=others, **_choices(ctx))


@router.post("/new/check")
def check(request: Request, ctx: Ctx, form: Annotated[NewForm, Form()]) -> HTMLResponse:
    """What the model would say of each prompt, as the form is now."""
    values: dict[str, Any] = {"checked": [], "total": 0, "problem": ""}
    try:
        settings, pairs = ctx.settings(UPSAMPLE, form.settings()), form.items()
        settings = ctx.decided(UPSAMPLE, settings, form.place, form.engine).settings
        items = ctx.items(UPSAMPLE, [item for _, item in pairs[:CHECKED]])
        plans = [checked.plan for checked in UPSAMPLE.check_exactly(items, settings)]
        values |= {"checked": [(row, item, plan) for (row, item), plan in zip(pairs, plans, strict=False)]}
        values |= {"total": len(pairs), "worst": min(plans, key=_room, default=None)}
    except (CosmosError, ValidationError) as error:
        values["problem"] = explained(error)
    return render(request, "_checked.html", **values)


@router.post("/new/run")
def run(request: Request, ctx: Ctx, form: Annotated[NewForm, Form()]) -> Response:
    """Put it into the queue, and show the run."""
    try:
        choices = form.model_dump(include={"place", "engine", "name"})
        items = [item for _, item in form.items()]
        if not items:
            raise BadInputError("Choose a clip first")
        new_run = new_run_of(UPSAMPLE.name)
        record = ctx.enqueue(new_run(items=items, settings=form.settings(), held=bool(form.held), **choices))
    except (CosmosError, ValidationError) as error:
        return render(request, "_problem.html", problem=explained(error))
    return Response(status_code=204, headers={"hx-redirect": f"/runs/{record.id}"})


@router.post("/new/batch")
async def read(request: Request, name: Annotated[str, Query(max_length=1000)]) -> dict[str, Any]:
    """The rows of a batch file, whose text is the body, and what looks wrong in it. Raises BadInputError."""
    data = await request.body()
    return await run_in_threadpool(_rows_of, data, Path(name.replace("\\", "/")).name)


def _rows_of(data: bytes, name: str) -> dict[str, Any]:
    suffix = next((suffix for suffix in BATCH_SUFFIXES if name.lower().endswith(suffix)), "")
    if not suffix:
        raise BadInputError("not a batch file", where=name, remedy=f"give one of {', '.join(BATCH_SUFFIXES)}")
    notes: list[str] = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"batch{suffix}"
        file.write_bytes(data)
        try:
            items = list(UPSAMPLE.read(file, notes.append))
        except BadInputError as error:
            raise BadInputError(error.what, where=error.where.replace(str(file), name), remedy=error.remedy) from error
        rows = [
            {
                "clip": _as_written(item.video, folder), "prompt": item.prompt, "whole": True,
                "own": {name: value for name in OWN if (value := getattr(item, name)) is not None},
            }
            for item in items
        ]  # fmt: skip
    return {"rows": rows, "notes": [note.replace(str(file), name) for note in notes]}


def _as_written(video: Path, folder: str) -> str:
    return str(video.relative_to(folder)) if video.is_relative_to(folder) else str(video)


def _choices(ctx: Server) -> dict[str, Any]:
    return {
        "media": [file for file in ctx.store.files.all(most=RECENT) if file.width],
        "shared": ctx.library.shared(UPSAMPLE.media_types), "fits": FIT_MODES, "models": list(MODELS),
        "engines": list(UPSAMPLE.engines), "places": ["local", *(host.name for host in hosts_of())],
    }  # fmt: skip


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _room(plan: Plan) -> tuple[bool, int]:
    return plan.runs, plan.room
