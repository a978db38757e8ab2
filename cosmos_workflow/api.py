"""The functions that the command line, scripts and notebooks share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.config import Config, data_folder, known_keys_file, load_config
from cosmos_workflow.deciding import Decision, decide, find_host
from cosmos_workflow.engines import ChosenEngine, Engine, EngineSettings, engine_type
from cosmos_workflow.errors import HostUnreachable, UsageError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.kind import Kind, get_kind
from cosmos_workflow.kinds.reading import is_batch
from cosmos_workflow.kinds.upsample import Item, Result, Settings, check_items
from cosmos_workflow.limits import Plan, get_model
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.results import ResultsFile, is_stream, open_results
from cosmos_workflow.runs.submitting import Submission

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample import Format as AnswerFormat
    from cosmos_workflow.lab import Rig
    from cosmos_workflow.runs import Listener, Runs
    from cosmos_workflow.runs.places.ray import Format
    from cosmos_workflow.runs.stopping import StopAfter
    from cosmos_workflow.runs.submitting import Identified
    from cosmos_workflow.ssh import Host
    from cosmos_workflow.store import RunRecord, Store

__all__ = [
    "KEEP_WARM",
    "Source",
    "Submission",
    "check",
    "decide",
    "find_host",
    "fitting_model_len",
    "load_items",
    "open_rig",
    "open_runs",
    "open_store",
    "run_items",
    "run_on_ray",
    "stream_at",
    "submit",
    "tokens_needed",
    "upsample",
    "with_identities",
]

KEEP_WARM = 600.0  # seconds that a model stays loaded after a batch
GIVE_A_FILE = "give -o a file, or leave --detach out"
GIVE_A_FOLDER = "give -o a folder or a URL; `cosmos runs export RUN -o FILE` then gives one file"

Source = str | os.PathLike[str] | Item | Iterable[Item]
"""A video, a batch file (.jsonl, .json, .csv), an Item, or many."""


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=5)


def load_items(source: Source, prompt: str = "", on_note: Callable[[str], None] = _warn) -> list[Item]:
    """The items of a source; `prompt` is for a video, or for those entries of a batch that have none.

    `on_note` is called with each note about unknown keys of a batch; by default it is a Python warning.
    Raises BadInputError for a batch that cannot be read.
    """
    if not isinstance(source, (str, os.PathLike)):
        return [source] if isinstance(source, Item) else list(source)
    if is_batch(path := Path(source)):
        items = list(get_kind("upsample").read(path, on_note))
        return [replace(item, prompt=item.prompt or prompt) for item in items] if prompt else items
    return [Item.from_mapping({"video": str(path), "prompt": prompt})]


def check(source: Source, prompt: str = "", settings: Settings | None = None) -> list[Plan]:
    """The plan of each item, before anything runs; token counts are exact.

    >>> check("missing.mp4", "a city")[0].verdict
    'bad_input'
    """
    return [checked.plan for checked in check_items(load_items(source, prompt), settings, exact=True)]


def tokens_needed(items: Iterable[Item], settings: Settings) -> int:
    """The `max_model_len` that the largest item takes at full size, with its answer; 0 where no video can be read."""
    free = replace(settings, fit="off", max_model_len=settings.model.longest_model_len)
    checked_items = check_items(items, free, exact=True)
    return max((checked.plan.total_tokens for checked in checked_items if checked.clip), default=0)


def fitting_model_len(needed: int, engine: str, settings: EngineSettings, place: str = "local") -> tuple[int, str]:
    """The `max_model_len` for requests of up to `needed` tokens, as far as the memory at `place` allows, and why.

    The model's default if that is enough for all; else a multiple of 1,024 above it. With the engine `server`, what
    the server takes. Raises HostError or EngineUnavailable if the host or the engine cannot be reached.
    """
    from cosmos_workflow.doctor import longest_here, longest_on

    if is_ray(place):
        raise UsageError(
            "the length `auto` needs the memory of a single machine", where=place,
            remedy="give a number: 9216 takes any clip",
        )  # fmt: skip
    default = settings.model.max_model_len
    if needed <= default and engine != "server":
        return default, "takes all at full size"
    if place == "local":
        longest, why = longest_here(engine, settings)
    else:
        from cosmos_workflow.ssh import Pins, run_steps

        longest, why = run_steps(longest_on(find_host(place), engine, settings, Pins(known_keys_file())))
    if engine == "server":
        return longest, why
    wanted = -(-needed // 1024) * 1024
    if wanted <= longest:
        return wanted, f"takes all at full size; {why}"
    return max(default, longest // 1024 * 1024), f"{wanted:,} would take all at full size; {why}"


def submit(
    items: Iterable[Any], decision: Decision, *, out: str | Path | None = None, again: bool = False,
    keep_of: Collection[str] = (), source: str = "", keep_warm: float = KEEP_WARM, queued: bool = False,
    priority: int = 0, held: bool = False, checked: Iterable[Any] | None = None, runs: Runs | None = None,
    stop_after: StopAfter | None = None,
) -> Submission:  # fmt: skip
    """Make a run of a batch: it is in the store before anything starts; `Runs.drive` or a worker takes it from there.

    With `out`, a results file, or a folder for a kind that makes files, items that it answers already are not asked
    again unless `again`; answers of the engines `keep_of` stand although another engine is asked now, and so do those
    of the engine itself while nobody can say which model it has. Where a run that has not ended does the same work
    already, that run is returned. `checked` are the items as `Kind.check` sees them, where the caller has checked them;
    `stop_after` is what ends the run while it is driven.
    Raises UsageError where a run writes to `out` that asks something else, and for a cluster: see `run_on_ray`.
    """
    if is_ray(decision.place):
        raise UsageError(
            "a cluster reads its batch itself, so nothing is submitted to it item by item", where=decision.place,
            remedy="use `cosmos upsample BATCH --on ray`, or api.run_on_ray",
        )  # fmt: skip
    from cosmos_workflow.runs.submitting import Earlier, Request, answered_in

    runs = runs or open_runs()
    file = None if out is None or is_stream(out) else ResultsFile(out, decision.kind, runs.store.hashes)
    path = file.out.absolute() if file else None
    request = Request(
        decision.kind, decision.settings, decision.place, decision.engine, path, source, keep_warm, queued, priority,
        held, again, stop_after,
    )  # fmt: skip
    seen = checked if checked is not None else decision.kind.check(items, decision.settings)
    pairs = with_identities(seen, decision, runs.store)
    if file is None:
        return Submission(runs.submit(request, pairs))
    with file:
        if not decision.engine.fingerprint:
            keep_of = {*keep_of, decision.engine.name}
        rest, earlier = (list(pairs), Earlier()) if again else answered_in(file, pairs, keep_of)
        if not rest:
            return Submission(None, earlier.results, unidentified=earlier.unidentified)
        if run := runs.take_over(request, rest):
            return Submission(run, earlier.results, unidentified=earlier.unidentified)
        file.drop(set(earlier.changed))
        run = runs.submit(request, rest)
        return Submission(run, earlier.results, earlier.changed, earlier.unidentified)


def with_identities(checked: Iterable[Any], decision: Decision, store: Store) -> Iterator[Identified]:
    """Checked items with the identities that `submit` gives them; the hashes of files are kept in the store."""
    from cosmos_workflow.runs.request import hashing
    from cosmos_workflow.runs.submitting import identified

    return identified(decision.kind, decision.settings, decision.engine, checked, hashing(store))


def upsample(
    source: Source,
    prompt: str = "",
    *,
    place: str = "local",
    engine: str | Engine = "",
    engine_settings: EngineSettings | None = None,
    settings: Settings | None = None,
    format: AnswerFormat | None = None,
    out: str | Path | None = None,
    again: bool = False,
    keep_warm: float = KEEP_WARM,
    wait: float = 60.0,
    detach: bool = False,
    on_result: Callable[[Result], None] | None = None,
    listener: Listener | None = None,
    runs: Runs | None = None,
    name: str = "",
) -> list[Result]:
    """Upsample each prompt, on this machine or a host from the settings; returns the results in the items' order.

    `engine` is a name, or an engine of `make_engine`; by default what the place can run, and `describe` where that is
    none, which uses no model. With `out`, a file, each result is on disk before the next one starts, and items
    already answered in it are not asked again unless `again`; `-` is standard output. `on_result` is called with each
    new result as it finishes. `format` goes before the settings'. `keep_warm` is how many seconds the model stays
    loaded after the batch; a host that cannot be reached is tried again for `wait` seconds, and for longer once it has
    the batch. With `detach`, returns when the host has the batch; `Runs.drive` then gets the results. `name` is the
    run's name in lists, by default the source; `listener` is told of the run.
    Raises EngineError if the engine itself fails, HostError if the host cannot be used, BadInputError for an unreadable
    batch or `out`, RunFailed if the run ended early; `out` keeps the results so far.
    """
    from cosmos_workflow.runs import Listener
    from cosmos_workflow.runs.places.place import require_detachable

    if detach:
        require_detachable(place)
    items = load_items(source, prompt)
    settings = settings or Settings()
    settings = replace(settings, format=format) if format else settings
    engine_settings = engine_settings or EngineSettings(limits=settings.limits)
    kind = get_kind("upsample")
    listener = listener or Listener()
    listener = replace(listener, result=on_result) if on_result else listener
    name = name or (str(source) if isinstance(source, (str, os.PathLike)) else f"{len(items)} items")
    with own_runs(runs) as used:
        if isinstance(engine, str):
            decision = decide(kind, settings, place=place, engine=engine, engine_settings=engine_settings)
        else:
            decision = Decision(kind, "local", used.engine.given(engine), kind.for_engine(settings, engine.name))
        return run_items(
            items, decision, out=out, again=again, keep_warm=keep_warm, wait=wait, detach=detach, listener=listener,
            runs=used, name=name,
        )  # fmt: skip


@contextmanager
def own_runs(runs: Runs | None) -> Iterator[Runs]:
    """The runs that are given; else this machine's, whose engine is closed after use: no later call would find it."""
    if runs is not None:
        yield runs
        return
    runs = open_runs()
    try:
        yield runs
    finally:
        runs.engine.close()


