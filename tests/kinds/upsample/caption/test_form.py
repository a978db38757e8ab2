"""The models and the checks say the same, and a host checks an answer without pydantic."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import captions
import pytest
from counts import cases
from hypothesis import given, settings
from pydantic import ValidationError

from cosmos_workflow.kinds.upsample.caption import problems_of
from cosmos_workflow.kinds.upsample.caption.form import Caption, NegativeCaption, Subject
from cosmos_workflow.kinds.upsample.caption.parts import CAPTION, NEGATIVE, Fields, Items, Part


def is_valid(values: object, negative: bool = False) -> bool:
    try:
        (NegativeCaption if negative else Caption).model_validate(values)
    except ValidationError:
        return False
    return True


def test_nvidias_samples_pass_both(specs: Path) -> None:
    paths = sorted((specs / "cosmos3").glob("*_prompt.json"))
    assert len(paths) == 6
    for path in paths:
        values = json.loads(path.read_text(encoding="utf-8"))
        negative = "negative" in path.name
        assert problems_of(values) == problems_of(values, negative=negative) == [], path
        assert is_valid(values, negative), path
        assert not is_valid(values, not negative), path


def test_ours_pass_both() -> None:
    assert problems_of(captions.caption()) == problems_of(captions.negative()) == []
    assert is_valid(captions.caption())
    assert is_valid(captions.negative(), negative=True)


def test_the_models_refuse_what_the_checks_refuse() -> None:
    for kind, spoilt, field in captions.mutations(captions.caption(), 300, seed=1):
        assert not is_valid(spoilt), (kind, field)


def test_a_model_keeps_the_values_and_their_order() -> None:
    values = captions.caption()
    assert json.dumps(Caption.model_validate(values).model_dump(exclude_unset=True)) == json.dumps(values)


def test_a_model_says_which_field_is_wrong() -> None:
    with pytest.raises(ValidationError) as error:
        Caption.model_validate({**captions.caption(), "actions": [{"time": "0:04-0:01", "description": "It waits"}]})
    assert r"actions[0].time: it ends before it begins" in str(error.value)
    with pytest.raises(ValidationError) as error:
        Subject.model_validate({**captions.SUBJECT, "number_of_arms": "2"})
    assert error.value.errors()[0]["loc"] == ("number_of_arms",)


def test_each_field_is_told_of_in_the_docs() -> None:
    page = (Path(__file__).parents[4] / "docs" / "CAPTIONS.md").read_text(encoding="utf-8")

    def names(part: Part) -> Iterator[str]:
        if isinstance(part, Items):
            yield from names(part.of)
        elif isinstance(part, Fields):
            for name, inner in part.fields.items():
                yield name
                yield from names(inner)

    assert [name for form in (CAPTION, NEGATIVE) for name in names(form) if f"`{name}`" not in page] == []


def test_a_negative_caption_has_no_time_and_no_size() -> None:
    assert set(CAPTION.fields) - set(NEGATIVE.fields) == {"resolution", "aspect_ratio", "duration", "fps"}
    assert set(NEGATIVE.fields) - set(CAPTION.fields) == {"physical_realism"}


@settings(max_examples=cases(300))
@given(captions.almost())
def test_the_models_and_the_checks_say_the_same(values: object) -> None:
    assert is_valid(values) == (problems_of(values, negative=False) == [])


def test_answers_are_checked_without_pydantic() -> None:
    """Hosts have none."""
    code = """
import sys
sys.modules["pydantic"] = None
from cosmos_workflow.kinds.upsample.caption import difference, json_schema, problems_of, read_caption, written
caption = read_caption('{"fps": 30}')
print(len(problems_of(caption)), written(caption), bool(json_schema()), difference(caption, {}))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == """16 {"fps": 30} True [Change(field='fps', before=30, after=(missing))]\n"""
