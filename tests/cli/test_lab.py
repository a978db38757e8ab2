"""`cosmos probe`, `bench` and `report`: words, documents and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab.fakes import ArithmeticRig
from lab.records import TIMINGS, TRIALS, write

from cosmos_workflow import api
from cosmos_workflow.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> ArithmeticRig:
    """A FAKE engine in the place of the real one."""
    fake = ArithmeticRig()
    monkeypatch.setattr(api, "open_rig", lambda *words: (fake, "as asked"))
    return fake


def test_a_probe_as_a_document(rig: ArithmeticRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--aspect", "16:9", "--search", "size", "--json"]) == 0
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert (document["state"], document["disagreements"]) == ("done", [])
    assert {boundary["what"]: (boundary["seen"], boundary["size"]) for boundary in document["boundaries"]} == {
        "fits": (911, "911x512"), "runs": (944, "944x531"),
    }  # fmt: skip
    assert document["environment"]["version"] == "fake 1"
    assert "engine: vllm on local" in output.err


def test_a_probe_for_people(rig: ArithmeticRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--frames", "2,1", "--max-batch", "8"]) == 0
    output = capsys.readouterr()
    for words in ("911 px", "exact", "940x529", "7 tokens are left of the 300 asked for", "0 not as predicted"):
        assert words in output.out
    assert "KV cache: 24,576 tokens, 24,576 predicted" in output.out


def test_what_is_not_as_predicted_is_an_exit_code(rig: ArithmeticRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.limit = 4000
    assert main(["probe", "--aspect", "16:9", "--search", "size"]) == 1
    output = capsys.readouterr()
    assert "differs" in output.out
    assert "predicted fits" in output.err


def test_a_bench(rig: ArithmeticRig, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--batch", "2", "--size", "320x180", "--repeats", "1", "--price-per-hour", "2"]
    assert main(words) == 0
    out = capsys.readouterr().out
    for words_shown in ("offload after every prompt", "warm worker", "1,000 prompts", "gain"):
        assert words_shown in out
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["modes"]) == 4
    assert all(row["prompts_per_hour"] > 0 for row in document["modes"])


def test_a_report_and_its_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "cosmos probe" in capsys.readouterr().err
    write(api.open_store().experiments)
    assert main(["report"]) == 0
    assert (tmp_path / "TESTING_RESULTS.md").is_file()
    assert (tmp_path / "TESTING_RESULTS.html").is_file()
    assert main(["report", "p1", "-o", "only.md"]) == 0
    assert "What the modes cost" not in (tmp_path / "only.md").read_text(encoding="utf-8")
    assert main(["report", "--export", "r.csv"]) == 0
    assert f"{len(TRIALS) + len(TIMINGS)} records" in capsys.readouterr().err
    assert main(["report", "--list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["experiment"], row["records"]) for row in rows] == [("p1", len(TRIALS)), ("b1", len(TIMINGS))]
    assert main(["report", "--list"]) == 0
    assert "vllm 1.2.3" in capsys.readouterr().out
    assert main(["report", "nothing"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["probe"], "no model"),
        (["probe", "--engine", "describe"], "has no limits"),
        (["probe", "--aspect", "wide"], "invalid aspect ratio"),
        (["probe", "--search", "sizes"], "unknown search: sizes"),
        (["probe", "--frames", "0"], "invalid value"),
        (["probe", "--on", "nowhere"], "no host named"),
        (["bench", "--mode", "fast"], "unknown mode: fast"),
        (["bench"], "nothing to time"),
        (["bench", "--size", "big"], "not a size"),
        (["probe", "--server-url", "http://127.0.0.1:9/v1"], "127.0.0.1:9"),
    ],
)
def test_words_that_do_not_work(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(words)
    err = capsys.readouterr().err
    assert code in (2, 3)
    assert message in err
    assert "Traceback" not in err
