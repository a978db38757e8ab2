"""Captions in texts and files: read as they were written, and each fault named with its line and column."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import captions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption import captions_in, problems_of, read_caption, written

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), VALUES, max_size=6), st.booleans())
def test_a_caption_is_read_as_it_was_written(values: dict[str, Any], ascii: bool) -> None:
    text = written(values, ascii=ascii)
    assert read_caption(text) == values
    assert "\n" not in text
    assert text.isascii() or not ascii


@given(st.text(), st.text(), st.booleans())
def test_any_text_in_a_caption_comes_back(description: str, name: str, ascii: bool) -> None:
    values = captions.caption()
    values["subjects"][0]["description"] = description
    values["text_and_signage_elements"][0]["text"] = name
    assert read_caption(f"Here it is:\n```json\n{written(values, ascii=ascii)}\n```\nDone.") == values


def test_it_is_written_as_the_model_was_trained_on() -> None:
    """One line as Python's json.dumps writes it, with the keys in their order."""
    values = captions.caption()
    assert written(values) == json.dumps(values)
    assert "caf\\u00e9 tables" in written(values)
    assert "café tables" in written(values, ascii=False)
    with pytest.raises(ValueError, match="not JSON compliant"):
        written({"fps": float("nan")})


@pytest.mark.parametrize(
    "text",
    [
        '{"fps": 30}', '\ufeff {"fps": 30}\n', '```json\n{"fps": 30}\n```', '```\n{"fps": 30}```',
        'Sure! {"fps": 30} Enjoy.',
        'With {curly} words: {"fps": 30} and {more}.', '<think>Perhaps {"fps": 24}?</think>\n{"fps": 30}',
        'I think {"fps": 24}.</think>\n\n```json\n{"fps":\n30}\n```',
    ],
)  # fmt: skip
def test_what_stands_around_an_object_is_passed_over(text: str) -> None:
    assert read_caption(text) == {"fps": 30}


def test_a_tag_inside_a_caption_is_its_text() -> None:
    assert read_caption('{"context": "</think> {x}"}') == {"context": "</think> {x}"}


def test_control_characters_pass_as_constrained_decoding_gives_them() -> None:
    assert read_caption('{"context": "a\tb\x01"}') == {"context": "a\tb\x01"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it is empty"),
        ("A robot at night", "there is no JSON object in it"),
        ('{"a": 1,\n "b": "x', "the text ends before the caption does, at line 2, column 9"),
        ('```json\n{"a": [1, 2\n```', "the text ends before the caption does"),
        ('{"a": 1,\n\n "b" 2}', "not valid JSON (Expecting ':' delimiter), at line 3, column 6"),
        ("{'a': 1}", "at line 1, column 2"),
        ('Two:\n{"a": 1}\nand\n{"b": 2}', "there is a second object at line 4, column 1"),
        ('[{"a": 1}]', "a list, where one caption is wanted"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is given twice, with different values"),
        ('{"a": "\\ud83d"}', r"half of a character (\ud83d)"),
        ('{"a": ' * 100_000, "not valid JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, what: str) -> None:
    with pytest.raises(BadInputError) as error:
        read_caption(text, "shot 7")
    assert what in error.value.what
    assert error.value.where == "shot 7"
    assert error.value.remedy


@given(st.text() | st.text('{}[]":,` \n\\a1', max_size=40))
def test_any_text_is_a_caption_or_bad_input(text: str) -> None:
    with suppress(BadInputError):
        assert isinstance(read_caption(text), dict)


def written_to(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_each_file_that_holds_captions_is_read(tmp_path: Path) -> None:
    values, bad = captions.caption(), captions.negative()
    written_to(tmp_path / "prompt.json", {"prompt": written(values)})
    written_to(tmp_path / "negative.json", bad)
    spec = {"model_mode": "video2video", "resolution": "720", "fps": 30, "edge": {"control_path": "edge.mp4"}}
    result = {"id": "a", "prompt": "night", "upsampled_prompt": written(values), "verdict": "fits"}
    files = {
        "one.json": (values, [("", values)]),
        "nvidias.json": ({"prompt": written(values), "negative_prompt": written(bad)},
                         [(", prompt", values), (", negative_prompt", bad)]),
        "list.json": ([values, written(values)], [(", entry 1", values), (", entry 2", values)]),
        "lines.jsonl": (f"{json.dumps(values)}\n\n{json.dumps(bad)}\n", [(", line 1", values), (", line 3", bad)]),
        "results.jsonl": (json.dumps(result) + "\n", [(", line 1", values)]),
        "answer.txt": (f"Here:\n```json\n{json.dumps(values, indent=1)}\n```", [("", values)]),
        "spec.json": ({**spec, "prompt_path": "prompt.json", "negative_prompt_file": "negative.json"},
                      [(", prompt_path", values), (", negative_prompt_file", bad)]),
        "own.json": ({**spec, "prompt": values}, [(", prompt", values)]),
    }  # fmt: skip
    for name, (content, captions_there) in files.items():
        path = written_to(tmp_path / name, content)
        assert list(captions_in(path)) == [(f"{path}{place}", caption) for place, caption in captions_there], name


def test_utf16_is_read(tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl"):
        (tmp_path / name).write_bytes(json.dumps(captions.caption(), ensure_ascii=False).encode("utf-16"))
        assert [caption for _, caption in captions_in(tmp_path / name)] == [captions.caption()]


def test_an_entry_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    lines = [
        json.dumps(captions.caption()),
        '{"subjects": [',
        json.dumps({"id": "b", "upsampled_prompt": "", "error": "the answer was cut"}),
        json.dumps({"prompt": "A robot at night"}),
        json.dumps({"model_mode": "video2video", "prompt_path": "missing.json"}),
        "7",
        json.dumps(captions.caption()),
    ]
    path = written_to(tmp_path / "many.jsonl", "\n".join(lines))
    wheres, values = zip(*captions_in(path), strict=True)
    assert [where.removeprefix(f"{path}, ") for where in wheres] == [
        *("line 1", "line 2", "line 3", "line 4, prompt", "line 5, prompt_path", "line 6", "line 7"),
    ]
    whats = [[problem.what for problem in problems_of(value)] for value in values]
    assert whats[0] == whats[6] == []
    assert [what[0].split(" (")[0] for what in whats[1:6]] == [
        "the text ends before the caption does, at line 2, column 15",
        "it has no answer: the answer was cut",
        "the prompt is a paragraph, no structured caption",
        f"{tmp_path / 'missing.json'} cannot be read",
        "a caption is an object, not a number",
    ]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.json", " ", "it is empty"),
        ("a.json", '```json\n{"fps": 30}\n```', "not valid JSON"),
        ("a.json", '{"context": "a\tb"}', "Invalid control character"),
        ("a.json", "[]", "there is no caption in it"),
        ("a.jsonl", "\n\n", "there is no caption in it"),
        ("a.txt", "A robot at night", "there is no JSON object in it"),
    ],
)
def test_a_file_without_captions_is_refused(tmp_path: Path, name: str, content: str, what: str) -> None:
    path = written_to(tmp_path / name, content)
    with pytest.raises(BadInputError) as error:
        list(captions_in(path))
    assert what in error.value.what
    assert error.value.where == str(path)


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b'{"context": "\xff"}')
    for path in (
        tmp_path / "missing.json",
        tmp_path / "missing.jsonl",
        tmp_path,
        tmp_path / "broken.json",
        "a\0b.json",
    ):
        with pytest.raises(BadInputError):
            list(captions_in(path))