def run_items(
    items: Sequence[Any],
    decision: Decision,
    *,
    out: str | Path | None = None,
    again: bool = False,
    keep_warm: float = KEEP_WARM,
    wait: float = 60.0,
    detach: bool = False,
    listener: Listener | None = None,
    runs: Runs | None = None,
    name: str = "",
) -> list[Any]:
    """Do items of any kind where it was decided, to the end, as `upsample` says; the results in the items' order."""
    from cosmos_workflow.runs import Listener, Patience

    listener = listener or Listener()
    with own_runs(runs) as used, stream_at(out, decision.kind, detach=detach) as stream:
        submission = submit(items, decision, out=out, again=again, source=name, keep_warm=keep_warm, runs=used)
        results = dict(submission.earlier)
        if submission.run:
            listener.planned(submission.run)
            patience = Patience(reach=wait)
            driven = used.drive(submission.run.id, listener, detach=detach, patience=patience, stream=stream)
            results |= {result.id: result for result in driven}
    return [results[item.id] for item in items if item.id in results]


def stream_at(out: str | Path | None, kind: Kind, *, detach: bool) -> AbstractContextManager[ResultsFile | None]:
    """The stream that results go to, where `out` is one. Raises UsageError where nobody would stay to write to it."""
    if out is None or not is_stream(out):
        return nullcontext()
    if detach:
        raise UsageError("a detached run cannot write to a stream", where=f"-o {out}", remedy=GIVE_A_FILE)
    return open_results(out, kind)


