"""`cosmos prompts validate`, `diff` and `convert`: what is said, where, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import captions
import clips
import pytest

from cosmos_workflow.cli import main
from cosmos_workflow.kinds.upsample.caption import problems_of

PROMPT = "A yellow robot rolls along a wet street at night."


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save(name: str, content: Any) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return name


def spoilt(**values: Any) -> dict[str, Any]:
    return {**captions.caption(), **values}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["prompts", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_valid_captions(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.json", captions.caption())
    save("b.jsonl", f"{json.dumps(captions.caption())}\n{json.dumps(captions.negative())}\n")
    assert run(capsys, "validate", "a.json") == (0, "a.json: valid\n", "")
    code, out, err = run(capsys, "validate", "a.json", "b.jsonl")
    assert (code, out.splitlines()) == (0, ["a.json: valid", "b.jsonl, line 1: valid", "b.jsonl, line 2: valid"])
    assert err == "3 captions, 0 wrong\n"


def test_nvidias_samples_are_valid(specs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in sorted((specs / "cosmos3").glob("*_prompt.json"))]
    code, out, _ = run(capsys, "validate", *paths, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["where"] for line in lines], {line["valid"] for line in lines}) == (0, paths, {True})
    assert not any(line["warnings"] for line in lines)


def test_what_is_wrong_is_named_with_where_field_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    save("bad.json", spoilt(fps="30", actions=[{"time": "0:03-0:01", "description": "It stops"}], mood="calm"))
    code, out, err = run(capsys, "validate", "bad.json")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "bad.json: 3 problems",
        '  actions[0].time: it ends before it begins; write "0:01-0:03"',
        "  fps: it is a text, not a number; write a number, without quotes",
        "  mood: no caption has such a field; take it away",
    ]


def test_as_json_it_is_one_line_a_caption(capsys: pytest.CaptureFixture[str]) -> None:
    save("many.jsonl", f"{json.dumps(spoilt(fps=0))}\n{{\n{json.dumps(captions.caption())}\n")
    code, out, err = run(capsys, "validate", "many.jsonl", "--json")
    assert (code, err) == (1, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["where"], line["valid"]) for line in lines] == [
        *(("many.jsonl, line 1", False), ("many.jsonl, line 2", False), ("many.jsonl, line 3", True)),
    ]
    assert lines[0]["problems"] == [{"field": "fps", "what": "0 is too small", "remedy": "write more than 0"}]
    assert "at line 2, column" in lines[1]["problems"][0]["what"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("missing.json", None), ("empty.json", ""), ("cut.json", '{"subjects": ['), ("empty.jsonl", "")],
)
def test_a_file_that_cannot_be_read_exits_2_and_the_others_are_checked(
    name: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        save(name, content)
    save("bad.json", spoilt(fps=0))
    save("good.json", captions.caption())
    code, out, err = run(capsys, "validate", "bad.json", name, "good.json")
    assert code == 2
    assert [line for line in out.splitlines() if ": " in line and line[0] != " "] == [
        "bad.json: 1 problem",
        "good.json: valid",
    ]
    assert err.startswith(f"error: bad input: {name}: ")
    assert "Traceback" not in err


def test_a_long_caption_is_valid_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    save("long.json", spoilt(temporal_caption="The robot rolls on and on. " * 1500))
    code, out, _ = run(capsys, "validate", "long.json")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "long.json: valid")
    assert len(lines) > 1
    assert all(line.startswith("  warning: ") and "; " in line for line in lines[1:])
    assert any("4,096" in line for line in lines)
    assert any("20,000" in line for line in lines)


def test_control_codes_are_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    save("bad.json", {**captions.caption(), "\x1b[31mred": 1})
    save("other.json", spoilt(context="\x1b[31mred"))
    for arguments in (["validate", "bad.json"], ["diff", "bad.json", "other.json"]):
        _, out, err = run(capsys, *arguments)
        assert "red" in out
        assert "\x1b" not in out + err


def test_a_difference_is_shown_leaf_by_leaf(capsys: pytest.CaptureFixture[str]) -> None:
    values = captions.caption()
    values["lighting"]["conditions"] = "Night, street lamps"
    values["actions"].pop()
    save("a.json", captions.caption())
    save("b.json", {**values, "context": ""})
    code, out, err = run(capsys, "diff", "a.json", "b.json")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        *("lighting.conditions", "  - Overcast", "  + Night, street lamps"),
        *("context", "  - A test drive", '  + ""'),
        *("actions[1].time", "  - 0:02-0:04.5", "  + (missing)"),
        *("actions[1].description", "  - It stops at the crossing", "  + (missing)"),
    ]
    _, out, _ = run(capsys, "diff", "a.json", "b.json", "--json")
    assert json.loads(out)["changes"][0] == {
        "field": "lighting.conditions", "before": "Overcast", "after": "Night, street lamps",
    }  # fmt: skip
    assert run(capsys, "diff", "a.json", "a.json") == (0, "no difference\n", "")


def test_files_with_as_many_captions_are_compared_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.jsonl", f"{json.dumps(captions.caption())}\n{json.dumps(captions.caption())}\n")
    save("b.jsonl", f"{json.dumps(captions.caption())}\n{json.dumps(spoilt(fps=30))}\n")
    save("c.json", captions.caption())
    code, out, _ = run(capsys, "diff", "a.jsonl", "b.jsonl")
    assert (code, out.splitlines()) == (0, [
        *("a.jsonl, line 1 → b.jsonl, line 1", "no difference"),
        *("a.jsonl, line 2 → b.jsonl, line 2", "fps", "  - 24", "  + 30"),
    ])  # fmt: skip
    code, _, err = run(capsys, "diff", "a.jsonl", "c.json")
    assert code == 2
    assert "the files hold 2 and 1 captions" in err


@pytest.mark.parametrize("content", ["[7]", '{"prompt": "A robot"}', "{"])
def test_what_is_no_caption_has_no_difference(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    save("a.json", captions.caption())
    save("b.json", content)
    code, out, err = run(capsys, "diff", "a.json", "b.json")
    assert (code, out) == (2, "")
    assert "b.json" in err


@pytest.mark.parametrize(
    ("name", "content"), [("p.txt", PROMPT + "\n"), ("p.json", {"prompt": PROMPT}), ("p.md", "\ufeff" + PROMPT)]
)
def test_a_paragraph_becomes_a_valid_caption(name: str, content: Any, capsys: pytest.CaptureFixture[str]) -> None:
    save(name, content)
    options = ("--to", "cosmos3", "--size", "720x1280", "--fps", "24", "--seconds", "5.9")
    code, out, err = run(capsys, "convert", name, *options)
    assert (code, err, out.count("\n")) == (0, "", 1)
    values = json.loads(out)
    assert problems_of(values, negative=False) == []
    assert [values[key] for key in ("resolution", "aspect_ratio", "duration", "fps")] == [
        *({"W": 720, "H": 1280}, "9,16", "5s", 24),
    ]
    assert PROMPT in values["temporal_caption"]
    assert run(capsys, "convert", name, *options, "-o", "caption.json")[0] == 0
    assert json.loads(Path("caption.json").read_text()) == values
    assert run(capsys, "validate", "caption.json")[0] == 0


def test_a_clip_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips.textured(tmp_path / "clip.mp4", 320, 180, frames=30)
    save("p.txt", PROMPT)
    code, out, _ = run(capsys, "convert", "p.txt", "--to", "cosmos3", "--clip", "clip.mp4", "--size", "1280x720")
    values = json.loads(out)
    assert (code, problems_of(values)) == (0, [])
    assert values["resolution"] == {"W": 1280, "H": 720}
    assert values["duration"].endswith("s")
    assert len(values["segments"]) == 1
    assert run(capsys, "convert", "p.txt", "--to", "cosmos3", "--clip", "missing.mp4")[0] == 2


def test_other_characters_are_escaped_unless_they_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    save("p.txt", "Ein Café am Abend")
    options = ("convert", "p.txt", "--to", "cosmos3", "--size", "1280x720")
    _, out, _ = run(capsys, *options)
    assert "Caf\\u00e9" in out
    assert "duration" not in json.loads(out)  # a still picture
    assert "Café" in run(capsys, *options, "--unicode")[1]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--to", "cosmos3"], "a caption says the size of its video"),
        (["--to", "cosmos3", "--size", "1280x720", "--fps", "30"], "--fps without --seconds"),
        (["--to", "cosmos3", "--size", "1280x720", "--seconds", "4"], "--seconds without --fps"),
        (["--to", "cosmos3", "--size", "wide"], "is not a size such as 1280x720"),
        (["--to", "cosmos3", "--size", "1280x720", "--fps", "nan", "--seconds", "4"], "nan"),
        (["--to", "text", "--fps", "30"], "--fps goes with --to cosmos3"),
        (["--to", "text"], "p.txt: there is no JSON object in it"),
        ([], "--to"),
    ],
)
def test_wrong_usage(arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    save("p.txt", PROMPT)
    code, out, err = run(capsys, "convert", "p.txt", *arguments)
    assert (code, out) == (2, "")
    assert what in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "content"), [("p.txt", ""), ("p.txt", " \n"), ("p.json", captions.caption()), ("missing.txt", None)]
)
def test_what_is_no_paragraph_is_refused(name: str, content: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if content is not None:
        save(name, content)
    code, out, err = run(capsys, "convert", name, "--to", "cosmos3", "--size", "1280x720")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: bad input: {name}: ")


def test_a_caption_becomes_a_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.json", captions.caption())
    code, out, err = run(capsys, "convert", "a.json", "--to", "text")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert "The robot rolls along a wet street, then it waits at the crossing." in out
    assert "temporal_caption" not in out
    assert "{" not in out
    assert run(capsys, "convert", "a.json", "--to", "text", "-o", "a.txt")[0] == 0
    assert Path("a.txt").read_text(encoding="utf-8") == out


def test_a_wrong_caption_becomes_none_and_the_others_do(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.jsonl", f"{json.dumps(spoilt(fps=0, actions=7))}\n{json.dumps(captions.caption())}\n")
    code, out, err = run(capsys, "convert", "a.jsonl", "--to", "text")
    assert (code, out.count("\n")) == (1, 1)
    assert "a.jsonl, line 1: actions: it is a number, not a list, and 1 more: see cosmos prompts validate" in err
