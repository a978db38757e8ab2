"""Which engine answers a run, decided before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cosmos_workflow.engines import EngineSettings, make_engine

__all__ = ["ChosenEngine", "local_engine"]


@dataclass(frozen=True)
class ChosenEngine:
    """The engine of a run; `settings` are its `EngineSettings` as a dict for JSON."""

    name: str
    model: str
    wants: str
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def local_engine(name: str, why: str, settings: EngineSettings) -> ChosenEngine:
    """An engine of this machine. Raises UsageError for a missing setting."""
    engine = make_engine(name, settings)
    values = asdict(replace(settings, limits=settings.model.name))
    return ChosenEngine(
        name, engine.model, engine.wants, why, values if name != "describe" else asdict(EngineSettings())
    )
