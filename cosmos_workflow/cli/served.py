"""The commands of `cosmos --server URL`: the same words, said to a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import exit_code, note, print_json, stderr, stdout, table
from cosmos_workflow.cli.help import Command, Group
from cosmos_workflow.cli.options import (
    DURATION,
    SEED,
    forget_option,
    frames_option,
    length_option,
    request_options,
    results_name,
)
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.errors import CosmosError, UsageError
from cosmos_workflow.limits import MODELS

if TYPE_CHECKING:
    from cosmos_workflow.client import Client
    from cosmos_workflow.kinds.upsample import Item, Result

__all__ = ["COMMANDS"]

SETTINGS = ("fit", "model", "frames", "max_tokens", "max_model_len", "pick", "temperature", "seed")

JSON = click.option("--json", "as_json", is_flag=True, help="JSON.")


def client_of(context: click.Context) -> Client:
    """The server that the command line named; closed when the command ends."""
    from cosmos_workflow.client import Client

    url: str = context.find_root().params["server"]
    return context.with_resource(closing(Client(url)))


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        request_options,
        click.option("--model", type=click.Choice(list(MODELS)), help="The model whose limits apply.  [the server's]"),
        frames_option,
        length_option(),
        click.option("--max-tokens", type=click.IntRange(1), help="The longest answer, in tokens.  [300]"),
        click.option(
            "--pick", type=click.Choice(["first", "spread"]), help="Which frames are shown to the model.  [first]"
        ),
        click.option("--temperature", type=click.FloatRange(0), help="0 gives the same answer each time.  [0.6]"),
        click.option("--seed", type=SEED, help="Makes sampling repeatable."),
    ):
        function = option(function)
    return function


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in SETTINGS if options[name] is not None}


@click.command("check", cls=Command)
@click.argument("source", metavar="VIDEO | BATCH.jsonl", type=click.Path())
@settings_options
@JSON
@click.pass_context
def check(context: click.Context, /, source: str, as_json: bool, **options: Any) -> int:
    """Tell whether the server's model can take them; clips are uploaded, nothing runs."""
    from cosmos_workflow.api import load_items
    from cosmos_workflow.cli.check import FIELDS, print_plans
    from cosmos_workflow.kinds.reading import is_batch

    plans = client_of(context).check(load_items(source, options["prompt"], note), **settings_of(options))
    if as_json:
        for plan in plans:
            print_json({name: getattr(plan, name) for name in FIELDS})
    else:
        print_plans(plans, as_table=is_batch(source))
    return exit_code([plan.verdict if not plan.runs else "" for plan in plans])


@click.command("upsample", cls=Command)
@click.argument("source", metavar="VIDEO | BATCH.jsonl", type=click.Path())
@settings_options
@click.option("-o", "--out", type=click.Path(), help="Results file, - is stdout.  [NAME.upsampled.jsonl]")
@click.option(
    "--engine",
    shell_complete=completion.engines,
    default="",
    metavar="NAME",
    help="vllm, server, transformers or describe.  [the server's]",
)
@click.option(
    "--on",
    "place",
    shell_complete=completion.places,
    default="local",
    metavar="PLACE",
    help="local is the server, or one of its hosts.",
)
@click.option("--priority", type=click.IntRange(-1000, 1000), default=0, help="Higher goes first.  [0]")
@click.option("--keep-warm", type=DURATION, default="10m", help="How long the model stays loaded.  [10m]")
@click.option("--detach", is_flag=True, help="Return when the server has it; see `runs`.")
@click.option("--again", is_flag=True, help="Ask again for what the results file already answers.")
@JSON
@click.pass_context
def upsample(
    context: click.Context, /, source: str, out: str | None, again: bool, detach: bool, as_json: bool, **options: Any
) -> int:
    """Put a batch into the server's queue, and bring its results here."""
    from cosmos_workflow.api import load_items
    from cosmos_workflow.cli.results import show_results
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.reading import is_batch
    from cosmos_workflow.runs.results import is_stream, open_results

    items = load_items(source, options["prompt"], note)
    out = out or results_name(source)
    if detach and is_stream(out):
        raise UsageError("a detached run cannot write to a stream", where=f"-o {out}", remedy="leave one out")
    with open_results(out, get_kind("upsample")) as file:
        answers = {} if again else {item.id: file.answer_to(item) for item in items}
        results = {id: result for id, result in answers.items() if result is not None}
        file.drop({item.id for item in items} - results.keys())
        todo = [item for item in items if item.id not in results]
        if todo:
            client = client_of(context)
            how = {name: options[name] for name in ("engine", "place", "priority", "keep_warm")}
            run = client.run(todo, settings=settings_of(options), name=Path(source).name, **how)
            stderr().print(f"run: {run.id}", style="dim")
            if detach:
                stderr().print(f"it is in the queue; its results come with: runs export {run.id}")
                if as_json:
                    print_json({"run": run.id, "place": run.place})
                return 0
            for result in followed(client, run.id, todo, quiet=as_json):
                file.write(result)
                results[result.id] = result
    shown = [results[item.id] for item in items if item.id in results]
    return show_results(
        get_kind("upsample"), shown, out, earlier=len(items) - len(todo), batch=is_batch(source), as_json=as_json
    )


