"""On a host that others use as well, nothing of ours is for their eyes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from copy import copy
from pathlib import Path

import pytest
from agent.host import HostFolder

from cosmos_workflow.agent.closing import close_to_others
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.private import hand_over, make_folder

pytestmark = pytest.mark.slow


def open_ones(root: Path) -> list[str]:
    """What others may read, enter or write, in `root` and below."""
    return [str(path) for path in [root, *root.rglob("*")] if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def reachable(path: Path) -> list[str]:
    """What others may read, enter or write from `path` on; what lies in a closed folder they cannot."""
    if not stat.S_IMODE(path.lstat().st_mode) & 0o077:
        return []
    return (
        [str(path), *(open_path for entry in path.iterdir() for open_path in reachable(entry))]
        if path.is_dir()
        else [str(path)]
    )


def one_run(host: HostFolder) -> None:
    host.submit("r1", [Conversation("a", "p", ())])
    host.wait("r1", "done")
    host.settle()  # or its files come and go while they are looked at


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o002, 0o077], ids=oct)
def test_all_that_a_run_leaves_is_its_users_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        host = HostFolder(tmp_path / "ours")
        host.ask("offer", data=[])
        one_run(host)
        host.submit("r2", [Conversation("a", "p", ())])
        host.ask("cancel", "r2")
        host.wait("r2", "done", "cancelled")
        host.settle()
    finally:
        os.umask(before)
    host.ask("offer", data=[])  # this helper writes the blob and the program by itself
    names = {path.name for path in host.root.rglob("*")}
    assert {"results.jsonl", "events.jsonl", "order.json", "lock", "worker.log", "spool", "pids.json"} <= names
    by_us = [path for path in open_ones(host.root) if Path(path).suffix != ".pyz" and "/blobs/" not in path]
    assert by_us == reachable(host.root) == []


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> HostFolder:
    """A folder with one run, as a version without rights of its own left it."""
    host = HostFolder(tmp_path_factory.mktemp("earlier") / "ours")
    one_run(host)
    for path in [host.root, *host.root.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    return host


def left_open(earlier: HostFolder, root: Path) -> HostFolder:
    shutil.copytree(earlier.root, root)
    host = copy(earlier)
    host.root, host.program = root, root / "program" / earlier.program.name
    return host


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path, earlier: HostFolder) -> None:
    host = left_open(earlier, tmp_path / "ours")
    host.ask("offer", data=[])
    assert reachable(host.root) == []
    assert [path.name for path in host.root.iterdir() if stat.S_IMODE(path.stat().st_mode) != 0o700] == []
    assert host.state("r1")["state"] == "done"


@pytest.mark.parametrize("top", ["program", "blobs", "runs", "workers", "devices", "."])
@pytest.mark.parametrize("theirs", ["train.sh", "detect/exp1/best.pt", "ab/cd", "f" * 64 + "/model.bin"])
def test_what_is_not_ours_keeps_its_rights(tmp_path: Path, earlier: HostFolder, top: str, theirs: str) -> None:
    host = left_open(earlier, tmp_path / "shared")
    path = host.root / top / theirs
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("theirs")
    folders = [folder for folder in path.parents if folder.is_relative_to(host.root)]
    for entry in (path, *folders):
        entry.chmod(0o755)
    close_to_others(host.root)
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in (path, *folders)} == {0o755}
    (run,), (agent,) = (list((host.root / name).glob("[rk]1")) for name in ("runs", "workers"))
    (blob,) = (entry for entry in (host.root / "blobs").glob("*/*") if len(entry.name) == 64)
    others = set(reachable(host.root))
    assert not others & {str(file) for file in (run / "results.jsonl", agent / "worker.log")}
    assert str(blob) not in others
    assert str(host.program) not in others


@pytest.mark.parametrize("name", ["program", "blobs", "runs", "workers", "devices"])
def test_a_folder_of_others_alone_is_theirs(tmp_path: Path, name: str) -> None:
    root = tmp_path / "shared"
    for path in (root / name, root / "empty" / name):
        make_folder(path)
    (root / name / "one").mkdir()
    (root / name / "train.sh").touch(0o755)
    before = {path: path.chmod(0o755) or path.stat().st_mode for path in [root, *root.rglob("*")]}
    close_to_others(root)
    close_to_others(root / "empty")
    assert {path: path.stat().st_mode for path in before} == before


def test_an_offer_does_not_look_at_every_blob(
    tmp_path: Path, earlier: HostFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = left_open(earlier, tmp_path / "ours")
    close_to_others(host.root)
    seen: list[str] = []
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: seen.append(str(path)) or listed(path))
    close_to_others(host.root)
    assert seen == [str(host.root)]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_a_containers_root_makes_is_its_users(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    os.chown(tmp_path / "users", 65534, 65534)
    code = (
        "import sys; from pathlib import Path; from cosmos_workflow.agent.files import Appender, write_json\n"
        "root = Path(sys.argv[1]); write_json(root / 'runs' / 'outcome.json', {}); Appender(root / 'runs' / 'lines')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "users")], check=True)
    assert {path.stat().st_uid for path in (tmp_path / "users").rglob("*")} == {65534}
    hand_over(tmp_path / "gone")  # no error
