"""The engine that makes control videos, on this machine's processor: OpenCV, FFmpeg (PyAV), and no model."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.one_by_one import one_by_one
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.kind import Task

__all__ = ["OpenCVEngine"]


class TaskFiles(Protocol):
    """The files of tasks: inputs by their SHA-256, and a folder for what a task makes."""

    def path(self, sha256: str) -> Path: ...
    def folder(self, task: Task) -> Path: ...


class OpenCVEngine:
    """Makes the control videos of one clip after the other; the frames of a clip are worked on in parallel."""

    name = "opencv"
    wants = "files"
    model = ""

    def load(self) -> None:
        """Nothing to load."""

    def properties(self) -> dict[str, Any]:
        import cv2

        return {"version": cv2.__version__}

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        def make(task: Task) -> dict[str, Any]:
            try:
                return make_clip(task, files)
            except CosmosError:
                raise
            except Exception as problem:  # of a library, or no memory left: the other clips go on
                raise CosmosError(f"{type(problem).__name__}: {problem}") from problem

        one_by_one(tasks, deliver, make)

    def close(self) -> None:
        """Nothing to free."""


def make_clip(task: Task, files: TaskFiles) -> dict[str, Any]:
    """Make a task's videos, manifest and sheet in its folder; what the outcome says of them. Raises CosmosError."""
    from cosmos_workflow.kinds.prepare.making import make
    from cosmos_workflow.kinds.prepare.tasks import clip_of

    with tempfile.TemporaryDirectory(prefix="cosmos-", ignore_cleanup_errors=True) as names:
        recipe, tracks, sources = clip_of(task, lambda name: _named(Path(names) / name, files.path(task.inputs[name])))
        manifest = make(task.id, recipe, tracks, files.folder(task), sources=sources)
    return {key: manifest[key] for key in ("model", "width", "height", "frames", "fps", "notes", "warnings")}


def _named(name: Path, file: Path) -> Path:
    """A file under the name that it had: files that came from elsewhere are named by their content alone."""
    if file.suffix == name.suffix:
        return file
    name.parent.mkdir(parents=True, exist_ok=True)
    try:
        name.symlink_to(file.absolute())
    except OSError:  # Windows allows it only to some
        try:
            os.link(file, name)
        except OSError:
            shutil.copyfile(file, name)
    return name
