from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cosmos_workflow.private import is_locked, try_lock


def test_a_lock_is_free_when_its_last_holder_ends_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, subprocess, sys, time; from pathlib import Path\n"
        "from cosmos_workflow.private import try_lock\n"
        "lock = try_lock(Path(sys.argv[1])); os.set_inheritable(lock, True)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], pass_fds=(lock,))\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    assert is_locked(path)
    assert try_lock(path, patience=0.05) is None
    holder.kill()
    holder.wait()
    assert is_locked(path)  # the child lives
    os.kill(child, 9)
    lock = try_lock(path, patience=60)
    assert lock is not None
    os.close(lock)
    assert not is_locked(path)
    assert not is_locked(tmp_path / "none")


def test_a_disk_without_locks_is_not_taken_for_a_lock_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks"):
        try_lock(tmp_path / "lock")
