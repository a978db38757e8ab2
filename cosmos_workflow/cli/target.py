"""What does the work of a command: this machine, or the server that `--server` names.

Commands do the same with both: `ServerRuns` has the methods of `Runs` that they use, under the same names.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from cosmos_workflow.errors import UsageError
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.client import Client
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.kinds.kind import Kind
    from cosmos_workflow.runs import Listener, Patience, Runs
    from cosmos_workflow.runs.results import ResultsFile
    from cosmos_workflow.runs.submitting import Submission
    from cosmos_workflow.store import RunRecord

    AnyRuns: TypeAlias = "Runs | ServerRuns"

__all__ = [
    "ServerRuns",
    "attach_command",
    "client_of",
    "goes_on_at",
    "open_runs",
    "plans_of",
    "server_decision",
    "server_plans",
]


def client_of(context: click.Context | None = None) -> Client | None:
    """The server that the command line names, until the program ends; None where this machine does the work."""
    root = (context or click.get_current_context()).find_root()
    if root.obj is None and (url := root.params.get("server")):
        from cosmos_workflow.client import Client

        root.obj = root.with_resource(closing(Client(url)))
    client: Client | None = root.obj
    return client


def open_runs() -> AnyRuns:
    """The runs that commands are about."""
    if client := client_of():
        return ServerRuns(client)
    from cosmos_workflow import api

    return api.open_runs()


class ServerRuns:
    """A server's runs and what it keeps of them, by the names of `Runs` and `Store`."""

    hashes = None  # of this machine's files, which it has no store for

    def __init__(self, client: Client) -> None:
        self.client = client
        self._items: Sequence[Any] = ()
        self._files: dict[str, list[Any]] | None = None

    @property
    def store(self) -> ServerRuns:
        return self

    def get(self, id: str) -> RunRecord:
        return self._record(self.client.show(id))

    def runs(self, *, states: Sequence[Any] = (), place: str = "", most: int = 0) -> list[RunRecord]:
        return [self._record(run) for run in self.client.runs(state=states, place=place, most=most)]

    def identities(self, id: str) -> Mapping[str, str]:
        return {prompt.result.id: prompt.identity for prompt in self.client.entries(id)}

    def pause(self, on: bool) -> None:
        self.client.pause(on)

    def submit(self, items: Sequence[Any], decision: Decision, **options: Any) -> Submission:
        """As `api.submit`. What follows calls files as `items` do."""
        self._items = items
        return self.client.submit(
            items, kind=decision.kind.name, place=decision.place, engine=decision.engine.name,
            settings=decision.settings, **options,
        )  # fmt: skip

    def drive(
        self, id: str, listener: Listener, *, detach: bool = False, patience: Patience | None = None,
        stream: ResultsFile | None = None,
    ) -> list[Any]:  # fmt: skip
        """Follow a run to its end, wherever the server has it; with `detach` it goes on there."""
        if detach:
            return []
        return self.client.drive(id, listener, items=self._items, patience=patience, stream=stream)

    def retry(self, id: str) -> RunRecord:
        return self._record(self.client.retry(id))

    def cancel(self, id: str, *, forget: bool = False) -> RunRecord:
        return self._record(self.client.cancel(id, forget=forget))

    def remove(self, id: str, *, forget: bool = False) -> None:
        self.client.remove(id, forget=forget)

    def each_result(self, run: RunRecord) -> Iterator[Any]:
        from cosmos_workflow.client.outputs import named

        return (named(prompt, {}) for prompt in self.client.entries(run.id))

    def copy_files(self, run: RunRecord, result: Any, file: ResultsFile) -> None:
        """Bring the output files of a result into the folder of a results file, before its line is written.

        Raises NotFound for one that is gone or has changed, FileDamaged.
        """
        if self._files is None:
            self._files = {}
            for made in self.client.files(run.id):
                self._files.setdefault(made.item, []).append(made)
        files = self._files.get(result.id, [])
        number = files[0].number if files else 0
        assert file.outputs is not None
        self.client.fetch_outputs(number, result.id, result.outputs, files, file.outputs)
        file.place(result)

    def log_from(self, run: RunRecord, start: int) -> bytes:
        return self.client.log(run.id, start=start)

    def events(self, run: RunRecord) -> list[dict[str, Any]]:
        return self.client.attempt(run.id)

    def is_followed(self, run: RunRecord) -> bool:
        """True, as the server drives its runs itself."""
        return True

    def _record(self, run: Any) -> RunRecord:
        from cosmos_workflow.client.outputs import Outputs, record_of

        return record_of(run, Outputs(self.client.url).of_run(run.id))


def server_decision(
    kind: Kind, settings: Mapping[str, Any], engine: str, place: str, *, wait: float = 0.0,
    on_lost: Callable[[Any, float], None] | None = None,
) -> Decision | None:  # fmt: skip
    """What the server decides for a run, as `deciding.decide` does here; None without a server.

    `settings` are those that were given; the others are the server's. Raises UsageError for a place that is not one
    of the server's, HostUnreachable where it does not answer for `wait` seconds.
    """
    if (client := client_of()) is None:
        return None
    if is_ray(place):
        remedy = "leave --server (COSMOS_SERVER) out, on a machine that reaches the cluster"
        raise UsageError("a server sends no runs to a cluster", where=f"--on {place}", remedy=remedy)
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.engines import ChosenEngine

    given = {name: value for name, value in settings.items() if value is not None}
    client.wait(wait, on_lost)
    answer = client.decide(kind=kind.name, place=place, engine=engine, settings=given)
    chosen = ChosenEngine(answer.engine, answer.model, "", answer.why)
    return Decision(kind, place, chosen, given, notes=tuple(answer.notes))


def plans_of(items: Sequence[Any], decision: Decision) -> list[Any]:
    """What is known of items before they run, here or at the server."""
    if client := client_of():
        return server_plans(client, items, decision)
    kind = decision.kind
    return [kind.plan(checked, "") for checked in kind.check(items, decision.settings)]


def server_plans(client: Client, items: Sequence[Any], decision: Decision, **more: Any) -> list[Any]:
    """The plans that the server makes of items, and of what is asked `more`."""
    return client.plans(
        items, kind=decision.kind.name, place=decision.place, engine=decision.engine.name, settings=decision.settings,
        more=more,
    )  # fmt: skip


def goes_on_at(runs: AnyRuns, run: RunRecord) -> str:
    """Where a run goes on when this process ends; empty where it does not."""
    if isinstance(runs, ServerRuns):
        return runs.client.url
    return "" if run.place == "local" else run.place


def attach_command(runs: AnyRuns, id: str, out: str = "") -> str:
    """The command that goes on with a run, and writes its results to `out`."""
    if not isinstance(runs, ServerRuns):
        return f"cosmos runs attach {id}"
    more = f" -o {shlex.quote(out)}" if out else ""
    return f"cosmos --server {shlex.quote(runs.client.url)} runs attach {id}{more}"
