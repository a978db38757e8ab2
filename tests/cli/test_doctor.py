import json

import pytest

from cosmos_workflow.cli import main


def test_everything_the_main_job_needs_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in map(json.loads, capsys.readouterr().out.splitlines())}
    assert checks["engine"]["detail"].startswith("describe")
    assert checks["tokenizer table"]["status"] == "ok"
    for check in checks.values():
        assert check["status"] == "ok" or check["remedy"]


def test_what_is_wrong_has_a_remedy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOS_SERVER_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("COSMOS_MODEL_PATH", "/nowhere")
    assert main(["doctor", "--json"]) == 1
    checks = {check["name"]: check for check in map(json.loads, capsys.readouterr().out.splitlines())}
    assert checks["server"]["status"] == checks["model folder"]["status"] == "missing"
    assert "127.0.0.1:9" in checks["server"]["detail"]


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "cosmos-workflow[vllm]" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_COSMOS_COMPLETE" in capsys.readouterr().out
