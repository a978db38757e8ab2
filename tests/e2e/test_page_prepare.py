"""The tab *Prepare* as a person uses it: Debian's Chromium, a real server, a folder that is dropped."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from servers.browsing import SOON
from servers.cosmos_server import CosmosServer

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]

SIZES = {"desk": (1280, 900), "tablet": (820, 1180), "phone": (390, 844)}
COUNT = 4


def renders(folder: Path) -> Path:
    """Two shots as a renderer writes them, with colour and depth; one has a gap."""
    for shot, numbers in {"harbour": range(1, COUNT + 1), "street": (1, 2, 4)}.items():
        (folder / shot).mkdir(parents=True)
        for number in numbers:
            y = np.mgrid[0:360, 0:640][0]
            sky = np.dstack([90 + y // 4, 120 + y // 3, 200 - y // 6]).astype(np.uint8)
            cv2.circle(sky, (120 + 60 * number, 200), 70, (40, 160, 230), -1)
            cv2.rectangle(sky, (380, 150), (560, 359), (200, 190, 60), -1)
            sky[240:] = cv2.addWeighted(sky[240:], 0.6, clips.texture(120, 640, number), 0.4, 0)
            cv2.imwrite(str(folder / shot / f"color.{number:04d}.png"), sky)
            cv2.imwrite(str(folder / shot / f"depth.{number:04d}.png"), (255 * y // 359).astype(np.uint8))
    (folder / "scene.blend").write_bytes(b"BLENDER")
    return folder


def drop_folder(page: Page, folder: Path) -> None:
    """As a hand does it: the browser reads the folder itself, which no script of a page can hand it."""
    box = page.locator("#drop").bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("prepare")
    renders(folder / "shared" / "renders")
    with CosmosServer(folder / "data", "--media", folder / "shared") as server:
        yield server


def test_from_a_dropped_folder_to_the_played_videos(page: Page, served: CosmosServer, tmp_path: Path) -> None:
    page.goto(served.url + "/prepare")
    drop_folder(page, renders(tmp_path / "night renders"))
    expect(page.locator("#called")).to_have_text("night renders")
    expect(page.locator("#sending-note")).to_have_text("not sent, as no image and no video: 1 file")
    expect(page.locator(".shot")).to_have_count(2)
    expect(page.locator(".shot", has_text="street")).to_contain_text("frame 3 is missing")
    expect(page.locator("#summary")).to_have_text("1 of 2 clips can be made")
    page.locator("[name=model]").select_option("transfer1")
    expect(page.locator(".shot").first).to_contain_text("1280×704")
    expect(page.locator(".away")).to_have_count(1)
    image = page.locator("#preview img[alt^=edges]")
    expect(image).to_have_js_property("naturalWidth", 1280)
    medium = image.get_attribute("src")
    page.get_by_label("Edges", exact=True).press("ArrowRight")  # the slider
    expect(page.get_by_label("Edges, in words")).to_have_value("high")
    expect(page.locator("#preview")).to_contain_text("thresholds 200 and 300")
    assert image.get_attribute("src") != medium
    expect(image).to_have_js_property("naturalWidth", 1280)
    page.get_by_role("button", name="Make 1 clip").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("#run .counts")).to_contain_text("1 of 1", timeout=200_000)
    expect(page.locator("#run .chip").first).to_have_text("done")
    player = page.get_by_label("edge.mp4 of harbour")
    expect(player).to_be_visible()
    player.evaluate("async (video) => { video.muted = true; await video.play(); }")
    expect(player).to_have_js_property("videoWidth", 1280)
    expect(player).to_have_js_property("videoHeight", 704)
    expect(player).to_have_js_property("ended", True)
    page.reload()
    page.goto(served.url + "/prepare")
    page.locator("#there").select_option(label="night renders")
    expect(page.locator(".shot")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_tab_at_each_size_in_light_and_dark(
    browser: Browser, served: CosmosServer, size: str, scheme: str, tmp_path: Path
) -> None:
    """Nothing serious for axe, nothing wider than its screen; the pictures are there to be looked at."""
    shots = Path(os.environ.get("PAGE_SHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(SOON)
    page = context.new_page()
    page.goto(served.url + "/prepare")
    expect(page.locator("#check")).to_contain_text("Choose a folder")
    page.screenshot(path=shots / f"prepare-empty-{size}-{scheme}.png")
    page.locator("#there").select_option("renders")
    page.locator("[name=model]").select_option("transfer1")
    page.locator("[name=size]").fill("960x704" if size == "phone" else "1280x704")
    page.locator("[name=fit]").select_option("pad" if scheme == "dark" else "crop")
    expect(page.locator(".added" if scheme == "dark" else ".away")).to_have_count(1)
    for look in ("picture", "edges", "blur"):
        expect(page.locator(f"#preview img[alt^={look}]")).to_have_js_property("naturalHeight", 704)
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.screenshot(path=shots / f"prepare-{size}-{scheme}.png")
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
    context.close()
