"""The command line from day to day: slips, help, exit codes, widths, streams, control codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.api import open_store
from cosmos_workflow.cli import COMMANDS, cosmos, main
from cosmos_workflow.cli.help import EXIT_CODES, SECTIONS
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import NewItem

RUN = "20261126-120000-0a1b2c3d"
EVIL = "a \x1b[31mred\x07 \x9b2J \u202ecity"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fill(prompt: str = "A futuristic city", out: str = "/shots/results.jsonl") -> None:
    """A run with one answer and one prompt that waits, in this test's own store."""
    store = open_store()
    items = [Result("p0", prompt, "/clips/v.mp4", "fits"), Result("p1", "waits", "/clips/v.mp4", "fits")]
    store.add(
        RUN, "gpu", map(NewItem, items), out=out, source="batch-of-the-second-day.jsonl", engine="describe", settings={}
    )
    store.save(RUN, [replace(items[0], upsampled_prompt=f"Neon towers: {prompt}")])


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["upsmaple"], "did you mean upsample?"),
        (["upsacle"], "did you mean upscale?"),
        (["chekc", "clip.mp4"], "did you mean check?"),
        (["UPSAMPLE"], "did you mean upsample?"),
        (["runs", "lsit"], "did you mean list?"),
        (["hosts", "trsut"], "did you mean trust?"),
        (["help", "upsampel"], "did you mean upsample?"),
        (["upsample", "--enigne", "vllm"], "did you mean --engine?"),
        (["runs", "list", "--unfinishd"], "did you mean --unfinished?"),
        (["quux"], "there are upsample, prepare, transfer, upscale, check"),
    ],
)
def test_slips_are_guessed(words: list[str], near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert near in output.err


def test_alone_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for words in ([], ["--help"], ["help"]):
        assert main(words) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2]
    for code in EXIT_CODES:
        assert f"\n  {code} " in shown[0]
    assert main(["runs"]) == 0
    assert "attach" in capsys.readouterr().out


def every_command() -> Iterator[list[str]]:
    root = click.Context(cosmos)
    for name in COMMANDS:
        command = cosmos.get_command(root, name)
        yield [name]
        if isinstance(command, click.Group):
            yield from ([name, subcommand] for subcommand in command.commands)


@pytest.mark.parametrize("words", [*every_command()], ids=" ".join)
def test_help_of_a_command_is_its_own(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", *words]) == 0
    helped = capsys.readouterr().out
    assert main([*words, "--help"]) == 0
    assert capsys.readouterr().out == helped
    assert helped.startswith(f"Usage: cosmos {' '.join(words)} ")


def test_help_of_upsample_is_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "upsample"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"\n{title}:") for title in [*SECTIONS, "Output"]]
    assert places == sorted(places)
    command = cosmos.get_command(click.Context(cosmos), "upsample")
    assert command
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert shown.count(f" {option.opts[0]}") >= 1, option.opts
    output = shown[places[-1] :]
    assert {"--out", "--again", "--dry-run", "--json", "--help"} <= set(output.replace(",", " ").split())
    assert "--engine " not in output


# 1 and 3 in the middle of a batch, and 130, stand in the tests of upsampling and of runs.
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0), (["--version"], 0), (["limits"], 0), (["hosts", "list"], 0), (["runs", "list"], 0),
        (["prompts", "list"], 0), (["report", "--list"], 0), (["doctor"], 0), (["completion", "bash"], 0),
        (["check", "--size", "640x360"], 0),
        (["check", "--size", "3840x2160", "--fit", "off"], 1),
        (["upsample", "mixed.jsonl"], 1),
        (["quux"], 2), (["check"], 2), (["check", "--size", "big"], 2), (["check", "no.mp4"], 2),
        (["upsample", "no.mp4"], 2), (["upsample", "words.mp4", "-p", "x"], 2), (["upsample", "no.jsonl"], 2),
        (["runs", "show", "nobody"], 2), (["runs", "show"], 2), (["prompts", "show", "7"], 2),
        (["prompts", "rate", "7", "9"], 2), (["hosts", "check", "nobody"], 2), (["limits", "--gpu", "Voodoo"], 2),
        (["upsample", "clip.mp4", "--server-url", "http://127.0.0.1:9/v1"], 3),
        (["upsample", "clip.mp4", "--engine", "vllm", "--model-path", "nobody/nothing"], 3),
        (["--server", "http://127.0.0.1:9", "runs", "list"], 3),
        (["--server", "http://127.0.0.1:9", "prompts", "list"], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)  # fmt: skip
