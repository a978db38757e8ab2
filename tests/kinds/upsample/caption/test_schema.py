"""The schema for decoding: what it allows is a valid caption, short enough, and what the decoders' grammars take."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import captions
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cosmos_workflow.kinds.upsample.caption import json_schema, problems_of
from cosmos_workflow.kinds.upsample.caption.times import duration_of, span, span_of
from cosmos_workflow.limits.captions import CAPTION_TOKENS, caption_tokens

# What is known of a clip, and so not asked for.
KNOWN = (
    *("resolution", "aspect_ratio", "duration", "fps", "cinematography.camera_motion", "transitions"),
    *("segments[].segment_index", "segments[].time_range", "segments[].camera"),
)
# All that xgrammar, outlines and llguidance have in common.
KEYWORDS = {
    *("type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
    *("minLength", "maxLength", "enum", "pattern", "minimum", "maximum"),
}


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    for part in inner:
        yield from parts(part)


def answer(schema: dict[str, Any], pick: random.Random, longest: bool = False) -> Any:
    """An answer that a schema allows: any, or the longest."""
    if schema["type"] == "object":
        return {name: answer(part, pick, longest) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        number = schema["maxItems"] if longest else pick.randint(schema["minItems"], schema["maxItems"])
        return [answer(schema["items"], pick, longest) for _ in range(number)]
    if schema["type"] == "integer":
        return schema["maximum"] if longest else pick.randint(schema["minimum"], schema["maximum"])
    if "enum" in schema:
        return max(schema["enum"], key=len) if longest else pick.choice(schema["enum"])
    if "pattern" in schema:
        return "99s" if schema["pattern"].endswith("s$") else "9:59-9:59"
    number = schema["maxLength"] if longest else pick.randint(schema["minLength"], schema["maxLength"])
    return "".join(pick.choices("x" if longest else "aéx日", k=number))


def completed(values: dict[str, Any], seconds: float) -> dict[str, Any]:
    """An answer with what was known of the clip put in."""
    count = len(values["segments"])
    bounds = [seconds * index / count for index in range(count + 1)]
    values["segments"] = [
        {**segment, "segment_index": index, "time_range": span_of(bounds[index], bounds[index + 1]), "camera": "Static"}
        for index, segment in enumerate(values["segments"])
    ]
    values["cinematography"]["camera_motion"] = "Static"
    return values | {
        "transitions": [], "resolution": {"W": 1280, "H": 720}, "aspect_ratio": "16,9",
        "duration": duration_of(seconds), "fps": 24,
    }  # fmt: skip


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("seconds", [None, 0.4, 4.033, 61.0])
@pytest.mark.parametrize("shots", [0, 1, 5, 40])
@pytest.mark.parametrize("leave_out", [(), KNOWN])
def test_it_is_bounded_and_plain(leave_out: tuple[str, ...], shots: int, seconds: float | None, negative: bool) -> None:
    schema = json_schema(leave_out, seconds=seconds, shots=shots, negative=negative)
    Draft202012Validator.check_schema(schema)
    for part in parts(schema):
        assert set(part) <= KEYWORDS
        if part["type"] == "object":
            assert part["properties"]
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False
        if part["type"] == "array":
            assert part["maxItems"] < 10
        if part["type"] == "string":
            assert {"enum", "pattern", "maxLength"} & set(part)
    longest = answer(schema, random.Random(0), longest=True)
    Draft202012Validator(schema).validate(longest)
    assert len(json.dumps(longest)) < 14_300
    assert len(json.dumps(longest, separators=(",", ":"), ensure_ascii=False)) < 14_000


@pytest.mark.parametrize("shots", [0, 1, 8])
def test_its_longest_answer_in_english_is_never_cut(shots: int) -> None:
    """What is planned for an answer is enough for it, in the tokens of the models that write captions."""
    words = "The delivery robot waits beside a brick wall, while rainwater drips from an awning onto the cobblestones. "

    def english(values: Any) -> Any:
        if isinstance(values, dict):
            return {key: english(value) for key, value in values.items()}
        if isinstance(values, list):
            return [english(value) for value in values]
        return (words * 20)[: len(values)] if isinstance(values, str) and set(values) == {"x"} else values

    schema = json_schema(seconds=9.1, shots=shots)
    longest = english(answer(schema, random.Random(0), longest=True))
    Draft202012Validator(schema).validate(longest)
    assert 2048 < caption_tokens(json.dumps(longest)) <= CAPTION_TOKENS


@pytest.mark.parametrize("seconds", [0.4, 1.0, 4.033, 9.1, 12.5, 61.0, 300.0])
@pytest.mark.parametrize("shots", [0, 1, 3])
def test_an_answer_is_a_valid_caption_once_what_is_known_is_put_in(seconds: float, shots: int) -> None:
    schema = json_schema(KNOWN, seconds=seconds, shots=shots)
    for seed in range(20):
        values = answer(schema, random.Random(seed))
        Draft202012Validator(schema).validate(values)
        assert len(values["segments"]) == shots or not shots
        assert problems_of(completed(values, seconds), negative=False) == []


def test_a_negative_answer_is_a_valid_negative_caption() -> None:
    schema = json_schema(negative=True)
    for seed in range(50):
        values = answer(schema, random.Random(seed))
        assert problems_of(values) == []
        assert len(values["segments"]) == 1


@given(st.floats(0.05, 4000))
def test_each_span_lies_in_the_clip_and_one_is_the_whole(seconds: float) -> None:
    spans = json_schema(seconds=seconds)["properties"]["actions"]["items"]["properties"]["time"]["enum"]
    times = [span(text) for text in spans]
    assert len(times) == len(set(times)) <= 91
    assert all(0 <= start <= end <= seconds + 1e-6 for start, end in times)
    assert max(end for _, end in times) == pytest.approx(seconds if seconds < 1 else int(seconds + 1e-6), abs=0.011)


def test_it_refuses_what_the_checks_refuse_where_they_overlap() -> None:
    """Types, keys, numbers and choices; times beside one another are for the checks alone."""
    check = Draft202012Validator(json_schema()).is_valid
    assert check(captions.caption() | {"actions": [{"time": "0:00-0:04", "description": "It rolls"}]})
    count = 0
    for kind, spoilt, field in captions.mutations(captions.caption(), 390, seed=3):
        if kind in ("drop", "retype", "misspell", "count", "choose", "halve", "garble"):
            assert not check(spoilt), (kind, field)
            count += 1
    assert count >= 200


@settings(max_examples=cases(300))
@given(captions.almost())
def test_what_it_accepts_has_no_problem_of_its_own(values: dict[str, Any]) -> None:
    """With the clip's times, so that no span can be wrong. A text of blanks is the one thing that it lets pass."""
    values["actions"] = [{"time": "0:00-0:04", "description": "It rolls"}]
    if Draft202012Validator(json_schema(seconds=5.0)).is_valid(values):
        segments = range(len(values["segments"]))
        beside = ("aspect_ratio", *(f"segments[{index}].{key}" for index in segments for key in captions.SEGMENT))
        problems = [problem for problem in problems_of(values, negative=False) if problem.what != "it is empty"]
        assert [problem for problem in problems if problem.field not in beside] == []


