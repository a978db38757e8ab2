"""Tab in real shells: each types a line, presses Tab, and shows what it was offered."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cosmos_workflow.api import open_store
from cosmos_workflow.cli import main
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import NewItem

pty = pytest.importorskip("pty", reason="no terminals to open here")

RUN = "20261126-120000-0a1b2c3d"

# What stands in a line, and what Tab makes of it.
LINES = [
    ("cosmos upsa", "cosmos upsample"),
    ("cosmos upsample --engine tr", "--engine transformers"),
    ("cosmos upsample --on far", "--on far-away"),
    ("cosmos limits --gpu L40", "--gpu L40S"),
    ("cosmos check --model cosmos-reason1", "--model cosmos-reason1-7b"),
    ("cosmos runs show 2026", f"runs show {RUN}"),
    ("cosmos hosts check far", "hosts check far-away"),
    ("cosmos help prom", "help prompts"),
    ("cosmos upsample cli", "upsample clip.mp4"),
]

SET_UP = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
BEFORE = {
    "bash": ". ./completion.bash; PS1='ready> '",
    "zsh": "autoload -Uz compinit; compinit -u -d ./dump; . ./completion.zsh; PS1='ready> '",
}


@pytest.fixture(autouse=True)
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A host, a run and a clip to be offered, and `cosmos` in the path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "cosmos"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cosmos_workflow "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    main(["hosts", "add", "far-away", "me@203.0.113.7"])
    items = [NewItem(Result("p0", "A city", "clip.mp4", "fits"))]
    open_store().add(RUN, "local", items, out="", source="b.jsonl", engine="describe", settings={})
    capfd.readouterr()


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self, name: str) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "HISTFILE": "", "HOME": str(Path.cwd())}
        self._process = subprocess.Popen(
            SET_UP[name], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, text: str, seconds: float = 60.0) -> str:
        """What it shows, once `text` is there."""
        screen, end = "", time.monotonic() + seconds
        while text not in screen and time.monotonic() < end:
            if select.select([self._ours], [], [], 0.2)[0]:
                screen += os.read(self._ours, 65536).decode("utf-8", "replace")
        assert text in screen, screen
        return screen


@pytest.mark.host
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tab_in_a_shell(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    if not shutil.which(name):
        pytest.fail(f"{name} is missing: scripts/debian-parts.sh installs it")
    assert main(["completion", name]) == 0
    Path(f"completion.{name}").write_text(capfd.readouterr().out)
    # The line is run, as a word that is printed: that is the same on all terminals.
    Path("bin/shown").write_text('#!/bin/sh\necho "<$*>"\n')
    Path("bin/shown").chmod(0o755)
    with Shell(name) as shell:
        shell.type(BEFORE[name] + "\n")
        shell.type("shown be gin\n")
        shell.until("<be gin>")
        for line, completed in LINES:
            shell.type(line + "\t")
            shell.until(completed.rpartition(" ")[2][len(line.rpartition(" ")[2]) :])
            shell.type("\x01shown \x05\n")
            assert completed in shell.until(">\r\n").replace("\r\n", "\n")


@pytest.mark.host
def test_tab_in_fish(capfd: pytest.CaptureFixture[str]) -> None:
    # Its own command for what Tab would offer: its line editor asks the terminal more than a test can answer.
    assert main(["completion", "fish"]) == 0
    Path("completion.fish").write_text(capfd.readouterr().out)
    for line, completed in LINES:
        words = ["fish", "--no-config", "-c", f"source ./completion.fish; complete -C '{line}'"]
        offered = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert completed.rpartition(" ")[2] in [entry.partition("\t")[0] for entry in offered.splitlines()]


@pytest.mark.parametrize(("line", "completed"), LINES)
def test_the_protocol_of_powershell(
    line: str, completed: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # As its script calls us; no PowerShell is to be had here.
    *before, word = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", "\n".join(before))
    monkeypatch.setenv("COMP_CWORD", word)
    monkeypatch.setenv("_COSMOS_COMPLETE", "powershell_complete")
    assert main([]) == 0
    offered = [tuple(entry.split("\t")) for entry in capfd.readouterr().out.splitlines()]
    assert all(len(entry) == 3 and entry[2] for entry in offered)
    if completed.endswith(".mp4"):
        assert [entry[0] for entry in offered] == ["file"]
    else:
        assert ("plain", completed.rsplit(" ", maxsplit=1)[-1]) in [entry[:2] for entry in offered]


def test_tab_says_nothing_where_nothing_can_be_had(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_COSMOS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_CWORD", "5")
    for words in ("cosmos --server http://127.0.0.1:9 runs show ", "cosmos --server http://127.0.0.1:9 doctor --on "):
        monkeypatch.setenv("COMP_WORDS", words)
        main([])
        output = capfd.readouterr()
        assert (output.out.strip(), output.err) == ("", "")
