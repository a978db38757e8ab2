"""The tab *Transfer*: a spec, a prepared folder or a clip of the server, what is known of it, and the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.kinds.transfer.asking import is_spec
from cosmos_workflow.kinds.transfer.folder import prepared_in
from cosmos_workflow.kinds.transfer.formats.loading import read_specs
from cosmos_workflow.kinds.transfer.formats.paths import located, with_paths
from cosmos_workflow.kinds.transfer.item import Item, Settings
from cosmos_workflow.kinds.transfer.kind import TRANSFER
from cosmos_workflow.kinds.transfer.plan import Checked
from cosmos_workflow.kinds.transfer.shapes import ItemIn
from cosmos_workflow.kinds.transfer.sources import items_of
from cosmos_workflow.kinds.transfer.variants import numbers_of
from cosmos_workflow.limits import GPUS, OF_FAMILY, TRANSFER_MODELS
from cosmos_workflow.server.api.machine import hosts_of
from cosmos_workflow.server.kind_shapes import new_run_of
from cosmos_workflow.server.page.captions.reading import caption_of, text_of, words_of
from cosmos_workflow.server.page.fields import Field
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx, Server

__all__ = ["router"]

router = APIRouter()

RECENT, CHECKED = 60, 40
CAPTIONED = OF_FAMILY["cosmos3"]
# Each is a field of the form; those that are empty leave what the spec, or the model, says.
CONTROLS = ("edge", "vis")
FIELDS = (
    Field("model", "Model", choices=(("", "the spec's, else Transfer2.5"),
                                     *((model.name, model.title) for model in TRANSFER_MODELS.values()))),
    Field("gpu", "Memory of the card", choices=(("", "is not looked at"), *((name, name) for name in GPUS))),
    Field("seeds", "Seeds, a video each", "the spec's, or 1-4"),
    Field("edge", "Edges, weight", "as the spec has them", "number"),
    Field("vis", "Blurred picture, weight", "as the spec has it", "number"),
    Field("frames", "Frames at most", "all", "number"),
)  # fmt: skip


class Asked(BaseModel):
    """What the form says; `source` is as the library finds it."""

    source: str = ""
    prompt: str = ""
    model: str = ""
    gpu: str = ""
    seeds: str = ""
    edge: str = ""
    vis: str = ""
    frames: str = ""
    engine: str = ""
    place: str = "local"
    name: str = ""
    held: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(model=self.model, gpu=self.gpu)


@router.get("/transfer")
def show(
    request: Request, ctx: Ctx, source: Annotated[str, Query(max_length=1000)] = "",
    prompt: Annotated[int | None, Query(ge=1, le=2**53)] = None, words: bool = False,
) -> HTMLResponse:  # fmt: skip
    """The form, empty or with a source, and with the answer of an earlier `prompt`; of a caption, with `words`, its
    paragraph. Raises NotFound.
    """
    text, model = _prompt_of(ctx, prompt, words) if prompt is not None else ("", "")
    uploads = [file for file in ctx.store.files.all(most=RECENT) if file.media_type.startswith("video/")]
    return render(
        request, "transfer.html", source=source, fields=FIELDS, prompt=text,
        given={"model": "" if _is_spec_by_name(source) else model},
        uploaded=[(file.sha256, file.name) for file in uploads],
        specs=[(name, "the whole media folder" if name == "." else name) for name in ctx.library.shared_specs()],
        clips=[(name, name) for name in ctx.library.shared(("video/",)) if "%" not in name],
        engines=TRANSFER.engines, places=["local", *(host.name for host in hosts_of())],
    )  # fmt: skip


def _prompt_of(ctx: Server, number: int, words: bool) -> tuple[str, str]:
    """The prompt that an entry of the history has for a video, and the model that takes such a prompt."""
    entry = ctx.prompts([ctx.store.history.get(number)])[0]
    caption = caption_of(entry)
    if caption is None:
        return entry.answer or entry.question, ""
    return (words_of(caption), "") if words else (text_of(entry), CAPTIONED)


def _is_spec_by_name(source: str) -> bool:
    """Whether a source is a spec by its name: the spec says for which model it is."""
    return source.endswith((".json", ".jsonl"))


@router.post("/transfer/check")
def check(request: Request, ctx: Ctx, form: Annotated[Asked, Form()]) -> HTMLResponse:
    """What is known of the transfers, as the form is now."""
    values: dict[str, Any] = {"checked": [], "total": 0, "notes": [], "problem": "", "engine": None}
    try:
        if form.source:
            items, notes = _items(ctx, form)
            decision = ctx.decided(TRANSFER, form.settings, form.place, form.engine)
            checked = list(TRANSFER.check(items[:CHECKED], decision.settings))
            values |= {"checked": [(each, list(_lines(ctx, each))) for each in checked], "total": len(items)}
            values |= {"notes": [_plain(ctx, note) for note in notes], "engine": decision.engine}
    except CosmosError as error:
        values["problem"] = _plain(ctx, str(error))
    return render(request, "_transfers.html", **values)


@router.post("/transfer/run")
def run(request: Request, ctx: Ctx, form: Annotated[Asked, Form()]) -> Response:
    """Put the transfers that can be made into the queue, and show the run."""
    try:
        items = _items(ctx, form)[0] if form.source else []
        decision = ctx.decided(TRANSFER, form.settings, form.place, form.engine)
        items = [checked.item for checked in TRANSFER.check(items, decision.settings) if checked.runs]
        if not items:
            raise BadInputError("no video that can be made is chosen", remedy="choose a spec, a folder or a clip first")
        called = _called(ctx, form.source)
        name = form.name or (called if len(items) == 1 else f"{called}: {len(items)} videos")
        settings = TRANSFER.settings_shape()(**{key: value for key, value in vars(form.settings).items() if value})
        record = ctx.enqueue(
            new_run_of(TRANSFER.name)(
                kind=TRANSFER.name, items=[_entry(ctx, item) for item in items], settings=settings,
                place=form.place, engine=form.engine, name=name[:200], held=bool(form.held),
            )
        )  # fmt: skip
    except CosmosError as error:
        return render(request, "_problem.html", problem=_plain(ctx, str(error)))
    return Response(status_code=204, headers={"hx-redirect": f"/runs/{record.id}"})


def _entry(ctx: Server, item: Item) -> Any:
    """An item as a client would send it: its files by the library's names."""
    files = {role: ctx.library.name_of(path.resolve()) for role, path in item.files.items()}
    return ItemIn.model_validate({"id": item.id[:200], "asked": item.asked, **files})


