"""The Items of what a person gives: a clip, a prepared folder or specs, with what is asked on top of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.transfer.asking import is_spec, item_from, specs_in, specs_of_batch
from cosmos_workflow.kinds.transfer.formats.text import is_spec_file
from cosmos_workflow.kinds.transfer.formats.written import bad_values
from cosmos_workflow.kinds.transfer.item import Item
from cosmos_workflow.kinds.transfer.spec import Spec
from cosmos_workflow.kinds.transfer.variants import variants

__all__ = ["distinct", "items_of"]


def items_of(
    source: Path,
    note: Callable[[str], None],
    *,
    fields: Mapping[str, Any] | None = None,
    controls: Mapping[str, Mapping[str, Any]] | None = None,
    prompts: Sequence[str] = (),
    seeds: Sequence[int] = (),
    weights: Mapping[str, Sequence[float]] | None = None,
    batch: Path | None = None,
) -> list[Item]:
    """The Items of a clip, a folder that `cosmos prepare` made, or specs (with the lines of a `batch` beside one).

    `fields` of a Spec, and what is said of `controls`, count before what a spec says; `prompts`, `seeds` and `weights`
    make an Item for each combination. A spec without a name has that of its file, with its number where there are
    several. `note` gets what a person should know of a spec.
    Raises BadInputError for what cannot be read, or has a wrong value, UsageError for weights of no control, and for
    more than MOST Items of one spec.
    """
    source = at_home(source)
    if batch:
        specs = list(specs_of_batch(source, batch, note))
    elif is_spec_file(source) or is_spec(source):  # what is no spec has an error that says so
        specs = list(specs_in(source, note))
    else:
        specs = [Spec(video=str(source.absolute()), name=source.stem)]
    items = []
    for number, spec in enumerate(specs, 1):
        values = {**spec.model_dump(), **(fields or {})}
        if (fields or {}).get("negative_prompt") is not None:
            values["negative_prompt_path"] = ""
        values["controls"] = {**spec.model_dump()["controls"]}
        for hint, control in (controls or {}).items():
            values["controls"][hint] = {**values["controls"].get(hint, {}), **control}
        try:
            whole = Spec.model_validate(values)
        except ValidationError as error:
            raise bad_values(error, str(source)) from error
        own = whole.name or (source.stem if len(specs) == 1 else f"{source.stem}-{number}")
        for name, variant in variants(whole, prompts=prompts, seeds=seeds, weights=weights):
            items.append(item_from(variant, "-".join(filter(None, (own, name)))))
    return list(distinct(items))


def distinct(items: Iterable[Item]) -> Iterator[Item]:
    """The items, of which each that has the name of an earlier one gets a number behind it; the check refuses it.

    Both would write the same files, and a run cannot hold two of one name.
    """
    taken: set[str] = set()
    for item in items:
        names = chain([item.id], (f"{item.id}-{number}" for number in count(2)))
        id = next(name for name in names if name not in taken)
        taken.add(id)
        yield item if id == item.id else replace(item, id=id, extra={**item.extra, "namesake": item.id})
