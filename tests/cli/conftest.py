from __future__ import annotations

import pytest

from cosmos_workflow.engines import patience


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is asked as often as ever, with hardly a wait between."""
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.01)
