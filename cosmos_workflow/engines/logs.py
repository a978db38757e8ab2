"""Sends vLLM's log to a file, where warnings also go to standard error, as usual; and reads a request's part of it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from cosmos_workflow.files import write_whole

__all__ = ["LogPart", "log_vllm_to"]

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


class LogPart:
    """What is written into a log from now on, also where the file is begun anew; several threads may read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._reading = threading.Lock()

    def read(self) -> bytes:
        """What is new since the last call."""
        if not self._path.exists():
            return b""
        with self._reading, self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._offset:
                self._offset = 0  # the engine was loaded anew
            file.seek(self._offset)
            data = file.read()
            self._offset += len(data)
        return data
