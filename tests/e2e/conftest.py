"""Chromium for the page's tests. Imported when it is wanted: vLLM's environment, in which others run, lacks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


# No longer than a module: while Playwright lives, an event loop counts as running in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from servers.browsing import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    from servers.browsing import a_page

    with a_page(browser, 1280, 900) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page
