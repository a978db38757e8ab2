from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer

from cosmos_workflow.client import Client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[CosmosServer]:
    """A server of its own process, with a folder of clips to offer, shared by a module's tests."""
    (folder / "shared" / "inner").mkdir(parents=True)
    clips.textured(folder / "shared" / "inner" / "shot.mp4", 320, 180, frames=6)
    (folder / "secret.mp4").write_bytes((folder / "shared" / "inner" / "shot.mp4").read_bytes())
    (folder / "shared" / "way-out.mp4").symlink_to(folder / "secret.mp4")
    with CosmosServer(folder / "data", "--media", folder / "shared") as server:
        yield server


@pytest.fixture
def client(server: CosmosServer) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def http(server: CosmosServer) -> Iterator[httpx2.Client]:
    """Asks for the pages."""
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        yield http


@pytest.fixture(scope="module")
def clip_file(folder: Path) -> Path:
    return clips.textured(folder / "größe 🤖.mp4", 960, 540, frames=6)
