"""What holds for every spec, of whatever keys and values."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import (
    PROGRAMS,
    Cosmos3Spec,
    Transfer1Spec,
    Transfer25Spec,
    convert,
    cosmos3,
    load_spec,
    read_own,
    read_specs,
    transfer1,
    transfer25,
    write_own,
)
from cosmos_workflow.kinds.transfer.formats.values import named
from cosmos_workflow.kinds.transfer.spec import HINTS, PRESETS

MODELS: dict[str, Any] = {"transfer1": Transfer1Spec, "transfer2.5": Transfer25Spec, "cosmos3": Cosmos3Spec}
SAME = {"transfer1": transfer1.SAME, "transfer2.5": transfer25.SAME, "cosmos3": cosmos3.SAME}

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=6), part, max_size=3),
    max_leaves=8,
)
texts = st.text(max_size=12) | st.sampled_from(["clip.mp4", "../a b/größe.mp4", '{"subjects": []}', "p.json"])
plain_numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
numbers = plain_numbers | st.sampled_from(["0.5", "7", "1e3", 0, 1, 1.0, 2.5])
rates = st.floats(0.01, 1000) | st.sampled_from([24, 30, "25", 23.976])
wholes = st.integers(-(2**62), 2**62) | st.sampled_from(["7", 7.0, 0, 1, 2])
flags = st.booleans()
presets = st.sampled_from(PRESETS)
weights = numbers | st.sampled_from(["maps/w.pt", "w.PT"])
aspects = st.sampled_from(["16,9", "9,16", "1,1", "21,9"]) | texts
sizes = st.sampled_from(["720", "480p", "1080", "720robocasa"]) | texts


def control(**types: Any) -> st.SearchStrategy[dict[str, Any]]:
    return mapping(types, st.text(max_size=6))


def mapping(types: dict[str, Any], strange: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the keys, each with a value or null, and unknown ones, in any order."""
    known = st.fixed_dictionaries({}, optional={key: st.none() | kind for key, kind in types.items()})
    unknown = st.dictionaries(strange.filter(lambda key: key not in types), anything, max_size=2)
    return st.builds(lambda a, b: {**a, **b}, known, unknown).flatmap(shuffled)


