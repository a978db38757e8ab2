"""Debian's Chromium, and what a hand does with it that Playwright has no word for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

__all__ = ["SOON", "a_page", "chromium", "drop", "press"]

CHROMIUM = "/usr/bin/chromium"
SOON = 180_000  # ms; beside a vLLM on two cores everything else is late
expect.set_options(timeout=SOON)


@contextmanager
def chromium() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "no Chromium here: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, width: int = 1280, height: int = 800, **options: object) -> Iterator[Page]:
    """A page on which no script may fail and no file may be missing."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
    page = context.new_page()
    page.set_default_timeout(SOON)
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda line: trouble.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    context.close()
    assert trouble == []


def drop(page: Page, *files: Path, onto: str = "#drop") -> None:
    """As a hand does it: the browser's own drop event, with the files in it."""
    data = page.evaluate_handle(
        """async (files) => {
          const data = new DataTransfer();
          for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name));
          return data;
        }""",
        [[file.name, list(file.read_bytes())] for file in files],
    )
    page.locator(onto).dispatch_event("dragover", {"dataTransfer": data})
    page.locator(onto).dispatch_event("drop", {"dataTransfer": data})


def press(page: Page, name: str, done: Callable[[], bool]) -> None:
    """Press a button until it has had its effect: the answer of a check may put a new one under the pointer."""
    for _ in range(6):
        button = page.get_by_role("button", name=name)
        if button.count():
            button.click()
        for _ in range(300):
            if done():
                return
            page.wait_for_timeout(100)
    raise AssertionError(f"{name} has no effect")
