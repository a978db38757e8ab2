"""The tab *Prompts*: the history of every kind of work, searched, rated, compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import TypeAdapter, ValidationError
from rapidfuzz.distance import Indel
from starlette.datastructures import FormData

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.registry import known_kinds
from cosmos_workflow.server.api.prompts import Number, Numbers, list_prompts
from cosmos_workflow.server.page.captions.reading import outline
from cosmos_workflow.server.page.rendering import environment, render
from cosmos_workflow.server.paging import NumberCursor
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.store import Filters
from cosmos_workflow.text import url_parts

__all__ = ["router"]

router = APIRouter()

SHOWN = 24
COMPARED, COMPARED_WORDS = 8, 20_000
STARS = ("1", "2", "3", "4", "5")


@router.get("/prompts")
def prompts(request: Request, ctx: Ctx, cursor: NumberCursor = None) -> HTMLResponse:
    """The whole tab; its list alone, or the next part of it, for HTMX."""
    # What is changed from the list is answered with the list as it was filtered.
    # A form is sent from the page that HTMX names.
    address = url_parts(request.headers.get("hx-current-url", ""))
    query = request.query_params if request.method == "GET" else dict(parse_qsl(address.query))
    parameters = {name: value for name, value in query.items() if value and name != "cursor"}
    filters = _filters(parameters)
    page = list_prompts(ctx, filters, SHOWN, cursor)
    template = "_prompts.html" if "hx-request" in request.headers else "prompts.html"
    places = ["local", *ctx.config.hosts]
    return render(
        request, template, prompts=page.items, next=page.next, filters=filters, query=urlencode(parameters),
        first=cursor is None, tags=[tag for tag, _ in ctx.store.history.all_tags()], engines=_engines(),
        places=places, kinds=list(known_kinds()),
    )  # fmt: skip


@router.get("/prompts/compare")
def compare(request: Request, ctx: Ctx, number: Annotated[Numbers, Query(max_length=1000)] = []) -> HTMLResponse:  # noqa: B006
    """Several answers side by side."""
    prompts = ctx.prompts(ctx.store.history.by_numbers(number[:COMPARED]))
    answers = [outline(prompt) for prompt in prompts]
    # Each is set beside the first, and the first beside the second.
    references = [*answers[1:2], *answers[:1] * len(answers)]
    compared = [
        (prompt, _diff(reference, answer))
        for prompt, reference, answer in zip(prompts, references, answers, strict=False)
    ]
    omitted = max(0, len(number) - COMPARED)
    return render(request, "compare.html", compared=compared, omitted=omitted)


def _engines() -> list[str]:
    """Those of every installed kind."""
    return list(dict.fromkeys(engine for name in known_kinds() for engine in get_kind(name).engines))


async def _form(request: Request) -> FormData:
    # Each ticked prompt is a field, and a thousand fields are too many for others.
    return await request.form(max_fields=10_000)


Ticked = Annotated[FormData, Depends(_form)]
NUMBERS = TypeAdapter(Numbers)


def _ticked(form: FormData) -> list[int]:
    """Raises BadInputError."""
    try:
        return NUMBERS.validate_python(form.getlist("number"))
    except ValidationError as error:
        raise BadInputError("not the numbers of prompts", remedy="reload the page, and tick them again") from error


@router.post("/prompts/tag")
def tag(request: Request, ctx: Ctx, form: Ticked) -> HTMLResponse:
    """Give a tag to all that are ticked, beside those that they have."""
    word = str(form.get("tag", ""))
    for entry in ctx.store.history.by_numbers(_ticked(form)):
        ctx.store.history.tag(entry.number, [*entry.tags, word])
    return prompts(request, ctx)


@router.post("/prompts/remove")
def remove(request: Request, ctx: Ctx, form: Ticked) -> HTMLResponse:
    """Forget all that are ticked; those that wait for their answer stay."""
    ctx.store.history.remove(_ticked(form))
    return prompts(request, ctx)


@router.post("/prompts/{number}/mark", status_code=204)
def mark(ctx: Ctx, number: Number, rating: Annotated[str, Form()] = "", tags: Annotated[str, Form()] = "") -> None:
    """Stars and tags of one prompt; tags with commas between."""
    ctx.store.history.rate(number, int(rating) if rating in STARS else None)
    ctx.store.history.tag(number, tags.split(","))


def _filters(parameters: Mapping[str, str]) -> Filters:
    """The filters that the form states; fields that are empty or not valid are left out."""
    rating = parameters.get("rating", "")
    words = {name: parameters.get(name, "")[:255] for name in ("run", "place", "engine", "tag", "kind")}
    return Filters(
        parameters.get("search", "")[:1000], ok={"true": True, "false": False}.get(parameters.get("ok", "")),
        rating=int(rating) if rating in STARS else None, **words,
    )  # fmt: skip


@lru_cache(1024)
def _diff(before: str, after: str) -> list[tuple[bool, str]]:
    """The answer in pieces, and whether each stands in the prompt too; words are compared without case and marks."""
    old, new = (re.findall(r"\S+\s*", text) for text in (before, after))
    plain_old, plain_new = ([re.sub(r"\W", "", word).casefold() for word in words] for words in (old, new))
    # Longer texts are compared as far as this: the time grows with the product of their lengths.
    steps = Indel.opcodes(plain_old[:COMPARED_WORDS], plain_new[:COMPARED_WORDS])
    pieces = [(step.tag == "equal", "".join(new[step.dest_start : step.dest_end])) for step in steps]
    return [piece for piece in [*pieces, (False, "".join(new[COMPARED_WORDS:]))] if piece[1]]


environment.globals["diff"] = _diff
