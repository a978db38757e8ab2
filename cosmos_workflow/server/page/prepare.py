"""The tab *Prepare*: a folder's shots in rows, edges and blur as they would be made, and the run that makes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError, create_model

from cosmos_workflow.errors import BadInputError, CosmosError, NotFound
from cosmos_workflow.kinds.prepare import Checked, Item, Settings, items_of
from cosmos_workflow.kinds.prepare.kind import PREPARE
from cosmos_workflow.kinds.prepare.plan import BLUR_OF_NO_MODEL
from cosmos_workflow.kinds.prepare.preview import picture, version_of_sources
from cosmos_workflow.kinds.prepare.shapes import ItemIn
from cosmos_workflow.media.controls import blur_of, thresholds_of
from cosmos_workflow.media.types import ENDINGS
from cosmos_workflow.server.api.machine import hosts_of
from cosmos_workflow.server.api.media import FOREVER
from cosmos_workflow.server.folders import FOLDER
from cosmos_workflow.server.kind_shapes import new_run_of
from cosmos_workflow.server.page.fields import FILES, GROUPS, LOOKS, NAMES, explained, in_labels
from cosmos_workflow.server.page.framing import Overlay, overlay_of
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx, Server

__all__ = ["router"]

router = APIRouter()

RECENT = 60
CHECKED = 40  # shots that are looked at while one types; all are when they run
NOT_IN_PICTURE = ("edge", "blur", "keep_frames")


class Asked(BaseModel):
    """What the form says: the folder, which of its shots, the place of the run, and the frame that is shown.

    `source` is as the library finds it; the fields `file_…` are patterns in it. Of the shots in `known`, those that are
    not in `shot` are left out. `at` is the frame's place in the clip, in percent. A picture is asked of what it shows
    (`look`), of the shot `of`, and may be that of the `whole` source, small.
    """

    source: str = ""
    file_rgb: str = ""
    file_depth: str = ""
    file_seg: str = ""
    file_edge: str = ""
    file_vis: str = ""
    known: list[str] = []
    shot: list[str] = []
    shown: str = ""
    at: Annotated[float, Field(ge=0, le=100)] = 0.0
    place: str = "local"
    name: str = ""
    held: str = ""
    look: str = ""
    of: str = ""
    whole: bool = False

    def settings(self) -> Any:
        """Raises pydantic's ValidationError."""
        return PREPARE.settings_shape().model_validate_strings(self.given(SETTINGS), strict=False)

    def given(self, names: tuple[str, ...]) -> dict[str, str]:
        """The fields that have something in them."""
        return {name: text for name in names if (text := str(getattr(self, name)).strip())}


SETTINGS = tuple(Settings.__dataclass_fields__)
if TYPE_CHECKING:
    PrepareForm = Asked
else:
    PrepareForm = create_model("PrepareForm", __base__=Asked, **dict.fromkeys(SETTINGS, (str, "")))


