"""On a host that others use as well, nothing of ours is for their eyes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from worker.host import HostFolder

from cosmos_workflow.engines import Conversation
from cosmos_workflow.worker.paths import HostPaths
from cosmos_workflow.worker.private import close_to_others, hand_over, make_folder


def open_ones(root: Path) -> list[str]:
    """What others may read, enter or write, in `root` and below."""
    return [str(path) for path in [root, *root.rglob("*")] if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def one_run(host: HostFolder) -> None:
    host.submit("r1", [Conversation("a", "p", ())])
    host.wait("r1", "done")


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
    finally:
        os.umask(before)
    host.ask("offer", data=[])  # this helper writes the blob and the program by itself
    names = {path.name for path in host.root.rglob("*")}
    assert {"results.jsonl", "events.jsonl", "order.json", "lock", "worker.log", "spool", "pids.json"} <= names
    assert open_ones(host.root) == []


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    host = HostFolder(tmp_path / "ours")
    one_run(host)
    for path in [host.root, *host.root.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    host.ask("offer", data=[])
    assert open_ones(host.root) == []
    assert host.state("r1")["state"] == "done"


def test_a_folder_that_others_use_as_well_keeps_its_rights(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    make_folder(root / "blobs")
    for path in (root, root / "blobs"):
        path.chmod(0o755)
    (root / "theirs.txt").touch(0o644)
    close_to_others(root, HostPaths(root).names)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (root, root / "blobs", root / "theirs.txt")] == [
        0o755, 0o700, 0o644,
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_a_containers_root_makes_is_its_users(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    os.chown(tmp_path / "users", 65534, 65534)
    code = (
        "import sys; from pathlib import Path; from cosmos_workflow.worker.files import Appender, write_json\n"
        "root = Path(sys.argv[1]); write_json(root / 'runs' / 'outcome.json', {}); Appender(root / 'runs' / 'lines')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "users")], check=True)
    assert {path.stat().st_uid for path in (tmp_path / "users").rglob("*")} == {65534}
    hand_over(tmp_path / "gone")  # no error
