"""`cosmos prompts`: the history, of this machine's store or of a server's; captions in files are in `captions.py`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli import captions, completion
from cosmos_workflow.cli.console import escaped, print_json, stderr, stdout, table
from cosmos_workflow.cli.help import Group
from cosmos_workflow.cli.target import client_of
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.errors import UsageError

if TYPE_CHECKING:
    from cosmos_workflow.server.shapes import Prompt

__all__ = ["command"]

STARS = "★"
SHOWN = 60  # characters of a prompt in a list


class LocalPrompts:
    """The prompts of this machine's store, by the names of a client's methods."""

    def __init__(self) -> None:
        from cosmos_workflow.api import open_store

        self._store = open_store()

    def prompts(self, search: str = "", *, most: int = 0, **options: Any) -> list[Prompt]:
        from cosmos_workflow.store import Filters

        filters = Filters(search, **{name: value for name, value in options.items() if value not in (None, "")})
        history = self._store.history
        return self._named(history.find(filters, most=most) if most else list(history.each(filters)))

    def prompt(self, number: int) -> Prompt:
        return self._named([self._store.history.get(number)])[0]

    def mark(self, number: int, **change: Any) -> Prompt:
        if "rating" in change:
            self._store.history.rate(number, change["rating"])
        if "tags" in change:
            self._store.history.tag(number, change["tags"])
        return self.prompt(number)

    def _named(self, entries: Sequence[Any]) -> list[Prompt]:
        from cosmos_workflow.server.shapes import Prompt

        names = self._store.files.names({Path(entry.file).name for entry in entries})
        return [Prompt.of(entry, names) for entry in entries]


def _history() -> Any:
    return client_of() or LocalPrompts()


def filters(function: Any) -> Any:
    """Options that say which prompts; all that are given must hold."""
    for option in (
        click.option("--run", default="", shell_complete=completion.runs, help="Only prompts of this run."),
        click.option("--ok/--failed", "ok", default=None, help="Only prompts that were answered, or that failed."),
        click.option(
            "--on",
            "place",
            default="",
            metavar="PLACE",
            shell_complete=completion.places,
            help="Only prompts answered there.",
        ),
        click.option(
            "--engine",
            default="",
            metavar="NAME",
            shell_complete=completion.engines,
            help="Only prompts answered by it.",
        ),
        click.option("--stars", "rating", type=click.IntRange(1, 5), help="Only prompts with so many stars or more."),
        click.option("--tag", default="", help="Only prompts with this tag."),
    ):
        function = option(function)
    return function


MOST = click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
NUMBER = click.argument("number", type=click.IntRange(1, 2**53))


@click.group("prompts", cls=Group)
def command() -> None:
    """Earlier prompts of the queue and of hosts, with their answers; and structured captions in files.

    \b
    cosmos prompts search futuristic city --stars 4
    cosmos prompts rate 17 5
    cosmos prompts tag 17 city night
    cosmos prompts export --tag city -o city.csv
    cosmos prompts validate caption.json
    """


for caption_command in (captions.validate, captions.diff, captions.convert):
    command.add_command(caption_command)


@command.command("list")
@filters
@MOST
@JSON
def list_prompts(most: int, as_json: bool, **filters: Any) -> None:
    """List the latest prompts."""
    _show_all(_history().prompts(most=most, **filters), as_json, any(filters.values()))


@command.command("search")
@click.argument("words", nargs=-1, required=True)
@filters
@MOST
@JSON
def search(words: tuple[str, ...], most: int, as_json: bool, **filters: Any) -> None:
    """Search prompts and answers for words.

    The last word may be the beginning of a word.
    """
    _show_all(_history().prompts(" ".join(words), most=most, **filters), as_json, True)


@command.command("show")
@NUMBER
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(number: int, as_json: bool) -> None:
    """Show one prompt with its answer."""
    prompt = _history().prompt(number)
    if as_json:
        print_json(prompt.model_dump())
        return
    say = stdout().print
    say(f"{prompt.number} {_state(prompt)}")
    result = prompt.result if isinstance(prompt.result, dict) else vars(prompt.result)
    facts = {
        "run": prompt.run,
        "kind": _unknown_kind(prompt),
        "clip": prompt.clip,
        "stars": STARS * (prompt.rating or 0),
        "tags": ", ".join(prompt.tags),
    }
    facts |= {"prompt": prompt.question, "note": result.get("note", ""), "error": result["error"]}
    for name, value in facts.items():
        if value:
            say(f"  {name:<8}{value}")
    if prompt.answer:
        say(f"\n{prompt.answer}")


@command.command("rate")
@NUMBER
@click.argument("stars", type=click.Choice(["1", "2", "3", "4", "5", "none"]))
def rate(number: int, stars: str) -> None:
    """Give a prompt one to five stars, or none."""
    prompt = _history().mark(number, rating=None if stars == "none" else int(stars))
    stderr().print(f"prompt {number}: {STARS * (prompt.rating or 0) or 'no stars'}")


@command.command("tag")
@NUMBER
@click.argument("tags", nargs=-1)
@click.option("--clear", is_flag=True, help="Remove all tags.")
def tag(number: int, tags: tuple[str, ...], clear: bool) -> None:
    """Set a prompt's tags; they replace those it has."""
    if bool(tags) == clear:
        raise UsageError("neither tags nor --clear, or both", remedy="give either TAGS or --clear")
    prompt = _history().mark(number, tags=list(tags))
    stderr().print(f"prompt {number}: {', '.join(prompt.tags) or 'no tags'}")


