"""Transfer1's batch: lines that stand beside one spec, each with a clip, a prompt and changes to the controls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.transfer.formats.loading import Loaded, read_specs
from cosmos_workflow.kinds.transfer.formats.paths import located
from cosmos_workflow.kinds.transfer.formats.text import documents
from cosmos_workflow.kinds.transfer.formats.transfer1 import HINTS, Transfer1Control, Transfer1Spec
from cosmos_workflow.kinds.transfer.formats.values import Text, is_map, named, shown
from cosmos_workflow.kinds.transfer.formats.written import Written
from cosmos_workflow.kinds.transfer.spec import Spec

__all__ = ["BatchLine", "batch_of", "read_batch", "read_batch_lines"]

DEFAULT_WEIGHT = 0.5  # Transfer1's own


class BatchLine(Written):
    """One line: the clip, its prompt, and for controls of the spec what is otherwise; `null` takes a value away."""

    visual_input: Text = None
    prompt: Text = None
    control_overrides: dict[str, Transfer1Control] | None = None

    def over(self, spec: Transfer1Spec) -> tuple[Transfer1Spec, list[str]]:
        """The whole spec that Transfer1 makes of the line, and what a person should know."""
        notes = [f"{named(key)} is not known in a line of Transfer1's batch, which ignores it" for key in self.strange]
        values = spec.write()
        values["input_video_path"] = self.visual_input or ""
        if self.prompt is not None:
            values["prompt"] = self.prompt
        else:
            notes.append("the line has no prompt: that of the spec is taken, where Transfer1 would refuse an empty one")
        for hint, override in (self.control_overrides or {}).items():
            if hint in HINTS and isinstance(values.get(hint), dict):
                values[hint] = {**values[hint], **override.write()}
            else:
                notes.append(
                    f"the spec has no control {shown(hint)}, so that Transfer1 ignores what the line says of it"
                )
        return Transfer1Spec.read(values), notes

    def write(self) -> dict[str, Any]:
        """The mapping that was read."""
        values = super().write()
        if self.control_overrides is not None:
            values["control_overrides"] = {hint: part.write() for hint, part in self.control_overrides.items()}
        return values


def read_batch_lines(path: str | Path) -> Iterator[tuple[BatchLine, str]]:
    """The lines of a batch, each with where it stands. Raises BadInputError."""
    for document in documents(path):
        if not isinstance(document.values, dict) or "visual_input" not in document.values:
            raise BadInputError(
                "this is no line of Transfer1's batch", where=document.where,
                remedy="each line needs visual_input, and may have prompt and control_overrides",
            )  # fmt: skip
        yield BatchLine.read(document.values, document.where), document.where


def read_batch(path: str | Path, lines: str | Path) -> Iterator[Loaded]:
    """The whole specs that Transfer1 makes of the spec in the file `path` and of each of the `lines`.

    Paths of the lines start at their own folder, or at the current one, and are absolute. Raises BadInputError for
    another spec than one of Transfer1, and for what is no line.
    """
    first, *more = read_specs(path)
    base = first.written
    if more or not isinstance(base, Transfer1Spec):
        raise BadInputError(
            "a batch of lines stands beside one spec of Transfer1", where=str(path),
            remedy=f"translate it: cosmos transfer {path} --convert transfer1",
        )  # fmt: skip
    notes, folder = first.notes, Path(lines).absolute().parent
    for line, where in read_batch_lines(lines):
        written, changes = _located(line, folder).over(base)
        spec, known = written.to_spec()
        of_line = [note for note in known if note not in first.notes]
        yield Loaded("transfer1", spec, written, (*notes, *changes, *of_line), tuple(written.unknown()), where)
        notes = ()  # what is to be known of the spec is said once


def _located(line: BatchLine, folder: Path) -> BatchLine:
    """A line whose paths are absolute."""
    values = line.write()
    values["visual_input"] = located(values["visual_input"] or "", folder, "transfer1")
    for override in (values.get("control_overrides") or {}).values():
        if override.get("input_control"):
            override["input_control"] = located(override["input_control"], folder, "transfer1")
        if is_map(override.get("control_weight")):
            override["control_weight"] = located(override["control_weight"], folder, "transfer1")
    return BatchLine.read(values)


def batch_of(specs: Sequence[Spec]) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """One spec and the lines of a batch for several transfers, and sentences about what a batch cannot have.

    Clip, prompt and controls can differ from line to line. All else, such as the seed, is that of the first: a sentence
    names what differs. Raises UsageError where there are no specs, BadInputError for what Transfer1 cannot take.
    """
    if not specs:
        raise UsageError("no transfers for a batch", remedy="give one or more")
    notes: list[str] = []
    made = []
    for number, spec in enumerate(specs, 1):
        written, sentences = Transfer1Spec.from_spec(spec)
        notes += [f"line {number}: {note}" for note in sentences]
        made.append(written)
    base, lines = made[0].write(), []
    for number, written in enumerate(made, 1):
        lines.append(_line(written, base, number, notes))
    return base, lines, notes


def _line(written: Transfer1Spec, base: dict[str, Any], number: int, notes: list[str]) -> dict[str, Any]:
    values = written.write()
    line = {"visual_input": values.pop("input_video_path", ""), "prompt": values.pop("prompt", "")}
    if not line["prompt"]:
        notes.append(f"line {number} has no prompt, which Transfer1 refuses in a batch")
    first = {key: value for key, value in base.items() if key not in ("input_video_path", "prompt")}
    overrides: dict[str, Any] = {}
    for hint in HINTS:
        if hint in first and hint in values:
            nulls = {key: DEFAULT_WEIGHT if key == "control_weight" else None for key in first[hint]}
            override = {key: value for key, value in (nulls | values[hint]).items() if first[hint].get(key) != value}
            if override.pop("ckpt_path", values[hint].get("ckpt_path")) != first[hint].get("ckpt_path"):
                notes.append(f"line {number}: {hint}.ckpt_path cannot differ in a batch: that of the first counts")
            overrides |= {hint: override} if override else {}
        elif hint in values:
            notes.append(f"line {number}: the control {hint} is left out, as the first transfer does not have it")
        elif hint in first:
            overrides[hint] = {"control_weight": 0}
            notes.append(
                f"line {number}: {hint} has the weight 0, as a batch loads the controls of the first transfer for all"
            )
    different = [
        key for key in (*first, *(key for key in values if key not in first))
        if key not in HINTS and values.get(key) != first.get(key) and key != "video_save_name"
    ]  # fmt: skip
    if different:
        notes.append(
            f"line {number}: {', '.join(map(named, different))} cannot differ in a batch: those of the first count"
        )
    return line | ({"control_overrides": overrides} if overrides else {})
