"""Fixtures of the tests of the engine `http`; tests of other engines have their own of these names."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_rig import Rig, clip


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    (root := tmp_path / "rig").mkdir()
    return Rig(root)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-ins keep their films, and the clips are."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def long(films: Path) -> Path:
    return clip(films / "long.mp4")


@pytest.fixture
def short(films: Path) -> Path:
    return clip(films / "short.mp4", 9)
