"""The tab *New*: clips with their prompts in rows, the check as one types, and the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.kinds.reading import BATCH_SUFFIXES
from cosmos_workflow.kinds.upsample.caption.problems import is_negative
from cosmos_workflow.kinds.upsample.item import OWN
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.shapes import ItemIn, SettingsIn
from cosmos_workflow.limits import FIT_MODES, MODELS, Plan
from cosmos_workflow.server.api.machine import hosts_of
from cosmos_workflow.server.api.prompts import Numbers
from cosmos_workflow.server.kind_shapes import new_run_of
from cosmos_workflow.server.page.captions.reading import caption_of, words_of
from cosmos_workflow.server.page.forms import SettingsForm, explained
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx, Server
from cosmos_workflow.server.shapes import Prompt

__all__ = ["router"]

router = APIRouter()

RECENT = 60
EMPTY = dict.fromkeys(("pick", "format", "for_size", "for_fps", "for_seconds"), "")
FORMATS = (
    ("text", "prompt text"), ("cosmos3", "caption for Cosmos 3"), ("cosmos3-negative", "negative caption for Cosmos 3"),
)  # fmt: skip
PICKS = (
    ("first", "the first ones"), ("spread", "spread over the clip"), ("shots", "at the shots"),
    ("video", "the video itself (Qwen models)"),
)  # fmt: skip
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
    pick: str = ""
    format: str = ""
    for_size: str = ""
    for_fps: str = ""
    for_seconds: str = ""
    engine: str = ""
    place: str = "local"
    name: str = ""
    held: str = ""

    def settings(self) -> SettingsIn:
        """Those of a caption too, where one is asked for; its target goes with no prose.

        Raises pydantic's ValidationError, and BadInputError for a size.
        """
        names = ("pick", "format", *(("for_fps", "for_seconds") if self.captioned else ()))
        values = {name: value.replace(",", ".") for name in names if (value := getattr(self, name).strip())}
        asked = super().settings().model_dump(exclude_unset=True)
        asked |= SettingsIn.model_validate_strings(values, strict=False).model_dump(exclude_unset=True)
        if self.captioned and self.for_size.strip():
            asked["for_size"] = _size(self.for_size)
        return SettingsIn(**asked)

    @property
    def captioned(self) -> bool:
        return self.format.strip() not in ("", "text")

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
    number: Annotated[Numbers, Query(max_length=1000)] = [], words: bool = False,  # noqa: B006
) -> HTMLResponse:  # fmt: skip
    """An empty form, or one with a clip, or with earlier prompts to edit and run again.

    With `words`, the prompt is the paragraph of the caption that was the answer. It says which work of other kinds it
    leaves out.
    """
    entries = [ctx.store.history.get(prompt)] if prompt is not None else ctx.store.history.by_numbers(number)
    rows = [
        {"video": entry.media or _shared(ctx, entry), "clip": entry.clip, "prompt": _asked(entry, words), "whole": True}
        for entry in ctx.prompts(entries)
        if entry.kind == UPSAMPLE.name
    ] or ([{"video": video, "clip": video, "prompt": ""}] if video else [])
    others = [entry for entry in entries if entry.kind != UPSAMPLE.name]
    given = EMPTY | (_given(ctx, ctx.prompts(entries[:1])[0]) if entries else {})
    return render(request, "new.html", rows=rows, others=others, given=given, **_choices(ctx))


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
                "own": {name: value for name in ("id", *OWN) if (value := getattr(item, name)) is not None},
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
        "formats": FORMATS, "picks": PICKS, "engines": list(UPSAMPLE.engines),
        "places": ["local", *(host.name for host in hosts_of())],
    }  # fmt: skip


def _asked(entry: Prompt, words: bool) -> str:
    """What an entry was asked, or its caption in words."""
    caption = caption_of(entry) if words else None
    return str(entry.result.prompt) if caption is None else words_of(caption) or str(entry.result.prompt)


def _shared(ctx: Server, entry: Prompt) -> str:
    """The clip of an entry by its name in the shared folder; empty where it lies elsewhere."""
    path = Path(entry.result.video or "/")
    return ctx.library.name_of(path.resolve()) if path.is_file() and ctx.library.is_inside(path) else ""


def _given(ctx: Server, entry: Prompt) -> dict[str, str]:
    """The fields with which an entry was asked: its run's settings; of a caption edited by hand, what it says."""
    asked = ctx.store.get(entry.run).settings.get("settings")
    if not isinstance(asked, Mapping):
        caption = caption_of(entry)
        return {} if caption is None else _said(caption)
    fields = {name: f"{asked[name]:.12g}" for name in ("for_fps", "for_seconds") if asked.get(name)}
    size = asked.get("for_size")
    fields |= {"for_size": f"{size[0]}x{size[1]}"} if size else {}
    return fields | {name: str(asked[name]) for name in ("pick", "format") if asked.get(name)}


def _said(caption: Mapping[str, Any]) -> dict[str, str]:
    """What a caption says of its own format and of its video, as the form's fields."""
    if is_negative(caption):
        return {"format": "cosmos3-negative"}
    size = caption.get("resolution")
    sides = (size.get("W"), size.get("H")) if isinstance(size, dict) else (None, None)
    fields = {"format": "cosmos3", "for_fps": f"{caption.get('fps') or ''}"[:20]}
    return fields | ({"for_size": f"{sides[0]}x{sides[1]}"} if all(isinstance(side, int) for side in sides) else {})


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,6})\s*[x×X*]\s*([0-9]{1,6})", text.strip())
    if not match:
        raise BadInputError(f"{text[:40]!r} is no size", where="Size", remedy="give width and height, such as 1280x720")
    return int(match[1]), int(match[2])


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _room(plan: Plan) -> tuple[bool, int]:
    return plan.runs, plan.room
