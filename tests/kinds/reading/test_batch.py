import csv
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.api import check, load_items
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading.tables import read_header
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.item import FIELDS
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE

ODD = "quotes \" ' $(rm) ; | \\ \u2028 line, émoji 🤖, 日本"


def read_batch(path: Path, on_note: Callable[[str], None] = lambda note: None) -> list[Item]:
    return list(UPSAMPLE.read(path, on_note))


def write(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_jsonl(tmp_path: Path) -> None:
    lines = [json.dumps({"id": "a", "prompt": ODD, "video": "a.mp4"}, ensure_ascii=False), "", '{"video": "b.mp4"}']
    items = read_batch(write(tmp_path, "batch.jsonl", "\n".join(lines)))
    assert [item.prompt for item in items] == [ODD, ""]
    assert [item.video for item in items] == [tmp_path / "a.mp4", tmp_path / "b.mp4"]


def test_videos_stand_beside_their_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    absolute = Path("v.mp4").absolute()
    videos = ["v.mp4", "clips/v.mp4", str(absolute), "~/v.mp4", "~v.mp4"]
    path = write(tmp_path, "batch.jsonl", "\n".join(json.dumps({"video": video}) for video in videos))
    assert [item.video for item in read_batch(path)] == [
        *(tmp_path / "v.mp4", tmp_path / "clips" / "v.mp4", absolute, tmp_path / "home" / "v.mp4", tmp_path / "~v.mp4")
    ]


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
    ("name", "text", "message"),
    [
        ("b.jsonl", '{"video": "a"}\n{"video": ', "line 2: not valid JSON"),
        ("b.jsonl", '{"video": "a"}\n[1]', "line 2: not an object"),
        ("b.jsonl", '{"prompt": "a"}', "line 1: no video"),
        ("b.jsonl", "", "the batch is empty"),
        ("b.json", "[" * 100_000, "not valid JSON"),
        ("b.json", "[]", "the batch is empty"),
        ("b.csv", "", "the batch is empty"),
        ("b.csv", "id,video\na,b,c\n", "more fields than the header"),
        ("b.csv", "Nummer;Titel\n1;dusk\n", "none of the columns is known: 'Nummer', 'Titel'"),
        ("b.csv", "shot\n1\n", "none of the columns is known: 'shot'"),
        ("b.csv", 'id,prompt,video\na,"dusk,v.mp4\nb,dawn,v.mp4\n', "line 3: unexpected end of data"),
        ("b.csv", 'id,prompt,video\na,"dusk" he said,v.mp4\n', "line 2: .* expected after"),
        ("b.csv", "video,Prompt,prompt\nv.mp4,a,b\n", "line 2: 'Prompt' and 'prompt' both give the prompt"),
        ("b.csv", "prompt,vidoe\na,v.mp4\n", "did you mean"),
        ("b.jsonl", '{"video": "a", "prompt": "x", "prompt": "y"}', "'prompt' is given twice, with different values"),
        ("b.json", '[{"video": "a", "shot": 1, "shot": 2}]', "entry 1: the key 'shot' is given twice"),
        ("b.jsonl", '{"id": "x", "video": "a"}\n{"id": "x", "video": "b"}', "two entries have the same id: 'x'"),
        ("b.jsonl", '{"video": "a"}\n{"video": "a"}', "the same entry is given twice"),
    ],
)
def test_a_bad_batch_says_where(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        read_batch(write(tmp_path, name, text))
    assert name in str(caught.value)


def test_a_quote_that_the_header_never_closes_is_found_soon(tmp_path: Path) -> None:
    for row in ("a,dusk,v.mp4\n", "a," + "dusk " * 20_000 + ",v.mp4\n"):
        lines = iter(['id,"prompt,video\n', *[row] * 20_000])
        with pytest.raises(BadInputError, match="a quote in the header is never closed"):
            read_header(lines, "b.csv", FIELDS)
        assert len(list(lines)) >= 20_000 - 101  # the others were not read
    with pytest.raises(BadInputError, match=r"b\.csv: a quote in the header is never closed"):
        read_batch(write(tmp_path, "b.csv", 'video,prompt"\nv.mp4,dusk\n'))
    name = '"the shot\r\n' + "and more of it\r\n" * 90 + '"'
    (item,) = read_batch(write(tmp_path, "b.csv", f"video,prompt,{name}\r\nv.mp4,dusk,7\r\n"))
    assert list(item.extra.values()) == ["7"]


def test_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"not UTF-8 \(0xE9 at byte 16 in line 2\).*save the file as UTF-8"):
        read_batch(write(tmp_path, "b.csv", "prompt,video\ncafé,v.mp4\n", "cp1252"))
    with pytest.raises(BadInputError, match="looks like UTF-16"):
        read_batch(write(tmp_path, "b.csv", "prompt,video\ncafé,v.mp4\n", "utf-16-le"))
    (tmp_path / "b.csv").write_bytes(b"\xff\xfep")
    with pytest.raises(BadInputError, match="not UTF-16"):
        read_batch(tmp_path / "b.csv")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_batch(tmp_path / "none.jsonl")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_batch(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "id;prompt;video;seed\r\na;dusk, and rain;v.mp4;7\r\n",
        "sep=;\r\nid;prompt;video;seed\r\na;dusk, and rain;v.mp4;7\r\n",
        '"sep=:"\nid:prompt:video:seed\na:dusk, and rain:v.mp4:7\n',
        "id\tprompt\tvideo\tseed\na\tdusk, and rain\tv.mp4\t7\n",
        "id|prompt|video|seed\na|dusk, and rain|v.mp4|7\n",
        'id, prompt, video, seed\na, "dusk, and rain", v.mp4, 7.0\n',
        "\r\n;;;\r\nid;prompt;video;seed;;\r\n;;;;;\r\na;dusk, and rain;v.mp4;7;;\r\n;;;;;;;\r\n\r\n",
        'ID,PROMPT , Video,"Seed"\ra,"dusk, and rain",v.mp4,7\r',
        'id,"prompt\n(short)",Text,video,seed\na,,"dusk, and rain",v.mp4,7\n',
    ],
)
def test_csv_of_other_programs(tmp_path: Path, text: str) -> None:
    (item,) = read_batch(write(tmp_path, "batch.csv", text))
    assert (item.id, item.prompt, item.video.name, item.seed) == ("a", "dusk, and rain", "v.mp4", 7)


