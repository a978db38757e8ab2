"""`cosmos prompts validate`, `diff` and `convert`: captions in files, on this machine and without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from cosmos_workflow.cli.console import print_json, stderr, stdout
from cosmos_workflow.cli.ending import say_error
from cosmos_workflow.cli.values import SIZE, NumberRange
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.errors import BadInputError, UsageError, cannot_read

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.caption import Problem

__all__ = ["convert", "diff", "validate"]

FILE = click.Path(path_type=Path)
LARGEST_PROMPT = 1 << 20  # bytes of a text


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE…")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one line for each caption.")
def validate(files: tuple[Path, ...], as_json: bool) -> int:
    """Check structured captions for Cosmos 3, and name what is wrong.

    A FILE holds a caption, NVIDIA's {"prompt": …}, a spec with its prompts, a list of captions, or one on each line
    (.jsonl), results of `cosmos upsample` too. Warnings do not make a caption wrong.

    \b
    cosmos prompts validate caption.json
    cosmos prompts validate upsampled.jsonl --json
    """
    from cosmos_workflow.kinds.upsample.caption import captions_in, problems_of

    count, wrong, unread = 0, 0, 0
    for path in files:
        try:
            for where, caption in captions_in(path):
                problems = problems_of(caption)
                count += 1
                wrong += bool(problems)
                _show_checked(where, caption, problems, as_json)
        except BadInputError as error:  # noqa: PERF203
            unread = say_error(error)  # the other files are checked
    if not as_json and count > 1:
        stderr().print(f"{count} captions, {wrong} wrong")
    return unread or int(bool(wrong))


def _show_checked(where: str, caption: Any, problems: list[Problem], as_json: bool) -> None:
    warnings = [] if problems else _warnings(caption)
    if as_json:
        print_json({
            "where": where,
            "valid": not problems,
            "problems": [vars(problem) for problem in problems],
            "warnings": [{"what": what, "remedy": remedy} for what, remedy in warnings],
        })  # fmt: skip
        return
    verdict = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}" if problems else "valid"
    stdout().print(Text.assemble(f"{visible(where)}: ", (verdict, "red" if problems else "green")))
    for problem in problems:
        stdout().print(f"  {problem}")
    for what, remedy in warnings:
        stdout().print(f"  warning: {what}; {remedy}", style="yellow")


def _warnings(caption: Any) -> list[tuple[str, str]]:
    """What a valid caption may suffer from: its length, for the servers that make videos."""
    from cosmos_workflow.kinds.upsample.caption import written
    from cosmos_workflow.limits.captions import caption_troubles

    return [(str(what), str(remedy)) for what, remedy in caption_troubles(written(caption))]


@click.command("diff")
@click.argument("before", type=FILE, metavar="A")
@click.argument("after", type=FILE, metavar="B")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one line for each pair of captions.")
def diff(before: Path, after: Path, as_json: bool) -> int:
    """Show in which fields two captions differ.

    Files with several captions are compared one by one, in their order.

    \b
    cosmos prompts diff clip.json night.json
    """
    from cosmos_workflow.kinds.upsample.caption import difference

    pairs = [[*_readable(path)] for path in (before, after)]
    if len(pairs[0]) != len(pairs[1]):
        counts = " and ".join(str(len(captions)) for captions in pairs)
        raise BadInputError(
            f"the files hold {counts} captions", where=f"{before}, {after}", remedy="give as many in both"
        )
    for (where, old), (other, new) in zip(*pairs, strict=True):
        changes = difference(old, new)
        if as_json:
            print_json({"a": where, "b": other, "changes": [change.to_dict() for change in changes]})
            continue
        if len(pairs[0]) > 1:
            stdout().print(f"{where} → {other}", style="bold")
        if not changes:
            stdout().print("no difference", style="dim")
        for change in changes:
            stdout().print(change.field)
            for sign, style, side in (("-", "red", change.before), ("+", "green", change.after)):
                stdout().print(f"  {sign} {_value(side)}", style=style)
    return 0


def _value(value: Any) -> str:
    """A value of a caption for a person: a text as it is, an empty one so that it is seen."""
    return value if isinstance(value, str) and value.strip() else repr(value) if not isinstance(value, str) else '""'


def _readable(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The captions of a file, valid or not. Raises BadInputError for an entry that is none."""
    from cosmos_workflow.kinds.upsample.caption import captions_in

    for where, caption in captions_in(path):
        if isinstance(caption, BadInputError):
            raise caption
        if not isinstance(caption, dict):
            raise BadInputError("this is no caption", where=where, remedy="give an object")
        yield where, caption