@command.command("export")
@click.argument("numbers", nargs=-1, type=click.IntRange(1, 2**53))
@filters
@click.option("--search", default="", help="Only prompts with these words.")
@click.option(
    "--format",
    type=click.Choice(["jsonl", "csv", "spec"]),
    help="spec: NVIDIA's controlnet specs.  [by the ending of -o, else jsonl]",
)
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
def export(
    numbers: tuple[int, ...],
    search: str,
    format: str | None,
    out: str | None,
    **filters: Any,
) -> None:
    """Write prompts with their answers to a file.

    Either the prompts with these NUMBERS, or all that match the filters.
    """
    from cosmos_workflow.files import write_whole
    from cosmos_workflow.server.exporting import exported

    history = _history()
    prompts = [history.prompt(number) for number in numbers] if numbers else history.prompts(search, **filters)
    format = format or ("csv" if out and out.lower().endswith(".csv") else "jsonl")
    pieces = exported(prompts, format, sorted({prompt.kind for prompt in prompts}))
    if out is None or out == "-":
        for piece in pieces:
            if format == "csv":
                click.echo(visible(piece) if sys.stdout.isatty() else piece, nl=False)
            else:
                click.echo(escaped(piece.rstrip("\n")))
        return
    write_whole(Path(out), "".join(pieces).encode())
    stderr().print(f"{len(prompts)} saved: {out}", style="dim")


def _show_all(prompts: Sequence[Prompt], as_json: bool, filtered: bool) -> None:
    if as_json:
        for prompt in prompts:
            print_json(prompt.model_dump())
        return
    if not prompts:
        none = "no prompts yet: cosmos upsample BATCH --on HOST, or the page of cosmos serve, makes some"
        stderr().print("no prompt matches: cosmos prompts list shows the latest" if filtered else none)
        return
    rows = table(">number", "state", "stars", "tags", "run", "when", "~prompt")
    for prompt in prompts:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(prompt.created))
        text = " ".join(filter(None, (_unknown_kind(prompt), *prompt.question.split())))
        text = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        rows.add_row(
            str(prompt.number),
            _state(prompt),
            STARS * (prompt.rating or 0),
            ", ".join(prompt.tags),
            prompt.run,
            created,
            text,
        )
    stdout().print(rows)


def _unknown_kind(prompt: Prompt) -> str:
    """What is said of a prompt whose kind is not installed."""
    from cosmos_workflow.kinds.kind import is_known

    return "" if is_known(prompt.kind) else f"[{prompt.kind}, an unknown kind: not installed]"


def _state(prompt: Prompt) -> str:
    return {None: "waits", True: "answered", False: "failed"}[prompt.ok]