def run_on_ray(
    source: str | os.PathLike[str],
    decision: Decision,
    *,
    out: str,
    out_format: Format | None = None,
    engines: int | None = None,
    gpus_per_engine: int | None = None,
    again: bool = False,
    keep_of: Sequence[str] = (),
    detach: bool = False,
    listener: Listener | None = None,
    runs: Runs | None = None,
) -> RunRecord:
    """Do a batch of any size on the Ray cluster that was decided on; returns the run when it has ended.

    `source` is a JSON Lines, CSV or Parquet file, a folder of them, or their fsspec URL; `out` is a folder or URL for
    the answers, in parts of `out_format` (`jsonl` or `parquet`, by default the source's), and for the dead letters:
    items without an answer. Every machine of the cluster must reach both. Items already answered in `out` are not
    asked again, as with `submit`, with `again` and `keep_of`. `engines` run at once with `gpus_per_engine` GPUs each
    (tensor parallel), by default one on each GPU.
    Raises HostUnreachable if no cluster answers, BadInputError for a batch that cannot be read, and the error that
    ended the run early; results written by then are kept.
    """
    from cosmos_workflow.runs import Listener
    from cosmos_workflow.runs.places.ray import connected

    if is_stream(out) or ("://" not in out and at_home(Path(out)).is_file()):
        raise UsageError("a cluster writes its results into a folder", where=f"-o {out}", remedy=GIVE_A_FOLDER)
    runs, listener = runs or open_runs(), listener or Listener()
    with connected(decision.place) as cluster:
        if detach and cluster.own:
            raise UsageError(
                "there is no running cluster that could continue a detached run", remedy="start one: ray start --head"
            )
        job = cluster.job(
            decision.kind, _anchored(os.fspath(source)), _anchored(out), decision.engine, decision.settings,
            format=out_format, engines=engines, gpus_per_engine=gpus_per_engine, again=again, keep_of=keep_of,
        )  # fmt: skip
        run = runs.plan_on_ray(job)
        listener.planned(run)
        runs.drive(run.id, listener, detach=detach)
    return runs.store.get(run.id)


