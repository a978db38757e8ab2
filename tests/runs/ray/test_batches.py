"""Batches read in parts: whatever the cut, each entry once, and again by its position."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading import Keys, Piece
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.places.ray import batches
from cosmos_workflow.runs.places.ray.batches import Entry, files_in, hashed, local_copy, spans

# No two-line texts without quotes, and no surrogates: a file cannot hold them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40)


def read(piece: Piece, keys: Keys | None = None) -> Iterator[Entry]:
    return batches.read(UPSAMPLE, piece, keys)


def key_of(id: str, prompt: str, video: str) -> bytes:
    return batches.key_of(UPSAMPLE, {"id": id, "prompt": prompt, "video": video})


def write_jsonl(path: Path, prompts: list[str]) -> Path:
    lines = [json.dumps({"id": f"p{n}", "prompt": text, "video": "clip.mp4"}) for n, text in enumerate(prompts)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_csv(path: Path, prompts: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow(["id", "prompt", "video"])
        rows.writerows([f"p{n}", text, "clip.mp4"] for n, text in enumerate(prompts))
    return path


def write_parquet(path: Path, prompts: list[str]) -> Path:
    rows = [{"id": f"p{n}", "prompt": text, "video": "clip.mp4"} for n, text in enumerate(prompts)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)
    return path


WRITERS = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}


@pytest.mark.slow
@given(st.lists(TEXTS, min_size=1, max_size=12), st.sampled_from(sorted(WRITERS)), st.integers(1, 200))
def test_each_entry_is_read_once_whatever_the_cut(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str], kind: str, size: int
) -> None:
    path = WRITERS[kind](tmp_path_factory.mktemp("batch") / f"batch.{kind}", prompts)
    entries = [entry for piece in spans(str(path), size) for entry in read(piece)]
    assert [entry.item.prompt for entry in entries] == [text if text.strip() else "" for text in prompts]
    assert all(entry.error is None for entry in entries)
    for entry in entries:
        (alone,) = read(Piece(str(path), positions=(entry.position,)))
        assert alone == entry
    some = tuple(entry.position for entry in entries[::2])
    assert [entry.item.id for entry in read(Piece(str(path), positions=some))] == [e.item.id for e in entries[::2]]


def test_videos_stand_beside_their_batch(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "batch.jsonl", ["a"])
    (entry,) = read(Piece(str(path)))
    assert entry.inputs == (str(tmp_path / "clip.mp4"),)
    store = "memory://bucket/batch.jsonl"
    import fsspec

    with fsspec.open(store, "wb") as file:
        file.write(path.read_bytes())
    assert [entry.inputs for entry in read(Piece(store))] == [("memory://bucket/clip.mp4",)]
    with fsspec.open("memory://bucket/clip.mp4", "wb") as file:
        file.write(b"frames")
    assert local_copy("memory://bucket/clip.mp4", tmp_path / "cache").read_bytes() == b"frames"
    with pytest.raises(BadInputError, match="every machine of the cluster must reach it"):
        local_copy("memory://bucket/none.mp4", tmp_path / "cache")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "not an object"),
        (b'{"id": "x", "prompt": "\xff", "video": "c.mp4"}', "not UTF-8"),
        (b'{"id": "x", "prompt": "a"}', "video"),
        (b'{"id": "x", "prompt": 7, "video": "c.mp4"}', "prompt"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_line_is_told_of_in_its_place(tmp_path: Path, line: bytes, says: str) -> None:
    path = tmp_path / "batch.jsonl"
    good = b'{"id": "%d", "prompt": "a", "video": "c.mp4"}\n'
    path.write_bytes(good % 1 + line + b"\n" + good % 2)
    first, bad, last = read(Piece(str(path)))
    assert (first.error, last.error) == (None, None)
    assert says in str(bad.error)
    assert f"byte {len(good % 1)}" in str(bad.error)


def test_a_csv_row_with_too_many_fields_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text("id,prompt,video\n1,a,b,c.mp4\n2,b,c.mp4\n")
    bad, good = read(Piece(str(path)))
    assert "quote fields" in str(bad.error)
    assert good.item.prompt == "b"


def test_folders_and_what_is_no_batch(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.csv", "c.parquet", "clip.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert [Path(url).name for url in files_in(str(tmp_path))] == ["a.csv", "b.jsonl", "c.parquet"]
    for bad in ("none.jsonl", "clip.mp4"):
        with pytest.raises(BadInputError):
            files_in(str(tmp_path / bad))
    with pytest.raises(BadInputError, match="cannot be read"):
        files_in("nosuchprotocol://bucket/x.jsonl")


def test_a_key_changes_with_what_is_asked() -> None:
    key = key_of("a", "prompt", "/x/clip.mp4")
    assert key == key_of("a", "prompt", "s3://bucket/clip.mp4") == key_of("a", "prompt", "C:\\clips\\clip.mp4")
    assert (
        len({key, key_of("b", "prompt", "clip.mp4"), key_of("a", "other", "clip.mp4"), key_of("a", "prompt", "d")}) == 4
    )
    assert all(len(hashed(text)) == 16 and hashed(text)[-1:] == b"." for text in ("", "a", "\ud800"))


TABLES = [
    "id;prompt;video\r\na;dusk, rain;v.mp4\r\nb;dawn;v.mp4\r\n",
    "sep=;\r\n\r\nID; Prompt ;VIDEO;;\r\n;;;;\r\na;dusk, rain;v.mp4;;\r\nb;dawn;v.mp4;;\r\n;;;;\r\n",
    'id, prompt, video\na, "dusk, rain", v.mp4\nb, dawn, v.mp4\n',
    "id\tprompt\tvideo\na\tdusk, rain\tv.mp4\nb\tdawn\tv.mp4\n",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", [*TABLES, '{"id": "a", "Prompt": "dusk, rain", "VIDEO": "v.mp4"}\n'
                                  '{"id": "b", " prompt": "dawn", "video_path": "v.mp4"}\n'])  # fmt: skip
def test_a_cluster_reads_what_is_read_here(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / ("batch.jsonl" if text.startswith("{") else "batch.csv")
    path.write_bytes(text.encode(encoding))
    entries = [entry for piece in spans(str(path), 10) for entry in read(piece)]
    beside = [replace(entry.item, video=Path(*entry.inputs)) for entry in entries]
    assert beside == list(UPSAMPLE.read(path, lambda note: None))
    assert [entry.item.prompt for entry in entries] == ["dusk, rain", "dawn"]
    for entry in entries:
        assert list(read(Piece(str(path), positions=(entry.position,)))) == [entry]


def test_bytes_that_are_no_text_are_told_of_in_their_row(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes("id,prompt,video\n1,café,c.mp4\n".encode("cp1252") + b"2,b,c.mp4\n")
    bad, good = read(Piece(str(path)))
    assert "not UTF-8" in str(bad.error)
    assert good.item.prompt == "b"


def test_a_table_without_a_known_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text("Nummer;Titel\n1;dusk\n")
    with pytest.raises(BadInputError, match="is known: 'Nummer', 'Titel'"):
        list(read(Piece(str(path))))


def test_a_quote_that_the_header_never_closes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text('id,"prompt,video\n' + "a,dusk,v.mp4\n" * 300)
    for piece in (Piece(str(path)), Piece(str(path), 1000, 2000)):
        with pytest.raises(BadInputError, match="a quote in the header is never closed"):
            list(read(piece))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_keys_that_are_not_known_are_counted_over_a_batch(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"batch.{kind}"
    rows = [{"video": "v.mp4", "promt": f"{n}"} for n in range(5)]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        path.write_text("video,promt\n" + "".join(f"v.mp4,{row['promt']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    keys = Keys(UPSAMPLE.fields)
    for piece in spans(str(path), 40):
        part = Keys(UPSAMPLE.fields)
        list(read(piece, part))
        keys.add(part)
    assert keys.notes() == ["promt is not known: did you mean prompt? Kept but not used, in 5 of 5 entries"]


def test_one_key_with_two_values_is_told_of_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_text('{"video": "v", "prompt": "a", "prompt": "b"}\n{"video": "v", "seed": 9007199254740993}\n')
    bad, good = read(Piece(str(path)))
    assert "is given twice, with different values" in str(bad.error)
    assert good.item.seed == 9007199254740993


def test_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "batch.jsonl"
    path.write_text('{"video": "~/clips/v.mp4"}\n')
    (entry,) = read(Piece(str(path)))
    assert entry.inputs == (str(tmp_path / "clips" / "v.mp4"),)
