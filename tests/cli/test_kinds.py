"""The command of a kind of work that another distribution brings: `words`, of `tests/plugins`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cosmos_workflow.cli import main

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def batch(tmp_path: Path) -> str:
    (tmp_path / "a.txt").write_text("a lake, a city, a lake\n")
    entries = [{"id": "good", "text_file": "a.txt"}, {"id": "lost", "text_file": "none.txt"}]
    (tmp_path / "batch.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return "batch.jsonl"


def test_it_is_listed_by_its_summary_and_nothing_of_it_is_imported() -> None:
    code = f"import sys; sys.path.insert(0, {str(PLUGIN)!r}); from cosmos_workflow.cli import main; main(['--help'])"
    code += "; print('loaded', *{'words', 'rich', 'sqlalchemy', 'numpy', 'cv2'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "words" in done.stdout
    assert "Count the words of texts, and draw them as pictures." in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["loaded"]


def test_its_help_names_its_engines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: cosmos words [OPTIONS] BATCH" in shown
    assert "counter.  [automatic]" in shown
    assert "[NAME.words]" in shown


def test_a_dry_run_says_what_would_run(batch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", batch, "--dry-run", "--json"]) == 1
    good, lost = map(json.loads, capsys.readouterr().out.splitlines())
    assert good == {
        "id": "good", "kind": "words", "verdict": "fits", "reason": "", "remedy": "", "warnings": [], "note": "",
        "engine": "counter",
    }  # fmt: skip
    assert (lost["verdict"], "none.txt: cannot be read" in lost["reason"]) == ("bad_input", True)
    assert main(["words", batch, "--dry-run"]) == 1
    assert "none.txt: cannot be read" in capsys.readouterr().out
    assert not (tmp_path / "batch.words").exists()


def test_answers_and_reasons_are_shown(batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", batch]) == 1
    shown = capsys.readouterr()
    assert "good\n6 words, most of all 'a'" in shown.out
    assert "lost  failed: none.txt: cannot be read" in shown.err
    assert "1 answered, 1 failed" in shown.err
    assert "engine: counter (it needs no model)" in shown.err
    assert main(["words", batch, "--engine", "describe"]) == 2
    assert "the engine describe does not do words; choose one of counter" in capsys.readouterr().err
    assert main(["words", batch, "--engines", "2"]) == 2
    assert "--engines is for Ray" in capsys.readouterr().err
