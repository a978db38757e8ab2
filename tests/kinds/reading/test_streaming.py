"""Whatever is in a file, it reads as if it were read as a whole, in memory that does not grow with it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading import Keys, Piece, records
from cosmos_workflow.kinds.reading.encoding import decoded, encoding_of
from cosmos_workflow.kinds.reading.fields import load_json
from cosmos_workflow.kinds.reading.tables import QUOTES, entry_in, read_header, rows
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.item import FIELDS
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE


def streamed(path: Path) -> tuple[list[Item], str, list[str]]:
    """The items that are read before the end or an error, the error, and the notes."""
    items: list[Item] = []
    notes: list[str] = []
    try:
        for item in UPSAMPLE.read(path, notes.append):
            items.append(item)  # noqa: PERF402 - those before an error count
    except BadInputError as error:
        return items, str(error), notes
    return items, "", notes


def whole(path: Path, data: bytes) -> tuple[list[Item], str, list[str]]:
    """The same, by plain reading of the file's bytes as a whole."""
    items: list[Item] = []
    keys = Keys(FIELDS)
    try:
        text = decoded(data, str(path))
        for place, values in table(text, path, keys) if path.suffix == ".csv" else objects(text, path):
            where = f"{path}, {place}"
            if not isinstance(values, dict):
                raise BadInputError("not an object", where=where, remedy=FIELDS.remedy)
            item = Item.from_mapping(values, where=where, keys=keys)
            item = replace(item, video=path.parent / item.video)
            for other in items:
                if other.id == item.id:
                    what = "the same entry is given twice" if other == item else "two entries have the same id"
                    remedy = "give each entry its own id (or its own seed)"
                    raise BadInputError(f"{what}: {item.id!r}", where=str(path), remedy=remedy)
            items.append(item)
        if not items:
            raise BadInputError("the batch is empty", where=str(path), remedy=FIELDS.remedy)
    except BadInputError as error:
        return items, str(error), []
    return items, "", [f"{path.name}: {note}" for note in keys.notes()]


def objects(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    lines = [line.lstrip("\ufeff") for line in text.split("\n")]
    if path.suffix == ".json" or next((line for line in lines if line.strip()), "").lstrip().startswith("["):
        value = loaded(text.lstrip("\ufeff"), str(path))
        for number, entry in enumerate(value if isinstance(value, list) else [value], 1):
            yield f"entry {number}", entry
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number}", loaded(line, f"{path}, line {number}")


def loaded(text: str, where: str) -> Any:
    try:
        return load_json(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"not valid JSON ({error})", where=where, remedy="correct or remove it") from error


def table(text: str, path: Path, keys: Keys) -> Iterator[tuple[str, Any]]:
    lines = io.StringIO(text, newline="")
    header = read_header(lines, str(path), FIELDS)
    keys.columns(header.names)
    reader = rows(lines, header)
    try:
        for row in reader:
            if entry := entry_in(row, header):
                yield f"line {header.lines + reader.line_num}", entry
    except csv.Error as error:
        where = f"{path}, line {header.lines + reader.line_num}"
        raise BadInputError(str(error), where=where, remedy=QUOTES) from error


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ENTRIES = st.fixed_dictionaries(
    {"video": st.sampled_from(["v.mp4", "clips/v.mp4"])},
    optional={"id": st.sampled_from("abcdefgh"), "prompt": TEXTS, "promt": TEXTS, "seed": st.integers(0, 3)},
)
LINES = st.one_of(
    st.tuples(ENTRIES, st.booleans()).map(lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1])),
    st.sampled_from(
        ['{"video": ', "[1]", "7", "", " \t", "\xa0", "\ufeff", '{"id": "a", "prompt": "x"}', '{"video": 1}']
    ),
    TEXTS,
)
CELLS = st.one_of(
    st.sampled_from(["a", "b", "v.mp4", "", " ", '"', '"x', 'y"', '"two\nlines"', '"one\r\n\r\ntwo"', '"a, b"', '""']),
    TEXTS,
)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n\r"])


def joined(lines: list[str], ends: list[str]) -> str:
    return "".join(line + ends[n % len(ends)] for n, line in enumerate(lines))


JSONL = st.builds(
    joined, st.lists(LINES, max_size=8), st.lists(st.sampled_from(["\n", "\r\n"]), min_size=1, max_size=3)
)
CSV = st.builds(
    lambda header, lines, ends: joined([header, *map(",".join, lines)], ends),
    st.sampled_from(
        ["id,prompt,video", "sep=,\n\nID,Prompt,video", "video,prompt,Prompt", '"id\n",prompt,video', "a,b", ""]
    ),
    st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=8),
    st.lists(ENDS, min_size=1, max_size=3),
)  # fmt: skip
BATCHES = st.one_of(
    st.tuples(st.just(".csv"), CSV),
    st.tuples(st.sampled_from([".jsonl", ".ndjson"]), JSONL),
    st.tuples(
        st.sampled_from([".json", ".jsonl"]),
        st.lists(ENTRIES, max_size=4).map(lambda entries: json.dumps(entries, indent=1)),
    ),
    st.tuples(st.sampled_from([".csv", ".jsonl", ".json"]), TEXTS),
)  # fmt: skip


