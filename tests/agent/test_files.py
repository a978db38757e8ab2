from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.agent.files import Appender, is_locked, sealed, sha256_of, try_lock, unsealed, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


def test_a_torn_last_line_is_cut_off_and_the_rest_stands(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    first = Appender(path)
    first.add({"n": 1})
    first.close()
    with path.open("ab") as file:
        file.write(b'{"n": 2, "te')
    second = Appender(path)
    second.add({"n": 3})
    second.close()
    assert path.read_bytes() == b'{"n": 1}\n{"n": 3}\n'


def test_what_the_disk_refuses_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The system refuses to let the file grow beyond 1 KiB: a line is refused in its middle."""
    code = (
        "import resource, signal, sys; from pathlib import Path; from cosmos_workflow.agent.files import Appender\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "lines = Appender(Path(sys.argv[1]))\n"
        "for n in range(100):\n"
        "    try: lines.add({'n': n, 'text': 'x' * 90})\n"
        "    except OSError: sys.exit(7)\n"
    )
    path = tmp_path / "lines"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7
    assert path.read_bytes().endswith(b'"}\n')
    assert path.read_bytes().count(b"\n") == 9


@given(JSON)
def test_a_sealed_value_comes_back(value: object) -> None:
    import json

    assert unsealed(json.dumps(sealed(value)).encode()) == value


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_damaged_line_is_known_for_one(position: int, change: int) -> None:
    import json

    value = {"id": "a", "text": "A futuristic city at sunset"}
    line = bytearray(json.dumps(sealed(value)).encode())
    line[position] ^= change
    assert unsealed(bytes(line)) in (None, value)


def test_a_lock_is_free_when_its_last_holder_ends_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, subprocess, sys, time; from pathlib import Path\n"
        "from cosmos_workflow.agent.files import try_lock\n"
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


def test_write_json_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "x.json", {"half an emoji": "\ud83e"})
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.json"]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_sha256_of_a_file(tmp_path: Path, size: int) -> None:
    import hashlib

    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(data).hexdigest()
