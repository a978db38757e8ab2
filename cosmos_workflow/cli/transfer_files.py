"""What `cosmos transfer` writes itself: a translated spec, and the contact sheet."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.cli.console import escaped, note, print_json, stderr
from cosmos_workflow.errors import UsageError

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.formats import Loaded

__all__ = ["contact_sheet", "convert_specs"]


def contact_sheet(folder: Path, ids: list[str]) -> None:
    """Put the videos of this call side by side in one picture."""
    from cosmos_workflow.files import RESULTS
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.transfer.contact import write_contact
    from cosmos_workflow.runs.results import read_results

    made = {result.id: result for result in read_results(folder / RESULTS, get_kind("transfer")) if result.ok}
    if sheet := write_contact(folder, [made[id] for id in ids if id in made]):
        stderr().print(f"contact sheet: {sheet}", style="dim")


def convert_specs(source: str, form: str, out: str | None, batch: str | None = None) -> int:
    """Translate the specs of a file, or of the lines of a `batch` beside it: to stdout, or to a file."""
    from cosmos_workflow.files import at_home, write_whole
    from cosmos_workflow.kinds.transfer.asking import is_spec
    from cosmos_workflow.kinds.transfer.folder import prepared_in, spec_of_folder
    from cosmos_workflow.kinds.transfer.formats import Loaded, read_batch, read_specs

    path = at_home(Path(source)).absolute()
    if not is_spec(path):
        raise UsageError("this is no spec", where=source, remedy="give a spec, or a folder that cosmos prepare made")
    if batch:
        specs = list(read_batch(source, batch))
    else:
        prepared = prepared_in(path) if path.is_dir() else ()
        specs = [Loaded("own", spec_of_folder(folder)) for folder in prepared] or list(read_specs(source))
    target = None if out in (None, "-") else Path(out or "")
    if target:
        _refuse_name(target, len(specs))
    made = _translated(specs, form, path.parent, target.absolute().parent if target else path.parent)
    if target is None:
        for values in made:
            print_json(values)
        return 0
    if form == "transfer1" and len(made) > 1:
        return _write_batch(target, made)
    if target.suffix.lower() == ".jsonl":
        # Programs also end a line at U+2028 and the like, which JSON leaves as they are.
        text = "\n".join(escaped(json.dumps(values, ensure_ascii=False)) for values in made)
    else:
        text = json.dumps(made[0], ensure_ascii=False, indent=4)
    write_whole(target, f"{text}\n".encode())
    stderr().print(f"written: {out}", markup=False)
    return 0


def _refuse_name(target: Path, specs: int) -> None:
    """Raise UsageError for a name under which programs would not read so many specs."""
    if target.exists():
        raise UsageError("there is a file already", where=str(target), remedy="give another name with -o")
    if target.suffix.lower() not in (".json", ".jsonl"):
        raise UsageError("no name for a file of specs", where=str(target), remedy="let it end in .json or .jsonl")
    if specs > 1 and target.suffix.lower() == ".json":
        raise UsageError(
            f"a .json file holds one spec, and these are {specs}", where=str(target), remedy="let it end in .jsonl"
        )


def _translated(specs: list[Loaded], form: str, before: Path, after: Path) -> list[dict[str, Any]]:
    """The specs of the folder `before`, for a file in the folder `after`; what is to be known of them is said."""
    from cosmos_workflow.kinds.transfer.formats import convert, has_relative_paths, moved

    made: list[dict[str, Any]] = []
    names: set[Any] = set()
    if before.resolve() == after.resolve() or form == "transfer1":  # whose paths start where it is started
        after = before
    elif any(spec.form == form and has_relative_paths(spec.spec) for spec in specs):
        note(f"a spec that has this form stays as it is, and its paths start at its folder: write it into {before}")
    for spec in specs:
        same = spec.form == form or before == after
        placed = spec if same else replace(spec, spec=moved(spec.spec, spec.form, before, after))
        converted = convert(placed, form, folder=before if same else after)
        for sentence in converted.notes:
            note(sentence)
        values = converted.values
        if form in ("transfer2.5", "cosmos3") and (name := values.get("name")) and name in names:
            values["name"] = next(other for number in count(2) if (other := f"{name}-{number}") not in names)
            note(f"two have the name {name!r}, which the program refuses: one is now {values['name']!r}")
        names.add(values.get("name"))
        made.append(values)
    return made


def _write_batch(target: Path, specs: list[dict[str, Any]]) -> int:
    """Write specs of Transfer1, which reads one from a file, as one spec and the lines of a batch beside it."""
    from cosmos_workflow.files import write_whole
    from cosmos_workflow.kinds.transfer.formats import Transfer1Spec, batch_of

    beside = target.with_suffix(".json")
    _refuse_name(beside, 1)
    base, lines, notes = batch_of([Transfer1Spec.read(values).to_spec()[0] for values in specs])
    for sentence in notes:
        note(sentence)
    write_whole(beside, f"{json.dumps(base, ensure_ascii=False, indent=4)}\n".encode())
    write_whole(target, "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode())
    stderr().print(f"written: --controlnet_specs {beside} --batch_input_path {target}", markup=False)
    return 0