def test_what_is_known_is_left_out_and_an_object_without_fields_too() -> None:
    schema = json_schema(KNOWN)
    assert not {"resolution", "aspect_ratio", "duration", "fps", "transitions"} & set(schema["properties"])
    assert list(schema["properties"]["segments"]["items"]["properties"]) == ["description", "key_changes"]
    assert "camera_motion" not in schema["properties"]["cinematography"]["properties"]
    lights = ("lighting.conditions", "lighting.direction", "lighting.shadows", "lighting.illumination_effect")
    assert "lighting" not in json_schema(lights)["properties"]


def test_segments_are_as_many_as_shots_and_share_their_room() -> None:
    one, eight = (json_schema(shots=shots)["properties"]["segments"] for shots in (1, 8))
    assert (one["minItems"], one["maxItems"], eight["minItems"], eight["maxItems"]) == (1, 1, 8, 8)
    lengths = [part["items"]["properties"]["description"]["maxLength"] for part in (one, eight)]
    assert lengths[0] > 2 * lengths[1] >= 80


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("known", [{"seconds": 4.033, "shots": 1}, {"seconds": 9.1, "shots": 3}, {}])
def test_xgrammar_decodes_by_it(known: dict[str, Any]) -> None:
    """Random tokens that its grammar allows, as a model of random weights gives, are a valid caption within 4,096."""
    xgrammar = pytest.importorskip("xgrammar")
    pick = random.Random(17)
    letters = "abcdefghijklmnopqrstuvwxyz ,."
    words = ["".join(pick.choices(letters, k=pick.randint(2, 8))).encode() for _ in range(3000)]
    tokens = [bytes([number]) for number in range(128)] + words + [b'", "', b'": "', "日本".encode(), b'\\"', b"</s>"]
    end = len(tokens) - 1
    info = xgrammar.TokenizerInfo(tokens, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[end])
    schema = json_schema(KNOWN, **known)
    grammar = xgrammar.GrammarCompiler(info).compile_json_schema(json.dumps(schema), any_whitespace=False)
    for _ in range(5):
        matcher, mask, chosen = xgrammar.GrammarMatcher(grammar), xgrammar.allocate_token_bitmask(1, len(tokens)), []
        while not matcher.is_terminated():
            matcher.fill_next_token_bitmask(mask)
            bits = mask[0].numpy().view("uint32")
            allowed = [index for index in range(len(tokens)) if bits[index >> 5] >> (index & 31) & 1]
            chosen.append(pick.choice(allowed))
            assert matcher.accept_token(chosen[-1])
        assert len(chosen) <= 4096
        # Where lengths are bounded xgrammar lets control characters pass inside texts.
        values = json.loads(b"".join(tokens[index] for index in chosen if index != end), strict=False)
        seconds = known.get("seconds", 600.0)
        problems = problems_of(completed(values, seconds), negative=False)
        assert {problem.field.partition("[")[0] for problem in problems} <= (set() if known else {"actions"})
