"""The engine `program` on the stand-ins for NVIDIA's three programs."""

from __future__ import annotations

import json
from pathlib import Path

import clips
import pytest
from program_rig import Rig, frames_in, spec
from servers.nvidia_programs import Layout, read_mark, write_layout

from cosmos_workflow.engines.program import ProgramEngine
from cosmos_workflow.errors import EngineUnavailable

pytestmark = pytest.mark.slow

FRAMES = 6
FAMILIES = ("transfer1", "transfer2.5", "cosmos3")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return write_layout(tmp_path_factory.mktemp("nvidia"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [clips.textured(folder / f"clip{n}.mp4", 320, 180, frames=FRAMES, fps=24 + n) for n in range(6)]


@pytest.fixture
def rig(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("HF_HOME", str(layout.cache))
    layout.order()
    return Rig(layout, tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_six_clips_and_two_prompts_take_one_start(rig: Rig, films: list[Path], family: str) -> None:
    prompts = ("A city at night", "A city in the snow")
    rig.run(*(spec(family, clip, f"{n} {k}", words) for n, clip in enumerate(films) for k, words in enumerate(prompts)))
    assert rig.errors() == {}
    assert len(rig.outcomes) == 12
    assert len(rig.layout.events("start")) == len(rig.layout.events("load")) == 1
    for id, made in rig.files.items():
        assert {"video.mp4", "prompt.txt", "spec.json", "log.txt"} <= set(made)
        assert made["prompt.txt"].read_text() == prompts[int(id[-1])]
        assert len(frames_in(made["video.mp4"])) == FRAMES
    marks = {id: read_mark(frames_in(made["video.mp4"])[0]) for id, made in rig.files.items()}
    assert len({(mark.prompt, mark.clip) for mark in marks.values()}) == 12
    assert {step.id for step in rig.steps} == set(rig.outcomes)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_that_is_blocked_and_others_that_fail_lose_nobody_else(rig: Rig, films: list[Path], family: str) -> None:
    words = ["A [block:gun] in a city", "fine 1", "[block-video:Drugs]", "fine 2", "[oom@0]", "[die@0]"]
    rig.run(*(spec(family, clip, f"{n}", words[n]) for n, clip in enumerate(films)))
    assert set(rig.files) >= {"1", "3"}
    assert set(rig.errors()) == {"0", "2", "4", "5"}
    kinds = {id: kind for id, (kind, _) in rig.errors().items()}
    assert kinds == {"0": "blocked", "2": "blocked", "4": "out_of_memory", "5": "engine_failed"}
    assert "gun" in rig.errors()["0"][1]
    assert "SIGKILL" in rig.errors()["5"][1]


def test_a_checkpoint_that_is_missing_is_named_and_not_tried_for_each_item(
    tmp_path: Path, films: list[Path], rig: Rig
) -> None:
    rig.layout = write_layout(tmp_path / "other", leave_out=["edge_control.pt"])
    rig.layout.order()
    rig.run(spec("transfer1", films[0], "a"), spec("transfer1", films[1], "b"))
    assert {kind for kind, _ in rig.errors().values()} == {"engine_failed"}
    assert all("edge_control.pt" in error and "cosmos doctor --model" in error for _, error in rig.errors().values())
    assert len(rig.layout.events("start")) == 1


def test_every_setting_arrives(rig: Rig, films: list[Path]) -> None:
    asked = spec(
        "transfer1", films[0], "a", negative_prompt="rain", guidance=6.0, sigma_max=65.0, fps=30,
        controls={"vis": {"weight": 0.3, "preset": "low"}, "edge": {"weight": 0.5, "preset": "very_high"}},
    )  # fmt: skip
    rig.run(asked, {**asked, "name": "b", "prompt": "Another"})
    assert rig.errors() == {}
    (first, second) = rig.layout.events("item")
    for item in (first, second):
        assert item["weights"] == {"vis": 0.3, "edge": 0.5}
        assert list(item["controls"]) == ["vis", "edge"]  # their order is that of the spec
        assert item["settings"] == {"num_steps": 4, "guidance": 6.0, "sigma_max": 65.0, "fps": 30, "seed": 3}
        assert item["drawn"] == {}  # edges and blur of the presets that were asked for, not of today's lot
    assert json.loads(rig.files["b"]["spec.json"].read_text())["guidance"] == 6.0
    assert {"control_vis.mp4", "control_edge.mp4"} <= set(rig.files["a"])


def test_without_a_repository_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="cosmos-transfer1"):
        ProgramEngine(tmp_path).load()
