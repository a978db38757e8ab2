"""The tab *Limits*: the calculator of sizes, the planner for a GPU, what the lab measured."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from cosmos_workflow.errors import CosmosError, NotFound
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.shapes import Size, SizeIn
from cosmos_workflow.lab import Study, boundaries, mode_rows, studies
from cosmos_workflow.limits import FIT_MODES, GPUS, overview
from cosmos_workflow.server.page.forms import SettingsForm, explained
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx

__all__ = ["router"]

router = APIRouter()

# The pictures are matplotlib's own, with styles of theirs inside.
PICTURE = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


class Sides(SizeIn):
    """Both sides, and a prompt."""

    width: Size
    height: Size


class Sized(SettingsForm):
    """The calculator's form."""

    width: str = "1280"
    height: str = "720"
    prompt: str = ""


@router.get("/limits")
def limits(request: Request, ctx: Ctx, gpu: str = "") -> HTMLResponse:
    """The whole tab; the planner's table alone for HTMX."""
    result = overview(ctx.model(), gpu=gpu if gpu in GPUS else "")
    if "hx-request" in request.headers:
        return render(request, "_planner.html", overview=result)
    experiments = ctx.store.experiments.all()
    return render(request, "limits.html", overview=result, gpus=list(GPUS), fits=FIT_MODES, experiments=experiments)


@router.post("/limits/check")
def check_size(request: Request, ctx: Ctx, form: Annotated[Sized, Form()]) -> HTMLResponse:
    """One size, as the model would take it."""
    try:
        sides = {"width": form.width.strip(), "height": form.height.strip()}
        size = Sides.model_validate_strings(sides, strict=False).model_copy(update={"prompt": form.prompt})
        (checked,) = UPSAMPLE.check_more(size, ctx.settings(UPSAMPLE, form.settings()))
    except (CosmosError, ValidationError) as error:
        return render(request, "_check.html", plan=None, problem=explained(error))
    return render(request, "_check.html", plan=checked.plan, problem="")


@router.get("/limits/experiments/{id}")
def experiment(request: Request, ctx: Ctx, id: str) -> HTMLResponse:
    """What one probe or bench has seen."""
    study = _study(ctx, id)
    return render(
        request, "experiment.html", study=study, experiment=study.experiment, boundaries=boundaries(study.trials),
        modes=mode_rows(study.timings), plots=list(_plots(study)),
    )  # fmt: skip


@router.get("/limits/experiments/{id}/{name}.svg")
def plot(ctx: Ctx, id: str, name: str) -> Response:
    """A picture of it. Raises NotFound."""
    from cosmos_workflow.lab import figures

    study = _study(ctx, id)
    if name not in _plots(study):
        raise NotFound("no such plot", where=name, remedy="see the experiment's page")
    if name == "tokens":
        sized = [trial for trial in study.trials if trial.search.startswith("size ")]
        picture = figures.draw_tokens(sized, study.experiment.environment["model"])
    elif name == "modes":
        picture = figures.draw_modes(mode_rows(study.timings))
    else:
        picture = figures.draw_memory([study])
    return Response(picture, media_type="image/svg+xml", headers=PICTURE)


def _study(ctx: Ctx, id: str) -> Study:
    matches = studies(ctx.store.experiments, [id])
    if not matches:
        raise NotFound("it measured nothing", where=id, remedy="see what there is: cosmos report --list")
    return matches[0]


def _plots(study: Study) -> list[str]:
    """The pictures that its records allow."""
    plots = ["tokens"] if any(trial.search.startswith("size ") for trial in study.trials) else []
    plots += ["modes"] if any(not timing.error for timing in study.timings) else []
    return plots + (["memory"] if any(timing.memory and not timing.error for timing in study.timings) else [])
