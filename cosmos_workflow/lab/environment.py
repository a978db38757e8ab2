"""What an experiment ran on: the machine, the engine's own facts, and the cache that the planner predicts."""

from __future__ import annotations

import platform
from typing import Any

from cosmos_workflow.lab.rigs import Call
from cosmos_workflow.lab.trials import Subject
from cosmos_workflow.version import __version__

__all__ = ["describe_environment"]


def describe_environment(subject: Subject, loaded: Call) -> dict[str, Any]:
    """Names and values for the record; tokens, MiB, s."""
    values: dict[str, Any] = {
        "model": subject.model.name,
        "cosmos_workflow": __version__,
        "client": f"{platform.system()}, Python {platform.python_version()}",
        **subject.properties,
        "parts": {name: round(seconds, 2) for name, seconds in loaded.parts.items() if name != "prompts"},
        "peak_mib": max((mib for _, mib in loaded.memory), default=0),
    }
    if planned := subject.planned_cache:
        values |= {"planned_cache_tokens": planned.tokens, "planned_concurrency": round(planned.concurrency, 3)}
    return values
