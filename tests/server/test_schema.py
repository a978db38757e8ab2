"""The server against its own OpenAPI document, with two kinds of work: schemathesis, with all of its checks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import clips
import httpx2
import pytest
from counts import cases
from servers.cosmos_server import CosmosServer

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]


def test_no_request_is_answered_otherwise_than_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    clips.textured(tmp_path / "shared" / "shot.mp4", 320, 180, frames=6)
    (tmp_path / "shared" / "sea.txt").write_text("The sea, the wide sea.\n")
    monkeypatch.syspath_prepend(str(PLUGIN))
    with CosmosServer(tmp_path / "data", "--media", tmp_path / "shared", PYTHONPATH=str(PLUGIN)) as server:
        with server.client() as client:
            client.upsample([{"video": "shot.mp4", "prompt": "a city"}], engine="describe")
            for _ in client.events(client.run([{"text_file": "sea.txt"}], kind="words").id):
                pass
        assert httpx2.get(f"{server.url}/openapi.json", timeout=60).json()["openapi"].startswith("3.1.")
        program = Path(sys.executable).with_name("schemathesis")
        command = [
            str(program), "run", f"{server.url}/openapi.json", "--checks", "all", "--no-color",
            *("--max-examples", str(cases(8, 3))),
            # A stream without an end.
            "--exclude-path", "/api/v1/events", "--request-timeout", "30", "--max-response-time", "30",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[:12000]
        assert "Traceback" not in "".join(server.log)
