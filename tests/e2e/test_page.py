"""The page as a person uses it: Debian's Chromium, a real server, the real CPU vLLM."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import clips
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from servers import vllm_env
from servers.browsing import SOON, drop, press
from servers.cosmos_server import CosmosServer
from servers.processes import named

from scripts.demo import draw_clip

pytestmark = [pytest.mark.host, pytest.mark.timeout(1200)]

VLLM_PYTHON = vllm_env.MODEL.parent / "venv" / "bin" / "python"
SIZES = {"desk": (1280, 900), "tablet": (820, 1180), "phone": (390, 844)}
TABS = {"new": "/", "runs": "/runs", "prompts": "/prompts", "limits": "/limits", "hosts": "/hosts", "api": "/docs"}
PROMPTS = [
    "A futuristic city at sunset",
    "A robot arm pours coffee",
    "Snow on a mountain road",
    "Größer & <b>bolder</b>",
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[CosmosServer]:
    """A server whose own engine is the CPU vLLM, one request at a time so that there is something to watch."""
    options = {**vllm_env.OPTIONS, "max_num_seqs": 1}
    lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
    (tmp_path / "cosmos.toml").write_text("\n".join(["[engine_options]", *lines]))
    words = ("--engine", "vllm", "--model-path", vllm_env.MODEL)
    with CosmosServer(tmp_path / "data", *words, python=[str(VLLM_PYTHON)], **vllm_env.settings(1)) as server:
        yield server


def test_from_a_dropped_clip_to_an_exported_answer(page: Page, served: CosmosServer, tmp_path: Path) -> None:
    page.goto(served.url)
    drop_check_and_mend(page, clips.textured(tmp_path / "shot 1.mp4", 960, 540, frames=6))
    run_through_a_crash(page, served)
    find_rate_and_export(page, served)
    run_again_and_cancel(page, served)


def drop_check_and_mend(page: Page, clip: Path) -> None:
    """The bar goes red at 960×540 with `fit off`; a remedy's button mends it, and the frame shows as sent."""
    drop(page, clip)
    expect(page.locator("#clips [data-name=video]")).to_have_value(re.compile("^[0-9a-f]{64}$"))
    page.get_by_label("One prompt per line").fill("\n".join(PROMPTS))
    page.locator("[name=fit]").select_option("off")
    expect(page.locator("#summary .chip")).to_have_text("too long")
    expect(page.locator("#check .bar")).to_have_class(re.compile("over"))
    expect(page.locator("#check")).to_contain_text("0 of 4 prompts run")
    press(page, "smaller frames: 910x512", lambda: page.locator("#summary .chip").inner_text() == "resized")
    expect(page.locator("#check .bar")).not_to_have_class(re.compile("over"))
    expect(page.locator(".preview img")).to_have_js_property("naturalWidth", 910)


def run_through_a_crash(page: Page, served: CosmosServer) -> None:
    """It runs, live; the server dies in the middle, and the next one goes on with what is open."""
    # A longer context, so that the answers take their time.
    page.get_by_label("max_model_len").fill("9216")
    page.get_by_label("Answer, tokens").fill("1500")
    expect(page.locator("#summary .chip")).to_have_text("fits")
    press(page, "Run 4 prompts", lambda: "/runs/" in page.url)
    expect(page.locator("h1")).to_contain_text("shot 1.mp4 and 3 more")
    expect(page.locator("#run .chip").first).to_have_text("running")
    expect(page.locator("#run .counts")).to_contain_text("loading")
    expect(page.locator("#run .counts")).to_contain_text("memory")
    # vLLM leaves a machine of two cores little time for others: the first answer may be heard late.
    expect(page.locator("#run .counts")).to_contain_text(re.compile("loaded|[123] of 4"), timeout=500_000)
    engine = psutil.Process(served.process.pid).children(recursive=True)
    assert named(engine, "VLLM")
    served.kill()
    assert psutil.wait_procs(engine, timeout=60)[1] == []  # or the next one finds the GPU full
    served.start()
    page.goto(page.url)
    expect(page.locator("#run .counts")).to_contain_text("4 of 4", timeout=500_000)
    expect(page.locator("#run .chip").first).to_have_text("done")
    expect(page.locator("#log pre")).to_contain_text("vllm")
    with served.client() as client:
        (run,) = client.runs()
        assert (run.answered, run.failed, run.attempt) == (4, 0, 1)
        assert [result.prompt for result in client.results(run.id)] == PROMPTS


def find_rate_and_export(page: Page, served: CosmosServer) -> None:
    page.get_by_role("link", name="Prompts", exact=True).click()
    page.get_by_placeholder("Search prompts and answers").fill("robot pour")
    expect(page.locator("article")).to_have_count(1)
    card = page.locator("article")
    expect(card.locator(".before")).to_contain_text("A robot arm pours coffee")
    with page.expect_response(re.compile("/mark")):
        card.get_by_text("4 of 5").locator("..").click()
    with page.expect_response(re.compile("/mark")):
        card.get_by_placeholder("tags").fill("coffee, best")
        card.get_by_placeholder("tags").press("Enter")
    with served.client() as client:
        (found,) = client.prompts(tag="best", rating=4)
        assert found.result.prompt == PROMPTS[1]
    card.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == found.result.upsampled_prompt
    page.goto(f"{served.url}/prompts?rating=4")
    expect(page.locator("article")).to_have_count(1)
    with page.expect_download() as coming:
        page.get_by_role("link", name="JSONL").click()
    exported = coming.value.path().read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prompt"] for line in exported] == [PROMPTS[1]]
    page.goto(f"{served.url}/prompts")
    expect(page.locator("article")).to_have_count(4)
    for n in (0, 1):
        page.get_by_label("select", exact=True).nth(n).check()
    page.get_by_role("button", name="Compare selected").click()
    expect(page.locator(".beside article")).to_have_count(2)
    expect(page.locator(".beside")).to_contain_text("<b>bolder</b>")


