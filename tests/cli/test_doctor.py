import json
from pathlib import Path

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


def test_a_model_may_be_named_by_its_family_and_is_not_looked_for_in_an_upsamplers_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("COSMOS_MODEL_PATH", "/checkpoints/nvidia/Cosmos-UpsamplePrompt1-12B-Transfer")

    def looked_at(model: str, name: str) -> str:
        assert main(["doctor", "--model", model, "--json"]) == 1
        checks = {check["name"]: check for check in map(json.loads, capsys.readouterr().out.splitlines())}
        return str(checks[f"files of nvidia/{name}"]["detail"])

    for model in ("transfer2.5", "transfer2.5-2b"):
        assert str(tmp_path / "hub") in looked_at(model, "Cosmos-Transfer2.5-2B")
    assert "/checkpoints/nvidia/Cosmos-Transfer1-7B" in looked_at("transfer1", "Cosmos-Transfer1-7B")
