"""Templates: everything that goes into them is escaped."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cosmos_workflow.kinds.kind import FIRST_KIND, get_kind, is_known
from cosmos_workflow.limits import Plan
from cosmos_workflow.server.exporting import controlnet_spec
from cosmos_workflow.server.guard import COOKIE
from cosmos_workflow.server.page.captions.reading import caption_of, kind_of, said, story_of
from cosmos_workflow.server.page.files import facts_of, laid_out
from cosmos_workflow.server.shapes import Problem, Prompt
from cosmos_workflow.version import __version__

__all__ = ["Bar", "Remedy", "bar_of", "remedies_of", "render", "show_problem"]

TABS = (
    ("/", "New"), ("/prepare", "Prepare"), ("/transfer", "Transfer"), ("/runs", "Runs"), ("/prompts", "Prompts"),
    ("/limits", "Limits"), ("/hosts", "Hosts"),
)  # fmt: skip


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a part of one."""
    shared = {"path": request.url.path, "tabs": TABS, "version": __version__, "session": COOKIE in request.cookies}
    return HTMLResponse(environment.get_template(template).render(**shared, **values), status)


def show_problem(request: Request, status: int, problem: Problem, headers: Mapping[str, str]) -> HTMLResponse:
    """The page of an error, with the status and headers that programs get too."""
    answer = render(request, "problem.html", status, missing=status == 404, problem=problem)
    answer.headers.update(headers)
    return answer


@dataclass(frozen=True)
class Bar:
    """The tokens of a plan against its limit, as shares of a width of 1000."""

    images: int
    text: int
    answer: int
    limit: int

    @property
    def over(self) -> bool:
        return self.images + self.text + self.answer > self.limit


def bar_of(plan: Plan) -> Bar:
    whole = max(plan.prompt_tokens + plan.max_tokens, plan.max_model_len, 1)
    text = plan.prompt_tokens - plan.image_tokens
    return Bar(*(round(1000 * part / whole) for part in (plan.image_tokens, text, plan.max_tokens, plan.max_model_len)))


@dataclass(frozen=True)
class Remedy:
    """A way out; `field` and `value` are what a button sets in the form, where one can."""

    text: str
    field: str = ""
    value: str = ""


def remedies_of(plan: Plan) -> Iterator[Remedy]:
    """The ways out that a plan names; the options that they tell of are the form's fields."""
    for way in filter(None, plan.remedy.removeprefix("for full size: ").split("; or ")):
        option = re.search(r"\s*\(--([a-z-]+)(?: (\S+))?\)$", way)
        if not option:
            yield Remedy(way)
            continue
        number = re.search(r"at most ([\d,]+)", way)
        value = option[2] or (number[1].replace(",", "") if number else "")
        yield Remedy(way[: option.start()], option[1].replace("-", "_"), value)


def shows_pictures(prompt: Prompt) -> bool:
    """Whether the file of an item was uploaded, and can be played."""
    return (
        prompt.media is not None and is_known(prompt.kind)
        and not any(media_type.startswith("text/") for media_type in get_kind(prompt.kind).media_types)
    )  # fmt: skip


def _when(seconds: float) -> Markup:
    """A time that says its zone; a browser with scripts tells it in its own."""
    moment = time.gmtime(seconds)
    text = time.strftime("%Y-%m-%d %H:%M UTC", moment)
    return Markup('<time datetime="{}">{}</time>').format(time.strftime("%Y-%m-%dT%H:%M:%SZ", moment), text)


def _thousands(number: float) -> str:
    return f"{number:,.0f}"


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
environment.filters |= {"when": _when, "thousands": _thousands, "bytes": _bytes, "duration": _duration}
environment.globals |= {
    "bar_of": bar_of, "remedies_of": remedies_of, "first_kind": FIRST_KIND, "is_known": is_known,
    "shows_pictures": shows_pictures, "controlnet_spec": controlnet_spec, "laid_out": laid_out, "facts_of": facts_of,
    "caption_of": caption_of, "kind_of": kind_of, "said": said, "story_of": story_of,
}  # fmt: skip
