"""`cosmos runs`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import print_json, safe, stderr, stdout, table
from cosmos_workflow.cli.help import Group
from cosmos_workflow.cli.options import forget_option, out_option, wait_option
from cosmos_workflow.cli.target import ServerRuns, attach_command, goes_on_at, open_runs
from cosmos_workflow.cli.values import DURATION, NumberRange
from cosmos_workflow.errors import FileDamaged, NotFound, UsageError
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.cli.target import AnyRuns
    from cosmos_workflow.store import RunRecord

__all__ = ["command", "show_runs"]

STYLES = {"done": "green", "failed": "red", "cancelled": "yellow"}
POLL_SECONDS = 0.2
SHOWN = 20  # items of a run


def _say_left(run: Any, forget: bool) -> None:
    if forget and run.place != "local" and not is_ray(run.place):
        stderr().print(f"{run.place} was not asked: if it is back, look into its workdir, runs/{run.id}-*", style="dim")


@click.group("runs", cls=Group)
def command() -> None:
    """Runs: list, show, follow, cancel, retry, remove and export them; pause and resume the queue.

    RUN is a run's id, or a beginning of it that no other run has.
    """


@command.command("list")
@click.option(
    "--on", "place", shell_complete=completion.places, default="", metavar="HOST", help="Only runs on this host."
)
@click.option("--unfinished", is_flag=True, help="Only runs that have not ended.")
@click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_runs(place: str, unfinished: bool, most: int, as_json: bool) -> None:
    """List the latest runs."""
    from cosmos_workflow.store.records import UNFINISHED

    runs = open_runs()
    records = runs.store.runs(states=UNFINISHED if unfinished else (), place=place, most=most)
    if as_json:
        for run in records:
            print_json(_document(run))
        return
    show_runs(records, unfinished or bool(place))


def show_runs(runs: Sequence[Any], filtered: bool) -> None:
    """Runs as a table; where there are none, how to get one."""
    if not runs:
        none = "no runs yet: cosmos upsample BATCH --on HOST makes one; see cosmos hosts list"
        stderr().print("no run matches: cosmos runs list shows all" if filtered else none)
        return
    rows = table("run", "state", "place", "engine", ">answered", ">failed", ">items", "started", "batch")
    for run in runs:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        counts = [str(count) for count in (run.answered, run.failed, run.total)]
        rows.add_row(run.id, _state(run), run.place, run.engine, *counts, started, run.source)
    stdout().print(rows)


@command.command("show")
@click.argument("run", shell_complete=completion.runs)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with the results.")
def show(run: str, as_json: bool) -> None:
    """Show a run: its state, its counts, why it failed, what happened."""
    from cosmos_workflow.cli.cluster import progress_line

    runs = open_runs()
    record = runs.store.get(run)
    if as_json:
        results = [asdict(result) for result in runs.each_result(record)]
        print_json({**_document(record), "results": results})
        return
    say = stdout().print
    say(record.id, " ", _state(record), sep="")
    say(f"  place       {record.place}")
    say(f"  engine      {record.engine}")
    say(f"  batch       {record.source}")
    say(f"  items       {record.answered} answered, {record.failed} failed, {record.open} open")
    say(f"  attempt     {record.attempt}")
    say(f"  results     {record.out}")
    if not isinstance(runs, ServerRuns) and not is_ray(record.place):
        say(f"  log         {runs.log(record)}")
    if record.error:
        say(f"  error       {record.error_kind}: {record.error}")
        if record.remedy:
            say(f"  remedy      {record.remedy}")
    for line in _made_lines(record, _results(runs, record)):
        say(line)
    events = runs.events(record)
    progress = [event for event in events if event["event"] == "progress"]
    if progress:
        say(f"  progress    {progress_line(progress[-1])}")
    for event in events:
        if event["event"] not in ("item", "memory", "progress", "step"):
            moment = time.strftime("%H:%M:%S", time.localtime(event["time"]))
            more = ", ".join(f"{key} {value}" for key, value in event.items() if key not in ("event", "time", "log"))
            say(f"  {moment}    {event['event']}{f' ({more})' if more else ''}")


def _results(runs: Any, record: RunRecord) -> Iterator[Any]:
    """The results one by one: none of a cluster, which may have a million, or of a kind that is not installed."""
    if is_ray(record.place):
        return
    with suppress(UsageError):
        yield from runs.each_result(record)


def _made_lines(record: RunRecord, results: Iterable[Any]) -> Iterator[str]:
    """Where the files of each item are, or why it has none; of a long batch, only of the first."""
    from cosmos_workflow.files import folder_name, names_in

    ended = (result for result in results if result.error or getattr(result, "outputs", None))
    shown = list(islice(ended, SHOWN + 1))
    folder = Path(record.out) if record.out and Path(record.out).is_dir() and not is_ray(record.place) else None
    names = names_in(folder) if folder else {}
    for result in shown[:SHOWN]:
        if result.error:
            yield f"  failed      {result.id}: {result.error}"
        else:
            place = f"{folder / folder_name(result.id, names)}: " if folder else f"{result.id}: "
            parts = Counter(name.split("/")[0] for name in result.outputs)
            files = (f"{name}/ ({count:,} files)" if name not in result.outputs else name
                     for name, count in parts.items())  # fmt: skip
            yield f"  files       {place}{', '.join(files)}"
    if len(shown) > SHOWN:
        yield f"              and more: cosmos runs show {record.id} --json"


@command.command("logs")
@click.argument("run", shell_complete=completion.runs)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until the run ends.")
def logs(run: str, follow: bool) -> None:
    """Print the output of a run's engine, as far as it has come to this machine."""
    runs = open_runs()
    record = runs.store.get(run)
    if is_ray(record.place):
        raise UsageError("Ray keeps the logs of its machines", where=record.place, remedy="see Ray's dashboard")
    offset = _print_log(runs, record, 0)
    if follow and not isinstance(runs, ServerRuns) and not record.finished and not runs.is_followed(record):
        from cosmos_workflow.runs import Listener

        # Nobody else brings it here.
        runs.drive(record.id, Listener(log=lambda data: click.echo(safe(data), nl=False)))
        return
    while follow and not runs.store.get(record.id).finished:
        time.sleep(POLL_SECONDS)
        offset = _print_log(runs, record, offset)
    _print_log(runs, record, offset)


