"""`cosmos transfer` with the engine that needs no model, from a spec on disk to a preview in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import clips
import pytest
from PIL import Image

from cosmos_workflow import check_transfer
from cosmos_workflow.cli import main
from cosmos_workflow.kinds.transfer.formats import read_specs
from cosmos_workflow.kinds.upsample.caption import problems_of

pytestmark = pytest.mark.timeout(120)

EDGE = ["clip.mp4", "-p", "a city", "--edge", "--size", "256", "--engine", "preview"]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    clips.textured(tmp_path / "clip.mp4", 96, 64, frames=4)
    return tmp_path


def spec(name: str = "spec.json", **values: Any) -> str:
    asked = {"prompt": "a city", "video": "clip.mp4", "size": "256", "controls": {"edge": {"weight": 0.5}}} | values
    Path(name).write_text(json.dumps(asked))
    return name


def results(out: str = "out") -> dict[str, dict[str, Any]]:
    lines = map(json.loads, Path(out, "results.jsonl").read_text().splitlines())
    return {line["id"]: line for line in lines}


def plans(*arguments: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    main(["transfer", *arguments, "--dry-run", "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_clip_with_an_edge(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE, "-o", "out", "--seed", "7", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["id"], line["model"], line["controls"], line["seed"]) == ("clip", "transfer2.5-2b", "edge 1", 7)
    assert (line["frames"], line["prompt"], line["engine"]) == (4, "a city", "preview")
    with av.open("out/clip/preview.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
    assert Path("out/clip/prompt.txt").read_text() == "a city"
    (kept,) = read_specs("out/clip/spec.json")
    assert kept.notes == ()
    asked = kept.spec
    assert (asked.name, asked.model, asked.video, asked.size) == ("clip", "transfer2.5-2b", "video", "320x192")
    assert (asked.seed, asked.steps, asked.frames, asked.chunk) == (7, 35, 4, 93)
    assert {hint: (each.path, each.weight, each.preset) for hint, each in asked.controls.items()} == {
        "edge": ("", 1.0, "medium")
    }


def test_the_same_again_makes_nothing_and_another_seed_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE, "-o", "out", "--seed", "7"]) == 0
    before = Path("out/clip/preview.mp4").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["transfer", *EDGE, "-o", "out", "--seed", "7"]) == 0
    assert Path("out/clip/preview.mp4").stat().st_mtime_ns == before
    assert main(["transfer", *EDGE, "-o", "out", "--seed", "8"]) == 0
    assert Path("out/clip/preview.mp4").stat().st_mtime_ns != before
    assert "what is asked" in capsys.readouterr().err


def test_several_seeds_and_weights_get_a_contact_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE, "-o", "out", "--seeds", "1,2", "--weights", "edge=0.3,0.6"]) == 0
    made = results()
    assert {name: (line["seed"], line["controls"]) for name, line in made.items()} == {
        "clip-edge0.3-seed1": (1, "edge 0.3"), "clip-edge0.3-seed2": (2, "edge 0.3"),
        "clip-edge0.6-seed1": (1, "edge 0.6"), "clip-edge0.6-seed2": (2, "edge 0.6"),
    }  # fmt: skip
    assert "contact sheet: out/contact.jpg" in capsys.readouterr().err.replace("\n", " ")
    with Image.open("out/contact.jpg") as sheet:
        assert sheet.width > 4 * 100
        assert sheet.height > 4 * 100


def test_several_prompts_make_a_video_each(capsys: pytest.CaptureFixture[str]) -> None:
    rows = plans(*EDGE, "-p", "a forest", capsys=capsys)
    assert [plan["id"] for plan in rows] == ["clip-prompt1", "clip-prompt2"]


def test_a_dry_run_makes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in folder.iterdir())
    (plan,) = plans(*EDGE, capsys=capsys)
    assert (plan["id"], plan["kind"], plan["engine"]) == ("clip", "transfer", "preview")
    assert plan["note"].startswith("96x64, 4 frames at 24 a second, 1 chunk")
    assert sorted(path.name for path in folder.iterdir() if path.name not in ("data", "config")) == before


def test_an_option_counts_before_the_spec(capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(Path("edge.mp4"), 96, 64, frames=4)
    spec(seed=3, steps=20)
    arguments = ["--edge=edge.mp4,0.25", "--steps", "9", "-p", "a forest", "--engine", "preview", "-o", "out"]
    assert main(["transfer", "spec.json", *arguments]) == 0
    (line,) = results().values()
    assert (line["prompt"], line["seed"], line["steps"]) == ("a forest", 3, 9)
    assert (line["controls"], Path(line["edge"]).name) == ("edge 0.25", "edge.mp4")


def test_what_an_engine_cannot_do_is_refused_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE[:-2], "--vis", "--engine", "diffusers", "--model-path", ".", "--dry-run"]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "takes one control, and 2 are asked for" in shown.replace("│", "")


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["--seeds", "one"], "these are no seeds: 'one'", "give numbers, such as 1-4 or 1,5,9"),
        (["--seeds", "4-1"], "these are no seeds", "1-4"),
        (["--weights", "edge=much"], "these are no weights: 'edge=much'", "edge=0.3,0.6"),
        (["--weights", "seg=0.3,0.6"], "there is no control 'seg' to weigh", "add --seg"),
        (["--edge=0.3,0.6"], "there are two of weight", "a weight, a preset and a video at most"),
        (["--model", "transfer9"], "transfer9", "transfer2.5"),
        (["--restore", "colours"], "'colours' cannot be restored", "size, fps and audio"),
        (["--gpu", "Voodoo2", "--dry-run"], "Voodoo2", "H100"),
    ],
)
def test_what_cannot_be_used_is_told_with_a_remedy(
    arguments: list[str], what: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transfer", *EDGE, "-o", "out", *arguments]) in (1, 2)
    output = capsys.readouterr()
    words = " ".join((output.out + output.err).split())
    assert what in words
    assert remedy in words
    assert "Traceback" not in words
    assert not Path("out", "clip").exists()


def test_a_clip_that_is_not_there_fails_alone(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"name": name, "prompt": "a city", "video": video, "size": "256", "controls": {"edge": {}}}
             for name, video in (("good", "clip.mp4"), ("bad", "none.mp4"))]  # fmt: skip
    Path("specs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["transfer", "specs.jsonl", "--engine", "preview", "-o", "out"]) == 1
    made = results()
    assert (made["good"]["error"], made["bad"]["error_kind"]) == ("", "bad_input")
    assert "none.mp4" in made["bad"]["error"]
    assert not Path("out/contact.jpg").exists()


def test_a_spec_is_translated(capsys: pytest.CaptureFixture[str]) -> None:
    spec(seed=3)
    assert main(["transfer", "spec.json", "--convert", "transfer1"]) == 0
    shown = capsys.readouterr()
    values = json.loads(shown.out)
    assert (values["input_video_path"], values["edge"], values["seed"]) == ("clip.mp4", {"control_weight": 0.5}, 3)
    assert "size" in shown.err
    assert main(["transfer", "spec.json", "--convert", "transfer2.5", "-o", "other.json"]) == 0
    assert json.loads(Path("other.json").read_text())["video_path"] == "clip.mp4"
    assert main(["transfer", "spec.json", "--convert", "transfer2.5", "-o", "other.json"]) == 2
    assert "give another name with -o" in capsys.readouterr().err
    assert main(["transfer", "clip.mp4", "--convert", "transfer2.5"]) == 2
    assert "this is no spec" in capsys.readouterr().err


def test_a_translated_file_is_one_that_the_program_reads(capsys: pytest.CaptureFixture[str]) -> None:
    Path("specs").mkdir()
    line = {"prompt": "a city\u2028at night", "video": "../clip.mp4", "controls": {"edge": {}}}
    Path("specs/two.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(line | {'seed': 3})}\n")
    assert main(["transfer", "specs/two.jsonl", "--convert", "transfer2.5", "-o", "two.json"]) == 2
    assert "a .json file holds one spec, and these are 2" in " ".join(capsys.readouterr().err.split())
    assert main(["transfer", "specs/two.jsonl", "--convert", "transfer2.5", "-o", "two.txt"]) == 2
    assert "let it end in .json or .jsonl" in " ".join(capsys.readouterr().err.split())
    assert main(["transfer", "specs/two.jsonl", "--convert", "transfer2.5", "-o", "two.jsonl"]) == 0
    made = list(map(json.loads, Path("two.jsonl").read_text().splitlines()))  # as Transfer2.5 reads them
    assert [each["name"] for each in made] == ["clip", "clip-2"]
    assert [each["video_path"] for each in made] == ["clip.mp4", "clip.mp4"]
    assert "two have the name 'clip'" in " ".join(capsys.readouterr().err.split())

    spec()
    assert main(["transfer", "spec.json", "--convert", "cosmos3", "-o", "specs/one.jsonl"]) == 0
    (text,) = Path("specs/one.jsonl").read_text().splitlines()
    assert json.loads(text)["vision_path"] == "../clip.mp4"
    assert main(["transfer", "specs/one.jsonl", "--convert", "cosmos3", "-o", "same.json"]) == 0
    assert "its paths start at its folder" in " ".join(capsys.readouterr().err.split())


def test_several_specs_become_a_batch_of_transfer1(capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(Path("other.mp4"), 96, 64, frames=4)
    line = {"prompt": "a city", "video": "clip.mp4", "controls": {"edge": {"weight": 0.5}}}
    more = {"prompt": "a forest", "video": "other.mp4", "controls": {"edge": {"weight": 0.25}}, "seed": 3}
    Path("two.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(more)}\n")
    assert main(["transfer", "two.jsonl", "--convert", "transfer1", "-o", "t1.jsonl"]) == 0
    output = " ".join(capsys.readouterr().err.split())
    assert "seed cannot differ in a batch" in output
    assert "--controlnet_specs t1.json --batch_input_path t1.jsonl" in output
    rows = plans("t1.json", "--batch", "t1.jsonl", "--engine", "preview", capsys=capsys)
    assert [(plan["id"], plan["verdict"]) for plan in rows] == [("clip", "risky"), ("other", "risky")]
    lines = [json.loads(line) for line in Path("t1.jsonl").read_text().splitlines()]
    assert lines[1]["control_overrides"] == {"edge": {"control_weight": 0.25}}
    Path("t1.jsonl").unlink()
    assert main(["transfer", "two.jsonl", "--convert", "transfer1", "-o", "t1.jsonl"]) == 2
    assert not Path("t1.jsonl").exists()


def test_weights_of_one_control_may_be_given_twice(capsys: pytest.CaptureFixture[str]) -> None:
    made = plans(*EDGE, "--weights", "edge=0.3", "--weights", "edge=0.6", capsys=capsys)
    assert [plan["id"] for plan in made] == ["clip-edge0.3", "clip-edge0.6"]


def test_check_tells_of_a_spec_and_of_a_cards_memory(capsys: pytest.CaptureFixture[str]) -> None:
    spec()
    assert main(["check", "spec.json", "--engine", "preview", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["kind"], plan["verdict"]) == ("transfer", "risky")
    spec(model="transfer1-7b", size="", fps=24)
    assert main(["check", "spec.json", "--engine", "preview", "--gpu", "RTX 4090"]) == 1
    assert "no memory" in capsys.readouterr().out.replace("_", " ")
    assert main(["check", "clip.mp4", "-p", "a city", "--gpu", "H100"]) == 2
    assert "--gpu means something for a transfer alone" in " ".join(capsys.readouterr().err.split())


def test_the_lines_of_a_batch_stand_beside_a_spec_of_transfer1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lines").mkdir()
    clips.textured(Path("lines/other.mp4"), 96, 64, frames=4)
    clips.textured(Path("depth.mp4"), 96, 64, frames=4)
    base = {"prompt": "a city", "seed": 3, "edge": {"control_weight": 0.5}, "depth": {"input_control": "depth.mp4"}}
    Path("spec.json").write_text(json.dumps(base))
    lines = [
        {"visual_input": "clip.mp4", "prompt": "at night"},
        {"visual_input": "other.mp4", "prompt": "in the rain", "control_overrides": {"edge": {"control_weight": 0.25}}},
        {"visual_input": "clip.mp4", "prompt": "in snow", "control_overrides": {"depth": {"input_control": None}}},
    ]
    Path("lines/lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    batch = ["spec.json", "--batch", "lines/lines.jsonl"]
    rows = plans(*batch, "--engine", "preview", capsys=capsys)
    assert [(plan["id"], plan["verdict"]) for plan in rows] == [
        ("clip", "risky"), ("other", "risky"), ("clip-2", "risky"),
    ]  # fmt: skip
    assert main(["transfer", *batch, "--convert", "own"]) == 0
    made = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["prompt"], each["seed"], Path(each["video"]).name) for each in made] == [
        ("at night", 3, "clip.mp4"), ("in the rain", 3, "other.mp4"), ("in snow", 3, "clip.mp4"),
    ]  # fmt: skip
    assert [each["controls"]["edge"]["weight"] for each in made] == [0.5, 0.25, 0.5]
    assert [each["controls"]["depth"].get("path") for each in made] == ["depth.mp4", "depth.mp4", None]
    assert Path(made[1]["video"]).is_absolute()


def test_a_batch_needs_a_spec_of_transfer1(capsys: pytest.CaptureFixture[str]) -> None:
    spec()
    Path("lines.jsonl").write_text('{"visual_input": "clip.mp4"}')
    assert main(["transfer", "spec.json", "--batch", "lines.jsonl", "--dry-run"]) == 2
    output = " ".join(capsys.readouterr().err.split())
    assert "stands beside one spec of Transfer1" in output
    assert "cosmos transfer spec.json --convert transfer1" in output
    assert main(["transfer", "spec.json", "--convert", "transfer1", "-o", "t1.json"]) == 0
    assert main(["transfer", "t1.json", "--batch", "lines.jsonl", "--dry-run", "--engine", "preview"]) == 0
    assert main(["transfer", "t1.json", "--batch", "spec.json", "--dry-run"]) == 2
    assert "this is no line of Transfer1's batch" in " ".join(capsys.readouterr().err.split())


def test_what_is_restored_and_kept_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE, "--restore", "all", "--keep-frames", "-o", "out", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["width"], line["height"], line["fps"]) == (96, 64, 24)
    assert "the clip has no sound" in line["note"]
    asked = json.loads(Path("out/clip/spec.json").read_text())
    assert (asked["restore"], asked["keep_frames"]) == (["size", "fps", "audio"], True)


def test_the_upsampler_runs_first_once_and_its_answer_is_the_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*EDGE, "--upsample", "--seeds", "1,2", "-o", "out"]
    assert main(["transfer", *arguments]) == 0
    output = " ".join(capsys.readouterr().err.split())
    assert "upsampler: describe" in output
    assert "no model was used" in output
    assert "1 prompt (looked at: clip) upsampled: out/prompts.jsonl" in output
    (line,) = map(json.loads, Path("out/prompts.jsonl").read_text().splitlines())
    assert (line["prompt"], Path(line["video"]).name) == ("a city", "clip.mp4")
    long = line["upsampled_prompt"]
    assert long.startswith("A city.")
    assert len(long) > 60
    assert {each["prompt"] for each in results().values()} == {long}
    assert "prompt by the upsampler (describe), which saw: clip" in results()["clip-seed1"]["note"]
    assert Path("out/clip-seed1/prompt.txt").read_text() == long
    before = [path.stat().st_mtime_ns for path in (Path("out/prompts.jsonl"), Path("out/clip-seed1/preview.mp4"))]
    assert main(["transfer", *arguments]) == 0
    assert before == [
        path.stat().st_mtime_ns for path in (Path("out/prompts.jsonl"), Path("out/clip-seed1/preview.mp4"))
    ]


def test_for_cosmos_3_the_upsampler_writes_a_caption_of_the_video_that_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ["transfer", "clip.mp4", "-p", "a city", "--edge", "--engine", "preview", "--upsample", "-o", "out"]
    assert main([*base, "--model", "cosmos3", "--size", "256", "--fps", "16"]) == 0
    (line,) = map(json.loads, Path("out/prompts.jsonl").read_text().splitlines())
    caption = json.loads(line["upsampled_prompt"])
    (made,) = results().values()
    assert problems_of(caption) == []
    assert caption["resolution"] == {"W": 320, "H": 192}
    assert (caption["fps"], caption["aspect_ratio"]) == (16, "16,9")
    assert "a city" in caption["context"].lower()
    assert json.loads(made["prompt"]) == caption
    assert "no model was used" in " ".join(capsys.readouterr().err.split())
    # Another rate is another caption; prose stays what Transfer2.5 gets.
    assert main([*base, "--model", "cosmos3", "--size", "256", "--fps", "24"]) == 0
    rates = [
        json.loads(json.loads(row)["upsampled_prompt"])["fps"]
        for row in Path("out/prompts.jsonl").read_text().splitlines()
    ]
    assert sorted(rates) == [16, 24]


def test_the_upsampler_looks_at_a_control(capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(Path("depth.mp4"), 96, 64, frames=4)
    base = ["transfer", "clip.mp4", "--size", "256", "--engine", "preview", "--upsample", "--look-at", "control"]
    assert main([*base, "-o", "given", "--depth=depth.mp4", "--seg=clip.mp4,0.5"]) == 0
    (line,) = map(json.loads, Path("given/prompts.jsonl").read_text().splitlines())
    assert (Path(line["video"]).name, line["prompt"]) == ("clip.mp4", "")  # seg before depth; and no prompt is needed
    assert main([*base, "-o", "computed", "-p", "a city", "--depth=depth.mp4,0.5", "--edge=0.5"]) == 0
    (line,) = map(json.loads, Path("computed/prompts.jsonl").read_text().splitlines())
    with av.open(line["video"]) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 4
    assert frames[0].shape == (192, 320)
    assert ((frames[0] < 40) | (frames[0] > 215)).mean() > 0.95  # edges
    assert "looked at: edge, computed" in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_says_that_the_upsampler_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["clip.mp4", "--edge", "--engine", "diffusers", "--model-path", ".", "--upsample", "--dry-run"]
    assert main(["transfer", *arguments]) == 0
    shown = capsys.readouterr()
    output = " ".join(shown.err.split())
    assert "1 prompt (looked at: clip) would be asked" in output
    assert "loads: transfer2.5-2b" in output
    assert "no prompt" not in shown.out
    assert not Path("clip.videos").exists()
    settings = 'engine = "transformers"\nmodel_path = "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer"\n'
    Path("cosmos.toml").write_text(settings)
    assert main(["transfer", *arguments]) == 0
    assert "loads: upsampler transformers, then transfer2.5-2b" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["--look-at", "clip"], "--look-at is for the upsampler", "give --upsample too"),
        (["--server-url", "http://127.0.0.1:9/v1"], "--server-url is for the upsampler", "give --upsample too"),
    ],
)
def test_what_cannot_be_upsampled_is_told(
    arguments: list[str], what: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transfer", *EDGE, *arguments]) == 2
    output = " ".join(capsys.readouterr().err.split())
    assert what in output
    assert remedy in output


def test_a_folder_with_other_things_is_refused_before_the_upsampler_runs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/holiday.jpg").write_bytes(b"")
    assert main(["transfer", *EDGE, "--upsample", "-o", "out"]) == 2
    assert "holds 'holiday.jpg'" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in Path("out").iterdir()] == ["holiday.jpg"]


def test_what_cannot_run_is_not_upsampled() -> None:
    lines = [{"name": name, "prompt": f"{name} city", "video": video, "size": "256", "controls": {"edge": {}}}
             for name, video in (("good", "clip.mp4"), ("bad", "none.mp4"))]  # fmt: skip
    Path("specs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["transfer", "specs.jsonl", "--engine", "preview", "--upsample", "-o", "out"]) == 1
    made = results()
    assert made["good"]["prompt"].startswith("Good city.")
    assert made["bad"]["error_kind"] == "bad_input"
    assert len(Path("out/prompts.jsonl").read_text().splitlines()) == 1


def test_without_an_answer_no_video_is_made_of_the_short_prompt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMOS_ENGINE", "server")
    server = ["--server-url", "http://127.0.0.1:9/v1", "--server-model", "none"]
    code = main(["transfer", *EDGE, "--upsample", *server, "-o", "out"])
    assert code != 0
    assert not Path("out/clip").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_check_takes_what_a_run_would_take_and_refuses_what_is_for_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    spec(prompt="")
    assert main(["check", "spec.json", "--json"]) == 2
    assert "there is no prompt" in capsys.readouterr().out
    assert main(["check", "spec.json", "-p", "a city", "--json"]) == 0
    (plan,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (plan["engine"], plan["verdict"]) == ("preview", "risky")
    assert plan["warnings"]
    assert "; ".join(plan["warnings"]) == plan["reason"]
    assert main(["check", "spec.json", "-p", "a city", "--engine", "diffusers"]) == 0  # no folder is needed
    shown = capsys.readouterr()
    assert "loads: transfer2.5-2b" in shown.err
    assert shown.out.startswith("risky spec\n  makes       96x64, 4 frames")
    for option in (["--fit", "off"], ["--frames", "3"], ["--max-tokens", "9"], ["--model", "cosmos-reason1-7b"]):
        assert main(["check", "spec.json", *option]) == 2
        words = " ".join(capsys.readouterr().err.split())
        assert f"{option[0]} is for prompts, and this is a transfer" in words
        assert "cosmos transfer spec.json --dry-run takes all options" in words


def test_warnings_are_said_before_a_run_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *EDGE, "--seeds", "1,2", "-o", "out"]) == 0
    words = " ".join(capsys.readouterr().err.split())
    assert words.count("4 frames are less than a chunk of 93") == 1
    assert "warning: clip-seed1 and 1 more: 4 frames are less" in words
    assert words.index("warning: clip-seed1") < words.index("2 answered")


def test_a_translation_refuses_what_would_change_the_spec(capsys: pytest.CaptureFixture[str]) -> None:
    spec()
    for option in (["-p", "a forest"], ["--edge=0.3"], ["--seed", "3"], ["--dry-run"]):
        assert main(["transfer", "spec.json", "--convert", "transfer2.5", *option]) == 2
        assert "--convert writes a spec as it is, without" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_folder_of_prepared_clips_is_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(Path("other.mp4"), 96, 64, frames=4)
    assert main(["prepare", "clip.mp4", "-o", "controls"]) == 0
    assert main(["prepare", "other.mp4", "-o", "controls"]) == 0
    capsys.readouterr()
    assert main(["check", "controls", "-p", "a city", "--json"]) == 0
    names = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(path.parent.name for path in Path("controls").glob("*/manifest.json"))
    assert len(names) == 2
    assert [plan["id"] for plan in plans("controls", "-p", "a city", capsys=capsys)] == names
    assert main(["transfer", "controls", "--convert", "own"]) == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == names


def test_a_run_says_where_its_files_are(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"name": name, "prompt": "a city", "video": video, "size": "256", "controls": {"edge": {}}}
             for name, video in (("good one", "clip.mp4"), ("bad", "none.mp4"))]  # fmt: skip
    Path("specs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["transfer", "specs.jsonl", "--engine", "preview", "-o", "out"]) == 1
    capsys.readouterr()
    assert main(["runs", "list", "--json"]) == 0
    run = json.loads(capsys.readouterr().out.splitlines()[0])["id"]
    assert main(["runs", "show", run]) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.startswith("  files")]
    folder, _, names = line.removeprefix("  files       ").partition(": ")
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(names.split(", "))
    assert "preview.mp4" in names
    assert "  failed      bad: " in shown


def test_a_control_is_taken_from_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("USERPROFILE", str(folder / "home"))
    (folder / "home").mkdir()
    clips.textured(folder / "home" / "depth, far.mp4", 96, 64, frames=4)
    (plan,) = plans("clip.mp4", "-p", "a city", "--size", "256", "--depth=~/depth, far.mp4", capsys=capsys)
    assert plan["verdict"] == "risky"
    checked = check_transfer("clip.mp4", "a city", controls={"depth": "~/depth, far.mp4"}, size="256")[0]
    assert checked.item.depth == folder / "home" / "depth, far.mp4"
