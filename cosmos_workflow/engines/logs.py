"""Sends vLLM's log to a file; warnings also go to standard error, as usual."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cosmos_workflow.files import write_whole

__all__ = ["log_vllm_to"]

VARIABLE = "VLLM_LOGGING_CONFIG_PATH"


def log_vllm_to(path: Path) -> None:
    """Make vLLM log to a file. Call this before vLLM is imported: it and its processes read the setting at their start.

    A user's own setting is kept.
    """
    config = path.with_suffix(".logging.json")
    if VARIABLE not in os.environ:
        write_whole(config, json.dumps(_configuration(path)).encode(), sync=False)
        os.environ[VARIABLE] = str(config)


def _configuration(path: Path) -> dict[str, Any]:
    handlers = {
        "file": {"class": "logging.FileHandler", "filename": str(path), "level": "INFO", "formatter": "plain"},
        "people": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "plain"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(asctime)s [%(name)s] %(message)s"}},
        "handlers": handlers,
        "loggers": {"vllm": {"handlers": list(handlers), "level": "INFO", "propagate": False}},
    }
