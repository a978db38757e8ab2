"""The batch as a Ray Data pipeline: pieces → plan, decode, fit (CPU tasks) → engine (an actor pool) → parts."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.errors import BadInputError, CosmosError, EngineError
from cosmos_workflow.kinds.kind import Kind, get_kind
from cosmos_workflow.kinds.reading import Keys, Piece
from cosmos_workflow.runs.places.ray.answering import Prepared, answer_all, prepare
from cosmos_workflow.runs.places.ray.batches import files_in, hashed, read, spans
from cosmos_workflow.runs.places.ray.parts import Output

__all__ = ["Job", "run"]

# Asked in one call: many times what an engine answers at once, and frames that still fit in memory.
PIECES_PER_ENGINE = 4  # at least, so that engines end at about the same time

OnEvent = Callable[[dict[str, Any]], None]
Hashes = Any  # an array of 16-byte strings


@dataclass(frozen=True)
class Job:
    """A batch for a cluster: `source` and `out` are URLs or paths that every machine of it reaches.

    `engines` is how many answer at once, each on `gpus_per_engine` GPUs of its own.
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
        return cls(output=output, engine=ChosenEngine(**values.pop("engine")), settings=settings, **values)


def run(job: Job, on_event: OnEvent) -> None:
    """Answer what has no answer yet in the output; `on_event` gets the counts as they grow.

    Raises BadInputError for a batch that cannot be read or gives one id twice, EngineError where the engine
    cannot be used, CosmosError where the output cannot. What is written by then stands.
    """
    import ray
    import ray.data

    job = replace(job, output=job.output.take())
    index = _index(job)
    todo, earlier = _open_items(job, index)
    pieces = _pieces(job, index, todo)
    counts = Counts(on_event, total=len(index.keys), earlier=earlier, job=job, notes=index.notes)
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
        with _own_errors():
            for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
                for row in map(pickle.loads, batch["written"]):
                    if isinstance(row, CosmosError):
                        raise row
                    counts.add(row)
    _drop_doubles(job.output)


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
        results = [item.result for item in prepared.items]
        if any(item.packed for item in prepared.items):
            with self._keeper.lend(self._job.engine) as engine:
                results = answer_all(self._job.kind, engine, prepared)
        self._job.output.write(prepared.name, results)
        good = [result for result in results if result.ok]
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


@dataclass(frozen=True)
class Index:
    """All entries of a batch: where each stands, its key (see `key_of`) and the hash of its id.

    `notes` tells a person of fields that are not known.
    """

    files: list[str]
    file: Any
    position: Any
    keys: Hashes
    ids: Hashes
    notes: tuple[str, ...] = ()


def index_span(kind: str, piece: Piece) -> tuple[Any, Hashes, Hashes, Keys]:
    """The positions, keys and ids' hashes of a piece's entries, and what its fields are called."""
    named = Keys(get_kind(kind).fields)
    entries = [(entry.position, entry.key, hashed(entry.item.id)) for entry in read(get_kind(kind), piece, named)]
    positions, keys, ids = zip(*entries, strict=True) if entries else ((), (), ())
    return np.array(positions, np.int64), np.array(keys, "S16"), np.array(ids, "S16"), named


def _index(job: Job) -> Index:
    """Raises BadInputError for an empty batch, or an id that stands twice."""
    import ray

    files = files_in(job.source)
    parts = [(n, piece) for n, url in enumerate(files) for piece in spans(url)]
    if len(parts) == 1:
        indexed = [index_span(job.output.kind, parts[0][1])]
    else:
        remote = ray.remote(index_span)
        with _own_errors():
            indexed = ray.get([remote.remote(job.output.kind, piece) for _, piece in parts])
    named = Keys(job.kind.fields)
    for *_, part in indexed:
        named.add(part)
    count = [len(positions) for positions, *_ in indexed]
    if not sum(count):
        raise BadInputError("the batch is empty", where=job.source, remedy="see docs/BATCHES.md")
    file = np.repeat(np.array([n for n, _ in parts]), count)
    positions, keys, ids = (np.concatenate([part[n] for part in indexed]) for n in range(3))
    index = Index(files, file, positions, keys, ids, tuple(named.notes()))
    _, first, times = np.unique(index.ids, return_index=True, return_counts=True)
    if (times > 1).any():
        at = first[times > 1][0]
        (entry,) = read(job.kind, Piece(files[file[at]], positions=(int(index.position[at]),)))
        raise BadInputError(
            f"one id for {times.max()} entries: {entry.item.id!r}", where=job.source,
            remedy="give each entry its own id (or another seed)",
        )  # fmt: skip
    return index


def _open_items(job: Job, index: Index) -> tuple[Any, int]:
    """Which entries are to be asked, and how many are answered; what stands for them otherwise is taken away."""
    output = job.output
    keys, ids = np.sort(index.keys), np.sort(index.ids)
    answered = [np.array([], "S16")]
    for path, part_keys, names in output.answered():
        now = np.array(part_keys, "S16")
        stale = _within(_hashes(names), ids) & (job.again | ~_within(now, keys))
        answered.append(now[~stale])
        if stale.any():
            output.drop(path, set(np.flatnonzero(stale)))
    todo = ~_within(index.keys, np.sort(np.concatenate(answered)))
    open_ids = np.sort(index.ids[todo])
    for path, names in output.letters():
        if (again := _within(_hashes(names), open_ids)).any():
            output.drop(path, set(np.flatnonzero(again)))
    return todo, int((~todo).sum())


def _hashes(texts: list[str]) -> Hashes:
    return np.array([hashed(text) for text in texts], "S16")


def _within(some: Hashes, ordered: Hashes) -> Any:
    """Which of `some` are among `ordered`, as booleans."""
    if not len(ordered):
        return np.zeros(len(some), bool)
    return ordered[np.searchsorted(ordered, some).clip(max=len(ordered) - 1)] == some


def _pieces(job: Job, index: Index, todo: Any) -> list[Piece]:
    most = job.items_per_call or job.kind.piece(job.engine.wants)
    size = min(most, max(1, -(-int(todo.sum()) // (job.engines * PIECES_PER_ENGINE))))
    pieces = []
    for n, url in enumerate(index.files):
        positions = index.position[todo & (index.file == n)].tolist()
        pieces += [Piece(url, positions=tuple(positions[at : at + size])) for at in range(0, len(positions), size)]
    return pieces


def _drop_doubles(output: Output) -> None:
    """What a machine that was thought to be lost may have written too."""
    ids = np.concatenate([np.array([], "S16"), *(_hashes(names) for _, _, names in output.answered())])
    unique, times = np.unique(ids, return_counts=True)
    doubled = unique[times > 1]
    seen: set[str] = set()
    if not len(doubled):
        return
    for path, _, names in output.answered():
        suspects = np.flatnonzero(_within(_hashes(names), doubled))
        again = {int(n) for n in suspects if names[n] in seen}
        seen.update(names[n] for n in suspects)
        if again:
            output.drop(path, again)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Ray's wrapping taken off: our own error where there is one, an EngineError in Ray's words otherwise."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, CosmosError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from error
        text = str(error).strip().splitlines()
        raise EngineError(
            f"Ray ended the job ({text[-1] if text else type(error).__name__})",
            where=type(error).__name__, remedy="run it again: written results are kept",
        ) from error  # fmt: skip
