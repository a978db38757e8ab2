"""A server whose engine is a model server that states a smaller limit: the check, the page and the run say the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer
from servers.unwell import UnwellServer, answer

pytestmark = pytest.mark.slow

LISTED = [{"id": "m", "object": "model", "created": 0, "owned_by": "x", "max_model_len": 2048}]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return clips.textured(tmp_path / "media" / "shot.mp4", 960, 540, frames=6)


def test_the_check_the_page_and_the_run_say_the_same(clip: Path, tmp_path: Path) -> None:
    item = {"video": clip.name, "prompt": "A city"}
    with UnwellServer(lambda text, attempt: answer("A long city."), LISTED) as model:
        options = ("--server-url", model.url, "--media", clip.parent)
        with (
            CosmosServer(tmp_path / "data", *options) as server,
            server.client() as client,
            httpx2.Client(base_url=server.url, timeout=60) as http,
        ):
            checked = http.post("/api/v1/check", json={"items": [item]}).json()
            plan = checked["plans"][0]
            assert (checked["engine"], checked["notes"], plan["max_model_len"]) == ("server", [], 2048)
            assert (plan["verdict"], plan["room"] >= 300) == ("resized", True)
            for _ in range(5):  # as one types
                page = http.post("/new/check", data={"rows": json.dumps([item])}).text
                assert f"{plan['frame_width']}×{plan['frame_height']}" in page
            assert len(model.asked) <= 2  # what it states is remembered for some seconds
            (result,) = client.upsample([item])
            kept = client.prompts()[0].result
            for name in ("verdict", "max_model_len", "frame_width", "frame_height", "room"):
                assert getattr(result, name) == getattr(kept, name) == plan[name]


def test_a_check_asks_a_server_that_is_unwell_once(clip: Path, tmp_path: Path) -> None:
    with UnwellServer(lambda text, attempt: None, listing=(503, {"detail": "not yet"})) as model:
        options = ("--server-url", model.url, "--media", clip.parent)
        with CosmosServer(tmp_path / "data", *options) as server:
            body = {"items": [{"video": clip.name}]}
            checked = httpx2.post(f"{server.url}/api/v1/check", json=body, timeout=60).json()
    assert "does not answer" in checked["notes"][0]
    assert checked["plans"][0]["max_model_len"] == 4096
    assert max(Counter(model.asked).values()) == 1
