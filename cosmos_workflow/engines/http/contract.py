"""What a server speaks: where it takes a transfer, and in which words. Each contract is a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.http.body import Body
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.limits.video_models import get_transfer_model

__all__ = ["Contract", "asked", "given", "key_of", "number", "tier_of"]

Inputs = Mapping[str, Path]


@dataclass(frozen=True)
class Contract:
    """A way to ask for a transfer: `path` below the server's root, and the `body` for a Work with its input files
    and the name of a model, empty where none was given.

    `body` raises BadInputError for what the contract cannot say. `ready` is a path that answers 503 until the model is
    loaded.
    """

    name: str
    title: str
    family: str
    path: str
    body: Callable[[Work, Inputs, str], Body]
    ready: str = ""


def asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says: not what is left to the server; an empty negative prompt is none, which the server's own
    would not be.
    """
    return {
        name: value for name, value in values.items()
        if value is not None and (value != "" or name == "negative_prompt")
    }  # fmt: skip


def key_of(control: Applied) -> str:
    """Cosmos 3's name of a control."""
    return "blur" if control.hint == "vis" else control.hint


def given(work: Work) -> list[Applied]:
    """The controls that have a video of their own."""
    return [control for control in work.controls if not control.computed]


def number(value: float) -> int | float:
    """A number as JSON should have it: 24 and not 24.0."""
    return int(value) if value == int(value) else value


def tier_of(work: Work, tiers: tuple[str, ...]) -> str:
    """The name of the sizes to which the work's belongs, among those that a server has. Raises BadInputError."""
    sizes = get_transfer_model(work.model).family.sizes
    for tier in tiers:
        if (work.width, work.height) in sizes.get(tier, ()):
            return tier
    raise BadInputError(
        f"the server has no size {work.width}x{work.height}", remedy=f"give --size, one of {', '.join(tiers)}"
    )
