"""What answers a batch of conversations: `vllm`, `server`, `transformers`, or `describe` where no model can run.

One protocol, `Engine`: conversations in, answers out as they finish, each under its conversation's id.
Engines know nothing of batch files, machines or the command line.
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
