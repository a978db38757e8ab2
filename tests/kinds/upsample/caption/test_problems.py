"""What is wrong with a caption is named, at the right field, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import captions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption import Problem, problems_of
from cosmos_workflow.kinds.upsample.caption.problems import aspect_of
from cosmos_workflow.kinds.upsample.caption.times import duration_of, seconds_of, span, span_of
from cosmos_workflow.limits.video import COSMOS3


def named(values: Any, negative: bool | None = None) -> list[str]:
    return [problem.field for problem in problems_of(values, negative=negative)]


def refused(values: dict[str, Any], number: int, seed: int) -> Counter[str]:
    """Spoil a caption in `number` ways, each of which must be named at its field and nowhere else."""
    kinds: Counter[str] = Counter()
    for kind, spoilt, field in captions.mutations(values, number, seed):
        assert named(spoilt) == [field], kind
        kinds[kind] += 1
    return kinds


def test_400_spoilt_captions_are_refused_with_the_field_named() -> None:
    kinds = refused(captions.caption(), 400, seed=17)
    assert len(kinds) == len(captions.MUTATIONS)
    assert min(kinds.values()) >= 30


def test_200_spoilt_samples_of_nvidia_are_refused_with_the_field_named(specs: Path) -> None:
    paths = [path for path in sorted((specs / "cosmos3").glob("*_prompt.json")) if "negative" not in path.name]
    assert len(paths) == 5
    kinds = sum((refused(json.loads(path.read_text()), 52, seed) for seed, path in enumerate(paths)), Counter())
    assert kinds.total() >= 200


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("physical_realism", " ", "it is empty"),
        ("resolution", {"W": 1280, "H": 720}, "a negative caption does not have it"),
        ("duration", "4s", "a negative caption does not have it"),
        ("lighting", "dark", "it is a text, not an object"),
        ("subjects", None, "it is null, not a list"),
    ],
)
def test_a_spoilt_negative_caption(field: str, value: Any, what: str) -> None:
    assert [(problem.field, problem.what) for problem in problems_of({**captions.negative(), field: value})] == [
        (field, what)
    ]


def test_a_negative_caption_may_say_bad_things_in_any_words() -> None:
    values = captions.negative()
    values["subjects"][0] |= {"gender": "Melts from one into the other", "relative_size": "Grows and shrinks"}
    assert problems_of(values) == []


def test_which_form_is_wanted_can_be_said() -> None:
    assert named(captions.caption(), negative=True) == [
        *("resolution", "aspect_ratio", "duration", "fps", "physical_realism"),
    ]
    assert named(captions.negative(), negative=False) == ["physical_realism", "resolution", "aspect_ratio"]


@pytest.mark.parametrize(
    ("key", "guess"),
    [("subject", "did you mean subjects?"), ("Lighting", "did you mean lighting?"), ("xyz", "take it away")],
)
def test_a_misspelt_key_is_guessed(key: str, guess: str) -> None:
    assert problems_of({**captions.caption(), key: 1}) == [Problem(key, "no caption has such a field", guess)]


def test_what_need_not_be_there() -> None:
    values = captions.caption()
    del values["audio_description"]
    assert problems_of(values) == []
    still = {key: value for key, value in values.items() if key not in ("duration", "fps")}
    assert problems_of({**still, "actions": [], "segments": []}) == []
    assert problems_of({**values, "subjects": [], "actions": [], "text_and_signage_elements": []}) == []


def test_empty_texts_are_right_where_nothing_is_known() -> None:
    values = captions.caption()
    for place, value in list(captions.leaves(values, [])):
        times = ("time", "time_range", "aspect_ratio", "duration", "temporal_caption", "description")
        if isinstance(value, str) and place[-1] not in times:
            captions.holder(values, place)[place[-1]] = ""
    assert problems_of(values) == []


@pytest.mark.parametrize(
    ("time", "wrong"),
    [
        ("0:00-0:05", False), ("0:05-0:05", False), ("0:00-0:05.99", False), ("0:00.125-0:01", False),
        ("0:00-0:06", True), ("0:06-0:07", True), ("1:00-1:01", True),
    ],
)  # fmt: skip
def test_a_duration_is_rounded_down_so_a_span_may_end_in_its_last_second(time: str, wrong: bool) -> None:
    values = {**captions.caption(), "actions": [{"time": time, "description": "It waits"}]}
    assert named(values) == (["actions[0].time"] if wrong else [])


def test_segments_follow_one_another() -> None:
    values = captions.caption()
    values["segments"] = [
        {**captions.SEGMENT, "segment_index": index, "time_range": times}
        for index, times in enumerate(["0:00-0:03", "0:02-0:04", "0:04-0:05"])
    ]
    problem = Problem("segments[1].time_range", "it begins before the segment before it ends", 'write "0:03-0:04"')
    assert problems_of(values) == [problem]


def test_every_size_of_nvidias_table_has_its_shape() -> None:
    shapes = ["16,9", "4,3", "1,1", "3,4", "9,16"]
    for sizes in COSMOS3.sizes.values():
        for (width, height), shape in zip(sizes, shapes, strict=True):
            assert aspect_of(width, height) == shape
            values = captions.caption() | {"resolution": {"W": width, "H": height}}
            assert [ratio for ratio in shapes if not named(values | {"aspect_ratio": ratio})] == [shape]


def test_an_exact_ratio_is_right_too_as_nvidias_captioner_writes_it() -> None:
    values = captions.caption() | {"resolution": {"W": 1200, "H": 680}}
    assert named(values | {"aspect_ratio": "30,17"}) == []
    assert named(values | {"aspect_ratio": "30,18"}) == ["aspect_ratio"]


def test_between_two_shapes_both_are_right() -> None:
    values = captions.caption() | {"resolution": {"W": 1550, "H": 1000}}
    assert [ratio for ratio in ("16,9", "4,3", "1,1") if not named(values | {"aspect_ratio": ratio})] == ["16,9", "4,3"]


def test_a_size_is_not_asked_twice_where_it_is_wrong() -> None:
    assert named(captions.caption() | {"resolution": {"W": 0, "H": 720}}) == ["resolution.W"]


def test_problems_come_in_the_order_of_the_caption() -> None:
    values = captions.caption() | {"fps": -1, "extra": 1}
    values["subjects"][1]["gender"] = "female"
    values["actions"][0]["time"] = "0:02-0:01"
    del values["context"]
    assert named(values) == ["subjects[1].gender", "actions[0].time", "fps", "extra", "context"]


def test_an_entry_that_could_not_be_read_is_one_problem() -> None:
    error = BadInputError("there is a second object", where="shots.jsonl, line 3", remedy="give one caption")
    assert problems_of(error) == [Problem("", "there is a second object", "give one caption")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(sorted(captions.caption())) | st.text(max_size=6), inner, max_size=6),
)  # fmt: skip


@given(JSON)
def test_anything_else_is_refused_without_an_exception(values: Any) -> None:
    problems = problems_of(values)
    assert problems
    assert all("\n" not in problem.field for problem in problems)


@given(st.data())
def test_any_value_at_any_place_is_no_exception(data: st.DataObject) -> None:
    values = deepcopy(captions.caption())
    place = data.draw(st.sampled_from([place for place, _ in captions.leaves(values, []) if place]))
    captions.holder(values, place)[place[-1]] = data.draw(JSON | st.integers(10**300, 10**400) | st.just(1e308))
    assert isinstance(problems_of(values), list)


def test_times() -> None:
    assert span("0:00-0:04") == (0, 4)
    assert span("59:59.5-60:00") == (3599.5, 3600)
    assert span_of(59.996, 61) == "1:00-1:01"
    assert seconds_of("121s") == 121
    assert [duration_of(seconds) for seconds in (121 / 30, 4.999, 101 / 10, 0.5, 90 * (1001 / 30000))] == [
        *("4s", "4s", "10s", "0s", "3s"),
    ]


@given(st.integers(0, 50_000), st.integers(0, 50_000))
def test_a_span_is_read_as_it_was_written(start: int, end: int) -> None:
    assert span(span_of(start / 100, end / 100)) == pytest.approx((start / 100, end / 100))


@pytest.mark.parametrize("text", ["0:00-0:04\n", "", "0:0-0:4", "0:00—0:04", "-0:01-0:02", "1000:00-1000:01"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="is no span of time"):
        span(text)
