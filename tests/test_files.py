"""Write aside, rename: whoever writes the same file at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cosmos_workflow.files import aside, of_this_machine, write_whole


def test_no_two_writers_have_the_same_name_aside(tmp_path: Path) -> None:
    names = {aside(tmp_path / "file.json") for _ in range(1000)}
    assert len(names) == 1000
    assert {name.parent for name in names} == {tmp_path}


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "🤖" * 63], ids=["ascii", "two bytes", "four bytes"])
def test_a_name_as_long_as_the_system_takes(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, b"data")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_threads_that_write_one_file_never_mix_nor_fail(tmp_path: Path) -> None:
    path, troubles = tmp_path / "file", []
    versions = [bytes([65 + n]) * 100_000 for n in range(8)]

    def write(data: bytes) -> None:
        try:
            for _ in range(25):
                write_whole(path, data, sync=False)
                assert path.read_bytes() in versions
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_a_write_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="results") as caught, of_this_machine(tmp_path / "results"):
        raise OSError(28, os.strerror(28))
    assert caught.value.filename == str(tmp_path / "results")


def test_a_disk_that_takes_no_more_is_told_with_the_files_path(tmp_path: Path) -> None:
    """The system refuses to let a file grow beyond 1 KiB."""
    code = (
        "import resource, sys; from pathlib import Path; from cosmos_workflow.files import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "try: write_whole(Path(sys.argv[1]), b'x' * 5000)\n"
        "except OSError as error: print(error.filename)\n"
    )
    path = tmp_path / "file"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}\n"
    assert not list(tmp_path.iterdir())
