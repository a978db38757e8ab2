"""Our own form of a transfer, as it is written in a file: the fields of `Spec`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading import Fields
from cosmos_workflow.kinds.transfer.formats.exchange import is_given
from cosmos_workflow.kinds.transfer.formats.values import named, shown
from cosmos_workflow.kinds.transfer.formats.written import bad_values
from cosmos_workflow.kinds.transfer.spec import HINTS, Control, Form, Region, Spec, WeightMap

__all__ = ["read_own", "write_own"]


def read_own(values: Mapping[str, Any], where: str = "") -> tuple[Spec, list[str]]:
    """The spec that a mapping of our own form is; unknown keys stand in `extra`, and a sentence names each.

    Raises BadInputError that names what is wrong: a value of another type, an unknown control.
    """
    notes: list[str] = []
    known = _known(Spec, values, "", where, notes)
    controls = known.get("controls")
    if isinstance(controls, Mapping):
        if {"vis", "blur"} <= set(controls):
            raise BadInputError("vis and blur are one control, given twice", where=where, remedy="keep one of them")
        known["controls"] = {
            _hint(hint, where): _known(Control, control, f"controls.{hint}.", where, notes)
            for hint, control in controls.items()
            if control is not None
        }
    if isinstance(known.get("regions"), list):
        known["regions"] = [
            _known(Region, region, f"regions.{number}.", where, notes)
            for number, region in enumerate(known["regions"], 1)
        ]
    try:
        return Spec.model_validate(known), notes
    except ValidationError as error:
        raise bad_values(error, where) from error


def write_own(spec: Spec) -> dict[str, Any]:
    """The mapping of a spec: what is given, as JSON has it."""
    values: dict[str, Any] = _plain(spec)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, WeightMap):
        return {"path": value.path}
    if isinstance(value, Form):
        names = sorted(type(value).model_fields, key=lambda name: name == "extra")  # which comes last
        return {name: _plain(getattr(value, name)) for name in names if is_given(value, name)}
    if isinstance(value, Mapping):
        return {key: _plain(part) if isinstance(part, Form) else part for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _known(form: type[Form], values: Any, place: str, where: str, notes: list[str]) -> Any:
    """A mapping whose unknown keys stand in its `extra`."""
    if not isinstance(values, Mapping):
        return values
    fields = form.model_fields
    known = {key: value for key, value in values.items() if key in fields and value is not None}
    extra = known.get("extra", {})
    if not isinstance(extra, Mapping):
        raise BadInputError(f"{place}extra is {shown(extra)}: must be an object", where=where, remedy="correct it")
    strange = {str(key): value for key, value in values.items() if key not in fields}
    names = Fields(tuple(fields))
    for key in strange:
        guess = names.guess(key)
        notes.append(
            f"{place}{named(key)} is not known: kept, not used" + (f" (did you mean {guess}?)" if guess else "")
        )
    return {**known, "extra": {**extra, **strange}}


def _hint(hint: Any, where: str) -> str:
    if hint == "blur":  # Cosmos 3's name
        return "vis"
    if hint not in HINTS:
        raise BadInputError(
            f"{shown(hint)} is no control", where=where, remedy=f"choose among {', '.join(HINTS)} in controls"
        )
    return str(hint)