def test_a_prompt_full_of_delimiters_does_not_confuse(tmp_path: Path) -> None:
    prompt = "a; b; c, d\te | " * 50 + '"quoted"'
    rows = [["prompt", "video"], [prompt, "v.mp4"], [prompt[1:], "v.mp4"]]
    for delimiter in ",;\t|":
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter).writerows(rows)
        items = read_batch(write(tmp_path, "b.csv", text.getvalue()))
        assert [item.prompt for item in items] == [prompt, prompt[1:]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["b.jsonl", "b.json", "b.csv"])
def test_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    text = "prompt;video\ncafé 🤖;v.mp4\n" if name == "b.csv" else '{"prompt": "café 🤖", "video": "v.mp4"}'
    (item,) = read_batch(write(tmp_path, name, text, encoding))
    assert (item.prompt, item.video.name) == ("café 🤖", "v.mp4")


def test_big_endian_with_its_mark(tmp_path: Path) -> None:
    (item,) = read_batch(write(tmp_path, "b.csv", "\ufeffprompt\tvideo\ncafé\tv.mp4\n", "utf-16-be"))
    assert item.prompt == "café"


def test_a_column_that_stands_twice_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    read_batch(write(tmp_path, "b.csv", "video,prompt,Prompt\nv.mp4,a,\nw.mp4,,b\n"), notes.append)
    assert notes == ["b.csv: prompt and Prompt both give the prompt; an empty cell does not count"]


