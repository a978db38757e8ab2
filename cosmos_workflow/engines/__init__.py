"""Engines, which answer batches of conversations: `vllm`, `server`, `transformers`; `describe` needs no model.

All follow one protocol, `Engine`: conversations in, answers out as they finish, each with its conversation's id.
Engines know nothing about batch files, machines or the command line.
"""

from cosmos_workflow.engines.base import Engine, Offload
from cosmos_workflow.engines.choose import ENGINES, EngineSettings, check_settings, choose_engine, known, make_engine
from cosmos_workflow.engines.failures import classify, refused_tokens, root_cause

__all__ = [
    "ENGINES",
    "Engine",
    "EngineSettings",
    "Offload",
    "check_settings",
    "choose_engine",
    "classify",
    "known",
    "make_engine",
    "refused_tokens",
    "root_cause",
]
