"""What docs/API.md shows, done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import clips
import pytest
from servers.cosmos_server import CosmosServer

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "API.md"


@pytest.mark.parametrize(("kind", "program"), [("python", [sys.executable, "-c"]), ("curl", ["bash", "-euc"])])
def test_the_worked_example_works(server: CosmosServer, tmp_path: Path, kind: str, program: list[str]) -> None:
    clips.textured(tmp_path / "city.mp4", 960, 540, frames=6)
    example = re.search(rf"<!-- example: {kind} -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    code = example[1].replace("http://127.0.0.1:8420", server.url)
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run([*program, code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "too_long" in done.stdout
    assert "city at sunset." in done.stdout or "A city." in done.stdout
