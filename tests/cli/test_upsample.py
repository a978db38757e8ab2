from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import clips
import pytest
from servers.unwell import UnwellServer, answer

from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main


@pytest.fixture
def batch(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(f'{{"id": "i{n}", "prompt": "prompt {n}", "video": "clip.mp4"}}\n' for n in range(3)))
    return path


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_a_video(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "clip.mp4", "-p", "a city"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("A city. The video is one continuous shot")
    assert "engine: describe (no model folder" in captured.err
    assert "no model was used" in captured.err
    assert "saved: clip.upsampled.jsonl" in captured.err
    (line,) = lines(Path("clip.upsampled.jsonl"))
    assert line["upsampled_prompt"] in captured.out.replace("\n", " ")


def test_json_is_all_there_is_on_stdout(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "clip.mp4", "-p", "a city", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"id", "verdict", "model", "frame_width", "room", "upsampled_prompt", "finish_reason"} <= document.keys()
    assert {"truncated", "completion_tokens", "seconds", "engine", "error"} <= document.keys()
    assert main(["upsample", "prompts.jsonl", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["i0", "i1", "i2"]


def test_a_second_run_asks_nothing_twice(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "prompts.jsonl"]) == 0
    before = Path("prompts.upsampled.jsonl").read_bytes()
    capsys.readouterr()
    assert main(["upsample", "prompts.jsonl"]) == 0
    captured = capsys.readouterr()
    assert "3 answered earlier" in captured.err
    assert "Prompt 2." in captured.out
    assert Path("prompts.upsampled.jsonl").read_bytes() == before


def test_one_bad_item_does_not_stop_the_others(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with batch.open("a") as file:
        file.write('{"id": "bad", "prompt": "x", "video": "none.mp4"}\n')
    assert main(["upsample", "prompts.jsonl", "-o", "out.jsonl"]) == 1
    assert "failed: " in capsys.readouterr().err
    kinds = {line["id"]: line["error_kind"] for line in lines(Path("out.jsonl"))}
    assert kinds == {"bad": "bad_input", "i0": "", "i1": "", "i2": ""}


def test_a_dry_run_runs_nothing(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "prompts.jsonl", "--dry-run"]) == 0
    assert "fits" in capsys.readouterr().out
    assert not Path("prompts.upsampled.jsonl").exists()


def test_a_server_by_url(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [{"id": "m", "max_model_len": 600}]
    with UnwellServer(lambda text, attempt: answer(f"long {text}"), listed) as server:
        assert main(["upsample", "prompts.jsonl", "--server-url", server.url, "--max-tokens", "50"]) == 0
    assert [
        (line["upsampled_prompt"], line["max_model_len"])
        for line in sorted(lines(Path("prompts.upsampled.jsonl")), key=lambda line: line["id"])
    ] == [(f"long prompt {n}", 600) for n in range(3)]


def test_a_server_that_is_not_there(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "prompts.jsonl", "--server-url", "http://127.0.0.1:9/v1"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "127.0.0.1:9" in captured.err
    assert "Traceback" not in captured.err


def test_settings_from_a_file_and_the_environment(
    batch: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("cosmos.toml").write_text('engine = "server"\nserver_url = "http://127.0.0.1:9/v1"\n')
    assert main(["upsample", "prompts.jsonl", "--dry-run"]) == 0
    assert "engine: server" in capsys.readouterr().err
    monkeypatch.setenv("COSMOS_ENGINE", "describe")
    assert main(["upsample", "prompts.jsonl", "--dry-run"]) == 0
    assert "engine: describe" in capsys.readouterr().err
    Path("cosmos.toml").write_text("enigne = 1\n")
    assert main(["upsample", "prompts.jsonl", "--dry-run"]) == 2
    assert "unknown setting 'enigne'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vllm", "transformers"])
def test_an_engine_that_is_not_installed(batch: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "clip.mp4", "--engine", name, "--model-path", "nobody/nothing"]) == 3
    assert f"cosmos-workflow[{name}]" in capsys.readouterr().err


def test_a_resized_clip_says_so(batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(tmp_path / "large.mp4", 960, 540)
    with UnwellServer(lambda text, attempt: answer("long")) as server:
        assert main(["upsample", "large.mp4", "-p", "x", "--server-url", server.url]) == 0
    assert "frames resized from 960x540 to 910x512" in capsys.readouterr().err


def test_a_bad_engine_option(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "clip.mp4", "--engine-option", "load_format"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--engines", "2"], "--engines is for Ray"),
        (["--out-format", "parquet"], "--out-format is for Ray"),
        (["--on", "ray", "-p", "a city"], "give each entry its prompt"),
        (["--on", "ray", "--offload"], "engines on Ray end with the run"),
        (["--on", "ray", "--offload-each"], "engines on Ray end with the run"),
        (["--on", "ray", "--max-model-len", "auto", "--model-path", "/models/pixtral"], "give a number"),
        (["--on", "ray", "--engine", "vllm"], "give --model-path"),
        (["--on", "ray", "--engine", "magic"], "unknown engine 'magic'"),
        (["--on", "ray://head"], "give ray, or ray://HEAD:10001"),
    ],
)
def test_what_means_nothing_at_a_place_is_refused(
    batch: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["upsample", "prompts.jsonl", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_a_dry_run_for_a_cluster_reads_what_the_cluster_would(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(lines(batch)), "prompts.parquet")
    assert main(["upsample", "prompts.parquet", "--on", "ray", "--dry-run", "--json"]) == 0
    assert [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()] == ["fits"] * 3
    with batch.open("a") as file:
        file.write("{\n")
    assert main(["upsample", "prompts.jsonl", "--on", "ray", "--dry-run"]) == 2
    assert "not valid JSON" in capsys.readouterr().err


def test_the_results_of_a_name_as_long_as_names_can_be(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip.rename(tmp_path / ("n" * 251 + ".mp4"))
    assert main(["upsample", "n" * 251 + ".mp4", "-p", "x"]) == 0
    assert len(list(tmp_path.glob("*.upsampled.jsonl"))) == 1


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_results_on_standard_output_are_json_lines_alone(
    batch: Path, path: str, more: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with batch.open("a") as file:
        file.write('{"id": "bad", "prompt": "x", "video": "none.mp4"}\n')
    assert main(["upsample", "prompts.jsonl", "-o", path, *more]) == 1
    output = capfd.readouterr()
    documents = [json.loads(line) for line in output.out.splitlines()]
    assert sorted(entry["id"] for entry in documents) == ["bad", "i0", "i1", "i2"]
    assert "3 answered, 1 failed" in output.err or more
    assert "saved" not in output.err
    assert {entry.name for entry in Path().iterdir()} - {"data", "config"} == {"clip.mp4", "prompts.jsonl"}


@pytest.mark.slow
def test_what_an_engine_prints_is_not_among_the_results(batch: Path) -> None:
    # A stand-in for vLLM and transformers, whose libraries print: standard output is turned away meanwhile.
    code = """
import os, sys
from cosmos_workflow.cli import console, driving, main
from cosmos_workflow.engines import describe
driving.stdout_for_results = lambda engine: console.stdout_for_results("vllm")
answer = describe.DescribeEngine.answer
def loud(self, *words):
    print("noise"); os.write(1, b"more noise\\n")
    return answer(self, *words)
describe.DescribeEngine.answer = loud
sys.exit(main(["upsample", "prompts.jsonl", "-o", "-"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["i0", "i1", "i2"]
    assert "more noise" in done.stderr


def test_a_batch_as_its_own_results_is_left_as_it_is(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in (
        '{"id": "a", "prompt": "x", "video": "clip.mp4"}',
        '{"video": "clip.mp4"}\n',
        '[{"video": "clip.mp4"}]',
    ):
        batch.write_text(text)
        assert main(["upsample", "prompts.jsonl", "-o", "prompts.jsonl"]) == 2
        assert batch.read_text() == text
        error = capsys.readouterr().err
        assert "choose another -o" in error
        assert "run it again" not in error


def test_odd_places_for_results(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    for place in ("folder", "new/", "clip.mp4"):
        assert main(["upsample", "clip.mp4", "-o", place]) == 2
        assert "error: " in (text := capsys.readouterr().err)
        assert "Traceback" not in text
    assert main(["upsample", "clip.mp4", "-o", os.devnull]) == 0
    assert "saved" not in capsys.readouterr().err


@pytest.mark.parametrize("out", ["-", os.devnull, "clip.mp4"])
def test_a_cluster_writes_into_a_folder(batch: Path, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "prompts.jsonl", "-o", out, "--on", "ray"]) == 2
    assert "give -o a folder or a URL" in capsys.readouterr().err


def test_a_slip_in_a_key_is_told(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch.write_text('{"id": "a", "promt": "dusk", "video": "clip.mp4"}\n')
    for words in (["check"], ["check", "--json"], ["check", "--max-model-len", "auto"], ["upsample"]):
        assert main([*words, "prompts.jsonl"]) == 0
        output = capsys.readouterr()
        assert output.err.count("promt is not known: did you mean prompt?") == 1
        assert "promt" not in output.out


def test_seeds_are_exact(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with UnwellServer(lambda text, attempt: answer("long")) as server:
        for seed in ("9007199254740993", "-7", "7.0", str(2**63 - 1)):
            words = ["upsample", "clip.mp4", "--server-url", server.url, "--seed", seed, "-o", os.devnull]
            assert main(words) == 0
    assert [body["seed"] for body in server.bodies] == [9007199254740993, -7, 7, 2**63 - 1]
    capsys.readouterr()
    for seed in ("1.5", "nan", str(2**63), "true"):
        assert main(["upsample", "clip.mp4", "--seed", seed]) == 2
        assert "from -2^63 to 2^63-1" in capsys.readouterr().err


@pytest.mark.parametrize(("length", "stated"), [("1500", 1500), ("auto", 2048)])
def test_an_engine_is_decided_on_once_whatever_its_length(batch: Path, length: str, stated: int) -> None:
    listed = [{"id": "m", "object": "model", "created": 0, "owned_by": "x", "max_model_len": 2048}]
    with UnwellServer(lambda text, attempt: answer("A long city."), listed) as server:
        assert main(["upsample", "clip.mp4", "--server-url", server.url, "--max-model-len", length]) == 0
        assert [way for way, _ in server.asked].count("GET") == 2  # to decide, and by the engine itself
    (run,) = open_runs().store.runs()
    assert run.settings["engine"]["why"] == f"a server is configured: {server.url}"
    assert run.settings["engine"]["settings"]["max_model_len"] == stated
    (line,) = lines(Path("clip.upsampled.jsonl"))
    assert line["max_model_len"] == stated
