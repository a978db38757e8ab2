"""Results into standard output, pipes and devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.results import ResultsFile, ResultsStream, is_stdout, is_stream, open_results

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
LONG = "long " * 100_000  # more than a pipe holds


def result(id: str, text: str = "long") -> Result:
    return Result(id, "p", f"{id}.mp4", "fits", upsampled_prompt=text)


def test_what_is_a_stream(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path, tmp_path / "none", "results.jsonl"):
        assert not is_stream(path)
        assert type(open_results(path, UPSAMPLE)) is ResultsFile
    assert is_stream("-")
    assert is_stream(os.devnull)
    assert is_stdout("/dev/stdout")
    assert type(open_results(os.devnull, UPSAMPLE)) is ResultsStream


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
def test_standard_output_gets_lines_at_once(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    with open_results(path, UPSAMPLE) as stream:
        stream.write(result("a", "é 🤖"))
        assert json.loads(capfd.readouterr().out)["upsampled_prompt"] == "é 🤖"
        stream.write(result("b"))
        assert stream.line_of("b") is None
    print("still open")  # noqa: T201
    first, second = capfd.readouterr().out.splitlines()
    assert json.loads(first)["id"] == "b"
    assert second == "still open"


def test_a_notebooks_output_has_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    with open_results("-", UPSAMPLE) as stream:
        stream.write(result("a"))
    assert json.loads(capsys.readouterr().out)["id"] == "a"


def test_the_null_device_takes_all() -> None:
    with open_results(os.devnull, UPSAMPLE) as stream:
        assert stream.write(result("a"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device")
def test_a_full_device_says_so() -> None:
    with open_results("/dev/full", UPSAMPLE) as stream, pytest.raises(CosmosError, match="No space left"):
        stream.write(result("a"))


@pipes
def test_a_pipe_without_a_reader_is_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInputError, match="start its reader first"), open_results(tmp_path / "pipe", UPSAMPLE):
        pass


@pipes
def test_a_pipe_with_a_slow_reader_gets_all(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[str] = []
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)

    def read() -> None:
        with os.fdopen(reader, encoding="utf-8") as file:
            got.extend(json.loads(line)["upsampled_prompt"] for line in file)

    thread = threading.Thread(target=read)
    with open_results(path, UPSAMPLE) as stream:
        thread.start()
        stream.write(result("a", LONG))
        stream.write(result("b"))
    thread.join(60)
    assert got == [LONG, "long"]


@pipes
def test_a_reader_that_goes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open_results(path, UPSAMPLE) as stream:
        os.close(reader)
        with pytest.raises(CosmosError, match="its reader has ended"):
            stream.write(result("a"))


@pytest.mark.skipif(sys.platform == "win32", reason="`>&-` is a shell's")
def test_a_closed_output_is_named() -> None:
    code = (
        "from cosmos_workflow.kinds.upsample.kind import UPSAMPLE\n"
        "from cosmos_workflow.runs.results import open_results\n"
        "with open_results('-', UPSAMPLE): pass"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code], capture_output=True, text=True, check=False
    )
    assert "cannot be written" in done.stderr
    assert "BadInputError" in done.stderr