@command.command("attach")
@click.argument("run", shell_complete=completion.runs)
@out_option
@wait_option
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def attach(run: str, out: str | None, wait: float, as_json: bool) -> int:
    """Follow a run to its end: after a crash, after --detach, after Ctrl-C."""
    from cosmos_workflow.cli.driving import follow

    runs = open_runs()
    return follow(runs, runs.store.get(run), out=out, wait=wait, as_json=as_json)


@command.command("retry")
@click.argument("run", shell_complete=completion.runs)
@click.option("--detach", is_flag=True, help="Return as soon as the host or server has it.")
@out_option
@wait_option
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def retry(run: str, detach: bool, out: str | None, wait: float, as_json: bool) -> int:
    """Ask again for the items without an answer."""
    from cosmos_workflow.cli.driving import follow
    from cosmos_workflow.runs import Listener, Patience
    from cosmos_workflow.runs.places.place import require_detachable
    from cosmos_workflow.runs.stopping import require_followed

    runs = open_runs()
    if detach and not isinstance(runs, ServerRuns):
        require_followed(runs.store.get(run))
        require_detachable(runs.store.get(run).place)
    record = runs.retry(run)
    if detach:
        runs.drive(record.id, Listener(), detach=True, patience=Patience(reach=wait))
        place, attach = goes_on_at(runs, record), attach_command(runs, record.id, out or record.out)
        stderr().print(f"it runs on {place}; its results come with: {attach}")
        return 0
    return follow(runs, record, out=out, wait=wait, as_json=as_json)


@command.command("cancel")
@click.argument("run", shell_complete=completion.runs)
@forget_option
def cancel(run: str, forget: bool) -> None:
    """Cancel a run; its answers so far are kept."""
    record = open_runs().cancel(run, forget=forget)
    stderr().print(f"{record.id} is {record.state}: {record.answered} of {record.total} answered")
    _say_left(record, forget)


