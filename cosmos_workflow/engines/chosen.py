"""Which engine answers a run, decided before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.kinds.upsample.conversation import Wants

__all__ = ["ChosenEngine", "engine_here"]


@dataclass(frozen=True)
class ChosenEngine:
    """The engine of a run, and what it is told: `settings` are those of `EngineSettings`, as JSON."""

    name: str
    model: str
    wants: Wants
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def engine_here(name: str, why: str, told: EngineSettings) -> ChosenEngine:
    """An engine of this machine. Raises UsageError for a setting that it lacks."""
    engine = make_engine(name, told)
    settings = asdict(replace(told, limits=told.model.name))
    return ChosenEngine(
        name, engine.model, engine.wants, why, settings if name != "describe" else asdict(EngineSettings())
    )
