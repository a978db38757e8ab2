"""The functions that the command line, scripts and notebooks share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.config import Config, data_folder, known_keys_file, load_config
from cosmos_workflow.engines import Engine, EngineSettings, make_engine
from cosmos_workflow.errors import HostUnreachable, NotFound, UsageError
from cosmos_workflow.kinds.upsample import Item, Result, Settings, at_home, check_items, is_batch, read_batch
from cosmos_workflow.kinds.upsample.streams import is_stream, open_results
from cosmos_workflow.limits import Plan
from cosmos_workflow.runs.places.answering import run_local
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample import Checked, ResultsFile
    from cosmos_workflow.lab import Rig
    from cosmos_workflow.runs import Listener, Runs
    from cosmos_workflow.runs.places.ray import Format
    from cosmos_workflow.ssh import Host
    from cosmos_workflow.store import RunRecord, Store

__all__ = [
    "KEEP_WARM",
    "Source",
    "check",
    "choose",
    "enqueue",
    "find_host",
    "fitting_model_len",
    "load_items",
    "open_rig",
    "open_runs",
    "open_store",
    "tokens_needed",
    "upsample",
    "upsample_on",
    "upsample_on_ray",
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
    if isinstance(source, Item):
        return [source]
    if not isinstance(source, (str, os.PathLike)):
        return list(source)
    if is_batch(path := Path(source)):
        return [replace(item, prompt=item.prompt or prompt) for item in read_batch(path, on_note)]
    return [Item.from_mapping({"video": str(path), "prompt": prompt})]


def check(source: Source, prompt: str = "", settings: Settings | None = None) -> list[Plan]:
    """The plan of each item, before anything runs; token counts are exact.

    >>> check("missing.mp4", "a city")[0].verdict
    'bad_input'
    """
    return [checked.plan for checked in check_items(load_items(source, prompt), settings, exact=True)]


def choose(place: str, engine: str, settings: EngineSettings, config: Config | None = None) -> tuple[str, str]:
    """The name of the engine that answers at a place, and why. Raises UsageError for an unknown place or engine."""
    from cosmos_workflow.engines import choose_engine

    if place == "local":
        return choose_engine(engine or (config or load_config()).engine, settings)
    if is_ray(place):
        from cosmos_workflow.runs.places.ray import who_answers

        cluster_engine, why = who_answers(engine or (config or load_config()).engine, settings)
        return cluster_engine.name, why
    from cosmos_workflow.runs.places.host_steps import remote_engine

    chosen = remote_engine(find_host(place, config), engine, settings)
    return chosen.name, chosen.why


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


def upsample(
    source: Source,
    prompt: str = "",
    *,
    engine: Engine | None = None,
    settings: Settings | None = None,
    out: str | Path | None = None,
    again: bool = False,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Upsample each prompt; returns the results in the items' order.

    `engine` is by default `describe`, which uses no model; see `engines.make_engine`. With `out`, a file, each
    result is on disk before the next one starts, and items already answered in it are not asked again
    unless `again`; `-` is standard output. `on_result` is called with each new result as it finishes.
    Raises EngineError if the engine itself fails, BadInputError for an unreadable batch or `out`.
    """
    items = load_items(source, prompt)
    engine = engine or make_engine("describe", EngineSettings())
    results: dict[str, Result] = {}
    with ExitStack() as stack:
        file = stack.enter_context(open_results(out)) if out else None
        if file:
            results = {} if again else {result.id: result for result in file.answered(items)}
            file.drop({item.id for item in items} - results.keys())

        def keep(result: Result) -> None:
            results[result.id] = result
            if file:
                file.write(result)
            if on_result:
                on_result(result)

        run_local([item for item in items if item.id not in results], engine, settings, on_result=keep)
    return [results[item.id] for item in items]