@dataclass(frozen=True)
class Look:
    """A picture on the page: what it shows, how many frames that has, and its address."""

    name: str
    frames: int
    address: str

    @property
    def key(self) -> str:
        """The same for the same picture, so that the page need not load it again."""
        return hashlib.sha256(self.address.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """A shot with its check, in the page's words.

    `looks` are its pictures, `overlay` is what the fit does to the first of them.
    """

    item: Item
    plan: Checked
    ticked: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    looks: tuple[Look, ...] = ()
    overlay: Overlay | None = None


@router.get("/prepare")
def show(request: Request, ctx: Ctx, source: Annotated[str, Query(max_length=1000)] = "") -> HTMLResponse:
    """The form, empty or with a folder."""
    uploaded = [file for file in ctx.store.files.all(most=RECENT) if file.media_type.startswith((FOLDER, "video/"))]
    return render(
        request, "prepare.html", source=source, called=_called(ctx, source), groups=GROUPS,
        endings=sorted(ENDINGS), uploaded=uploaded, folders=ctx.library.shared_folders(PREPARE.media_types),
        shared=ctx.library.shared(PREPARE.media_types), places=["local", *(host.name for host in hosts_of())],
    )  # fmt: skip


@router.post("/prepare/check")
def check(request: Request, ctx: Ctx, form: Annotated[PrepareForm, Form()]) -> HTMLResponse:
    """The shots of the folder and what would be made of them, as the form is now."""
    values: dict[str, Any] = {"rows": [], "total": 0, "notes": [], "problem": "", "shown": None, "previews": []}
    try:
        settings = ctx.settings(PREPARE, form.settings())
        if form.source:
            items, notes = _items(ctx, form)
            rows = [_row(ctx, form, item, settings) for item in items[:CHECKED]]
            values |= {"rows": rows, "total": len(items), "notes": [_plain(ctx, note) for note in notes]}
            running = [row for row in rows if row.plan.runs and row.ticked]
            shown = next((row for row in running if row.item.id == form.shown), running[0] if running else None)
            if shown:
                values |= {"shown": shown, "previews": _previews(form, shown, settings)}
    except (CosmosError, ValidationError) as error:
        values["problem"] = _plain(ctx, explained(error))
    return render(request, "_prepared.html", names=NAMES, **values)


@router.get("/prepare/frame")
def frame(ctx: Ctx, form: Annotated[PrepareForm, Query()]) -> Response:
    """One frame of a shot: as it would be made, or the whole source, small. Raises NotFound, BadInputError."""
    try:
        settings = ctx.settings(PREPARE, form.settings())
    except ValidationError as error:
        raise BadInputError(explained(error)) from error
    item = next((item for item in _items(ctx, form)[0] if item.id == form.of), None)
    if item is None:
        raise NotFound("no such shot", where=form.of, remedy="load the page again")
    plan = _checked(ctx, item, settings)
    if not plan.runs and form.whole:
        plan = _checked(ctx, item, replace(settings, missing="black"))
    if not plan.runs:
        raise BadInputError(_plain(ctx, plan.reason), where=form.of, remedy=plan.remedy)
    data, media_type = picture(plan, settings, form.look, form.at / 100, whole=form.whole)
    return Response(data, media_type=media_type, headers=FOREVER)  # the address has the files' version


@router.post("/prepare/run")
def run(request: Request, ctx: Ctx, form: Annotated[PrepareForm, Form()]) -> Response:
    """Put the shots that are ticked and can be made into the queue, and show the run."""
    try:
        settings = ctx.settings(PREPARE, form.settings())
        items = [item for item in _items(ctx, form)[0] if _ticked(form, item)] if form.source else []
        items = [item for item in items if _checked(ctx, item, settings).runs]
        if not items:
            raise BadInputError("No clip that can be made is chosen", remedy="drop a folder first")
        entries = [
            ItemIn(id=item.id[:200], **{name: ctx.library.name_of(path) for name, path in item.sources.items()})
            for item in items
        ]
        name = form.name or (items[0].id if len(items) == 1 else f"{_called(ctx, form.source)}: {len(items)} clips")
        new_run = new_run_of(PREPARE.name)
        record = ctx.enqueue(
            new_run(
                kind=PREPARE.name, items=entries, settings=form.settings(), place=form.place, name=name[:200],
                held=bool(form.held),
            )
        )  # fmt: skip
    except (CosmosError, ValidationError) as error:
        return render(request, "_problem.html", problem=_plain(ctx, explained(error)))
    return Response(status_code=204, headers={"hx-redirect": f"/runs/{record.id}"})


def _items(ctx: Server, form: Asked) -> tuple[list[Item], list[str]]:
    """The shots of the folder that the form names, and what a person should know of files that are not used.

    Raises NotFound, BadInputError.
    """
    source = ctx.library.find(form.source, PREPARE.media_types)
    base = source if source.is_dir() else source.parent
    given: dict[str, Path] = {}
    for name, text in form.given(FILES).items():
        given[name.removeprefix("file_")] = ctx.library.find(f"{ctx.library.name_of(base)}/{text}")
    items, notes = items_of(source, given)
    if source.is_file() and source.name == form.source:  # an uploaded file is named by its hash
        items = [replace(item, id=Path(_called(ctx, form.source)).stem) for item in items]
    return items, notes


def _checked(ctx: Server, item: Item, settings: Settings) -> Checked:
    """What would be made of an item; one whose files lead out of the folder cannot be used."""
    try:
        for path in item.sources.values():
            ctx.library.find(ctx.library.name_of(path))
    except CosmosError as error:
        bad = BadInputError(error.what, where=error.where, remedy=error.remedy)
        return PREPARE.unusable(item, bad, settings)
    return next(iter(PREPARE.check_exactly([item], settings)))


def _row(ctx: Server, form: Asked, item: Item, settings: Settings) -> Row:
    plan = _checked(ctx, item, settings)
    problems = plan.warnings if plan.runs else _problems(item, plan)
    row = Row(item, plan, _ticked(form, item), _lines(ctx, problems), _lines(ctx, plan.notes))
    # What can be seen of it all the same.
    seen = plan if plan.runs else _checked(ctx, item, replace(settings, missing="black"))
    if seen.seen is None:
        return row
    version = version_of_sources(item.sources)
    counts = {name: sum(frame is not None for frame in track.frames) for name, track in seen.seen.tracks.items()}
    looks = [
        Look(name, count, _address(form, item, LOOKS, version, whole="1", look=name)) for name, count in counts.items()
    ]
    overlay = overlay_of(plan.framing) if plan.framing else None
    return replace(row, looks=tuple(looks), overlay=overlay)


def _previews(form: Asked, row: Row, settings: Settings) -> list[tuple[Look, str]]:
    """The pictures of a shot as they would be made, with what is done in words."""
    assert row.plan.seen is not None
    tracks = row.plan.seen.tracks
    framing = row.plan.framing.words() if row.plan.framing else ""
    words = {name: framing or "as it comes" for name in ("edge", "vis", "rgb") if name in tracks}
    if "rgb" in tracks and "edge" not in tracks and settings.edge != "off":
        words["edge"] = thresholds_of(settings.edge)[1]
    if "rgb" in tracks and "vis" not in tracks and settings.blur != "off":
        words["vis"] = blur_of(settings.blur, settings.model or BLUR_OF_NO_MODEL)[1]
    shared = tuple(name for name in SETTINGS if name not in NOT_IN_PICTURE)
    version = version_of_sources(row.item.sources)
    own: dict[str, tuple[str, ...]] = {"edge": ("edge",), "vis": ("blur",), "rgb": ()}
    return [
        (Look(name, row.plan.frames, _address(form, row.item, (*shared, *own[name], "at"), version, look=name)), text)
        for name, text in ((name, words[name]) for name in own if name in words)
    ]


def _problems(item: Item, plan: Checked) -> tuple[str, ...]:
    """Why a shot cannot be made, a line for each thing that it shows; where it is, the page says already."""
    folders = {str(path.parent) for path in item.sources.values()}
    where, _, rest = plan.reason.partition(": ")
    reason = rest if where in folders else plan.reason
    return tuple(filter(None, (*re.split(rf"; (?=(?:{'|'.join(NAMES)}):)", reason), plan.remedy)))


def _lines(ctx: Server, texts: Iterable[str]) -> tuple[str, ...]:
    """Messages of a check in the words of the page."""
    named = (re.sub(rf"^({'|'.join(NAMES)})(?=:)", lambda match: NAMES[match[1]], text) for text in texts)
    return tuple(_plain(ctx, text) for text in named)


def _address(form: Asked, item: Item, names: tuple[str, ...], version: str, **more: str) -> str:
    """The address of a picture of a shot; another one whenever its files or what shows in it changes."""
    fields = {"source": form.source, "of": item.id} | form.given((*FILES, *names)) | more
    return f"/prepare/frame?{urlencode(fields)}&version={version[:16]}"


def _ticked(form: Asked, item: Item) -> bool:
    return item.id in form.shot or item.id not in form.known


def _called(ctx: Server, source: str) -> str:
    """What people call a folder."""
    id, _, inner = source.partition("/")
    return inner or ctx.store.files.names([id]).get(id, "the media folder" if source == "." else source)


def _plain(ctx: Server, text: str) -> str:
    return in_labels(ctx.library.without_folders(text))
