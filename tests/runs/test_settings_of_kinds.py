"""Settings are one for all kinds of work: what they say of engines and models of other kinds means nothing to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clips
import pytest

from cosmos_workflow.cli import main
from cosmos_workflow.config import Config, set_host
from cosmos_workflow.deciding import decide, settings_for
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.item import Settings
from cosmos_workflow.limits import purpose_of
from cosmos_workflow.runs.places.host_steps import _launch_command, _model_folder
from cosmos_workflow.server.server import Options, Server
from cosmos_workflow.ssh import host_from

UPSAMPLER = "/checkpoints/nvidia/Cosmos-UpsamplePrompt1-12B-Transfer"
OPTIONS = {"tensor_parallel_size": 2}


@pytest.mark.parametrize(
    ("kind", "settings", "engine", "folder", "options"),
    [
        ("transfer", {"engine": "vllm", "model_path": "/m"}, "", "", {}),
        ("transfer", {"engine": "server", "model_path": "/m"}, "", "/m", {}),
        ("transfer", {"engine": "server", "model_path": UPSAMPLER}, "", "", {}),
        ("transfer", {"engine": "diffusers", "model_path": "/m"}, "diffusers", "/m", OPTIONS),
        ("transfer", {"model_path": "/m"}, "", "/m", OPTIONS),
        ("transfer", {"model_path": UPSAMPLER}, "", "", {}),
        ("prepare", {"engine": "vllm", "model_path": "/m"}, "", "", {}),
        ("upsample", {"engine": "diffusers", "model_path": "/m"}, "", "", {}),
        ("upsample", {"engine": "vllm", "model_path": UPSAMPLER}, "vllm", UPSAMPLER, OPTIONS),
        ("upsample", {"engine": "auto", "model_path": "/m"}, "auto", "/m", OPTIONS),
        ("transfer", {"engine": "vlm", "model_path": "/m"}, "vlm", "/m", OPTIONS),  # an error later
    ],
)
def test_what_settings_mean_to_a_kind(
    kind: str, settings: dict[str, Any], engine: str, folder: str, options: dict[str, Any]
) -> None:
    for given in (Config(**settings, engine_options=OPTIONS), host_from("gpu", {"ssh": "gpu", **settings})):
        own = settings_for(get_kind(kind), given)
        assert (own.engine, own.model_path) == (engine, folder)
        assert own.engine_options == (options if given.engine_options else {})


def test_what_the_models_in_a_folder_are_for(tmp_path: Path) -> None:
    for name, file in (
        ("one", "model_index.json"),
        ("all/model", "modular_model_index.json"),
        ("words", "params.json"),
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "one" / "config.json").write_text("{}")
    assert [purpose_of(str(tmp_path / name)) for name in ("one", "all", "words")] == ["video", "video", "language"]
    assert purpose_of(str(tmp_path / "none")) == purpose_of("") == ""
    assert purpose_of(r"D:\models\Cosmos-Reason1-7B") == purpose_of(f"{UPSAMPLER}/") == "language"


def test_a_host_is_sent_what_it_can_do_of_each_kind() -> None:
    upsampler = {"ssh": "gpu", "engine": "vllm", "model_path": UPSAMPLER, "engine_options": OPTIONS}
    set_host("gpu", upsampler)
    set_host("videos", {"ssh": "gpu", "model_path": "/models"})
    kind = get_kind("transfer")
    assert decide(kind, Settings(), place="gpu").engine.name == "preview"
    assert decide(get_kind("prepare"), None, place="gpu").engine.name == "opencv"
    asked = EngineSettings(model_path="/models")
    chosen = decide(kind, Settings(), place="gpu", engine="diffusers", engine_settings=asked).engine
    assert (chosen.settings["model_path"], chosen.settings["options"]) == ("/models", {})
    assert decide(kind, Settings(), place="videos").engine.name == "diffusers"
    assert decide(get_kind("upsample"), get_kind("upsample").settings(), place="gpu").engine.name == "vllm"
    with pytest.raises(UsageError, match="vllm does not do transfer"):
        decide(kind, Settings(), place="videos", engine="vllm")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vllm", "server", "transformers"])
def test_commands_of_other_kinds_pass_over_an_upsampler(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clips.textured(tmp_path / "clip.mp4", 96, 64, frames=2)
    Path("cosmos.toml").write_text(f'model_path = "{UPSAMPLER}"\n[engine_options]\ntensor_parallel_size = 2\n')
    monkeypatch.setenv("COSMOS_ENGINE", engine)
    transfer = ["transfer", "clip.mp4", "-p", "a city", "--edge", "--size", "256", "--dry-run", "--json"]
    assert main(transfer) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["engine"] == "preview"
    assert "no model folder (--model-path), so no model is used" in " ".join(shown.err.split())
    assert main(["prepare", "clip.mp4", "--dry-run"]) == 0
    assert main([*transfer, "--engine", engine]) == 2
    assert f"the engine {engine} does not do transfer" in capsys.readouterr().err
    monkeypatch.setenv("COSMOS_ENGINE", "vlm")
    assert main(transfer) == 2
    assert "unknown engine 'vlm'" in capsys.readouterr().err


def test_the_upsampler_passes_over_a_folder_of_video_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clips.textured(tmp_path / "clip.mp4", 96, 64, frames=2)
    folder = tmp_path / "models"
    (folder / "transfer2.5-2b").mkdir(parents=True)
    (folder / "transfer2.5-2b" / "model_index.json").write_text("{}")
    config = Config(model_path=str(folder))
    Path("cosmos.toml").write_text(f"model_path = {json.dumps(str(folder))}\n")
    assert main(["check", "clip.mp4", "-p", "a city"]) == 0
    assert main(["upsample", "clip.mp4", "-p", "a city", "-o", "out.jsonl", "--engine", "describe"]) == 0
    assert main(["doctor"]) in (0, 1)
    assert "neither params.json" not in capsys.readouterr().out
    server = Server(config, Options(works=False))
    assert server.model().name == "cosmos-upsampler-12b"
    decided = server.decided(get_kind("transfer"), Settings(), "local", "diffusers")
    assert decided.engine.settings["model_path"] == str(folder)
    assert server.decided(get_kind("upsample"), get_kind("upsample").settings(), "local", "describe")


def test_no_folder_is_read_where_none_is_named_and_none_is_mounted_for_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").symlink_to("nowhere")  # what would be read of the current folder
    Path("broken.json").mkdir()
    transfer = get_kind("transfer")
    decision = decide(transfer, Settings(), engine="diffusers", config=Config(), runs=False)
    assert decision.engine.fingerprint == ""
    url = EngineSettings(server_url="http://127.0.0.1:9/v1", server_model="m", model_path="/here/alone")
    set_host("gpu", {"ssh": "gpu", "runtime": "podman", "image": "i"})
    upsample = get_kind("upsample")
    by_server = decide(upsample, upsample.settings(), place="gpu", engine="server", engine_settings=url)
    assert _model_folder(by_server.engine) == ""


def test_videos_stay_what_they_are_when_another_model_is_downloaded_beside(tmp_path: Path) -> None:
    models = EngineSettings(model_path=str(tmp_path / "models"))
    (tmp_path / "models" / "transfer2.5-2b").mkdir(parents=True)
    before = decide(get_kind("transfer"), Settings(), engine="diffusers", engine_settings=models, config=Config())
    (tmp_path / "models" / "cosmos3-nano").mkdir()
    (tmp_path / "models" / "cosmos3-nano" / "config.json").write_text("{}")
    after = decide(get_kind("transfer"), Settings(), engine="diffusers", engine_settings=models, config=Config())
    assert before.engine == after.engine


def test_a_container_gets_the_folder_of_models_that_its_engine_has() -> None:
    host = host_from("gpu", {"ssh": "gpu", "runtime": "docker", "image": "i", "model_path": UPSAMPLER})
    for folder, mounted in (("", False), ("/models", True), ("models", True)):
        command = _launch_command(host, [], folder)
        assert ("{model}:{model}:ro" in command) is mounted
    bare = host_from("gpu", {"ssh": "gpu", "runtime": "docker", "image": "i"})
    assert "{model}:{model}:ro" in _launch_command(bare, [], "/models")
    assert "{model}:{model}:ro" not in _launch_command(bare, [], "nvidia/Cosmos-Reason1-7B")
