"""Videos by HTTP from stand-ins for vLLM-Omni, NVIDIA's NIMs and NVCF: what is sent, and what becomes of the answer."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips
import pytest
from http_rig import EDGE, SIZE, Rig, clip, cosmos3_work, facts_of, nim_work
from servers.video_moods import Mood, colour_of
from servers.video_server import VideoServer

from cosmos_workflow.cli import main
from cosmos_workflow.engines.http import HttpEngine
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.transfer.work import Applied

pytestmark = pytest.mark.timeout(180)


def near(seen: tuple[int, ...], seed: int) -> bool:
    return all(abs(value - asked) < 12 for value, asked in zip(seen, colour_of(seed), strict=True))


# What each contract is sent


def test_the_nim_for_transfer25_is_sent_its_own_words(rig: Rig, films: Path, long: Path) -> None:
    work = nim_work(sigma_max=70.0, overlap=2, controls=(EDGE, Applied("depth", 0.25, 0.25)))
    style = films / "style.png"
    if not style.exists():
        from PIL import Image

        Image.new("RGB", (32, 32), (200, 0, 0)).save(style)
    with VideoServer("transfer2.5-nim", films) as server:
        rig.run(server.url, [("a", work, {"video": long, "depth": long, "style_image": style})])
    (body,) = server.bodies
    media = [body.pop("video"), body["depth"].pop("control"), body.pop("image_context")]
    assert [len(text) % 4 for text in media] == [0, 0, 0]
    assert media[0] == media[1]
    assert body == {
        "prompt": "a city", "negative_prompt": "dull", "seed": 7, "guidance": 3, "num_steps": 35, "resolution": 256,
        "num_conditional_frames": 2, "sigma_max": 70.0, "edge": {"control_weight": 0.5},
        "depth": {"control_weight": 0.25},
    }  # fmt: skip
    assert rig.outcomes["a"].ok
    assert sorted(rig.outcomes["a"].outputs) == ["control_depth.mp4", "log.txt", "prompt.txt", "spec.json", "video.mp4"]
    assert rig.output("a", "prompt.txt").read_text() == "a city"
    assert json.loads(rig.output("a", "spec.json").read_text())["seed"] == 7


def test_the_nim_for_cosmos3_is_sent_its_own_words(rig: Rig, films: Path, short: Path) -> None:
    controls = (replace(EDGE, share=0.5), Applied("vis", 0.5, 0.5, "high", True))
    work = cosmos3_work(controls=controls, first_overlap=1, control_guidance=1.5)
    with VideoServer("cosmos3-nim", films) as server:
        rig.run(server.url, [("a", work, {"video": short})])
    (body,) = server.bodies
    assert body.pop("input_reference").startswith("data:video/mp4;base64,AAAA")
    assert body == {
        "model_mode": "video2video", "prompt": "a city", "negative_prompt": "dull", "resolution": "256_16_9",
        "num_frames": 9, "fps": 24, "num_inference_steps": 50, "guidance_scale": 3.0, "flow_shift": 10.0, "seed": 7,
        "transfer": {
            "edge": {"preset_edge_threshold": "medium"}, "blur": {"preset_blur_strength": "high"},
            "control_guidance": 1.5, "num_video_frames_per_chunk": 9, "num_conditional_frames": 1,
            "num_first_chunk_conditional_frames": 1,
        },
    }  # fmt: skip
    assert rig.outcomes["a"].ok


def test_controls_that_are_given_need_no_clip_at_the_nim(rig: Rig, films: Path, short: Path) -> None:
    controls = (Applied("depth", 1.0, 0.5), Applied("wsm", 1.0, 0.5))
    with VideoServer("cosmos3-nim", films) as server:
        rig.run(server.url, [("a", cosmos3_work(controls=controls), {"depth": short, "wsm": short, "video": short})])
    assert rig.outcomes["a"].ok
    assert "input_reference" not in server.bodies[0]
    assert set(server.bodies[0]["transfer"]["wsm"]) == {"video"}


def test_vllm_omni_is_sent_a_form(rig: Rig, films: Path, short: Path) -> None:
    controls = (EDGE, Applied("vis", 0.25, 0.3, "high", True), Applied("depth", 2.0, 0.5))
    work = cosmos3_work(controls=controls, fps=23.976, prompt='{"subjects": "Straße"}\r\nzwei')
    with VideoServer("vllm-omni", films) as server:
        rig.run(server.url, [("a", work, {"video": short, "depth": short})])
    (form,) = server.bodies
    size = short.stat().st_size
    assert json.loads(form.pop("extra_params")) == {
        "edge": {"control_weight": 0.5, "preset_edge_threshold": "medium"},
        "blur": {"control_weight": 0.25, "preset_blur_strength": "high"}, "depth": {"control_weight": 2.0},
        "resolution": "256", "control_guidance": 1.5, "max_frames": 9, "num_video_frames_per_chunk": 9,
        "num_conditional_frames": 1, "num_first_chunk_conditional_frames": 0,
    }  # fmt: skip
    assert form == {
        "prompt": '{"subjects": "Straße"}\r\nzwei', "negative_prompt": "dull", "size": "320x192", "num_frames": "9",
        "fps": "23.976", "num_inference_steps": "50", "guidance_scale": "3.0", "flow_shift": "10.0", "seed": "7",
        "control_type": "depth", "input_reference": size, "control_reference": size,
    }  # fmt: skip
    assert rig.outcomes["a"].ok


def test_one_given_control_is_all_that_vllm_omni_needs(rig: Rig, films: Path, short: Path) -> None:
    work = cosmos3_work(controls=(Applied("edge", 1.0, 1.0),))
    with VideoServer("vllm-omni", films) as server:
        rig.run(server.url, [("a", work, {"video": short, "edge": short})])
    assert rig.outcomes["a"].ok
    assert "input_reference" not in server.bodies[0]
    assert server.bodies[0]["control_type"] == "edge"


def test_the_model_that_is_given_is_asked_of_vllm_omni(rig: Rig, films: Path, short: Path) -> None:
    with VideoServer("vllm-omni", films) as server:
        rig.run(server.url, [("a", cosmos3_work(), {"video": short})], model="nvidia/Cosmos3-Nano")
        rig.run(server.url, [("b", cosmos3_work(), {"video": short})], model="another")
    assert rig.outcomes["a"].ok
    assert (rig.outcomes["b"].error_kind, "server is running" in rig.outcomes["b"].error) == ("bad_input", True)


# What becomes of the answer


@pytest.mark.parametrize("name", ["vllm-omni", "transfer2.5-nim", "cosmos3-nim"])
def test_each_video_is_that_of_its_task(name: Any, rig: Rig, films: Path, long: Path, short: Path) -> None:
    made, source = (nim_work, long) if name == "transfer2.5-nim" else (cosmos3_work, short)
    asked = [(f"seed {seed}", made(seed=seed), {"video": source}) for seed in (1, 2, 6)]
    with VideoServer(name, films) as server:
        rig.run(server.url, asked)
    for id, work, _ in asked:
        outcome = rig.outcomes[id]
        assert outcome.ok, outcome.error
        codec, width, height, frames, fps, colour = facts_of(rig.output(id, "video.mp4"))
        assert (codec, width, height, frames, fps) == ("h264", *SIZE, work.frames, 24.0)
        assert near(colour, work.seed)
        assert outcome.says == {"model": work.model, "frames": work.frames}
    assert server.most_at_once == 1
    assert not list(rig.root.glob("cosmos-*"))


def test_size_rate_and_sound_come_back(rig: Rig, films: Path, short: Path) -> None:
    work = cosmos3_work(restore=("size", "fps", "audio"), out_width=160, out_height=96, out_fps=24.0, fps=30.0)
    with VideoServer("vllm-omni", films) as server:
        rig.run(server.url, [("a", replace(work, keep_frames=True), {"video": short})])
    outcome = rig.outcomes["a"]
    assert outcome.says == {"model": "cosmos3-nano", "frames": 9, "sound": "no sound: the clip has no sound"}
    assert facts_of(rig.output("a", "video.mp4"))[:5] == ("h264", 160, 96, 9, 24.0)
    assert sum(name.startswith("frames/") for name in outcome.outputs) == 9


def test_a_video_in_the_clips_size_is_taken_too(rig: Rig, films: Path) -> None:
    """Transfer2.5 writes its videos in the clip's size."""
    source = clip(films / "odd.mp4", size=(336, 200))
    mood = Mood(film=lambda film: replace(film, width=336, height=200))
    with VideoServer("transfer2.5-nim", films, lambda number: mood) as server:
        rig.run(server.url, [("a", nim_work(out_width=336, out_height=200), {"video": source})])
    assert facts_of(rig.output("a", "video.mp4"))[1:3] == (336, 200)


