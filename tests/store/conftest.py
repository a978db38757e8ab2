from __future__ import annotations

import pytest

from cosmos_workflow.store import Store


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)