@settings(max_examples=cases(400), deadline=None)
@given(BATCHES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_any_text_reads_as_it_does_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, batch: tuple[str, str], encoding: str
) -> None:
    suffix, text = batch
    path = tmp_path_factory.mktemp("any") / f"b{suffix}"
    path.write_bytes(text.encode(encoding))
    assert streamed(path) == whole(path, path.read_bytes())


LINE = re.compile(r" in line \d+(?=\))")


@settings(max_examples=cases(300), deadline=None)
@given(
    BATCHES, st.lists(st.tuples(st.integers(0, 400), st.sampled_from([b"\xff", b"\xc3", b"\xe9\n", b"\0"])), min_size=1)
)
def test_bytes_that_are_no_text_are_told_of_where_they_come(
    tmp_path_factory: pytest.TempPathFactory, batch: tuple[str, str], damage: list[tuple[int, bytes]]
) -> None:
    suffix, text = batch
    data = text.encode()
    for at, bad in damage:
        data = data[: at % (len(data) + 1)] + bad + data[at % (len(data) + 1) :]
    path = tmp_path_factory.mktemp("any") / f"b{suffix}"
    path.write_bytes(data)
    items, error, notes = streamed(path)
    as_whole = whole(path, data)
    # A carriage return alone ends a line of a table too.
    if LINE.sub("", error) == LINE.sub("", as_whole[1]):
        assert items == as_whole[0] or "not UTF" in error
    else:
        # Something else is wrong before the first such byte.
        assert "not UTF-8" in as_whole[1]
        assert (items, error, notes) == whole(path, data.decode("utf-8", "replace").encode())


@settings(max_examples=cases(200), deadline=None)
@given(
    st.one_of(st.tuples(st.just(".csv"), CSV), st.tuples(st.just(".jsonl"), JSONL)), st.booleans(),
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
)  # fmt: skip
def test_parts_hold_each_entry_once(
    tmp_path_factory: pytest.TempPathFactory, batch: tuple[str, str], marked: bool, sizes: list[int]
) -> None:
    suffix, text = batch
    path = tmp_path_factory.mktemp("any") / f"b{suffix}"
    path.write_bytes(text.encode("utf-8-sig" if marked else "utf-8"))

    def read(piece: Piece) -> list[tuple[int, Any, str]]:
        return [(entry.position, entry.values, str(entry.error)) for entry in records(piece, Keys(FIELDS))]

    try:
        together = read(Piece(str(path)))
    except BadInputError:
        return  # no table
    if suffix == ".jsonl":
        bounds = [0]
        while bounds[-1] < path.stat().st_size:
            bounds.append(bounds[-1] + sizes[len(bounds) % len(sizes)])
        parts = [Piece(str(path), start, end) for start, end in zip(bounds, bounds[1:], strict=False)]
        assert [entry for part in parts for entry in read(part)] == together
    for n, entry in enumerate(together):
        assert read(Piece(str(path), positions=(entry[0],))) == [entry]
        assert (
            read(Piece(str(path), positions=tuple(position for position, *_ in together[: n + 1]))) == together[: n + 1]
        )


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64])
@given(
    st.text(st.sampled_from("a\n\ré🤖\ufeff")), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.one_of(st.none(), st.integers(0, 40)), st.integers(0, 255),
)  # fmt: skip
def test_text_is_decoded_piece_by_piece_as_it_is_as_a_whole(
    step: int, text: str, encoding: str, place: int | None, byte: int
) -> None:
    data = bytearray(text.encode(encoding))
    if place is not None and place < len(data) - 4:
        data[place + 4] = byte
    name, mark = encoding_of(data[:4])
    try:
        expected = data[mark:].decode(name)
    except UnicodeDecodeError as error:
        index = mark + error.start
        at = f"byte {index} in line {data.count(10, 0, index) + 1}" if name == "utf-8" else f"byte {index}"
        expected = f"not {name.upper()} (0x{data[index]:02X} at {at})"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cosmos_workflow.kinds.reading.encoding.READ_BYTES", step)
        try:
            assert decoded(bytes(data), "b.csv") == expected
        except BadInputError as error:
            assert error.what in (expected, "it looks like UTF-16 without its byte order mark")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_memory_does_not_grow_with_what_is_read(tmp_path: Path, suffix: str, encoding: str) -> None:
    count, prompt = 20_000, "dusk " * 100
    path = tmp_path / f"b{suffix}"
    with path.open("w", encoding=encoding) as file:
        if suffix == ".csv":
            file.write("id,prompt,video\n")
        for n in range(count):
            values = {"id": f"shot-{n}", "prompt": prompt, "video": "v.mp4"}
            file.write((",".join(values.values()) if suffix == ".csv" else json.dumps(values)) + "\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in UPSAMPLE.read(path, lambda note: None)) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / count < 200  # a line has over 500 bytes, and an item with its prompt more than that


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("second", ["b", "a"])
def test_a_pipe_is_read_once(tmp_path: Path, second: str) -> None:
    path = tmp_path / "b.jsonl"
    os.mkfifo(path)
    text = f'{{"id": "a", "video": "v.mp4"}}\n{{"id": "{second}", "video": "w.mp4"}}\n'
    writer = threading.Thread(target=lambda: path.write_text(text))
    writer.start()
    items, error, _ = streamed(path)
    writer.join()
    assert [item.id for item in items] == ["a", "b"][: 1 if second == "a" else 2]
    assert ("two entries have the same id: 'a'" in error) == (second == "a")