def test_as_many_requests_at_once_as_asked(rig: Rig, films: Path, short: Path) -> None:
    together = threading.Barrier(3)

    class Together(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            together.wait(60)
            return True

    asked = [(str(seed), cosmos3_work(seed=seed), {"video": short}) for seed in range(6)]
    with VideoServer("vllm-omni", films, lambda number: Mood(waits=Together())) as server:
        rig.run(server.url, asked, concurrency=3)
    assert all(outcome.ok for outcome in rig.outcomes.values())
    assert server.most_at_once == 3


def test_the_key_is_sent(rig: Rig, films: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOS_API_KEY", "secret")
    with VideoServer("vllm-omni", films, key="secret") as server:
        rig.run(server.url, [("a", cosmos3_work(), {"video": short})])
    assert rig.outcomes["a"].ok


# What a server speaks


@pytest.mark.parametrize("docs", [True, False])
@pytest.mark.parametrize(
    ("name", "ending"),
    [("vllm-omni", ""), ("vllm-omni", "/v1"), ("vllm-omni", "/v1/videos/sync"), ("transfer2.5-nim", "/v1/infer"),
     ("cosmos3-nim", "/")],
)  # fmt: skip
def test_what_a_server_speaks_is_asked_of_it(name: Any, ending: str, docs: bool, films: Path) -> None:
    with VideoServer(name, films, docs=docs) as server:
        engine = HttpEngine(server.url + ending)
        engine.load()
        assert engine.properties() == {"server": server.url, "contract": name, "model": server.model}
        assert engine.model == server.model
        engine.close()
    assert server.posts == 0


@pytest.mark.parametrize("name", ["vllm-omni", "transfer2.5-nim", "cosmos3-nim"])
def test_what_a_server_speaks_can_be_named(name: Any, films: Path) -> None:
    with VideoServer(name, films, docs=False) as server:
        engine = HttpEngine(server.url, contract=name)
        engine.load()
        assert engine.properties()["contract"] == name
        engine.close()


def test_a_server_that_makes_no_videos_is_told(films: Path) -> None:
    no_videos = pytest.raises(EngineUnavailable, match="no /v1/videos/sync and no /v1/infer")
    with VideoServer("vllm-omni", films, docs=False, model="Qwen/Qwen3-8B") as server, no_videos as caught:
        HttpEngine(server.url).load()
    assert "--engine-option contract=vllm-omni or transfer2.5-nim or cosmos3-nim" in caught.value.remedy


def test_a_server_that_loads_its_model_is_told(films: Path) -> None:
    not_ready = pytest.raises(EngineUnavailable, match="not ready: the server answers 503: loading")
    with VideoServer("transfer2.5-nim", films, ready=False) as server, not_ready:
        HttpEngine(server.url, max_retries=1).load()


# By the command line


def test_a_transfer_by_a_server(
    films: Path, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clips.textured(Path("still.mp4"), 96, 64, frames=4)
    with VideoServer("transfer2.5-nim", films) as server:
        by_server = ["--engine", "http", "--server-url", server.url]
        asked = [str(long), "-p", "a city", "--edge=0.5", "--size", "256", "--seeds", "1,2", *by_server]
        assert main(["transfer", *asked, "-o", "out", "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(line["id"], line["seed"], line["engine"], line["engine_model"]) for line in lines] == [
            ("long-seed1", 1, "http", "cosmos-transfer2.5-2b"), ("long-seed2", 2, "http", "cosmos-transfer2.5-2b"),
        ]  # fmt: skip
        assert near(facts_of(Path("out/long-seed2/video.mp4"))[-1], 2)
        posts = server.posts
        assert main(["transfer", *asked, "-o", "out"]) == 0
        assert server.posts == posts  # nothing is made twice
        few = ["still.mp4", "-p", "a city", "--edge", "--size", "256", *by_server, "--dry-run"]
        assert main(["transfer", *few]) == 2
        assert "93 to 480 frames, and there are 4" in " ".join(capsys.readouterr().out.split()).replace("│", "")
        assert server.posts == posts


def test_a_server_of_the_settings_is_not_chosen_for_videos_by_itself(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSMOS_SERVER_URL", "http://localhost:1/v1")
    clips.textured(Path("still.mp4"), 96, 64, frames=4)
    main(["transfer", "still.mp4", "-p", "a city", "--edge", "--size", "256", "--dry-run", "--json"])
    assert json.loads(capsys.readouterr().out)["engine"] == "preview"


def test_the_url_is_asked_for(films: Path, long: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", str(long), "-p", "a city", "--edge", "--engine", "http"]) == 2
    assert "--server-url, such as http://localhost:8000 (vLLM-Omni or a NIM)" in " ".join(
        capsys.readouterr().err.split()
    )
