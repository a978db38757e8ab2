"""Chromium and a host for tests. Imported when wanted: vLLM's environment, in which others run, lacks Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page
    from servers.sshd import SSHD


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


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SSHD]:
    """A real sshd; what a test has left of ours on its host is ended."""
    from servers import container
    from servers.processes import end_all, of_folder
    from servers.sshd import SSHD

    with SSHD(tmp_path / "sshd") as server:
        yield server
    end_all(of_folder(server.home / "ours"))
    container.remove_all()
