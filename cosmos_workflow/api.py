"""The functions that the command line, scripts and notebooks share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from cosmos_workflow.engines import Engine, EngineSettings, make_engine
from cosmos_workflow.execution import run_local
from cosmos_workflow.limits import Plan
from cosmos_workflow.prompts import Item, Result, ResultsFile, Settings, check_items, is_batch, read_batch

__all__ = ["Source", "check", "load_items", "upsample"]

Source = str | os.PathLike[str] | Item | Iterable[Item]
"""A video, a batch file (.jsonl, .json, .csv), an Item, or many."""


def load_items(source: Source, prompt: str = "") -> list[Item]:
    """The items that a source stands for; `prompt` belongs to a video, or to entries that have none.

    Raises BadInputError for a batch that cannot be read.
    """
    if isinstance(source, Item):
        return [source]
    if not isinstance(source, (str, os.PathLike)):
        return list(source)
    if is_batch(path := Path(source)):
        return [replace(item, prompt=item.prompt or prompt) for item in read_batch(path)]
    return [Item.from_mapping({"video": str(path), "prompt": prompt})]


def check(source: Source, prompt: str = "", settings: Settings | None = None) -> list[Plan]:
    """What the model would say of each item, before anything runs; token counts are exact.

    >>> check("missing.mp4", "a city")[0].verdict
    'bad_input'
    """
    return [checked.plan for checked in check_items(load_items(source, prompt), settings, exact=True)]


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
    """Upsample each prompt; the results in the items' order.

    `engine` is by default `describe`, which uses no model; see `engines.make_engine`. With `out`, each
    result is on disk before the next one starts, and items answered there already are not asked again
    unless `again`. `on_result` hears of each new result as it finishes.
    Raises EngineError where the engine itself fails, BadInputError for an unreadable batch or `out`.
    """
    items = load_items(source, prompt)
    engine = engine or make_engine("describe", EngineSettings())
    results: dict[str, Result] = {}
    with ExitStack() as stack:
        file = stack.enter_context(ResultsFile(out)) if out else None
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