def upsample_on(
    host: str,
    source: Source,
    prompt: str = "",
    *,
    out: str | Path,
    engine: str = "",
    engine_settings: EngineSettings | None = None,
    settings: Settings | None = None,
    keep_warm: float = KEEP_WARM,
    wait: float = 60.0,
    again: bool = False,
    detach: bool = False,
    listener: Listener | None = None,
    runs: Runs | None = None,
    name: str = "",
) -> tuple[str, list[Result]]:
    """`upsample` on a host from the settings, by SSH; returns the run's id and the results in the items' order.

    `keep_warm` is how many seconds the model stays loaded there after the batch. With `detach`, returns when
    the host has the batch; `Runs.drive` then gets the results. A host that cannot be reached is tried again for `wait`
    seconds, and for longer once it has the batch. `name` is the run's name in lists, by default the source. The id
    is empty if everything is already answered in `out`. If `out` is a stream (`-`, a pipe), the results are also kept
    with the run.
    Raises HostError if the host cannot be used, RunFailed if the run ended early; `out` keeps the results so far.
    """
    from cosmos_workflow.doctor import require_host
    from cosmos_workflow.runs import Listener, Patience
    from cosmos_workflow.runs.places.host_steps import remote_engine
    from cosmos_workflow.ssh import Pins, one_line

    items, settings = load_items(source, prompt), settings or Settings()
    place = find_host(host)
    answers = remote_engine(place, engine, engine_settings or EngineSettings(limits=settings.limits))
    stream = is_stream(out)
    if stream and detach:
        raise UsageError("a detached run cannot write to a stream", where=f"-o {out}", remedy=GIVE_A_FILE)
    with ExitStack() as stack:
        file = stack.enter_context(open_results(out))
        results = {} if again else {result.id: result for result in file.answered(items)}
        file.drop({item.id for item in items} - results.keys())
        todo = [item for item in items if item.id not in results]
        if not todo:
            return "", [results[item.id] for item in items]
        runs, listener = runs or open_runs(), listener or Listener()
        if stream:
            listener = _into(file, listener)
        else:
            stack.close()  # `drive` below opens the file itself
        name = name or (str(source) if isinstance(source, (str, os.PathLike)) else f"{len(items)} items")
        path = None if stream else at_home(Path(out))
        stack.enter_context(one_line())
        if answers.name == "vllm":
            require_host(replace(place, engine=answers.name), Pins(known_keys_file()), settings.model, listener.warning)
        run = runs.plan(todo, place.name, answers, settings, out=path, source=name, keep_warm=keep_warm)
        listener.planned(run)
        driven = runs.drive(run.id, listener, detach=detach, patience=Patience(reach=wait))
        results |= {result.id: result for result in driven}
    return run.id, [results[item.id] for item in items if item.id in results]


def _into(file: ResultsFile, listener: Listener) -> Listener:
    """A listener that also writes each result to the file."""

    def result(new_result: Result) -> None:
        file.write(new_result)
        listener.result(new_result)

    return replace(listener, result=result)


def upsample_on_ray(
    source: str | os.PathLike[str],
    *,
    out: str,
    place: str = "ray",
    engine: str = "",
    engine_settings: EngineSettings | None = None,
    settings: Settings | None = None,
    out_format: Format | None = None,
    engines: int | None = None,
    gpus_per_engine: int | None = None,
    again: bool = False,
    detach: bool = False,
    listener: Listener | None = None,
    runs: Runs | None = None,
) -> RunRecord:
    """Upsample a batch of any size on a Ray cluster; returns the run when it has ended.

    `source` is a JSON Lines, CSV or Parquet file, a folder of them, or their fsspec URL; `out` is a folder or URL for
    the answers, in parts of `out_format` (`jsonl` or `parquet`, by default the source's), and for the dead letters:
    items without an answer. Every machine of the cluster must reach both. Items already answered in `out` are not
    asked again. `engines` run at once with `gpus_per_engine` GPUs each (tensor parallel), by default one on each GPU.
    Raises HostUnreachable if no cluster answers, BadInputError for a batch that cannot be read, and the error that
    ended the run early; results written by then are kept.
    """
    from cosmos_workflow.runs import Listener
    from cosmos_workflow.runs.places.ray import connected

    if is_stream(out) or ("://" not in out and at_home(Path(out)).is_file()):
        raise UsageError("a cluster writes its results into a folder", where=f"-o {out}", remedy=GIVE_A_FOLDER)
    runs, listener = runs or open_runs(), listener or Listener()
    with connected(place) as cluster:
        if detach and cluster.own:
            raise UsageError(
                "there is no running cluster that could continue a detached run", remedy="start one: ray start --head"
            )
        job = cluster.job(
            _anchored(os.fspath(source)), _anchored(out), engine, engine_settings or EngineSettings(),
            settings or Settings(), format=out_format, engines=engines, gpus_per_engine=gpus_per_engine, again=again,
        )  # fmt: skip
        run = runs.plan_on_ray(job)
        listener.planned(run)
        runs.drive(run.id, listener, detach=detach)
    return runs.store.get(run.id)


