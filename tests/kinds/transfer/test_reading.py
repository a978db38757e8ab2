"""Files of specs: what is tolerated and told, and errors that say where the fault is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import read_specs, text
from cosmos_workflow.kinds.transfer.formats.text import parsed

SPEC = '{"name": "%s", "prompt": "x", "video_path": "a.mp4", "edge": {}}'


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def notes_of(path: Path) -> list[tuple[str, ...]]:
    return [loaded.notes for loaded in read_specs(path)]


def test_one_spec_a_file_and_one_a_line(tmp_path: Path) -> None:
    specs = list(read_specs(write(tmp_path / "a.json", SPEC % "a")))
    assert [(loaded.form, loaded.where, loaded.notes) for loaded in specs] == [
        ("transfer2.5", str(tmp_path / "a.json"), ())
    ]
    separated = "b\u2028c"  # no end of a line in JSON Lines
    lines = write(tmp_path / "b.jsonl", f"{SPEC % 'a'}\n{SPEC % separated}\r\n{SPEC % 'd'}")
    many = list(read_specs(lines))
    assert [loaded.spec.name for loaded in many] == ["a", separated, "d"]
    assert [loaded.where for loaded in many] == [f"{lines}, line {number}" for number in (1, 2, 3)]
    cut = "a character at which Transfer2.5 ends the line, such as U+2028: write it as an escape, \\u2028"
    assert [loaded.notes for loaded in many] == [(), (cut,), ()]
    assert notes_of(write(tmp_path / "c.json", SPEC % separated)) == [()]


def test_blank_lines_are_tolerated_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "b.jsonl", f"\n{SPEC % 'a'}\n  \n\t\n{SPEC % 'b'}\n\n")
    assert notes_of(path) == [
        ("blank lines, at which Transfer2.5 stops: 1",),
        ("blank lines, at which Transfer2.5 stops: 3, 4, 6",),
    ]
    own = '{"controls": {"edge": {}}}'
    assert notes_of(write(tmp_path / "c.jsonl", f"\n{own}\n\n")) == [()]
    cosmos3 = '{"model_mode": "video2video", "vision_path": "a.mp4", "edge": {}}'
    assert notes_of(write(tmp_path / "d.jsonl", f"{cosmos3}\n\n{cosmos3}")) == [(), ()]  # it passes over them itself


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_tolerated(tmp_path: Path, encoding: str) -> None:
    text = SPEC % "größe"
    for name in ("a.json", "a.jsonl"):
        loaded = next(read_specs(write(tmp_path / name, text.encode(encoding))))
        assert loaded.spec.name == "größe"
        assert loaded.notes == ("the file begins with a byte order mark, at which Transfer2.5 stops",)


def test_a_list_of_specs_is_tolerated_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", f"[{SPEC % 'a'}, {SPEC % 'b'}]")
    loaded = list(read_specs(path))
    assert [spec.where for spec in loaded] == [f"{path}, entry 1", f"{path}, entry 2"]
    assert "the file holds a list, which Transfer2.5 does not take" in loaded[0].notes[0]


FAULTS: list[tuple[str, str, str]] = [
    ('{\n  "seed": 1,\n}', "a comma too many before the closing bracket at line 2, column 12", "take the comma away"),
    ('{"edge": {"control_weight": 1,  }}', "a comma too many before the closing bracket at line 1, column 30", "take"),
    ('{"a": [1, 2,\n]}', "a comma too many before the closing bracket at line 1, column 12", "take the comma away"),
    ('{"a": 1\n "b": 2}', "a comma is missing, or the text before has no end at line 2, column 2", "write the comma"),
    ('{"a" 1}', "a colon is missing, or the text before has no end at line 1, column 6", "write the colon"),
    ("{'a': 1}", "a text in single quotes at line 1, column 2", "double quotes"),
    ('{\n// why\n"a": 1}', "a comment, which JSON does not have at line 2, column 1", "take the comment away"),
    ('{"a": 1}\n{"a": 2}', "a second value behind the first at line 2, column 1", ".jsonl"),
    ('{"a": ', "not valid JSON (Expecting value) at line 1, column 7", "correct it"),
    ("", "not valid JSON (Expecting value) at line 1, column 1", "correct it"),
    ('{"a": NaN}', "not valid JSON (NaN is no number of JSON)", "correct or remove it"),
    ('{"a": 1, "a": 2}', "the key 'a' is given twice, with different values", "keep one of them"),
    ('{"b": [{"a": 1, "a": 2}]}', "the key 'a' is given twice, with different values", "keep one of them"),
]


@pytest.mark.parametrize(("text", "what", "remedy"), FAULTS)
def test_what_is_no_json_is_an_error_with_line_and_column(tmp_path: Path, text: str, what: str, remedy: str) -> None:
    path = write(tmp_path / "a.json", text)
    with pytest.raises(BadInputError) as caught:
        list(read_specs(path))
    assert caught.value.what == what
    assert remedy in caught.value.remedy
    assert caught.value.where == str(path)


def test_the_line_of_a_jsonl_file_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{SPEC % "a"}\n\n{{"seed": 1,}}\n')
    with pytest.raises(BadInputError) as caught:
        list(read_specs(path))
    assert caught.value.what == "a comma too many before the closing bracket at line 3, column 11"
    faults = ('{"video_path": "a.mp4", "edge": {}, "seed": "x"}', '{"a": 1, "a": 2}', '{"a": NaN}', '"\\ud83d"')
    for fault in faults:
        path = write(tmp_path / "b.jsonl", f"{SPEC % 'a'}\n{fault}\n")
        with pytest.raises(BadInputError) as caught:
            list(read_specs(path))
        assert caught.value.where == f"{path}, line 2"


def test_a_file_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LARGEST", 1 << 20)
    for name in ("a.json", "a.jsonl"):
        path = write(tmp_path / name, SPEC % ("x" * (1 << 20)))
        with pytest.raises(BadInputError, match="longer than 1 MiB, and no spec"):
            list(read_specs(path))
    many = write(tmp_path / "b.jsonl", "\n".join([SPEC % ("x" * 1000)] * 2000))
    assert len(list(read_specs(many))) == 2000


def test_a_key_given_twice_with_one_value_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"video_path": "a", "name": "n", "seed": 1, "edge": {}, "seed": 1}')
    assert notes_of(path) == [("the key seed is given twice, with the same value",)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.json", b'{"name": "gr\xf6\xdfe"}', "not UTF-8 (0xF6 at byte 12)"),
        ("a.jsonl", b'{"name": "gr\xf6\xdfe"}', "not UTF-8 (0xF6 at byte 12)"),
        ("a.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "place holder of Git LFS"),
        ("a.txt", b"A city at dusk", "this is a text, no spec"),
        ("a.yaml", b"a: 1", "specs are JSON, and this is .yaml"),
        ("a.jsonl", b"\n\n", "there is no spec in it"),
        ("a.json", b"[]", "there is no spec in it"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b"1" * 10_000, "not valid JSON"),
        ("a.json", b"3", "this is no spec of a transfer"),
        ("a.json", b'{"name": "\\ud83d"}', "only half of a character (\\ud83d)"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_a_remedy(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = write(tmp_path / name, data)
    with pytest.raises(BadInputError) as caught:
        list(read_specs(path))
    assert words in caught.value.what
    assert str(path) in caught.value.where
    assert caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        list(read_specs(tmp_path / "a.json"))
    with pytest.raises(BadInputError):
        list(read_specs(tmp_path / "a\0b.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadInputError):
        list(read_specs(tmp_path / "folder.json"))


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    """A fault in a later line stops no earlier one."""
    reader = read_specs(write(tmp_path / "a.jsonl", f"{SPEC % 'a'}\n{SPEC % 'b'}\nno JSON\n"))
    assert next(reader).spec.name == "a"
    with pytest.raises(BadInputError):
        list(reader)


def test_the_column_is_that_of_a_person(tmp_path: Path) -> None:
    text = json.dumps({"a": "ä" * 10}, ensure_ascii=False)[:-1] + ",}"
    with pytest.raises(BadInputError, match=r"line 4, column 19"):
        parsed(text, "x", 4)


def test_an_empty_path_that_the_program_refuses_is_told(tmp_path: Path) -> None:
    values = {"name": "n", "prompt": "x", "video_path": "a.mp4", "edge": {"control_path": ""}}
    words = "control_path is empty, which counts as not given here; %s refuses it"
    assert notes_of(write(tmp_path / "a.json", json.dumps(values))) == [(f"edge.{words % 'Transfer2.5'}",)]
    values = {"model_mode": "video2video", "prompt": "x", "vision_path": "a.mp4", "blur": {"control_path": ""}}
    assert notes_of(write(tmp_path / "b.json", json.dumps(values))) == [(f"blur.{words % 'Cosmos 3'}",)]
