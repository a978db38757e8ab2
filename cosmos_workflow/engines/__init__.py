"""Engines, which do tasks: `vllm`, `server` and `transformers` answer prompts; `describe` needs no model.

All follow one protocol, `Engine`: tasks in, outcomes out as they finish, each with its task's id.
Engines know nothing about batch files, machines or the command line.
"""

from cosmos_workflow.engines.base import Deliver, Engine, Offload
from cosmos_workflow.engines.choose import (
    ENGINES,
    ChosenEngine,
    EngineSettings,
    EngineType,
    Surroundings,
    check_settings,
    choose_engine,
    engine_type,
    is_engine,
    library_is_here,
    make_engine,
)
from cosmos_workflow.engines.failures import classify, refused_tokens, root_cause

__all__ = [
    "ENGINES",
    "ChosenEngine",
    "Deliver",
    "Engine",
    "EngineSettings",
    "EngineType",
    "Offload",
    "Surroundings",
    "check_settings",
    "choose_engine",
    "classify",
    "engine_type",
    "is_engine",
    "library_is_here",
    "make_engine",
    "refused_tokens",
    "root_cause",
]