def enqueue(
    items: Sequence[Item],
    *,
    place: str = "local",
    engine: str = "",
    engine_settings: EngineSettings | None = None,
    settings: Settings | None = None,
    keep_warm: float = KEEP_WARM,
    priority: int = 0,
    held: bool = False,
    name: str = "",
    checked: Sequence[Checked] | None = None,
    runs: Runs | None = None,
    config: Config | None = None,
) -> RunRecord:
    """Put a batch into the queue, for this machine or a host; the worker takes it when the place is free.

    `checked` has the items' plans under these settings, if the caller has already made them.
    Raises UsageError for an unknown place or engine.
    """
    from cosmos_workflow.engines.chosen import local_engine
    from cosmos_workflow.runs.places.host_steps import remote_engine

    settings = settings or Settings()
    engine_settings = engine_settings or EngineSettings(limits=settings.limits)
    if place == "local":
        answers = local_engine(*choose(place, engine, engine_settings, config), engine_settings)
    else:
        answers = remote_engine(find_host(place, config), engine, engine_settings)
    runs = runs or open_runs(config)
    return runs.queue(
        items, place, answers, settings, source=name or f"{len(items)} items", keep_warm=keep_warm,
        priority=priority, held=held, checked=checked,
    )  # fmt: skip


def _anchored(path: str) -> str:
    """An absolute path, which means the same in every process of this machine; a URL stays as it is."""
    return path if "://" in path else str(at_home(Path(path)).absolute())


def find_host(name: str, config: Config | None = None) -> Host:
    """A host from the settings. Raises NotFound if none has that name."""
    from cosmos_workflow.ssh import host_from

    if is_ray(name):
        raise UsageError(
            "this is a cluster, but a single host is needed", where=name, remedy="choose one of `cosmos hosts list`"
        )
    hosts = (config or load_config()).hosts
    if name not in hosts:
        known = f"known are {', '.join(hosts)}" if hosts else "add it: cosmos hosts add NAME [USER@]HOST[:PORT]"
        raise NotFound(f"no host named {name!r}", remedy=known)
    return host_from(name, hosts[name])


def open_rig(
    place: str,
    engine: str,
    settings: EngineSettings,
    config: Config | None = None,
    on_lost: Callable[[HostUnreachable, float], None] = lambda error, wait: None,
) -> tuple[Rig, str]:
    """What the lab measures at `place` (`local`, or a host of the settings), and why its engine was chosen.

    `on_lost` is called with each broken connection to a host, and the seconds until the next try.
    Raises UsageError where there is no such host or engine.
    """
    from cosmos_workflow.lab import LocalRig

    if place == "local":
        name, why = choose(place, engine, settings, config)
        return LocalRig(name, settings), why
    from cosmos_workflow.lab.host_rig import HostRig
    from cosmos_workflow.ssh import Pins

    pins = Pins(known_keys_file())
    rig = HostRig(find_host(place, config), engine, settings, pins, data_folder(), on_lost)
    return rig, rig.why


def open_store(config: Config | None = None) -> Store:
    """The database of this machine's runs and experiments."""
    from cosmos_workflow.store import Store

    config = config or load_config()
    return Store(config.store_url or f"sqlite:///{data_folder() / 'store.db'}")


def open_runs(config: Config | None = None) -> Runs:
    """The runs in this machine's store."""
    from cosmos_workflow.runs import Runs
    from cosmos_workflow.ssh import Pins

    config = config or load_config()
    return Runs(open_store(config), data_folder(), lambda name: find_host(name, config), Pins(known_keys_file()))