def followed(client: Client, run: str, items: Sequence[Item], *, quiet: bool) -> list[Result]:
    """Watch a run to its end; its results, with the clips as they are called here."""
    from cosmos_workflow.cli.progress import bar

    videos = {item.id: str(item.video) for item in items}
    shown = sys.stderr.isatty() and not quiet
    try:
        with bar() if shown else nullcontext() as progress:
            task = progress.add_task("upsampling", total=len(items)) if progress else None
            for event in client.events(run):
                if progress and event.name == "result":
                    progress.advance(task)
                elif event.name in ("loading", "loaded", "warm") and not quiet:
                    stderr().print(event.name, style="dim")
    except (KeyboardInterrupt, CosmosError):
        stderr().print(f"run {run} goes on there; its results come with: runs export {run}", style="yellow")
        raise
    return [replace(result, video=videos.get(result.id, result.video)) for result in client.results(run)]


@click.group("runs", cls=Group)
def runs() -> None:
    """The server's runs: list, show, cancel, retry, remove, logs, export; pause and resume its queue."""


@runs.command("list")
@click.option(
    "--on", "place", shell_complete=completion.places, default="", metavar="PLACE", help="Only runs at this place."
)
@click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@JSON
@click.pass_context
def list_runs(context: click.Context, /, place: str, most: int, as_json: bool) -> None:
    """The latest runs."""
    from cosmos_workflow.cli.runs import show_runs

    latest = client_of(context).runs(place=place)[:most]
    if as_json:
        for run in latest:
            print_json(run.model_dump())
        return
    show_runs(latest, bool(place))


@runs.command("show")
@click.argument("run", shell_complete=completion.runs)
@click.pass_context
def show(context: click.Context, /, run: str) -> None:
    """One run, as JSON."""
    print_json(client_of(context).show(run).model_dump())


@runs.command("logs")
@click.argument("run", shell_complete=completion.runs)
@click.pass_context
def logs(context: click.Context, /, run: str) -> None:
    """The end of the output of what answers it."""
    click.echo(visible(client_of(context).log(run)), nl=False)


@runs.command("export")
@click.argument("run", shell_complete=completion.runs)
@click.pass_context
def export(context: click.Context, /, run: str) -> None:
    """Its results as JSON Lines."""
    for result in client_of(context).results(run):
        print_json(asdict(result))


def _verb(name: str, help: str, option: Callable[[Any], Any] = lambda function: function) -> None:
    @runs.command(name, help=help)
    @click.argument("run", shell_complete=completion.runs)
    @option
    @click.pass_context
    def act(context: click.Context, /, run: str, **given: bool) -> None:
        record = getattr(client_of(context), name)(run, **given)
        stderr().print(f"{run} is {record.state if record else 'removed'}")


_verb("cancel", "End a run wherever it is; what is answered stays.", forget_option)
_verb("retry", "Try again what has no answer.")
_verb("remove", "Forget a run that has ended, with its prompts.", forget_option)


@runs.command("pause")
@click.pass_context
def pause(context: click.Context) -> None:
    """Start no more runs; those that run go on."""
    client_of(context).pause()


@runs.command("resume")
@click.pass_context
def resume(context: click.Context) -> None:
    """Begin runs again."""
    client_of(context).pause(False)


@click.group("hosts", cls=Group)
def hosts() -> None:
    """The server's hosts: list, check."""


@hosts.command("list")
@JSON
@click.pass_context
def list_hosts(context: click.Context, /, as_json: bool) -> None:
    """The machines that the server can send runs to."""
    entries = client_of(context).hosts()
    if as_json:
        for host in entries:
            print_json(host.model_dump())
        return
    if not entries:
        stderr().print("the server has none: cosmos hosts add, on its machine")
        return
    rows = table(*entries[0].model_dump())
    for host in entries:
        rows.add_row(*("-" if value in (None, "") else str(value) for value in host.model_dump().values()))
    stdout().print(rows)


@hosts.command("check")
@click.argument("name", shell_complete=completion.hosts)
@JSON
@click.pass_context
def check_host(context: click.Context, /, name: str, as_json: bool) -> int:
    """What a host has and lacks; `local` is the server's own machine."""
    from cosmos_workflow.cli.checks import show_checks
    from cosmos_workflow.doctor import Finding

    checks = client_of(context).check_host(name)
    return show_checks((Finding(**check.model_dump()) for check in checks), as_json)


@click.command("limits")
@click.option("-p", "--prompt", default="", help="A prompt, whose tokens count.")
@click.option("--gpu", shell_complete=completion.gpus, help="Only this GPU.")
@click.pass_context
def limits(context: click.Context, /, prompt: str, gpu: str | None) -> None:
    """The largest sizes by aspect ratio, and what fits a GPU, as JSON."""
    print_json(client_of(context).limits(prompt=prompt, gpu=gpu))


COMMANDS: dict[str, click.Command] = {
    "upsample": upsample,
    "check": check,
    "limits": limits,
    "runs": runs,
    "hosts": hosts,
}
