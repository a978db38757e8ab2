"""One folder with the stand-ins for all tests of them, and a shell that runs command lines as NVIDIA writes them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clips
import pytest
from servers.nvidia_programs import Layout, write_layout
from servers.nvidia_programs.weight_maps import write_map


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    record: list[dict[str, Any]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.record if line["event"] == name and line["rank"] == 0]

    def messages(self) -> list[str]:
        """The log's messages, without what stands before them."""
        return re.findall(r"^\[\d\d-\d\d \d\d:\d\d:\d\d\|[A-Z]+\|\S+:\d+:\w+\] (.*)$", self.out, re.MULTILINE)


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return write_layout(tmp_path_factory.mktemp("nvidia"))


@pytest.fixture
def run(layout: Layout, tmp_path: Path) -> Iterator[Run]:
    """Run a command line in the repository's folder; `orders` is what NVIDIA_STANDIN's file says."""

    def run(
        command: str, *, orders: list[dict[str, Any]] | None = None, folder: Path | None = None, **more: Any
    ) -> Ran:
        record, standin = tmp_path / "record.jsonl", tmp_path / "standin.json"
        record.unlink(missing_ok=True)
        chunk_seconds = more.pop("chunk_seconds", 0)
        written = {"record": str(record), "orders": orders or [], "chunk_seconds": chunk_seconds}
        standin.write_text(json.dumps(written), encoding="utf-8")
        environment = {**os.environ, **layout.environment(), "NVIDIA_STANDIN": str(standin), **more}
        environment["PATH"] = f"{layout.bin}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder or layout.repository, env=environment, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        # Decoded by hand, as a text's carriage returns would be made newlines.
        out, err = done.stdout.decode(), done.stderr.decode()
        return Ran(done.returncode, out, err, [json.loads(line) for line in lines])

    yield run


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 320×180 (16:9) with 6 frames, 25 a second."""
    return clips.textured(tmp_path_factory.mktemp("clips") / "short.mp4", 320, 180, frames=6, fps=25)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 96×72 (4:3) with 130 frames, 30 a second: two chunks in each program."""
    return clips.textured(tmp_path_factory.mktemp("clips") / "long.mp4", 96, 72, frames=130, fps=30)


def place(spec: Path, target: Path, base: Path, short: Path) -> Path:
    """Copy a spec of NVIDIA's, and put a short clip where it names a video, counted from `base`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(spec, target)
    for name in re.findall(r'"([^"]+\.(?:mp4|pt))"', spec.read_text(encoding="utf-8")):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".pt"):
            write_map(path, (88, 160), 0.5)
        elif not path.exists():
            shutil.copy(short, path)
    return target


@pytest.fixture
def placed(short: Path) -> Callable[[Path, Path, Path], Path]:
    return lambda spec, target, base: place(spec, target, base, short)