def _items(ctx: Server, form: Asked) -> tuple[list[Item], list[str]]:
    """The items that the form asks for, and what a person should know of the spec.

    Raises NotFound, UsageError, and BadInputError, also for a spec that names files elsewhere on the server.
    """
    source, notes = ctx.library.find(form.source), list[str]()
    _require_inside(ctx, source)
    fields: dict[str, Any] = {"model": form.model} if form.model else {}
    if not is_spec(source):  # an uploaded clip is named by its hash
        fields["name"] = Path(_called(ctx, form.source)).stem
    if form.frames.strip():
        fields["frames"] = _number(form.frames, "Frames at most", whole=True)
    controls = {
        hint: {"weight": _number(text, field.label)}
        for hint in CONTROLS for field in FIELDS if field.name == hint and (text := getattr(form, hint).strip())
    }  # fmt: skip
    prompts = [form.prompt] if form.prompt.strip() else []
    seeds = numbers_of(form.seeds) if form.seeds.strip() else []
    items = items_of(source, notes.append, fields=fields, controls=controls, prompts=prompts, seeds=seeds)
    return items, notes


def _number(text: str, label: str, *, whole: bool = False) -> float:
    try:
        return int(text) if whole else float(text.replace(",", "."))
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise BadInputError(f"{text!r} is not {kind}", where=label, remedy=f"give {kind}") from None


def _require_inside(ctx: Server, source: Path) -> None:
    """A spec may be anybody's who writes into the shared folder: the files that it names have to lie there too.

    Raises BadInputError for one that lies elsewhere.
    """
    if source.is_dir():
        paths = [path for folder in prepared_in(source) for path in folder.iterdir()]
    else:
        paths = list(map(Path, _paths_in(source))) if is_spec(source) else []
    for path in paths:
        if not ctx.library.is_inside(path):
            raise BadInputError(
                f"{path.name} does not lie in the server's media folder", where=source.name,
                remedy="put it there, or run the spec from the command line",
            )  # fmt: skip


def _paths_in(spec: Path) -> list[str]:
    paths: list[str] = []

    def keep(path: str) -> str:
        paths.append(path)
        return path

    for loaded in read_specs(spec):
        with_paths(loaded.spec, lambda path, form=loaded.form: keep(located(path, spec.parent, form)))  # type: ignore[misc]
    return paths


def _lines(ctx: Server, checked: Checked) -> Iterator[tuple[str, str, str]]:
    """What is known of a transfer, the worst first: how bad that is, the text, and what to do."""
    levels = ("bad_input", "no_memory", "risky")
    if not checked.findings and checked.reason:
        yield "bad_input", _plain(ctx, checked.reason), _plain(ctx, checked.remedy)
    for level in levels:
        for each in checked.findings:
            if each.statement.level == level:
                yield level, _plain(ctx, each.text), _plain(ctx, each.remedy)


def _called(ctx: Server, source: str) -> str:
    """What people call a source."""
    return ctx.store.files.names([source]).get(source, source)


def _plain(ctx: Server, text: str) -> str:
    return ctx.library.without_folders(text)
