"""The batch as a Ray Data pipeline: pieces → plan, decode, fit (CPU tasks) → engine (an actor pool) → parts."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.kind import Kind, get_kind
from cosmos_workflow.runs.places.ray.answering import Prepared, answer_all, prepare
from cosmos_workflow.runs.places.ray.earlier import drop_doubles, open_entries
from cosmos_workflow.runs.places.ray.indexing import make_index, own_errors
from cosmos_workflow.runs.places.ray.parts import Output
from cosmos_workflow.runs.places.ray.uploading import UploadedFiles

__all__ = ["Job", "run"]

# Asked in one call: many times what an engine answers at once, and frames that still fit in memory.
PIECES_PER_ENGINE = 4  # at least, so that engines end at about the same time

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """A batch for a cluster: `source` and `out` are URLs or paths that every machine of it reaches.

    `engines` is how many answer at once, each on `gpus_per_engine` GPUs of its own. Answers of the engines `keep_of` in
    the output stand although another engine is asked now.
    """

    source: str
    output: Output
    engine: ChosenEngine
    settings: Any
    place: str = "ray"
    engines: int = 1
    gpus_per_engine: int = 0
    items_per_call: int = 0
    again: bool = False
    keep_of: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return get_kind(self.output.kind)

    def to_plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(replace(self, settings=None)) | {"settings": self.kind.dump_settings(self.settings)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Job:
        """A job from its JSON, also as the version before wrote it."""
        values = dict(plain)
        if "who" in values:
            values["engine"] = {**values.pop("who"), "settings": values.pop("engine_settings")}
        output = Output(**values.pop("output"))
        settings = get_kind(output.kind).load_settings(values.pop("settings"))
        engine, keep_of = ChosenEngine(**values.pop("engine")), tuple(values.pop("keep_of", ()))
        return cls(output=output, engine=engine, settings=settings, keep_of=keep_of, **values)


def run(job: Job, on_event: OnEvent) -> None:
    """Answer what has no answer yet in the output; `on_event` gets the counts as they grow.

    Raises BadInputError for a batch that cannot be read or gives one id twice, EngineError where the engine
    cannot be used, CosmosError where the output cannot. What is written by then stands.
    """
    import ray
    import ray.data

    job = replace(job, output=job.output.take())
    index = make_index(job.kind, job.source)
    entries, notes = open_entries(job, index)
    pieces = index.pieces(entries, _piece_size(job, len(entries)))
    total = len(index.keys)
    counts = Counts(on_event, total=total, earlier=total - len(entries), job=job, notes=(*index.notes, *notes))
    counts.report()
    if pieces:
        rows = [{"piece": pickle.dumps(piece)} for piece in pieces]
        dataset = (
            ray.data.from_items(rows, override_num_blocks=len(rows))
            .map_batches(_prepare_rows, fn_kwargs={"job": job}, batch_size=1)
            .map_batches(
                AnsweringActor, fn_constructor_args=(job,), batch_size=1, num_cpus=0,
                num_gpus=job.gpus_per_engine or None, compute=ray.data.ActorPoolStrategy(size=job.engines),
            )
        )  # fmt: skip
        with own_errors():
            for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
                for row in map(pickle.loads, batch["written"]):
                    if isinstance(row, CosmosError):
                        raise row
                    counts.add(row)
    drop_doubles(job.output)


@dataclass
class Counts:
    """How far a job is."""

    on_event: OnEvent
    total: int
    earlier: int
    job: Job
    notes: tuple[str, ...] = ()
    answered: int = 0
    failed: int = 0
    tokens: int = 0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._first: tuple[float, int] | None = None  # engines load until then, which says nothing of their rate

    def add(self, part: dict[str, int]) -> None:
        """A part that has been written."""
        self.answered += part["answered"]
        self.failed += part["failed"]
        self.tokens += part["tokens"]
        self._first = self._first or (time.monotonic(), self.answered + self.failed)
        self.report()

    def report(self) -> None:
        """`rate` in items/s, `tokens_per_s` of answers, `gpu_hours` of GPUs held since the pipeline began."""
        now, done = time.monotonic(), self.answered + self.failed
        seconds = max(1e-3, now - self._began)
        since, before = self._first or (self._began, 0)
        rate = (done - before) / max(1e-3, now - since) or done / seconds
        self.on_event({
            "event": "progress", "total": self.total, "answered": self.earlier + self.answered, "failed": self.failed,
            "earlier": self.earlier, "rate": round(rate, 3), "tokens_per_s": round(self.tokens / seconds, 1),
            "eta": round((self.total - self.earlier - done) / rate) if rate else None,
            "gpu_hours": round(self.job.engines * self.job.gpus_per_engine * seconds / 3600, 4),
            "notes": list(self.notes),
        })  # fmt: skip


class AnsweringActor:
    """One engine of the pool. It asks in a process of its own, so that no item ends the actor itself."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._keeper = Keeper((), apart=lambda name: True)  # Ray deals out the devices

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Answer prepared pieces and write each as a part; the counts of each, or the error that ends the job."""
        return {"written": [_guarded(self._answer, pickle.loads(data)) for data in batch["prepared"]]}

    def _answer(self, prepared: Prepared | CosmosError) -> dict[str, int]:
        if isinstance(prepared, CosmosError):
            raise prepared
        results = [(item.result, item.identity) for item in prepared.items]
        if any(item.packed for item in prepared.items):
            with self._keeper.lend(self._job.engine) as engine:
                outputs = UploadedFiles(self._job.output) if self._job.kind.makes_files else None
                results = answer_all(self._job.kind, engine, prepared, outputs)
        self._job.output.write(prepared.name, results)
        good = [result for result, _ in results if result.ok]
        tokens = sum(getattr(result, "completion_tokens", 0) for result in good)
        return {"answered": len(good), "failed": len(results) - len(good), "tokens": tokens}


def _prepare_rows(batch: dict[str, Any], *, job: Job) -> dict[str, list[bytes]]:
    pieces = map(pickle.loads, batch["piece"])
    return {"prepared": [_guarded(prepare, job.kind, piece, job.engine, job.settings, job.place) for piece in pieces]}


def _guarded(action: Callable[..., Any], *words: Any) -> bytes:
    """What an action gives, or our own error, which Ray Data would lose on the way to the driver."""
    try:
        return pickle.dumps(action(*words), protocol=5)
    except CosmosError as error:
        return pickle.dumps(error)


def _piece_size(job: Job, count: int) -> int:
    """How many of `count` items are asked in one call."""
    most = job.items_per_call or job.kind.piece(job.engine.wants, job.settings)
    return min(most, max(1, -(-count // (job.engines * PIECES_PER_ENGINE))))
