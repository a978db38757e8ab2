"""What changed between two captions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import captions
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.kinds.upsample.caption import MISSING, Change, difference


def test_each_leaf_that_differs_is_named() -> None:
    before, after = captions.caption(), captions.caption()
    after["lighting"]["conditions"] = "Night, street lamps"
    after["actions"].append({"time": "0:04-0:05", "description": "It snows"})
    del after["subjects"][1]
    del after["audio_description"]
    after["note"] = {"a": [1]}
    changes = difference(before, after)
    assert changes[-3:] == [
        Change("actions[2].description", MISSING, "It snows"),
        Change("audio_description", "Small wheels on stone", MISSING),
        Change("note.a[0]", MISSING, 1),
    ]
    assert Change("lighting.conditions", "Overcast", "Night, street lamps") in changes
    assert {change.field.partition(".")[0] for change in changes[:18]} == {"subjects[1]"}
    assert len(changes) == 18 + 1 + 2 + 1 + 1


def test_values_of_other_types() -> None:
    before = {"a": True, "b": None, "c": [], "d": {"x": 1}, "e": 30, "f": []}
    after = {"a": 1, "c": {}, "d": "x", "e": 30.0, "f": []}
    assert difference(before, after) == [
        Change("a", True, 1), Change("b", None, MISSING), Change("c", [], {}), Change("d", {"x": 1}, "x"),
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("ab", max_size=1),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
)


def strict(value: Any) -> Any:
    """A value that is equal only to one of the same types: Python takes True for 1."""
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    return [strict(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@given(st.dictionaries(st.text("ab", min_size=1, max_size=2), JSON, max_size=4), st.data())
def test_none_where_they_are_the_same_and_some_where_they_are_not(before: dict[str, Any], data: st.DataObject) -> None:
    assert difference(before, deepcopy(before)) == []
    after = data.draw(st.dictionaries(st.text("ab", min_size=1, max_size=2), JSON, max_size=4))
    changes = difference(before, after)
    assert bool(changes) == (strict(before) != strict(after))
    assert len({change.field for change in changes}) == len(changes)
    assert [(change.field, change.after, change.before) for change in changes if change.before is not MISSING] == [
        (change.field, change.before, change.after)
        for change in difference(after, before)
        if change.after is not MISSING
    ] or len(changes) > 1


def test_it_is_told_as_json() -> None:
    assert Change("fps", 30, MISSING).to_dict() == {"field": "fps", "before": 30}
    assert Change("fps", None, 24).to_dict() == {"field": "fps", "before": None, "after": 24}
