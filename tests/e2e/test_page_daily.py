"""The page from day to day: many clips, a server that goes away, what is marked, compared and run again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from servers.browsing import a_page, drop
from servers.cosmos_server import CosmosServer

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
SHARED = "A futuristic city at sunset"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("daily")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[CosmosServer]:
    with CosmosServer(folder / "data", "--engine", "describe") as server:
        yield server


@pytest.fixture(scope="module")
def files(folder: Path) -> list[Path]:
    """Three clips of several sizes, and two files that are none."""
    (folder / "clips").mkdir()
    sizes = {"wide.mp4": (960, 540), "small.mp4": (320, 180), "tall.mp4": (540, 960)}
    made = [clips.textured(folder / "clips" / name, *size, frames=6) for name, size in sizes.items()]
    (folder / "clips" / "notes.txt").write_text("no clip")
    (folder / "clips" / "empty.mp4").write_bytes(b"")
    return [*made, folder / "clips" / "notes.txt", folder / "clips" / "empty.mp4"]


def rows(page: Page) -> list[str]:
    return page.locator("#clips .name").all_inner_texts()


def test_thirty_clips_are_thirty_rows(page: Page, server: CosmosServer, tmp_path: Path) -> None:
    page.goto(server.url)
    many = [clips.textured(tmp_path / f"shot {n:02}.mp4", 64 + 2 * n, 64, frames=2) for n in range(30)]
    drop(page, *many, onto="footer")  # anywhere on the page
    expect(page.locator("#clips li")).to_have_count(30)
    expect(page.locator("#run")).to_have_text("Run 30 prompts")
    assert rows(page) == [file.name for file in many]
    expect(page.locator("#clips .verdict .chip")).to_have_text(["fits"] * 30)
    expect(page.locator("#clips video")).to_have_count(30)


def test_what_is_no_clip_says_why_and_does_not_run(page: Page, server: CosmosServer, files: list[Path]) -> None:
    page.goto(server.url)
    drop(page, *files)
    refused = page.locator("#clips .problem:visible")
    expect(refused).to_have_count(2)
    expect(refused.first).to_contain_text("neither a video nor a picture")
    expect(refused.last).to_contain_text("the file is empty")
    expect(page.locator("#run")).to_have_text("Run 3 prompts")
    page.get_by_role("button", name="Remove all clips").click()
    expect(page.locator("#run")).to_be_disabled()
    drop(page, files[-1])
    expect(page.locator("#clips .problem:visible")).to_have_count(1)
    expect(page.locator("#run")).to_be_disabled()


def test_each_prompt_has_its_own_row_size_and_verdict(page: Page, server: CosmosServer, files: list[Path]) -> None:
    page.goto(server.url)
    drop(page, *files[:3])
    expect(page.locator("#clips .verdict .chip")).to_have_count(3)
    page.get_by_label("One prompt per line").fill(SHARED)
    page.get_by_label("Prompts of small.mp4").fill("A robot")
    page.locator("[name=fit]").select_option("off")
    expect(page.locator("#run")).to_have_text("Run 1 of 3 prompts")
    lines = page.locator("#check tbody tr")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("2 × 960×540")
    expect(lines.nth(0).locator(".chip")).to_have_text("too long")
    expect(lines.nth(1)).to_contain_text("2 × 320×180")
    expect(lines.nth(2)).to_contain_text(SHARED)
    page.get_by_role("button", name="Remove tall.mp4").click()
    page.get_by_role("button", name="Remove small.mp4").click()
    expect(page.locator("#run")).to_be_disabled()
    expect(page.locator("#summary")).to_contain_text("too long")


def test_a_batch_file_becomes_rows_and_finds_its_clips(page: Page, server: CosmosServer, files: list[Path]) -> None:
    batch = files[0].with_name("batch.csv")
    batch.write_text(
        "video,prompt,seed\nsub/small.mp4,A small robot,7\nwide.mp4,A wide street,\nsub/later.mp4,Later,\n"
    )
    page.goto(server.url)
    drop(page, batch, *files[:2])
    expect(page.locator("#run")).to_have_text("Run 2 prompts")
    assert [field.input_value() for field in page.locator("#clips [data-name=prompt]").all()] == [
        "A small robot", "A wide street", "Later",
    ]  # fmt: skip
    expect(page.locator("#clips .problem:visible")).to_contain_text("not here yet")
    later = files[0].with_name("later.mp4")
    later.write_bytes(files[2].read_bytes())
    drop(page, later)
    expect(page.locator("#run")).to_have_text("Run 3 prompts")
    batch.write_text('video,promt,prompt\nwide.mp4,slip,"Two\nlines"\n')
    drop(page, batch)
    expect(page.locator("#run")).to_have_text("Run 4 prompts")  # a prompt of a batch is one, whatever lines it has
    expect(page.locator("#notes")).to_contain_text("promt is not known: did you mean prompt?")
    batch.write_text("nothing,of,use\n1,2,3\n")
    drop(page, batch)
    expect(page.locator("#clips .problem:visible")).to_contain_text("batch.csv")


def test_what_was_written_survives_and_ctrl_enter_runs_it(page: Page, server: CosmosServer, files: list[Path]) -> None:
    page.goto(server.url)
    drop(page, *files[:2])
    page.get_by_label("One prompt per line").fill(SHARED)
    page.get_by_label("Prompts of small.mp4").fill("A robot")
    expect(page.locator("#run")).to_have_text("Run 2 prompts")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    page.reload()
    expect(page.locator("#run")).to_have_text("Run 2 prompts")
    expect(page.get_by_label("Prompts of small.mp4")).to_have_value("A robot")
    expect(page.get_by_label("One prompt per line")).to_have_value(SHARED)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("#run .counts")).to_contain_text("2 of 2")
    with server.client() as client:
        prompts = {result.prompt for result in client.results(page.url.rsplit("/", 1)[1])}
    assert prompts == {SHARED, "A robot"}
    page.goto(server.url)
    expect(page.locator("#clips li")).to_have_count(0)


def test_a_clip_plays_where_it_is_shown(page: Page, server: CosmosServer, files: list[Path]) -> None:
    with server.client() as client:
        client.upsample([{"video": str(files[0]), "prompt": SHARED}], engine="describe")
        number, run = client.prompts()[0].number, client.prompts()[0].run
    # Debian's Chromium plays it: the player knows its length once it was asked to load.
    for path, where in ((f"/prompts?run={run}", f"#prompt-{number} video"), (f"/runs/{run}", "#run video")):
        page.goto(server.url + path)
        player = page.locator(where)
        expect(player).to_have_attribute("poster", re.compile("thumbnail"))
        player.evaluate("player => { player.preload = 'auto'; player.load(); }")
        expect(player).to_have_js_property("videoWidth", 960)


def test_a_server_that_is_gone_says_so_and_the_page_goes_on(browser: Browser, server: CosmosServer) -> None:
    with a_page(browser) as page, server.client() as client:
        client.pause()
        paths = ("/runs", "/", "/prompts", "/limits", "/hosts")
        tabs = [page, *(page.context.new_page() for _ in paths[1:])]
        for tab, path in zip(tabs, paths, strict=True):
            tab.goto(server.url + path)
            expect(tab.locator("#gone")).to_be_hidden()
        expect(page.locator("#runs")).to_contain_text("paused")
        server.kill()
        for tab in tabs:
            expect(tab.locator("#gone")).to_contain_text("does not answer")
        server.start()
        client.pause(False)
        for tab in tabs:
            expect(tab.locator("#gone")).to_be_hidden()
        expect(page.locator("#runs")).not_to_contain_text("paused")


def test_copying_works_over_plain_http(page: Page, server: CosmosServer, files: list[Path]) -> None:
    """Elsewhere than on this machine a browser has no clipboard for pages without TLS."""
    with server.client() as client:
        (result,) = client.upsample([{"video": str(files[1]), "prompt": "A copied robot"}], engine="describe")
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(f"{server.url}/prompts?search=copied")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.get_by_placeholder("tags").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_placeholder("tags")).to_have_value(result.upsampled_prompt)


def test_marks_are_kept_cleared_and_set_for_many(page: Page, server: CosmosServer, files: list[Path]) -> None:
    with server.client() as client:
        items = [{"video": str(files[1]), "prompt": f"Marked {n}"} for n in range(5)]
        run = client.run(items, engine="describe").id
        for _ in client.events(run):
            pass
        page.goto(f"{server.url}/prompts?run={run}")
        card = page.locator("article").first
        card.get_by_text("4 of 5").locator("..").click()
        expect(card.locator(".kept")).to_have_text("saved")
        assert client.prompts(run=run)[0].rating == 4
        with page.expect_response(re.compile("/mark")):
            card.get_by_role("button", name="Clear the stars").click()
        assert client.prompts(run=run)[0].rating is None
        boxes = page.get_by_label("select", exact=True)
        boxes.nth(1).check()
        boxes.nth(3).click(modifiers=["Shift"])
        expect(page.locator("article :checked[name=number]")).to_have_count(3)
        page.locator("#bulk-tag").fill("best")
        page.get_by_role("button", name="Tag selected").click()
        expect(page.locator("article [name=tags]").nth(2)).to_have_value("best")
        assert [one.tags for one in client.prompts(run=run)] == [[], ["best"], ["best"], ["best"], []]
        page.locator("article").first.get_by_label("select", exact=True).check()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove selected").click()
        expect(page.locator("article")).to_have_count(4)
        state = client.show(run)
        assert (state.total, state.answered, state.failed) == (4, 4, 0)
        page.get_by_label("select all shown").check()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Export selected").click()
        assert len(coming.value.path().read_text(encoding="utf-8").splitlines()) == 4
        page.get_by_role("button", name="Run again").click()
        expect(page.locator("#run")).to_have_text("Run 4 prompts")


def test_comparing_marks_what_differs_between_answers(page: Page, server: CosmosServer, files: list[Path]) -> None:
    with server.client() as client:
        run = client.run([{"video": str(file), "prompt": "A robot"} for file in files[:2]], engine="describe").id
        for _ in client.events(run):
            pass
        first, second = (one.number for one in client.prompts(run=run))
    page.goto(f"{server.url}/prompts/compare?number={first}&number={second}")
    marked = page.locator("mark.other").all_inner_texts()
    assert marked
    assert not any("A robot" in words for words in marked)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_run_and_verdict_are_in_sight(
    browser: Browser, server: CosmosServer, files: list[Path], size: str, scheme: str
) -> None:
    width, height = SIZES[size]
    with a_page(browser, width, height, color_scheme=scheme) as page:
        page.goto(server.url)
        drop(page, *files)
        page.get_by_label("One prompt per line").fill(SHARED)
        expect(page.locator("#run")).to_have_text("Run 3 prompts")
        page.evaluate("scrollTo(0, 0)")
        for part in ("#run", "#summary .chip"):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_what_is_wrong_is_said_in_the_words_of_the_form(page: Page, server: CosmosServer, files: list[Path]) -> None:
    page.goto(server.url)
    expect(page.locator("#check")).to_contain_text("Choose a clip")
    drop(page, files[1])
    expect(page.locator("#run")).to_be_enabled()
    page.locator("[name=frames]").fill("0")
    expect(page.locator("#check")).to_contain_text("Frames: give a whole number from 1 to 1,000")
    page.goto(server.url + "/nowhere")
    expect(page.locator("h1")).to_have_text("Page not found")