@click.command("convert")
@click.argument("file", type=FILE)
@click.option(
    "--to",
    "target",
    type=click.Choice(["text", "cosmos3"]),
    required=True,
    help="text: a paragraph, for Transfer1 and Transfer2.5. cosmos3: a structured caption, by rules.",
)
@click.option("--clip", type=FILE, help="Measure this video: its size, times, shots, camera, light and colours.")
@click.option("--size", type=SIZE, help="Size of the video to be made, such as 1280x720.  [the clip's]")
@click.option("--fps", type=NumberRange(0, 1000, min_open=True), help="Its frames a second.  [the clip's]")
@click.option("--seconds", type=NumberRange(0, 36_000, min_open=True), help="How long it is.  [as the clip]")
@click.option("--unicode", "as_unicode", is_flag=True, help="Write é as it is, where NVIDIA's programs write \\u00e9.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.  [stdout]")
def convert(file: Path, target: str, out: Path | None, as_unicode: bool, **known: Any) -> int:
    """Turn a caption into a paragraph, or a paragraph into a caption, without a model.

    The caption says your words and what was measured of the clip; what nothing is known of stays empty. A model
    writes the rest: `cosmos upsample --format cosmos3`.

    \b
    cosmos prompts convert caption.json --to text
    cosmos prompts convert prompt.txt --to cosmos3 --clip clip.mp4 -o caption.json
    cosmos prompts convert prompt.txt --to cosmos3 --size 1280x720 --fps 30 --seconds 4
    """
    if target == "text":
        if given := [name for name, value in known.items() if value]:
            raise UsageError(f"--{given[0]} goes with --to cosmos3", remedy="leave it out")
        lines, failed = _paragraphs(file)
    else:
        lines, failed = [_caption(file, as_unicode, **known)], False
    if out is None:
        for line in lines:
            click.echo(visible(line) if target == "text" else line)
    elif lines:
        from cosmos_workflow.files import write_whole

        write_whole(out, "".join(f"{line}\n" for line in lines).encode())
        stderr().print(f"saved: {out}", style="dim")
    return int(failed)


def _paragraphs(file: Path) -> tuple[list[str], bool]:
    """The captions of a file as paragraphs, and whether there are some that are wrong, which are told."""
    from cosmos_workflow.kinds.upsample.caption import captions_in, paragraph_of, problems_of

    lines, failed = [], False
    for where, caption in captions_in(file):
        if problems := problems_of(caption):
            first = f"{problems[0].field}: {problems[0].what}" if problems[0].field else problems[0].what
            more = f", and {len(problems) - 1} more: see cosmos prompts validate" if len(problems) > 1 else ""
            say_error(BadInputError(f"{first}{more}", where=where, remedy=problems[0].remedy))
            failed = True
            continue
        lines.append(" ".join(paragraph_of(caption).split()))
    return lines, failed


def _caption(
    file: Path,
    as_unicode: bool,
    *,
    clip: Path | None,
    size: tuple[int, int] | None,
    fps: float | None,
    seconds: float | None,
) -> str:
    """The caption of the paragraph in a file, with what is known of the video."""
    from cosmos_workflow.kinds.upsample.caption import Target, caption_by_rules, facts_of, written
    from cosmos_workflow.kinds.upsample.caption.clips import facts_of_clip

    if clip is None and size is None:
        raise UsageError(
            "a caption says the size of its video", remedy="give --size WxH, or --clip VIDEO to measure it"
        )
    if clip is None and (fps is None) != (seconds is None):
        given, missing = ("--fps", "--seconds") if seconds is None else ("--seconds", "--fps")
        raise UsageError(f"{given} without {missing}", remedy="give both, or none for a still picture")
    prompt = _prompt(file)
    width, height = size or (None, None)
    target = Target(width=width, height=height, fps=fps, seconds=seconds)
    measured, facts = facts_of_clip(clip, target) if clip else ({}, facts_of({}, fps or 0.0, target))
    return written(caption_by_rules(prompt, measured, facts), ascii=not as_unicode)


def _prompt(file: Path) -> str:
    """The paragraph in a text file, or under the key prompt of a .json file. Raises BadInputError."""
    from cosmos_workflow.kinds.reading.encoding import decoded
    from cosmos_workflow.kinds.upsample.caption import read_caption

    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_PROMPT + 1)
    except (OSError, ValueError) as error:  # a ValueError is a null byte in the path
        raise cannot_read(file, error) from error
    if len(data) > LARGEST_PROMPT:
        raise BadInputError(f"longer than {LARGEST_PROMPT >> 20} MiB", where=str(file), remedy="give one paragraph")
    text = decoded(data, str(file)).strip()
    if text.startswith("{"):
        prompt = read_caption(text, str(file)).get("prompt")
        if not isinstance(prompt, str) or prompt.lstrip().startswith("{"):
            raise BadInputError("this is no paragraph, but an object", where=str(file), remedy="give a text")
        text = prompt.strip()
    if not text:
        raise BadInputError("it is empty", where=str(file), remedy="write what the video shows")
    return text
