"""The history: everything that was asked, of any kind of work, with its answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from cosmos_workflow.errors import BadInputError, Conflict, NotFound
from cosmos_workflow.server.exporting import FORMATS, controlnet_spec, exported
from cosmos_workflow.server.kind_shapes import AnyPrompt, PromptPage
from cosmos_workflow.server.paging import Limit, NumberCursor, page, position
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.shapes import Prompt, PromptChange
from cosmos_workflow.store import Filters

__all__ = ["Number", "Numbers", "PromptFilters", "router"]

router = APIRouter(tags=["prompts"])

Number = Annotated[int, Path(ge=1, le=2**53, description="a prompt's number")]
Numbers = list[Annotated[int, Field(ge=1, le=2**53)]]
Word = Annotated[str, Query(max_length=255)]


def _filters(
    search: Annotated[str, Query(max_length=1000, description="words; the last may be the beginning of one")] = "",
    run: Word = "", ok: bool | None = None, place: Word = "", engine: Word = "",
    rating: Annotated[int | None, Query(ge=1, le=5, description="the fewest stars")] = None, tag: Word = "",
    kind: Word = "",
) -> Filters:  # fmt: skip
    return Filters(search, run, ok, place, engine, rating, tag, kind)


PromptFilters = Annotated[Filters, Depends(_filters)]


@router.get("/prompts")
def list_prompts(ctx: Ctx, filters: PromptFilters, limit: Limit = 50, cursor: NumberCursor = None) -> PromptPage:
    """Prompts, the newest first; all filters that are given must hold."""
    entries = ctx.store.history.find(filters, before=position(cursor), most=limit + 1)
    return page(entries, limit, lambda entry: entry.number, ctx.prompts)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}},
)
def export_prompts(
    ctx: Ctx, filters: PromptFilters, format: Literal["jsonl", "csv", "spec"] = "jsonl",
    number: Annotated[Numbers, Query(max_length=1000, description="only these")] = [],  # noqa: B006
) -> StreamingResponse:  # fmt: skip
    """All prompts that the filters find, as JSON Lines, CSV, or NVIDIA controlnet specs (one a line)."""

    def selected() -> Iterator[Prompt]:
        names: dict[str, dict[str, str]] = {}
        for entry in numbered if number else history.each(filters):
            if entry.file not in names:
                names[entry.file] = ctx.file_names([entry.file])
            yield Prompt.of(entry, names[entry.file])

    history = ctx.store.history
    numbered = history.by_numbers(number)
    kinds = sorted({entry.kind for entry in numbered}) if number else history.kinds(filters)
    media_type, suffix = FORMATS[format]
    attached = {"content-disposition": f'attachment; filename="prompts.{suffix}"'}
    return StreamingResponse(exported(selected(), format, kinds), media_type=media_type, headers=attached)


@router.get("/prompts/{number}")
def show_prompt(ctx: Ctx, number: Number) -> AnyPrompt:
    """One prompt with its answer."""
    return ctx.prompts([ctx.store.history.get(number)])[0]


@router.patch("/prompts/{number}")
def change_prompt(ctx: Ctx, number: Number, change: PromptChange) -> AnyPrompt:
    """Give it stars and tags."""
    if "rating" in change.model_fields_set:
        ctx.store.history.rate(number, change.rating)
    if change.tags is not None:
        ctx.store.history.tag(number, change.tags)
    return show_prompt(ctx, number)


@router.get("/prompts/{number}/controlnet_spec")
def show_controlnet_spec(
    ctx: Ctx, number: Number,
    control: Annotated[list[Literal["edge", "vis", "depth", "seg"]], Query(max_length=4)] = ["edge"],  # noqa: B006
) -> dict[str, object]:  # fmt: skip
    """A controlnet spec of NVIDIA's Cosmos-Transfer1 with the answer as its prompt, its controls weighted alike."""
    prompt = show_prompt(ctx, number)
    spec = controlnet_spec(prompt, control)
    if spec is None:
        raise Conflict(
            f"the answers of {prompt.kind} are no prompts for videos", where=f"{number}", remedy="choose another one"
        )
    return spec


@router.get("/prompts/{number}/thumbnail", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def show_thumbnail(ctx: Ctx, number: Number) -> Response:
    """A small picture of the clip, while that is here."""
    video = File(ctx.store.history.get(number).file)
    if not video.is_file():
        raise NotFound("its clip is not here", where=video.name, remedy="upload it again")
    try:
        picture = ctx.library.thumbnail(video)
    except BadInputError as error:
        raise NotFound("there is no picture of its file", where=video.name, remedy=error.remedy) from error
    return Response(picture, media_type="image/png", headers={"cache-control": "private, max-age=86400"})


@router.get("/tags")
def list_tags(ctx: Ctx) -> dict[str, int]:
    """Every tag, and how many prompts have it."""
    return dict(ctx.store.history.all_tags())
