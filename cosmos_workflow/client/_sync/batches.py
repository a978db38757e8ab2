# Made of _async/batches.py by scripts/sync_client.py: change that file, then run `make format`.
"""Batches with a results file on this machine, as the command line does them."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cosmos_workflow.client._sync.downloads import Downloads
from cosmos_workflow.client.outputs import Output, Outputs, local_names, named, record_of, tell, unusable
from cosmos_workflow.client.protocol import Items, Settings, parsed
from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import FileDamaged, NotFound, RunFailed, UsageError
from cosmos_workflow.kinds.kind import FIRST_KIND, get_kind
from cosmos_workflow.runs import Listener, Patience
from cosmos_workflow.runs.results import ResultsFile, is_stream
from cosmos_workflow.runs.submitting import Earlier, Identified, Submission, answered_in, refusal
from cosmos_workflow.server import shapes
from cosmos_workflow.store import UNFINISHED

__all__ = ["Batches"]


class Batches(Downloads):
    """Batches of items of their kind, no mappings, whose files are on this machine."""

    def submit(
        self, items: Items, *, out: str | Path | None = None, again: bool = False, keep_of: Container[str] = (),
        kind: str = FIRST_KIND, place: str = "local", engine: str = "", settings: Settings | None = None,
        source: str = "", keep_warm: float = 600.0, priority: int = 0,
        sent: Callable[[int, int], None] | None = None,
    ) -> Submission:  # fmt: skip
        """As `api.submit`: a run of what the results file `out` does not answer, or the one that does it already.

        What an earlier run for `out` has answered is fetched first. Items that cannot be sent are refused here, with
        the reason; `sent` is called with the bytes of a file that the server has, and its size.
        Raises what `run` raises, and UsageError where a run for `out` goes on that asks something else.
        """
        asks: Any = {"kind": kind, "place": place, "engine": engine, "settings": settings}
        outputs, its_kind = Outputs(self._url), get_kind(kind)
        with ExitStack() as stack:
            file = before = None
            if out is not None and not is_stream(out):
                file = stack.enter_context(ResultsFile(out, its_kind))
                before = self._begun_for(outputs, file, items, again)
            entries, errors = self._upload_items(its_kind, items, sent)
            answer = self.decide(**asks, entries=list(entries.values()))
            identities = {plan.id: plan.identity for plan in answer.plans}
            pairs = [Identified(SimpleNamespace(item=item), identities.get(item.id, "")) for item in items]
            rest, earlier = (pairs, Earlier()) if file is None or again else answered_in(file, pairs, keep_of)
            todo = [pair.checked.item for pair in rest]
            chosen = ChosenEngine(answer.engine, answer.model, "", answer.why)
            bad = unusable(its_kind, [item for item in todo if item.id in errors], errors, settings, answer.engine)
            refused = {each.item.id: refusal(its_kind, each, chosen, place) for each in bad}
            ids = [item.id for item in todo if item.id in entries]
            run: shapes.Run | None = None
            changed = earlier.changed
            if before and ids:
                self._require_same(before, {id: identities[id] for id in ids})
                run, changed = before, {}
            elif file:
                file.drop(set(changed))
            if ids and run is None:
                run = self.run(
                    [entries[id] for id in ids], **asks, name=Path(source).name, keep_warm=keep_warm, priority=priority
                )  # fmt: skip
            output: Output | None = None
            if file and run:  # refusals are written with the run's results
                lines = [asdict(result) for result in refused.values()]
                output = Output(run.id, str(file.out.absolute()), again, refused=lines)
                outputs.remember(output)
                refused = {}
            if file:
                for result in refused.values():
                    file.write(result)
            record = record_of(run, output) if run else None
            return Submission(record, earlier.results, changed, earlier.unidentified, refused)

    def plans(
        self, items: Items, *, kind: str = FIRST_KIND, place: str = "local", engine: str = "",
        settings: Settings | None = None, more: Mapping[str, Any] | None = None,
    ) -> list[Any]:  # fmt: skip
        """As `check`, of any number of items, also of those that cannot be sent: why, a check on this machine says.

        Behind them come the plans of what is asked `more` (see `decide`).
        """
        its_kind = get_kind(kind)
        entries, errors = self._upload_items(its_kind, items, None)
        answer = self.decide(
            kind=kind, place=place, engine=engine, settings=settings, entries=list(entries.values()), more=more
        )
        plans = {plan.id: plan for plan in answer.plans}
        bad = unusable(its_kind, [item for item in items if item.id in errors], errors, settings, answer.engine)
        plans |= {each.item.id: its_kind.plan(each, "") for each in bad}
        return [*(plans[item.id] for item in items), *(plan for plan in answer.plans if not plan.id)]

    def _begun_for(self, outputs: Outputs, file: ResultsFile, items: Items, again: bool) -> shapes.Run | None:
        """The run for a results file that has not ended; what one that has ended has answered is written there."""
        if (output := outputs.of_file(file.out)) is None:
            return None
        try:
            run = self.show(output.run)
        except NotFound:
            outputs.forget(output)
            return None
        if run.state in UNFINISHED:
            return run
        if not (output.whole or again):
            files = local_names(run.kind, items)
            for prompt in self.entries(run.id):
                if prompt.ok:
                    result = self._with_files(prompt, named(prompt, files), file)
                    file.write(result, prompt.identity, replace=output.again)
            outputs.remember(replace(output, whole=True))
        return None

    def _require_same(self, run: shapes.Run, asked: Mapping[str, str]) -> None:
        identities = {prompt.result.id: prompt.identity for prompt in self.entries(run.id)}
        if not asked.items() <= identities.items():
            remedy = f"follow it: cosmos runs attach {run.id}; or end it: cosmos runs cancel {run.id}"
            raise UsageError(f"run {run.id} writes to this output and asks something else", remedy=remedy)

    def drive(
        self, run: str, listener: Listener | None = None, *, items: Items = (), patience: Patience | None = None,
        stream: ResultsFile | None = None,
    ) -> list[Any]:  # fmt: skip
        """Follow a run to its end, and write its results as they come; they are returned in the batch's order.

        They go into `stream`, or else into the results file that the run was submitted for, where there is one. In
        them the files of `items` are called as they are called here.
        Raises RunFailed where it ended without all of its answers, HostUnreachable where the server stays away.
        """
        listener, patience = listener or Listener(), patience or Patience()
        record, outputs = self.show(run), Outputs(self._url)
        output, files = outputs.of_run(record.id), local_names(record.kind, items)
        refused = [get_kind(record.kind).load_result(values) for values in (output.refused if output else ())]
        results: dict[int, Any] = {}
        with ExitStack() as stack:
            file = stream
            if file is None and output:
                file = stack.enter_context(ResultsFile(output.path, get_kind(record.kind)))
                outputs.remember(replace(output, whole=False))
            again = output is not None and output.again

            def keep(prompt: shapes.Prompt) -> None:
                result = named(prompt, files)
                if prompt.ok is None or results.get(prompt.number) == result:
                    return
                results[prompt.number] = result = self._with_files(prompt, result, file)
                if file is None or file.write(result, prompt.identity, replace=again):
                    listener.result(result)

            for result in refused:
                if file is None or file.write(result):
                    listener.result(result)
            events = self.events(record.id, results=True, patience=patience.follow, on_lost=listener.lost)
            for event in events:
                tell(listener, event.name, event.data, record.place)
                if "prompt" in event.data:
                    keep(parsed(shapes.Prompt, event.data["prompt"], self._url))
            record = self.show(record.id)
            if len(results) < record.total:  # no event tells of what the check has refused
                for prompt in self.entries(record.id):
                    keep(prompt)
                    waiting = replace(named(prompt, files), error="no answer yet", error_kind="open")
                    results.setdefault(prompt.number, waiting)
            if output:
                outputs.remember(replace(output, whole=True))
            if file and file.outputs:
                file.outputs.clear()
        if record.state in ("failed", "cancelled"):
            raise RunFailed(record.error, kind=record.error_kind, where=record.id, remedy=record.remedy)
        return [*refused, *(results[number] for number in sorted(results))]

    def _with_files(self, prompt: shapes.Prompt, result: Any, file: ResultsFile | None) -> Any:
        """A result whose files are in their places beside the results file; an error where one is gone."""
        if file is None or file.outputs is None or not prompt.ok:
            return result
        try:
            self.fetch_outputs(prompt.number, result.id, result.outputs, prompt.files, file.outputs)
        except (FileDamaged, NotFound) as error:
            what = f"its output files did not come ({error.what})"
            return replace(result, error=what, error_kind="damaged", outputs={})
        file.place(result)
        return result