def run_again_and_cancel(page: Page, served: CosmosServer) -> None:
    """One goes back into the form; its run is cancelled while it waits."""
    page.goto(f"{served.url}/prompts?search=snow")
    page.get_by_role("link", name="Edit and run again").click()
    expect(page.get_by_label("Prompts of shot 1.mp4")).to_have_value(PROMPTS[2])
    page.get_by_label("hold it in the queue").check()
    press(page, "Run 1 prompt", lambda: "/runs/" in page.url)
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("#runs")).to_contain_text("held")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel shot 1.mp4").click()
    expect(page.locator("#runs")).to_contain_text("cancelled")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    """A server with something on every tab."""
    folder = tmp_path_factory.mktemp("filled")
    clip = folder / "city.mp4"
    draw_clip(clip)
    with CosmosServer(folder / "data") as server, server.client() as client:
        client.upsample(
            [{"video": str(clip), "prompt": one} for one in PROMPTS], engine="describe", name="City, take 3"
        )
        client.mark(client.prompts()[0].number, rating=4, tags=["night", "best"])
        client.run([{"video": str(clip), "prompt": "x"}], engine="describe", held=True, name="Waits for the evening")
        client.cancel(client.run([{"video": str(clip)}], engine="describe", held=True, name="A wrong clip").id)
        yield server


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_at_each_size_in_light_and_dark(
    browser: Browser, filled: CosmosServer, tab: str, tmp_path: Path
) -> None:
    """Nothing serious for axe, nothing wider than its screen; the pictures are there to be looked at."""
    shots = Path(os.environ.get("PAGE_SHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            context.set_default_timeout(SOON)
            page = context.new_page()
            page.goto(filled.url + TABS[tab])
            if tab == "new":
                page.locator("#video").select_option(index=1)
                page.get_by_label("One prompt per line").fill("\n".join(PROMPTS[:2]))
                page.locator("[name=fit]").select_option("off")
                expect(page.locator("#check .bar")).to_have_class(re.compile("over"))
                page.screenshot(path=shots / f"red-{size}-{scheme}.png")
                page.locator("[name=fit]").select_option("auto")
                page.locator(".preview img").scroll_into_view_if_needed()  # it is loaded when it is to be seen
                expect(page.locator(".preview img")).to_have_js_property("naturalWidth", 910)
            elif tab == "limits":
                expect(page.locator("#check .chip")).to_be_visible()
            elif tab == "hosts":
                expect(page.locator("#check-local .chip").first).to_be_visible()
            page.wait_for_load_state("load")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=shots / f"{tab}-{size}-{scheme}.png")
            found = Axe().run(page).response["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
            context.close()


@pytest.mark.parametrize("tab", ["run", "runs"])
def test_the_last_of_two_quick_changes_is_shown(page: Page, filled: CosmosServer, tab: str) -> None:
    with filled.client() as client:
        client.pause()
        clip = client.prompts()[0].result.video
        run = client.run([{"video": clip, "prompt": "x"}], engine="describe", name="Changed twice")
        page.goto(f"{filled.url}/runs/{run.id}" if tab == "run" else f"{filled.url}/runs")
        where = "#run .titled" if tab == "run" else "#runs .what"
        shown = page.locator(where, has_text="Changed twice").locator(".chip").last
        expect(shown).to_have_text("queued")
        client.change(run.id, held=True)
        expect(shown).to_have_text("held")
        client.cancel(run.id)
        expect(shown).to_have_text("cancelled")
        client.remove(run.id)
        client.pause(False)


def test_what_is_typed_before_the_scripts_have_come_is_searched(page: Page, filled: CosmosServer) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/htmx.min.js", hold)
    page.goto(filled.url + "/prompts", wait_until="commit")
    page.get_by_placeholder("Search prompts and answers").fill("robot pour")
    expect(page.locator("article")).to_have_count(len(PROMPTS) + 2)
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    expect(page.locator("article")).to_have_count(1)


def test_by_keyboard_alone(browser: Browser, filled: CosmosServer) -> None:
    page = browser.new_page()
    page.set_default_timeout(SOON)
    page.goto(filled.url + "/runs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    names = []
    for _ in range(30):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
            )
        )
    assert {"New", "Prompts", "Pause", "Release Waits for the evening", "Retry A wrong clip"} <= set(names)
    page.goto(filled.url + "/prompts")
    page.locator("article").first.get_by_placeholder("tags").focus()
    page.keyboard.press("Shift+Tab")  # the button that clears them
    page.keyboard.press("Shift+Tab")  # the stars, as one
    with page.expect_response(re.compile("/mark")):
        page.keyboard.press("ArrowLeft")
    page.close()
