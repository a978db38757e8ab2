"""Output files of a cluster's items: brought to the run's output, a folder or an object store, by their content."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.runs.places.ray.parts import Output

__all__ = ["UploadedFiles"]


@dataclass(frozen=True)
class UploadedFiles:
    """Files are made on the disk of the machine that has the engine, then uploaded (see `engines.outputs`)."""

    output: Output

    @property
    def scratch(self) -> Path:
        return _scratch()

    @property
    def pieces(self) -> Path:
        return _scratch() / "pieces"

    def take(self, file: Path) -> str:
        sha256 = sha256_of(file)
        self.output.put_file(sha256, file)
        file.unlink()
        return sha256


@lru_cache(1)
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="cosmos-outputs-"))
