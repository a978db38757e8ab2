"""The tab *Transfer* as a person uses it: Debian's Chromium and a real server, to the videos that play together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import clips
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from servers.cosmos_server import CosmosServer

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("transfer")
    shared = folder / "shared"
    shared.mkdir()
    for name in ("clip.mp4", "depth.mp4"):
        clips.textured(shared / name, 320, 192, frames=24)
    asked = {"prompt": "a city", "video": "clip.mp4", "size": "256", "controls": {"depth": {"path": "depth.mp4"}}}
    (shared / "night.json").write_text(json.dumps(asked))
    with CosmosServer(folder / "data", "--media", shared) as server:
        yield server


def test_from_a_spec_to_videos_that_play_side_by_side(page: Page, served: CosmosServer) -> None:
    page.goto(served.url + "/transfer")
    expect(page.locator("#summary")).to_have_text("nothing chosen yet")
    page.locator("[name=source]").select_option("night.json")
    expect(page.locator("#summary")).to_have_text("1 of 1 video can be made")
    page.locator("[name=engine]").select_option("diffusers")
    page.locator("[name=model]").select_option("transfer1-7b")
    expect(page.locator("#check .problem").first).to_contain_text("diffusers has no pipeline for transfer1-7b")
    expect(page.locator("#run")).to_be_disabled()
    page.locator("[name=engine]").select_option("preview")
    page.locator("[name=model]").select_option("")
    page.get_by_label("Seeds, a video each").fill("1-2")
    expect(page.locator("#check .card")).to_have_count(2)
    expect(page.locator("#check .card").first).to_contain_text("24 frames are less than a chunk of 93")
    serious = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []
    page.get_by_role("button", name="Make them").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("#run .counts")).to_contain_text("2 of 2", timeout=200_000)
    card = page.locator(".card", has_text="a city").first
    expect(card.locator(".facts")).to_contain_text("seed")
    expect(card.locator(".reason")).to_contain_text("24 frames are less than a chunk of 93")
    names = ("video, given to night-seed1", "depth, given to night-seed1", "preview.mp4 of night-seed1")
    players = [page.get_by_label(name) for name in names]
    for player in players:
        expect(player).to_be_visible()
        expect(player).to_have_js_property("readyState", 4)
    card.get_by_role("button", name="Play all together").click()
    for player in players:
        expect(player).to_have_js_property("ended", True)
    tops = {round((player.bounding_box() or {"y": 0.0})["y"]) for player in players}
    assert len(tops) == 1  # side by side
