"""The page of one prompt, and the form that edits its caption."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from cosmos_workflow.errors import CosmosError, NotFound
from cosmos_workflow.kinds.kind import FIRST_KIND
from cosmos_workflow.kinds.upsample.caption import difference, problems_of, written
from cosmos_workflow.kinds.upsample.caption.problems import is_negative
from cosmos_workflow.server.api.prompts import Number
from cosmos_workflow.server.page.captions.fields import groups_of, locks_of, other_problems
from cosmos_workflow.server.page.captions.forms import caption_from, with_rows
from cosmos_workflow.server.page.captions.keeping import edited_from, keep
from cosmos_workflow.server.page.captions.reading import caption_of, kind_of, words_of
from cosmos_workflow.server.page.captions.timeline import timeline_of
from cosmos_workflow.server.page.files import PICTURES, Shown, inputs_of
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx, Server
from cosmos_workflow.server.shapes import Prompt
from cosmos_workflow.store import ItemFile

__all__ = ["router"]

router = APIRouter()

FIELDS_MOST = 10_000  # of a form; each text of each row is one


@router.get("/prompts/{number}")
def show(request: Request, ctx: Ctx, number: Number) -> HTMLResponse:
    """One prompt with its answer; a caption as a story with its times. Raises NotFound."""
    prompt = _prompt(ctx, number)
    caption = caption_of(prompt)
    values: dict[str, Any] = {"prompt": prompt, "inputs": inputs_of(ctx, [prompt]).get(number, [])}
    if caption is None:
        return render(request, "prompt.html", **values)
    problems = problems_of(caption)
    groups = groups_of(caption, problems)
    source = edited_from(ctx, prompt)
    origin = _origin(ctx, source)
    before = caption_of(origin) if origin else None
    return render(
        request, "caption.html", **values, **_shown(ctx, prompt, caption), groups=groups, problems=problems,
        others=other_problems(groups, problems), source=source, origin=origin,
        changes=difference(before, caption) if before is not None else [],
        paragraph=words_of(caption), text=written(caption), indented=json.dumps(caption, ensure_ascii=False, indent=2),
    )  # fmt: skip


@router.get("/prompts/{number}/caption.json")
def download(ctx: Ctx, number: Number) -> Response:
    """The caption as a file that Cosmos 3 reads. Raises NotFound where there is none."""
    prompt, caption = _captioned(ctx, number)
    name = quote(f"{prompt.result.id}.json", safe="")
    attached = {"content-disposition": f"attachment; filename*=utf-8''{name}"}
    return Response(written(caption), media_type="application/json", headers=attached)


@router.get("/prompts/{number}/caption")
def edit(request: Request, ctx: Ctx, number: Number) -> HTMLResponse:
    """The form with the caption as it is. Raises NotFound where there is none."""
    prompt, caption = _captioned(ctx, number)
    return _form(request, ctx, prompt, caption, unlocked=False, checked=bool(problems_of(caption)))


async def _sent(request: Request) -> FormData:
    return await request.form(max_fields=FIELDS_MOST)


@router.post("/prompts/{number}/caption")
def change(request: Request, ctx: Ctx, number: Number, sent: Annotated[FormData, Depends(_sent)]) -> Response:
    """Keep what the form says where it is valid, and show it; else the form again, with what is wrong and all that was
    typed. The form's buttons for rows send it too.

    Raises NotFound, and BadInputError for a form that is not ours.
    """
    prompt, base = _captioned(ctx, number)
    form = {name: value for name, value in sent.items() if isinstance(value, str)}
    unlocked, act = bool(form.get("unlocked")), form.get("do", "save")
    locks = locks_of(base, measured=_is_measured(prompt), unlocked=unlocked)
    caption = caption_from(form, base, locks)
    if act == "unlock":
        return _form(request, ctx, prompt, caption, unlocked=True, checked=False)
    if act not in ("save", "check"):
        return _form(request, ctx, prompt, with_rows(caption, act), unlocked=unlocked, checked=False)
    if problems_of(caption, negative=is_negative(base)) or act == "check":
        return _form(request, ctx, prompt, caption, unlocked=unlocked, checked=True)
    if caption == base:
        note = "Nothing is changed, so there is nothing to keep."
        return _form(request, ctx, prompt, caption, unlocked=unlocked, checked=True, note=note)
    return RedirectResponse(f"/prompts/{keep(ctx, prompt, caption)}", 303)


def _form(
    request: Request, ctx: Server, prompt: Prompt, caption: Mapping[str, Any], *, unlocked: bool, checked: bool,
    note: str = "",
) -> HTMLResponse:  # fmt: skip
    base = caption_of(prompt)
    assert base is not None
    problems = problems_of(caption, negative=is_negative(base)) if checked else []
    locks = locks_of(base, measured=_is_measured(prompt), unlocked=unlocked)
    groups = groups_of(caption, problems, locks)
    changes = difference(base, caption) if checked else []
    return render(
        request, "caption_edit.html", prompt=prompt, **_shown(ctx, prompt, caption), groups=groups, problems=problems,
        others=other_problems(groups, problems), unlocked=unlocked, note=note, changes=changes, checked=checked,
        may_unlock=not unlocked and not is_negative(base),
    )  # fmt: skip


def _shown(ctx: Server, prompt: Prompt, caption: Mapping[str, Any]) -> dict[str, Any]:
    """What the page and the form have in common: the clip, and the times of the caption under it."""
    clip, fps = _clip(ctx, prompt)
    rate = caption.get("fps")
    speed = rate / fps if fps and isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0 else 1.0
    timeline = None if is_negative(caption) else timeline_of(caption, speed)
    return {
        "caption": caption, "kind": kind_of(caption), "negative": is_negative(caption), "clip": clip,
        "timeline": timeline, "speed": speed, "transfer_source": _transfer_source(ctx, prompt),
    }  # fmt: skip


def _clip(ctx: Server, prompt: Prompt) -> tuple[Shown | None, float]:
    """The clip that was captioned, and its frames a second as far as they are known; None where it cannot be shown."""
    files: Sequence[ItemFile] = ctx.store.files.of_items([prompt.number]).get(prompt.number, ())
    given = next((each for each in files if not each.is_output and each.name == "video"), None)
    path = Path(getattr(prompt.result, "video", "") or "/")
    if prompt.media:
        base, query = f"/api/v1/media/{prompt.media}", ""
    elif path.is_file() and ctx.library.is_inside(path):
        base, query = "/api/v1/shared", f"?path={quote(ctx.library.name_of(path.resolve()))}"
    else:
        return None, 0.0
    file = given.file if given else ctx.store.files.get(prompt.media) if prompt.media else None
    fps = file.frames / file.duration if file and file.frames > 1 and file.duration else 0.0
    try:
        media_type = ctx.library.media_type(path)
    except (OSError, CosmosError):
        return None, 0.0
    is_video = media_type.startswith("video/")
    if not is_video and media_type not in PICTURES:
        return None, 0.0
    width, height = (file.width, file.height) if file else (0, 0)
    address, poster = f"{base}/content{query}", f"{base}/thumbnail{query}"
    return Shown(prompt.clip or "clip", address, is_video, poster, width, height), fps


def _transfer_source(ctx: Server, prompt: Prompt) -> str:
    """What the tab *Transfer* finds the clip by, or the spec that the run was made of; empty for neither."""
    if prompt.kind != FIRST_KIND:
        source = ctx.store.get(prompt.run).source
        return source if source in ctx.library.shared_specs() else ""
    path = Path(prompt.result.video or "/")
    if prompt.media:
        return prompt.media
    return ctx.library.name_of(path.resolve()) if path.is_file() and ctx.library.is_inside(path) else ""


def _is_measured(prompt: Prompt) -> bool:
    """Whether the facts of a caption are the clip's: an upsampling puts them there."""
    return prompt.kind == FIRST_KIND


def _prompt(ctx: Server, number: int) -> Prompt:
    return ctx.prompts([ctx.store.history.get(number)])[0]


def _captioned(ctx: Server, number: int) -> tuple[Prompt, dict[str, Any]]:
    prompt = _prompt(ctx, number)
    caption = caption_of(prompt)
    if caption is None:
        raise NotFound("it has no structured caption", where=f"prompt {number}", remedy="choose another prompt")
    return prompt, deepcopy(caption)


def _origin(ctx: Server, number: int | None) -> Prompt | None:
    """The entry that a caption was edited from; None where it was removed."""
    entries = ctx.store.history.by_numbers([number]) if number is not None else []
    return ctx.prompts(entries)[0] if entries else None