def test_exit_codes(words: list[str], code: int, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("words.mp4").write_text("no video\n")
    Path("mixed.jsonl").write_text('{"prompt": "x", "video": "clip.mp4"}\n{"prompt": "x", "video": "no.mp4"}\n')
    assert main(words) == code
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    assert "report it" not in output.err


def test_a_bad_clip_and_a_wrong_usage_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", "no.jsonl"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: bad input: no.jsonl: ")
    assert "usage" not in text
    for words, command in ((["upsample"], "upsample"), (["check"], "check"), (["runs", "show"], "runs show")):
        assert main(words) == 2
        first, last = capsys.readouterr().err.splitlines()
        assert first.startswith("error: ")
        assert last == f"usage: cosmos help {command}"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["runs", "list"], "cosmos upsample BATCH --on HOST"),
        (["hosts", "list"], "cosmos hosts add"),
        (["prompts", "list"], "cosmos upsample BATCH --on HOST"),
        (["prompts", "search", "city"], "cosmos prompts list"),
        (["report", "--list"], "cosmos probe"),
    ],
)
def test_an_empty_list_says_what_to_do_first(words: list[str], first: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert first in output.err
    assert main([*words, "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_the_json_of_a_list_is_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    assert main(["hosts", "add", "gpu", "me@203.0.113.7"]) == 0
    assert main(["hosts", "add", "two", "me@203.0.113.8"]) == 0
    capsys.readouterr()
    for words, count in ((["hosts", "list"], 2), (["runs", "list"], 1), (["prompts", "list"], 2)):
        assert main([*words, "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [type(line) for line in lines] == [dict] * count


class Terminal(io.StringIO):
    """A stream that says of itself that it is one."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, width: int, *words: str) -> str:
    """What a command shows on a terminal so wide, standard error too."""
    screen = Terminal()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    main(words)
    monkeypatch.undo()
    return screen.getvalue()


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_nothing_that_is_copied_is_broken(
    width: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as set:
        set.setenv("NO_COLOR", "1")
        out = f"/mnt/{'projects/' * 9}results.jsonl"
        fill(out=out)
        main(
            ["hosts", "add", "gpu", "ubuntu@a-rather-long-name.of-some-provider.example.com:2222", "--model-path", out]
        )
        for words, wholes in {
            ("runs", "list"): [RUN, "batch-of-the-second-day.jsonl"],
            ("runs", "show", RUN): [RUN, out],
            ("hosts", "list"): ["ubuntu@a-rather-long-name.of-some-provider.example.com:2222", out],
            ("prompts", "list"): [RUN],
            ("prompts", "show", "1"): [RUN, "Neon towers: A futuristic city"],
            ("limits",): ["910x512", "43,088 in fp8"],
            ("doctor",): ["pip install 'cosmos-workflow[vllm]'"],
            ("check", "--size", "3840x2160", "--fit", "off"): ["3840x2160"],
            ("hosts", "check", "nobody-has-a-host-of-this-name-which-is-rather-long"): [
                "nobody-has-a-host-of-this-name-which-is-rather-long"
            ],
        }.items():
            with pytest.MonkeyPatch.context() as patch:
                text = shown(patch, width, *words)
            for whole in wholes:
                assert whole in text, text


def test_control_codes_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fill(EVIL, out="o\x1b]0;title\x07.jsonl")
    for words in (
        ["runs", "list"], ["runs", "show", RUN], ["runs", "export", RUN], ["prompts", "list"],
        ["prompts", "show", "1"], ["prompts", "list", "--json"], ["runs", "list", "--json"], ["prompts", "export"],
        ["runs", "show", "\x1b[31m"], ["check", "\x1b[31m.jsonl"], ["\x1b[31m"], ["limits", "--gpu", "\x9b2J"],
        ["prompts", "show", "--\x1b[31m"], ["check", "\x1b[31m.mp4", "-p", EVIL],
    ):  # fmt: skip
        main(words)
        output = capsys.readouterr()
        for text in (output.out, output.err):
            assert all(character.isprintable() or character in "\n\t" for character in text), (words, text)
    main(["prompts", "show", "1"])
    assert "a ␛[31mred␇ <U+009B>2J <U+202E>city" in capsys.readouterr().out
    main(["prompts", "list", "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[1])["result"]["prompt"] == EVIL


@given(st.text())
def test_visible_text_commands_no_terminal(text: str) -> None:
    plain = visible(text)
    assert not any(
        (ord(character) < 0x20 and character not in "\n\t") or 0x7F <= ord(character) < 0xA0 for character in plain
    )
    if text.isprintable():
        assert plain == text


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["--help", "limits", "limits --json", "runs export RUN", "prompts export"])
def test_standard_output_that_takes_nothing(words: str, unbuffered: str) -> None:
    fill("x" * 100_000)
    command = f'"{sys.executable}" -m cosmos_workflow {words.replace("RUN", RUN)}'
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}

    def run(shell: str) -> tuple[int, str]:
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=environment, check=False)
        return done.returncode, done.stderr

    code, output = run(f"{command} >/dev/full")
    assert (code, output.count("error")) == (1, 1)
    assert output.endswith("error: standard output: No space left on device; free space there\n")
    for more in (">&-", "| true; exit ${PIPESTATUS[0]}"):
        code, output = run(f"{command} {more}")
        assert (code, "error" in output) == (0, False)
    assert run(f"{command} quux 2>&- >&-")[0] in (0, 2)


def test_prompts_are_found_rated_tagged_and_exported(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    assert main(["prompts", "rate", "1", "4"]) == 0
    assert main(["prompts", "tag", "1", "night", "city"]) == 0
    assert "city, night" in capsys.readouterr().err
    for words, numbers in {
        "list": [2, 1], "list -n 1": [2], "list --ok": [1], "list --stars 4": [1], "list --stars 5": [],
        "search neon tow": [1], "search neon --tag day": [], "list --tag city": [1], f"list --run {RUN}": [2, 1],
        "list --on gpu": [2, 1], "list --on local": [], "list --failed": [],
    }.items():  # fmt: skip
        assert main(["prompts", *words.split(), "--json"]) == 0
        assert [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()] == numbers
    assert main(["prompts", "show", "1"]) == 0
    assert "★★★★" in capsys.readouterr().out
    assert main(["prompts", "export", "--tag", "city", "-o", "city.csv"]) == 0
    assert Path("city.csv").read_text(encoding="utf-8").splitlines()[0].startswith("number,run,created,rating")
    assert main(["prompts", "export", "1", "--format", "spec"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "Neon towers: A futuristic city"
    assert main(["prompts", "rate", "1", "none"]) == 0
    assert main(["prompts", "tag", "1", "--clear"]) == 0
    assert main(["prompts", "tag", "1"]) == 2
    assert main(["prompts", "rate", "99", "1"]) == 2
    assert "cosmos prompts list" in capsys.readouterr().err


def test_what_is_unfinished_is_named_in_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    assert main(["hosts", "list"]) == 0
    assert f"cosmos runs attach {RUN}" in capsys.readouterr().err
