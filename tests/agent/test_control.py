from __future__ import annotations

import io
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from cosmos_workflow import private as lock_files
from cosmos_workflow.agent.control import _absolute, cancel, remove, state_of
from cosmos_workflow.agent.files import write_json
from cosmos_workflow.agent.following import follow
from cosmos_workflow.agent.paths import AgentPaths, HostPaths
from cosmos_workflow.private import waiting_lock


def test_a_model_folder_is_named_as_a_container_can_mount_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for written in ("~/checkpoints", "checkpoints", str(tmp_path / "checkpoints")):
        assert _absolute(written) == str(tmp_path / "checkpoints")
    for kept in ("", "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer", "~/none"):
        assert _absolute(kept) == kept


def test_what_another_client_removes_meanwhile_is_unknown_and_comes_back_by_no_look(tmp_path: Path) -> None:
    """Each command between whose looks the run's folder goes."""
    paths = HostPaths(tmp_path)
    for look in (state_of, cancel, lambda paths, run: remove(paths, [run])):
        write_json(paths.run("r").order, {"worker": "k", "remove": []})
        gone = _GoneAfter(paths)
        look(gone, "r")
        assert not paths.run("r").folder.exists()
        assert state_of(paths, "r") == {"state": "unknown"}


class _GoneAfter(HostPaths):
    """The host's folder, whose run goes away when the agent is looked at, as it does when another client removes it."""

    def __init__(self, paths: HostPaths) -> None:
        super().__init__(paths.root)

    def agent(self, key: str) -> AgentPaths:
        shutil.rmtree(self.run("r").folder)
        return super().agent(key)


def test_a_run_in_work_is_not_removed(tmp_path: Path) -> None:
    """Its agent still writes there; once it has let go of the run, the folder goes."""
    paths = HostPaths(tmp_path)
    for name in ("works", "ended"):
        write_json(paths.run(name).order, {"worker": "k", "remove": []})
    with waiting_lock(paths.run("works").lock):
        remove(paths, ["works", "ended"])
        assert paths.run("works").order.exists()
        assert not paths.run("ended").folder.exists()
        assert state_of(paths, "works") == {"state": "running"}
    remove(paths, ["works"])
    assert not paths.run("works").folder.exists()


def test_a_run_that_has_just_ended_is_removed_once_its_agent_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, looked = HostPaths(tmp_path), threading.Event()
    files = paths.run("r")
    write_json(files.order, {"worker": "k", "remove": []})
    write_json(files.outcome, {"state": "done"})

    def sleep(seconds: float) -> None:
        looked.set()  # the lock was held at the first look
        time.sleep(seconds)

    monkeypatch.setattr(lock_files, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    removing = threading.Thread(target=remove, args=(paths, ["r"]))
    with waiting_lock(files.lock):
        removing.start()
        assert looked.wait(60)
    removing.join(60)
    assert not files.folder.exists()


def test_removing_beside_removing_is_no_error(tmp_path: Path) -> None:
    paths = HostPaths(tmp_path)
    names = [f"r{n}" for n in range(100)]
    for name in names:
        write_json(paths.run(name).order, {"worker": "k", "remove": []})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: remove(paths, names), range(4)))
    assert not list((tmp_path / "runs").iterdir())


def test_a_run_removed_while_it_is_followed_ends_as_unknown(tmp_path: Path) -> None:
    paths, out = HostPaths(tmp_path), io.BytesIO()
    write_json(paths.run("r").order, {"worker": "k", "remove": []})
    paths.run("r").events.write_text('{"event": "started", "log": 0}\n')
    follow(_GoneAfter(paths), "r", {"results": 0, "events": 0, "log": 0}, out)
    assert json.loads(out.getvalue().splitlines()[-1])["state"] == "unknown"