def shuffled(values: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.permutations(list(values.items())).map(dict)


one_control = control(
    control_weight=weights,
    input_control=texts,
    input_control_prompt=texts,
    control_weight_prompt=texts,
    ckpt_path=texts,
)
region = st.fixed_dictionaries(
    {"prompt": texts.filter(str.strip)},
    optional={
        "region_definitions_path": st.none() | texts | st.lists(plain_numbers, min_size=4, max_size=4),
        "mask_prompt": texts,
        "colour": anything,
    },
)
ONE = {
    "prompt": texts, "negative_prompt": texts, "input_video_path": texts, "video_save_name": texts, "seed": wholes,
    "num_steps": wholes, "guidance": numbers, "sigma_max": numbers, "fps": rates, "num_input_frames": wholes,
    "blur_strength": presets, "canny_threshold": presets, "use_distilled": flags, "is_av_sample": flags,
    "regional_prompts": st.lists(region, max_size=2), "num_gpus": anything,
    **dict.fromkeys(transfer1.HINTS, one_control),
}  # fmt: skip
both = {"control_path": texts, "control_weight": numbers}
TWO = {
    "name": texts, "prompt": texts, "prompt_path": texts, "negative_prompt": texts, "video_path": texts, "seed": wholes,
    "guidance": wholes, "sigma_max": numbers.map(str), "num_steps": wholes, "resolution": sizes, "max_frames": wholes,
    "num_video_frames_per_chunk": wholes, "num_conditional_frames": wholes, "context_frame_index": wholes,
    "image_context_path": texts, "guided_generation_mask": texts, "guided_generation_step_threshold": wholes,
    "guided_generation_foreground_labels": st.lists(wholes, max_size=3), "keep_input_resolution": flags,
    "show_control_condition": flags, "show_input": flags,
    "edge": control(**both, mask_path=texts, mask_prompt=texts, preset_edge_threshold=presets),
    "vis": control(**both, mask_path=texts, mask_prompt=texts, preset_blur_strength=presets),
    "depth": control(**both, mask_path=texts, mask_prompt=texts),
    "seg": control(**both, mask_path=texts, mask_prompt=texts, control_prompt=texts),
}  # fmt: skip
THREE = {
    "name": texts, "model_mode": st.just("video2video") | texts, "prompt": texts, "prompt_path": texts,
    "negative_prompt": texts, "negative_prompt_file": texts, "vision_path": texts, "resolution": sizes,
    "aspect_ratio": aspects, "fps": wholes, "max_frames": wholes, "num_video_frames_per_chunk": wholes,
    "num_conditional_frames": wholes, "num_first_chunk_conditional_frames": wholes, "seed": wholes, "num_steps": wholes,
    "guidance": numbers, "control_guidance": numbers, "shift": numbers, "show_control_condition": flags,
    "show_input": flags, "num_frames": anything, "share_vision_temporal_positions": flags,
    "edge": control(**both, weight=numbers, preset_edge_threshold=presets),
    "blur": control(**both, weight=numbers, preset_blur_strength=presets),
    **{hint: control(**both, weight=numbers) for hint in ("depth", "seg", "wsm")},
}  # fmt: skip
KEYS = {"transfer1": ONE, "transfer2.5": TWO, "cosmos3": THREE}
strange_keys = st.text(max_size=6) | st.sampled_from(
    ["num_video_frames", "output_dir", "seeds", "model_config", "copy"]
)
SPECS = {program: mapping(types, strange_keys) for program, types in KEYS.items()}
specs: Callable[[str], st.SearchStrategy[tuple[str, dict[str, Any]]]] = lambda program: st.tuples(  # noqa: E731
    st.just(program), SPECS[program]
)
any_spec = st.sampled_from(sorted(PROGRAMS)).flatmap(specs)


def same(first: Any, second: Any) -> bool:
    """Whether two values say the same: null and empty say nothing, and 1 is 1.0."""
    if first in (None, "", [], {}) and second in (None, "", [], {}):
        return True
    if isinstance(first, dict) and isinstance(second, dict):
        return all(same(first.get(key), second.get(key)) for key in {*first, *second})
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The keys, and those of controls, whose values are not the same."""
    different = []
    for key in {*first, *second}:
        before, after = first.get(key), second.get(key)
        if isinstance(before, dict) and isinstance(after, dict) and key in {*HINTS, "blur"}:
            different += [part for part in {*before, *after} if not same(before.get(part), after.get(part))]
        elif key == "sigma_max" and isinstance(before, str) and isinstance(after, str):  # Transfer2.5 wants a text
            different += [key] if float(before) != float(after) else []
        elif not same(before, after):
            different.append(key)
    return different


@settings(max_examples=cases(150))
@given(any_spec)
def test_what_is_read_is_written_back_the_same(made: tuple[str, dict[str, Any]]) -> None:
    program, values = made
    # As text: 1 and 1.0, and two orders of keys, are equal as Python's values.
    assert json.dumps(MODELS[program].read(values).write()) == json.dumps(values)


@settings(max_examples=cases(150))
@given(any_spec)
def test_our_form_and_back_is_the_same_or_told(made: tuple[str, dict[str, Any]]) -> None:
    program, values = made
    spec, notes = MODELS[program].read(values).to_spec()
    back, more = MODELS[program].from_spec(spec)
    sentences = "\n".join([*notes, *more])
    # A sentence names a key as the program does, or as our form does.
    ours = SAME[program] | {
        "control_weight": "weight", "regional_prompts": "region", "aspect_ratio": "aspect",
        "preset_edge_threshold": "preset", "preset_blur_strength": "preset",
    }  # fmt: skip
    quiet = {"use_distilled", "is_av_sample"}  # false says the same as nothing
    for key in differences(values, back.write()):
        assert named(key) in sentences or ours.get(key, key) in sentences or (key in quiet and values[key] is False), (
            key,
            sentences,
        )
    hints = [key for key in values if isinstance(values[key], dict) and key in {*HINTS, "blur"} & set(KEYS[program])]
    assert [key for key in back.write() if key in hints] == hints
    assert all(note.isprintable() for note in (*notes, *more))


@settings(max_examples=cases(100))
@given(any_spec)
def test_our_form_is_written_and_read_again(made: tuple[str, dict[str, Any]]) -> None:
    program, values = made
    spec, _ = MODELS[program].read(values).to_spec()
    written = json.loads(json.dumps(write_own(spec)))
    assert read_own(written) == (spec, [])


@settings(max_examples=cases(100))
@given(any_spec, st.sampled_from(sorted(PROGRAMS)))
def test_a_translation_has_only_keys_that_the_program_knows(made: tuple[str, dict[str, Any]], target: str) -> None:
    program, values = made
    spec, _ = MODELS[program].read(values).to_spec()
    converted = convert(spec, target)
    assert list(MODELS[target].read(converted.values).unknown()) == []
    for hint in spec.controls:
        key = "blur" if (target, hint) == ("cosmos3", "vis") else hint
        assert key in converted.values or any(hint in note and "left out" in note for note in converted.notes)


@settings(max_examples=cases(200))
@given(anything)
def test_any_json_is_a_spec_or_a_clear_error(values: Any) -> None:
    expect_no_other_error(values)


@settings(max_examples=cases(200))
@given(any_spec, st.data())
def test_a_spec_with_any_json_in_it_is_a_spec_or_a_clear_error(
    made: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    program, values = made
    key = data.draw(st.sampled_from(sorted(KEYS[program])))
    expect_no_other_error(values | {key: data.draw(anything), "edge": data.draw(st.just({}) | anything)})
    own = {"controls": {"edge": {data.draw(st.sampled_from(["path", "weight", "extra"])): data.draw(anything)}}}
    expect_no_other_error(
        own | {data.draw(st.sampled_from(["seed", "regions", "extra", "video"])): data.draw(anything)}
    )


def expect_no_other_error(values: Any) -> None:
    try:
        loaded = load_spec(values, "spec.json")
    except BadInputError as error:
        assert error.what
        assert error.remedy
        return
    for target in (*PROGRAMS, "own"):
        with suppress(BadInputError):  # a number of our own form that no program takes
            assert json.dumps(convert(loaded, target).values)


@pytest.mark.parametrize("name", ["spec.json", "specs.jsonl"])
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_specs_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        list(read_specs(path))
    except BadInputError as error:
        assert error.what
        assert error.remedy


def test_what_is_read_can_be_written_however_deep_it_is(tmp_path: Path) -> None:
    for depth in (1, 99, 100, 900, 5000):
        path = tmp_path / "spec.json"
        path.write_text('{"input_video_path": "a.mp4", "edge": {}, "deep": %s}' % ("[" * depth + "]" * depth))
        try:
            loaded = next(read_specs(path))
        except BadInputError:
            assert depth >= 100
            continue
        assert depth < 100
        assert json.dumps(convert(loaded, "transfer1").values) == json.dumps(json.loads(path.read_text()))
        assert json.dumps(write_own(loaded.spec)["extra"]) == json.dumps(loaded.spec.extra)
