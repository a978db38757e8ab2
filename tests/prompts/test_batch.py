from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.prompts import read_batch

ODD = "quotes \" ' $(rm) ; | \\ \u2028 line, émoji 🤖, 日本"


def write(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_jsonl(tmp_path: Path) -> None:
    import json

    lines = [json.dumps({"id": "a", "prompt": ODD, "video": "a.mp4"}, ensure_ascii=False), "", '{"video": "b.mp4"}']
    items = read_batch(write(tmp_path, "batch.jsonl", "\n".join(lines)))
    assert [item.prompt for item in items] == [ODD, ""]
    assert [item.video for item in items] == [tmp_path / "a.mp4", tmp_path / "b.mp4"]


def test_nvidias_json_array(tmp_path: Path) -> None:
    items = read_batch(write(tmp_path, "batch.json", '[{"name": "n", "prompt": "p", "video_path": "v.mp4"}]'))
    assert (items[0].id, items[0].prompt, items[0].video.name) == ("n", "p", "v.mp4")


def test_a_controlnet_spec_is_a_batch_of_one(samples: Path) -> None:
    (item,) = read_batch(samples / "inference_cosmos_transfer1_single_control_edge_short_prompt.json")
    assert item.prompt == "a robotic arm hand over a coffee cup to a woman in a modern office."
    assert item.video.name == "example1_input_video.mp4"
    assert item.extra["edge"] == {"control_weight": 1.0}


def test_csv_as_excel_writes_it(tmp_path: Path) -> None:
    text = 'id,prompt,video,seed\r\na,"one, two\r\nthree",v.mp4,5\r\nb,,w.mp4,\r\n'
    items = read_batch(write(tmp_path, "batch.csv", text, "utf-8-sig"))
    assert [(item.id, item.prompt, item.seed) for item in items] == [("a", "one, two\r\nthree", 5), ("b", "", None)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("b.jsonl", '{"video": "a"}\n{"video": ', "line 2: not valid JSON"),
        ("b.jsonl", '{"video": "a"}\n[1]', "line 2: not an object"),
        ("b.jsonl", '{"prompt": "a"}', "line 1: no video"),
        ("b.jsonl", "", "the batch is empty"),
        ("b.json", "[" * 100_000, "not valid JSON"),
        ("b.json", "[]", "the batch is empty"),
        ("b.csv", "", "the batch is empty"),
        ("b.csv", "id,video\na,b,c\n", "more fields than the header"),
        ("b.jsonl", '{"id": "x", "video": "a"}\n{"id": "x", "video": "b"}', "one id for two entries: 'x'"),
        ("b.jsonl", '{"video": "a"}\n{"video": "a"}', "the same entry stands twice"),
    ],
)
def test_a_bad_batch_says_where(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as caught:
        read_batch(write(tmp_path, name, text))
    assert name in str(caught.value)


def test_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="not UTF-8"):
        read_batch(write(tmp_path, "b.csv", "prompt,video\ncafé,v.mp4\n", "cp1252"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_batch(tmp_path / "none.jsonl")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_batch(tmp_path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["jsonl", "json", "csv"]))
def test_any_bytes_give_items_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"b.{kind}"
    path.write_bytes(data)
    try:
        assert read_batch(path)
    except BadInputError as error:
        assert error.remedy