def _anchored(path: str) -> str:
    """An absolute path, which means the same in every process of this machine; a URL stays as it is."""
    return path if "://" in path else str(at_home(Path(path)).absolute())


def open_rig(
    place: str,
    engine: str,
    settings: EngineSettings,
    config: Config | None = None,
    on_lost: Callable[[HostUnreachable, float], None] = lambda error, wait: None,
    on_waiting: Callable[[str], None] = lambda why: None,
) -> tuple[Rig, str]:
    """What the lab measures at `place` (`local`, or a host of the settings), and why its engine was chosen.

    `on_lost` is called with each broken connection to a host, and the seconds until the next try; `on_waiting` with the
    reason when this machine's device is in use.
    Raises UsageError where there is no such host or engine.
    """
    from cosmos_workflow.lab import LocalRig

    decision = decide(
        get_kind("upsample"), Settings(), place=place, engine=engine, engine_settings=settings, config=config
    )
    if decision.host is None:
        settings = replace(settings, options=decision.engine.settings["options"])
        return LocalRig(decision.engine.name, settings, on_waiting), decision.engine.why
    from cosmos_workflow.lab.host_rig import HostRig
    from cosmos_workflow.ssh import Pins

    pins = Pins(known_keys_file())
    return HostRig(decision.host, decision.engine, pins, data_folder(), on_lost), decision.engine.why


def open_store(config: Config | None = None) -> Store:
    """The database of this machine's runs and experiments."""
    from cosmos_workflow.store import Store

    config = config or load_config()
    return Store(config.store_url or f"sqlite:///{data_folder() / 'store.db'}")


def open_runs(config: Config | None = None) -> Runs:
    """The runs in this machine's store."""
    from cosmos_workflow.runs import Runs
    from cosmos_workflow.ssh import Pins

    config, pins = config or load_config(), Pins(known_keys_file())

    def look(host: Host, engine: ChosenEngine, warn: Callable[[str], None]) -> None:
        type = engine_type(engine.name, engine.module)
        if type.libraries and not host.container:
            from cosmos_workflow.doctor import require_libraries

            require_libraries(host, pins, engine.name, type.libraries)
        if type.needs == "model":
            from cosmos_workflow.doctor import require_host

            model = None if type.model == "video" else get_model(engine.settings["limits"])
            folder = host.model_path and engine.settings["model_path"]
            require_host(replace(host, engine=engine.name, model_path=folder), pins, model, warn)

    return Runs(open_store(config), data_folder(), lambda name: find_host(name, config), pins, look)
