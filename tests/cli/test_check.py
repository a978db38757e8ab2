from __future__ import annotations

import json
from pathlib import Path

import clips
import pytest

from cosmos_workflow.cli import main

PROMPT = "A futuristic city at sunset"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("size", "verdict", "tokens", "room", "code"),
    [
        ("854x480", "fits", 3309, 787, 0),
        ("940x529", "cut_short", 4089, 7, 0),
        ("960x540", "too_long", 4157, -61, 1),
        ("1280x720", "too_long", 4689, -593, 1),
    ],
)
def test_a_size(capsys: pytest.CaptureFixture[str], size: str, verdict: str, tokens: int, room: int, code: int) -> None:
    got, out, err = run(capsys, "check", "--size", size, "-p", PROMPT, "--fit", "off", "--json")
    document = json.loads(out)
    assert (got, err) == (code, "")
    assert (document["verdict"], document["prompt_tokens"], document["room"]) == (verdict, tokens, room)
    assert list(document) == [
        "id",
        "verdict",
        "model",
        "frame_width",
        "frame_height",
        "source_width",
        "source_height",
        "frames",
        "text_tokens",
        "image_tokens",
        "prompt_tokens",
        "max_tokens",
        "max_model_len",
        "room",
        "reason",
        "remedy",
        "note",
    ]


def test_a_video_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "large.mp4", 960, 540)
    code, out, _ = run(capsys, "check", str(path), "-p", PROMPT)
    assert code == 0
    assert "resized" in out
    assert "2 × 910x512" in out
    assert "--frames 1" in out


def test_a_conversion_of_colours_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, batch = clips.light(tmp_path / "light.hdr"), tmp_path / "b.jsonl"
    batch.write_text(json.dumps({"id": "a", "video": str(path)}) + "\n")
    words = "linear light converted to sRGB"
    assert f"note        {words}" in run(capsys, "check", str(path))[1]
    assert words in run(capsys, "check", str(batch))[1]
    assert json.loads(run(capsys, "check", str(batch), "--json")[1])["note"] == words


def test_a_batch_as_json_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path, clip: Path) -> None:
    batch = tmp_path / "b.jsonl"
    batch.write_text(f'{{"id": "a", "video": {json.dumps(str(clip))}}}\n{{"id": "b", "video": "none.mp4"}}\n')
    code, out, _ = run(capsys, "check", str(batch), "--json")
    assert code == 1
    assert [(line["id"], line["verdict"]) for line in map(json.loads, out.splitlines())] == [
        ("a", "fits"),
        ("b", "bad_input"),
    ]


def test_a_bound_is_called_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "at most 27 text" in run(capsys, "check", "--size", "320x180", "-p", PROMPT)[1]
    assert " 6 text" in run(capsys, "check", "--size", "320x180", "-p", PROMPT, "--exact")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "nothing to check"),
        (["check", "a.mp4", "--size", "1x1"], "more than one thing"),
        (["check", "--size", "12"], "not a size"),
        (["check", "--size", "0x5"], "not a size"),
        (["check", "--size", "5x5", "--model-path", "/nowhere/at/all"], "no such model folder"),
        (["check", "--size", "5x5", "--frames", "0"], "frames"),
        (["check", "none.jsonl"], "cannot be read"),
        (["frobnicate"], "there is no command"),
        (["--frobnicate"], "no such option"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_a_model_folder_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    vision = {"image_size": 512, "patch_size": 32, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    params = {"dim": 8, "n_layers": 1, "head_dim": 8, "hidden_dim": 8, "n_heads": 1, "n_kv_heads": 1, "vocab_size": 9}
    (tmp_path / "params.json").write_text(json.dumps(params | {"vision_encoder": vision}))
    _, out, _ = run(capsys, "check", "--size", "1024x512", "--model-path", str(tmp_path), "--json")
    assert json.loads(out)["image_tokens"] == 2 * 8 * 17


def test_the_model_folder_of_a_cluster_is_not_looked_for_here(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("check", "--size", "960x540", "--on", "ray", "--engine", "vllm", "--model-path", "/models/x", "--json")
    code, out, err = run(capsys, *words)
    assert (code, json.loads(out)["verdict"], err) == (0, "resized", "")
