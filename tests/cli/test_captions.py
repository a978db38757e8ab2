"""`cosmos upsample --format cosmos3`, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clips
import pytest
from servers.unwell import UnwellServer, answer, refusal

from cosmos_workflow.cli import main
from cosmos_workflow.kinds.upsample.caption import problems_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    first, second = clips.texture(180, 320, 1), clips.texture(180, 320, 2)
    clips.panning(Path("pan.mp4"), -4, 0, 48)
    clips.zooming(Path("zoom.mp4"), 1.02, 48)
    clips.write(Path("cut.mp4"), [first] * 25 + [second] * 50, fps=25)
    clips.write(Path("tall.mp4"), [clips.texture(320, 180)] * 121, fps=30)
    return tmp_path


def lines(path: str) -> dict[str, Any]:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize(
    ("clip", "size", "aspect", "duration", "fps", "motion", "spans"),
    [
        ("pan", (320, 240), "4,3", "2s", 24, "Pans to the left", ["0:00-0:02"]),
        ("zoom", (320, 240), "4,3", "2s", 24, "Zooms in", ["0:00-0:02"]),
        ("cut", (320, 180), "16,9", "3s", 25, "Static", ["0:00-0:01", "0:01-0:03"]),
        ("tall", (180, 320), "9,16", "4s", 30, "Static", ["0:00-0:04"]),
    ],
)
def test_what_is_measured_stands_in_the_caption(
    clip: str, size: tuple[int, int], aspect: str, duration: str, fps: int, motion: str, spans: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["upsample", f"{clip}.mp4", "-p", "a street at night", "--format", "cosmos3", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    caption = json.loads(result["upsampled_prompt"])
    assert problems_of(caption) == []
    assert caption["resolution"] == {"W": size[0], "H": size[1]}
    assert (caption["aspect_ratio"], caption["duration"], caption["fps"]) == (aspect, duration, fps)
    assert caption["cinematography"]["camera_motion"] == motion
    assert [segment["time_range"] for segment in caption["segments"]] == spans
    assert len(caption["transitions"]) == len(spans) - 1
    assert "a street at night" in caption["context"].lower()
    assert "no model was used" in result["note"]
    assert result["error"] == ""


def test_the_video_that_a_caption_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"name": "t", "model_mode": "video2video", "resolution": "720", "num_frames": 40, "fps": 10,
            "vision_path": "pan.mp4", "edge": {"preset_edge_threshold": "medium"}}  # fmt: skip
    Path("spec.json").write_text(json.dumps(spec))
    base = ["upsample", "pan.mp4", "-p", "a street", "--format", "cosmos3", "--json"]

    def caption(*more: str) -> dict[str, Any]:
        assert main([*base, *more]) == 0
        made: dict[str, Any] = json.loads(json.loads(capsys.readouterr().out)["upsampled_prompt"])
        return made

    made = caption("--for", "spec.json")
    assert (made["resolution"], made["aspect_ratio"]) == ({"W": 1104, "H": 832}, "4,3")
    assert (made["fps"], made["duration"]) == (10, "4s")
    made = caption("--for", "spec.json", "--size", "832x480", "--seconds", "3.9")
    assert (made["resolution"], made["fps"], made["duration"]) == ({"W": 832, "H": 480}, 10, "3s")
    made = caption("--size", "1280x720", "--fps", "30")
    assert (made["resolution"], made["aspect_ratio"], made["fps"]) == ({"W": 1280, "H": 720}, "16,9", 30)

    Path("other.json").write_text(json.dumps({"video_path": "pan.mp4", "prompt": "x", "edge": {"control_weight": 1.0}}))
    assert main([*base, "--for", "other.json"]) == 2
    assert "takes a paragraph" in " ".join(capsys.readouterr().err.split())
    assert main(["upsample", "pan.mp4", "--for", "spec.json"]) == 2
    assert "--for is for a caption" in capsys.readouterr().err
    assert main([*base, "--for", "none.json"]) == 2


def test_a_batch_goes_on_and_another_format_is_other_work(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": name, "prompt": "a street", "video": f"{name}.mp4"} for name in ("pan", "cut")]
    Path("b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["upsample", "b.jsonl", "-o", "o.jsonl"]
    assert main([*command, "--format", "cosmos3", "--dry-run"]) == 0
    assert not Path("o.jsonl").exists()
    assert main([*command, "--format", "cosmos3"]) == 0
    before = Path("o.jsonl").read_bytes()
    capsys.readouterr()
    assert main([*command, "--format", "cosmos3"]) == 0
    assert "2 answered earlier" in capsys.readouterr().err
    assert Path("o.jsonl").read_bytes() == before
    assert main([*command, "--format", "cosmos3-negative"]) == 0
    negative = {id: json.loads(row["upsampled_prompt"]) for id, row in lines("o.jsonl").items()}
    assert all("physical_realism" in caption and problems_of(caption) == [] for caption in negative.values())
    assert main(command) == 0
    assert all(row["upsampled_prompt"].startswith("A street.") for row in lines("o.jsonl").values())


def test_a_caption_becomes_a_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "pan.mp4", "-p", "a red truck", "--format", "cosmos3", "--json"]) == 0
    caption = json.loads(capsys.readouterr().out)["upsampled_prompt"]
    assert main(["upsample", "pan.mp4", "-p", caption, "--json"]) == 0
    paragraph = json.loads(capsys.readouterr().out)["upsampled_prompt"]
    assert "red truck" in paragraph.lower()
    assert "{" not in paragraph
    assert "background_setting" not in paragraph
    with UnwellServer(lambda text, attempt: answer("A red truck.")) as server:
        assert main(["upsample", "pan.mp4", "-p", caption, "--server-url", server.url, "-o", "s.jsonl"]) == 0
    ((text, _),) = server.attempts.items()
    assert text.startswith("Write one paragraph")
    assert "red truck" in text.lower()


def test_a_context_that_has_no_room_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "pan.mp4", "--format", "cosmos3"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "a caption takes up to 4,096 tokens" in said
    assert "--max-model-len auto" in said
    assert main(["check", "pan.mp4", "--format", "cosmos3", "--max-model-len", "8192"]) == 0
    assert main(["check", "--size", "960x540", "--format", "cosmos3"]) == 1
    assert main(["check", "--size", "960x540", "--format", "cosmos3", "--max-model-len", "12288"]) == 0
    assert main(["check", "pan.mp4", "--format", "cosmos3", "--engine", "describe"]) == 0
    capsys.readouterr()
    with UnwellServer(lambda text, attempt: answer("x"), [{"id": "m", "max_model_len": 4096}]) as server:
        command = ["upsample", "pan.mp4", "--format", "cosmos3", "--server-url", server.url]
        assert main([*command, "--fit", "off"]) == 1
        assert "a caption takes up to 4,096 tokens" in " ".join(capsys.readouterr().err.split())
        assert main(["check", *command[1:4], "--engine", "server", "--server-url", server.url]) == 1
    assert not server.attempts


def test_an_answer_that_is_no_caption_is_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    with UnwellServer(lambda text, attempt: answer("a paragraph"), [{"id": "m", "max_model_len": 16384}]) as server:
        command = ["upsample", "pan.mp4", "-p", "x", "--format", "cosmos3", "--server-url", server.url, "-o", "o.jsonl"]
        assert main(command) == 1
    (row,) = lines("o.jsonl").values()
    assert (row["error_kind"], row["upsampled_prompt"]) == ("bad_caption", "")
    assert len(server.bodies) == 3


def test_the_settings_name_a_format(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cosmos.toml").write_text('format = "cosmos3"\n')
    assert main(["upsample", "pan.mp4", "--json"]) == 0
    assert problems_of(json.loads(json.loads(capsys.readouterr().out)["upsampled_prompt"])) == []
    assert main(["upsample", "pan.mp4", "--format", "text", "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["upsampled_prompt"].startswith("{")
    monkeypatch.setenv("COSMOS_FORMAT", "cosmos4")
    assert main(["upsample", "pan.mp4"]) == 2
    assert "there is no format 'cosmos4'" in " ".join(capsys.readouterr().err.split())


def test_frames_at_the_shots(capsys: pytest.CaptureFixture[str]) -> None:
    with UnwellServer(lambda text, attempt: answer("A street.")) as server:
        assert main(["upsample", "cut.mp4", "-p", "x", "--pick", "shots", "--server-url", server.url]) == 0
    (body,) = server.bodies
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    first, second = (part["image_url"]["url"] for part in body["messages"][0]["content"][:2])
    assert first != second


QWEN = ("--pick", "video", "--model", "cosmos-reason2-8b")


def test_the_video_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with UnwellServer(lambda text, attempt: answer("A street.")) as server:
        assert main(["upsample", "cut.mp4", "-p", "x", *QWEN, "--json", "--server-url", server.url]) == 0
    (body,) = server.bodies
    assert [part["type"] for part in body["messages"][0]["content"]] == ["video_url", "text"]
    result = json.loads(capsys.readouterr().out)
    assert main(["check", "cut.mp4", "-p", "x", *QWEN, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (result["frames"], result["image_tokens"]) == (planned["frames"], planned["image_tokens"])
    assert "as a video" in result["note"]
    assert planned["note"] == result["note"]


def test_a_video_for_a_model_that_takes_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "cut.mp4", "-p", "x", "--pick", "video"]) == 2
    assert "--pick spread" in " ".join(capsys.readouterr().out.split())


def test_a_server_that_takes_no_videos(capsys: pytest.CaptureFixture[str]) -> None:
    with UnwellServer(lambda text, attempt: refusal(400, "invalid message content type: video_url")) as server:
        assert main(["upsample", "cut.mp4", "-p", "x", *QWEN, "--json", "--server-url", server.url]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["error"].endswith("; if the server takes no videos, send pictures (--pick spread)")
