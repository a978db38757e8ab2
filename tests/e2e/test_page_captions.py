"""A caption on the page as a person uses it: made of a clip, read along its times, edited, and kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from servers.browsing import press
from servers.cosmos_server import CosmosServer

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("captions")
    (folder / "shared").mkdir()
    clips.panning(folder / "shared" / "pan.mp4", 3, 0, frames=96)
    with CosmosServer(folder / "data", "--media", folder / "shared") as server:
        yield server


@pytest.fixture(scope="module")
def made(served: CosmosServer) -> str:
    """The address of a prompt whose answer is a caption by rules."""
    with served.client() as client:
        client.upsample([{"video": "pan.mp4", "prompt": "a quarry at night"}], engine="describe",
                        settings={"format": "cosmos3"})  # fmt: skip
        return f"{served.url}/prompts/{client.prompts()[0].number}"


def faults(page: Page) -> list[tuple[str, str]]:
    """What keeps people from using a page, by axe; and whether it is wider than the window."""
    serious = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    found = [(each["id"], each["nodes"][0]["html"]) for each in serious]
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [*found, ("wide", "")] if wide else found


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("PAGE_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_new_asks_for_a_caption(page: Page, served: CosmosServer) -> None:
    page.goto(f"{served.url}/?video=pan.mp4")
    page.locator("[data-name=prompt]").first.fill("a beach at noon")
    page.locator("[name=engine]").select_option("describe")
    page.locator("[name=format]").select_option("cosmos3")
    page.locator("[name=for_size]").fill("720x1280")
    page.locator("[name=for_fps]").fill("24")
    page.locator("[name=for_seconds]").fill("3")
    shot(page, "new-caption")
    press(page, "Run 1 prompt", lambda: "/runs/" in page.url)
    page.get_by_role("link", name="caption").first.click()
    expect(page.locator("#story")).to_contain_text("a beach at noon")
    page.locator("#raw summary").click()
    caption = json.loads(page.locator("#raw pre").inner_text())
    assert (caption["resolution"], caption["aspect_ratio"], caption["duration"]) == (
        {"W": 720, "H": 1280},
        "9,16",
        "3s",
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_pages_fit_and_can_be_used(browser: Browser, made: str, scheme: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for address, name in ((made, "caption"), (f"{made}/caption", "edit")):
        page.goto(address)
        expect(page.locator("#timeline a")).not_to_have_count(0)
        shot(page, f"{name}-{width}-{scheme}")
        assert faults(page) == []
    page.locator("[name='actions[0].time'], [name='context']").first.fill("9:00-8:00")
    page.get_by_role("button", name="Check").last.click()
    page.close()
    assert errors == []


def test_a_bar_takes_the_clip_there_and_an_edit_is_kept_beside_the_answer(page: Page, made: str) -> None:
    page.goto(f"{made}/caption")
    page.get_by_role("button", name="Add a row to actions").click()
    row = page.locator("[name='actions[1].time'], [name='actions[0].time']").last
    name = row.get_attribute("name") or ""
    row.fill("0:01-0:02")
    # A bar of the page without JavaScript's row comes with the check.
    page.locator(f"[name='{name.replace('time', 'description')}']").fill("A stone rolls.")
    page.get_by_label("Context").fill("")
    page.locator("[name='lighting.conditions']").fill("Starlight — é")
    page.locator(f"[name='{name}']").fill("0:03-0:02")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#problems")).to_contain_text(name)
    expect(page.locator(f"[name='{name}']")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name='lighting.conditions']")).to_have_value("Starlight — é")
    shot(page, "edit-problems")
    page.locator(f"[name='{name}']").fill("0:01-0:02")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#changes")).to_contain_text("Starlight — é")
    shot(page, "caption-edited")
    bar = page.locator("#timeline a", has_text="Action").last
    bar.focus()
    page.keyboard.press("Enter")
    video = page.locator("#caption-clip")
    page.wait_for_function("document.getElementById('caption-clip').currentTime === 1")
    expect(video).to_be_visible()
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download").click()
    caption = json.loads(Path(loading.value.path()).read_text())
    assert caption["lighting"]["conditions"] == "Starlight — é"
    assert {"time": "0:01-0:02", "description": "A stone rolls."} in caption["actions"]


def test_without_javascript_it_is_edited_and_saved(browser: Browser, made: str) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{made}/caption")
    page.get_by_role("button", name="Add a row to subjects").click()
    page.locator("[name='subjects[0].description']").fill("A heron")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_contain_text("pan.mp4")
    expect(page.get_by_text("A heron").first).to_be_visible()
    page.close()