@command.command("remove")
@click.argument("run", nargs=-1, required=True, shell_complete=completion.runs)
@forget_option
@click.option("--keep-on-host", is_flag=True, hidden=True, help="The former name of --forget.")
def remove(run: tuple[str, ...], forget: bool, keep_on_host: bool) -> None:
    """Forget runs that have ended, here and on their hosts. Results files stay."""
    runs = open_runs()
    for id in run:
        record = runs.store.get(id)
        runs.remove(record.id, forget=forget or keep_on_host)
        stderr().print(f"{record.id} removed")
        _say_left(record, forget)


@command.command("prune")
@click.option("--older-than", type=DURATION, default="30d", help="Of runs that ended longer ago than this.  [30d]")
@click.option("--most", type=NumberRange(0), metavar="GB", help="And the oldest, beyond so many GB together.")
@click.option("--yes", is_flag=True, help="Do not ask before they are removed.")
def prune_runs(older_than: float, most: float | None, yes: bool) -> None:
    """Remove old output files from this program's own folder; runs, results and your -o folders stay."""
    from cosmos_workflow.api import open_runs
    from cosmos_workflow.runs.pruning import prunable, prune

    runs = open_runs()
    chosen = prunable(runs, older_than, None if most is None else int(most * 1e9))
    if not chosen:
        stderr().print("no output files to remove")
        return
    rows = table("run", "ended", ">files", ">MB", "batch")
    for each in chosen:
        ended = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.run.updated))
        rows.add_row(each.run.id, ended, str(each.files), f"{each.bytes / 1e6:,.1f}", each.run.source)
    stdout().print(rows)
    if not yes:
        click.confirm(f"Remove {sum(each.files for each in chosen):,} files?", abort=True, err=True)
    stderr().print(f"{prune(runs, chosen) / 1e6:,.1f} MB are free again")


@command.command("export")
@click.argument("run", shell_complete=completion.runs)
@click.option(
    "-o", "--out", type=click.Path(), help="Write to this file instead of stdout; with output files, to this folder."
)
def export(run: str, out: str | None) -> int:
    """Write a run's results as JSON Lines; with -o, their files too."""
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.runs.results import is_stream, open_results

    runs = open_runs()
    record = runs.store.get(run)
    results = runs.each_result(record)
    if out is None:
        for result in results:
            print_json(asdict(result))
        return 0
    rows = list(results)
    identities = runs.store.identities(record.id)
    lost = 0
    with open_results(out, get_kind(record.kind), runs.store.hashes) as file:
        for result in rows:
            try:
                if file.outputs and result.ok:
                    runs.copy_files(record, result, file)
            except (NotFound, FileDamaged) as error:  # noqa: PERF203
                lost += 1
                stderr().print(str(error), style="yellow")
            else:
                file.write(result, identities.get(result.id, ""), replace=True)
        if file.outputs:
            file.outputs.clear()
    if not is_stream(out):
        stderr().print(f"saved: {out}", style="dim")
    if lost:
        stderr().print(f"left out: {lost:,} of {len(rows):,} results, as files of theirs did not come", style="yellow")
    return 1 if lost else 0


@command.command("pause")
def pause() -> None:
    """Start no more runs of the queue; those that run go on."""
    open_runs().pause(True)


@command.command("resume")
def resume() -> None:
    """Start runs of the queue again."""
    open_runs().pause(False)


def _state(run: Any) -> Any:
    from rich.text import Text

    return Text(run.state, style=STYLES.get(run.state, "cyan"))


def _document(run: Any) -> dict[str, Any]:
    # The settings may name what only the host shall know.
    return {key: value for key, value in asdict(run).items() if key != "settings"}


def _print_log(runs: AnyRuns, run: RunRecord, start: int) -> int:
    """Print a run's log from a byte on, whatever its bytes; where it ends by now."""
    while data := runs.log_from(run, start):
        click.echo(safe(data), nl=False)
        start += len(data)
    sys.stdout.flush()
    return start
