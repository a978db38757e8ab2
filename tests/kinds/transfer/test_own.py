"""Our own form, as it is written in a file."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import read_own, write_own
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap

WHOLE = {
    "name": "city",
    "model": "transfer1",
    "prompt": "A city",
    "video": "city.mp4",
    "controls": {
        "seg": {"path": "seg.mp4", "weight": 0.5, "mask_prompt": "car"},
        "edge": {"weight": {"path": "edge.pt"}, "preset": "high"},
        "vis": {},
    },
    "regions": [{"prompt": "red dress", "box": [0.0, 0.0, 0.5, 1.0]}],
    "seed": 0,
    "guidance": 5.0,
    "keep_size": False,
    "anchor_labels": [1, 2],
}


def test_what_is_written_is_read_again() -> None:
    spec, notes = read_own(WHOLE)
    assert notes == []
    assert spec.controls["edge"].weight == WeightMap(path="edge.pt")
    assert spec.regions == (Region(prompt="red dress", box=(0.0, 0.0, 0.5, 1.0)),)
    assert write_own(spec) == WHOLE
    assert list(write_own(spec)["controls"]) == ["seg", "edge", "vis"]
    assert write_own(Spec()) == {}


def test_null_counts_as_not_given() -> None:
    spec, notes = read_own({"seed": None, "controls": {"edge": None, "vis": {"weight": None}}})
    assert (spec, notes) == (Spec(controls={"vis": Control()}), [])


def test_unknown_keys_are_kept_and_told() -> None:
    values = {
        "promt": "x", "extra": {"kept": 1},
        "controls": {"edge": {"wieght": 1}, "blur": {"path": "b.mp4"}},
        "regions": [{"prompt": "x", "colour": "red"}],
    }  # fmt: skip
    spec, notes = read_own(values)
    assert spec.extra == {"kept": 1, "promt": "x"}
    assert spec.controls == {"edge": Control(extra={"wieght": 1}), "vis": Control(path="b.mp4")}
    assert spec.regions[0].extra == {"colour": "red"}
    assert notes == [
        "promt is not known: kept, not used (did you mean prompt?)",
        "controls.edge.wieght is not known: kept, not used (did you mean weight?)",
        "regions.1.colour is not known: kept, not used",
    ]
    assert read_own(write_own(spec)) == (spec, [])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": "7"}, "seed is '7'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"guidance": True}, "guidance is True"),
        ({"guidance": float("inf")}, "guidance is inf"),
        ({"controls": []}, "controls is []: must be an object"),
        ({"controls": {"edge": 1}}, "controls.edge is 1: must be an object"),
        ({"controls": {"edges": {}}}, "'edges' is no control"),
        ({"controls": {"edge": {"preset": "mid"}}}, "controls.edge.preset is 'mid'"),
        ({"controls": {"edge": {}, "vis": {}, "blur": {}}}, "vis and blur are one control"),
        ({"regions": [{}]}, "regions.1.prompt is missing"),
        ({"regions": [{"prompt": "x", "box": [1]}]}, "regions.1.box"),
        ({"extra": 1}, "extra is 1: must be an object"),
        ({"controls": {"edge": {"weight": True}}}, "controls.edge.weight is True: must be a number, or {"),
        ({"controls": {"edge": {"weight": "0.5"}}}, "controls.edge.weight is '0.5': must be a number, or {"),
        ({"controls": {"edge": {"weight": float("nan")}}}, "controls.edge.weight is nan: must be a number, or {"),
        ({"controls": {"edge": {"weight": 10**400}}}, "controls.edge.weight is 1000"),
    ],
)
def test_a_value_of_another_type_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_own(values, "spec.json")
    assert words in caught.value.what
    assert caught.value.where == "spec.json"
