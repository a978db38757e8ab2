"""What all tests share."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import pytest
from counts import cases
from hypothesis import settings
from servers.postgres import Postgres

# Imported by what they stand for alone, from a path of their own.
collect_ignore = ["plugins"]

# A busy machine is no failure.
settings.register_profile("ours", deadline=None, max_examples=cases(100))
settings.load_profile("ours")

# A shell starts what runs in its background deaf to Ctrl-C, and children stay so: the tests of Ctrl-C would fail.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # vLLM's environment has no xdist
def pytest_xdist_auto_num_workers() -> int:
    """Two a core on small machines: half of the time of the suite goes by waiting for other processes."""
    cores = os.cpu_count() or 1
    return max(cores, min(2 * cores, 8))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, tests of a file share a process, and so do those with Ray or vLLM: beside vLLM a small
    machine has no time left for a raylet, which gives itself half a minute to start.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            large = file.startswith("tests/runs/ray/") or "[ray" in nodeid or "[container" in nodeid
            return "the largest" if large or file in WITH_VLLM else file

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


NUMBERS = itertools.count()
PROJECT = Path(__file__).parent.parent
SAMPLES = Path(os.environ.get("COSMOS_SAMPLES", PROJECT.parent / "shared" / "data" / "nvidia"))
SPECS = Path(os.environ.get("COSMOS_SPECS", PROJECT.parent / "shared" / "nvidia" / "specs"))
RENDERS = Path(os.environ.get("COSMOS_RENDERS", PROJECT.parent / "shared" / "data" / "blender"))
# They start vLLM, or look at all containers of the machine.
WITH_VLLM = {
    "tests/e2e/test_host.py", "tests/e2e/test_page.py", "tests/e2e/test_transfer_host.py",
    "tests/e2e/test_http_host.py", "tests/e2e/test_program_host.py",
}  # fmt: skip
FAULTS = Path(os.environ.get("COSMOS_FAULTS", PROJECT.parent / "shared" / "faults"))


@pytest.fixture(autouse=True)
def own_settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the developer's own settings, nor another test's."""
    for name in [name for name in os.environ if name.startswith("COSMOS_")]:
        monkeypatch.delenv(name)
    if "tmp_path" in request.fixturenames:
        folder: Path = request.getfixturevalue("tmp_path")
    else:
        # Thousands of tests have no files, and making a folder would cost them more than what they test: this one is
        # there when something is written into it.
        folder = tmp_path_factory.getbasetemp() / f"without-{next(NUMBERS)}"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("COSMOS_DATA", str(folder / "data"))
    monkeypatch.setenv("COSMOS_WORKDIR", str(folder / "workdir"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A textured clip of 320×180, 6 frames."""
    return clips.textured(tmp_path / "clip.mp4", 320, 180, frames=6)


def outside(folder: Path, what: str, variable: str) -> Path:
    """A folder that is not part of the project: without it tests are skipped, and in CI they fail."""
    if not folder.is_dir():
        message = f"{what} are not in {folder}; point {variable}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    return outside(SAMPLES, "NVIDIA's sample videos", "COSMOS_SAMPLES to cosmos-transfer1/assets")


@pytest.fixture(scope="session")
def specs() -> Path:
    return outside(SPECS, "NVIDIA's sample specs", "COSMOS_SPECS to them")


@pytest.fixture(scope="session")
def renders() -> Path:
    return outside(RENDERS, "the frames that Blender rendered", "COSMOS_RENDERS to them")


@pytest.fixture(scope="session")
def faults() -> Path:
    """Small inputs that were read wrongly once."""
    return outside(FAULTS, "the faulty inputs", "COSMOS_FAULTS to them")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.host)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store's: every test of the store runs on SQLite and on a real PostgreSQL."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh()
    return f"sqlite:///{tmp_path / 'folder' / 'store.db'}"