def test_a_column_without_a_name_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    (item,) = read_batch(write(tmp_path, "b.csv", ",prompt,video\n0,a,v.mp4\n"), notes.append)
    assert item.extra == {"column 1": "0"}
    assert notes == ["b.csv: unknown keys, kept but not used, in 1 of 1 entries: 'column 1'"]


def test_python_is_warned_once_a_batch(tmp_path: Path) -> None:
    path = write(tmp_path, "b.jsonl", '{"video": "v", "promt": "a"}\n{"video": "w", "promt": "a"}\n')
    with pytest.warns(UserWarning, match="promt is not known: did you mean prompt") as caught:
        check(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check([Item("a", "x", tmp_path / "v.mp4", extra={"shot": 1})])
        assert load_items(path, on_note=lambda note: None)[0].extra == {"promt": "a"}


def test_the_shared_faults(faults: Path) -> None:
    (item,) = read_batch(faults / "header_case.csv")
    assert item.prompt == "dusk"
    (item,) = read_batch(faults / "seed.jsonl")
    assert item.seed == 9007199254740993
    notes: list[str] = []
    read_batch(faults / "typo_key.jsonl", notes.append)
    assert "promt is not known: did you mean prompt?" in notes[0]


CASES = (str, str.upper, str.title, lambda name: f" {name}", lambda name: f"{name}\t ")
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(st.data())
def test_any_table_reads_back_the_same_items(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    names = data.draw(st.permutations(["id", "prompt", "video", "seed"]))
    delimiter = data.draw(st.sampled_from(",;\t|"))
    cased = [data.draw(st.sampled_from(CASES))(name) for name in names]
    if all(name.startswith(" ") for name in cased[1:]):
        cased[1] = cased[1].strip()  # cells would then lose their first spaces as the header does
    prompts = data.draw(st.lists(WORDS, min_size=1, max_size=5))
    seeds = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(prompts), max_size=len(prompts)))
    text = io.StringIO(newline="")
    # Before Python 3.13 a bare carriage return is quoted only where it is of the line's end.
    quoting, ends = data.draw(
        st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")])
    )
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=quoting)
    if data.draw(st.booleans()):
        text.write(f"sep={delimiter}\r\n")
    writer.writerow(cased)
    for n, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
        values = {"id": f"p{n}", "prompt": prompt, "video": "v.mp4", "seed": seed}
        writer.writerow([values[name] for name in names])
        if data.draw(st.booleans()):
            writer.writerow([""] * len(names))
    path = tmp_path_factory.mktemp("table") / "b.csv"
    path.write_bytes(text.getvalue().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))))
    wanted = [prompt if prompt.strip() else "" for prompt in prompts]
    assert [(item.id, item.prompt, item.seed) for item in read_batch(path)] == [
        (f"p{n}", prompt, seed) for n, (prompt, seed) in enumerate(zip(wanted, seeds, strict=True))
    ]


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=4), st.sampled_from(CASES))
def test_any_object_keeps_what_it_says(values: dict, case: object) -> None:
    values = {key: value for key, value in values.items() if not FIELDS.meaning(key)}
    plain = {case("prompt"): "dusk", case("video"): "v.mp4", **values}  # type: ignore[operator]
    item = Item.from_mapping(json.loads(json.dumps(plain)))
    assert (item.prompt, item.video, dict(item.extra)) == ("dusk", Path("v.mp4"), values)


@settings(max_examples=cases(200), deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16", "replace")),
       st.sampled_from(["jsonl", "json", "csv"]))  # fmt: skip
def test_any_bytes_give_items_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"b.{kind}"
    path.write_bytes(data)
    try:
        assert read_batch(path)
    except BadInputError as error:
        assert error.remedy


def test_parquet_where_its_library_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadInputError, match=r"b.parquet: Parquet files .*cosmos-workflow\[ray\]"):
        read_batch(tmp_path / "b.parquet")
