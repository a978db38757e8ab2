"""`cosmos prompts`: the history, of this machine's store or of a server's."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import escaped, print_json, stderr, stdout, table
from cosmos_workflow.cli.help import Group
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.errors import UsageError

if TYPE_CHECKING:
    from cosmos_workflow.server.shapes import Prompt

__all__ = ["command"]

STARS = "★"
SHOWN = 60  # characters of a prompt in a list


class Here:
    """The prompts of this machine's store, by the names of a client's methods."""

    def __init__(self) -> None:
        from cosmos_workflow.api import open_store

        self._store = open_store()

    def prompts(self, search: str = "", *, most: int = 0, **filters: Any) -> list[Prompt]:
        from cosmos_workflow.store import Wanted

        wanted = Wanted(search, **{name: value for name, value in filters.items() if value not in (None, "")})
        history = self._store.history
        return self._named(history.find(wanted, most=most) if most else list(history.each(wanted)))

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

        names = self._store.media.names({Path(one.result.video).name for one in entries})
        return [Prompt.of(one, names) for one in entries]


def _history(context: click.Context) -> Any:
    if server := context.find_root().params.get("server"):
        from cosmos_workflow.client import Client

        return context.with_resource(closing(Client(server)))
    return Here()


def filters(function: Any) -> Any:
    """Options that say which prompts; all that are given must hold."""
    for option in (
        click.option("--run", default="", shell_complete=completion.runs, help="Only of this run."),
        click.option("--ok/--failed", "ok", default=None, help="Only those answered, or those that failed."),
        click.option(
            "--on", "place", default="", metavar="PLACE", shell_complete=completion.places, help="Only there."
        ),
        click.option("--engine", default="", metavar="NAME", shell_complete=completion.engines, help="Only by it."),
        click.option("--stars", "rating", type=click.IntRange(1, 5), help="With so many stars, or more."),
        click.option("--tag", default="", help="With this tag."),
    ):
        function = option(function)
    return function


MOST = click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="How many.")
JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
NUMBER = click.argument("number", type=click.IntRange(1, 2**53))


@click.group("prompts", cls=Group)
def command() -> None:
    """Every prompt that runs of the queue and of hosts asked, with its answer.

    \b
    cosmos prompts search futuristic city --stars 4
    cosmos prompts rate 17 5
    cosmos prompts tag 17 city night
    cosmos prompts export --tag city -o city.csv
    """


@command.command("list")
@filters
@MOST
@JSON
@click.pass_context
def list_prompts(context: click.Context, /, most: int, as_json: bool, **wanted: Any) -> None:
    """The latest prompts."""
    _show_all(_history(context).prompts(most=most, **wanted), as_json, any(wanted.values()))


@command.command("search")
@click.argument("words", nargs=-1, required=True)
@filters
@MOST
@JSON
@click.pass_context
def search(context: click.Context, /, words: tuple[str, ...], most: int, as_json: bool, **wanted: Any) -> None:
    """Prompts with these words, here or in the answer.

    The last word may be a beginning.
    """
    _show_all(_history(context).prompts(" ".join(words), most=most, **wanted), as_json, True)


@command.command("show")
@NUMBER
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def show(context: click.Context, number: int, as_json: bool) -> None:
    """One prompt with its answer."""
    one = _history(context).prompt(number)
    if as_json:
        print_json(one.model_dump())
        return
    say = stdout().print
    say(f"{one.number} {_state(one)}")
    facts = {"run": one.run, "clip": one.clip, "stars": STARS * (one.rating or 0), "tags": ", ".join(one.tags)}
    facts |= {"prompt": one.result.prompt, "note": one.result.note, "error": one.result.error or ""}
    for name, value in facts.items():
        if value:
            say(f"  {name:<8}{value}")
    if one.result.upsampled_prompt:
        say(f"\n{one.result.upsampled_prompt}")


@command.command("rate")
@NUMBER
@click.argument("stars", type=click.Choice(["1", "2", "3", "4", "5", "none"]))
@click.pass_context
def rate(context: click.Context, number: int, stars: str) -> None:
    """Give a prompt one to five stars, or none."""
    one = _history(context).mark(number, rating=None if stars == "none" else int(stars))
    stderr().print(f"prompt {number}: {STARS * (one.rating or 0) or 'no stars'}")


@command.command("tag")
@NUMBER
@click.argument("tags", nargs=-1)
@click.option("--clear", is_flag=True, help="Take all tags away.")
@click.pass_context
def tag(context: click.Context, number: int, tags: tuple[str, ...], clear: bool) -> None:
    """Set a prompt's tags, in place of those it has."""
    if bool(tags) == clear:
        raise UsageError("no tag, or tags and --clear", remedy="give TAGS, or --clear for none")
    one = _history(context).mark(number, tags=list(tags))
    stderr().print(f"prompt {number}: {', '.join(one.tags) or 'no tags'}")


@command.command("export")
@click.argument("numbers", nargs=-1, type=click.IntRange(1, 2**53))
@filters
@click.option("--search", default="", help="Only those with these words.")
@click.option("--format", type=click.Choice(["jsonl", "csv", "spec"]), help="spec is NVIDIA's.  [as -o ends; jsonl]")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="A file instead of stdout.")
@click.pass_context
def export(
    context: click.Context, /, numbers: tuple[int, ...], search: str, format: str | None, out: str | None, **wanted: Any
) -> None:
    """Write prompts with their answers to a file.

    All that the filters find, or those with these NUMBERS.
    """
    from cosmos_workflow.files import write_whole
    from cosmos_workflow.server.exporting import exported

    history = _history(context)
    found = [history.prompt(number) for number in numbers] if numbers else history.prompts(search, **wanted)
    pieces = exported(found, format or ("csv" if out and out.lower().endswith(".csv") else "jsonl"))
    if out is None or out == "-":
        for piece in pieces:
            if format == "csv":
                click.echo(visible(piece) if sys.stdout.isatty() else piece, nl=False)
            else:
                click.echo(escaped(piece.rstrip("\n")))
        return
    write_whole(Path(out), "".join(pieces).encode())
    stderr().print(f"{len(found)} saved: {out}", style="dim")


def _show_all(found: Sequence[Prompt], as_json: bool, filtered: bool) -> None:
    if as_json:
        for one in found:
            print_json(one.model_dump())
        return
    if not found:
        none = "none yet: cosmos upsample BATCH --on HOST, or the page of cosmos serve, makes some"
        stderr().print("no prompt is like that: cosmos prompts list shows the latest" if filtered else none)
        return
    rows = table(">number", "state", "stars", "tags", "run", "when", "~prompt")
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created))
        text = " ".join(one.result.prompt.split())
        text = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        rows.add_row(str(one.number), _state(one), STARS * (one.rating or 0), ", ".join(one.tags), one.run, when, text)
    stdout().print(rows)


def _state(one: Prompt) -> str:
    return {None: "waits", True: "answered", False: "failed"}[one.ok]
