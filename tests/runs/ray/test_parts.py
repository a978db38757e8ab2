"""The output: parts that are whole, one owner at a time, rows taken out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.places.ray import Output
from cosmos_workflow.runs.places.ray.batches import key_of
from cosmos_workflow.runs.places.ray.parts import FORMATS, Answer, Format


def result(n: int, error: str = "") -> Result:
    return Result(
        f"p{n}", f"prompt {n} ü", f"clip{n}.mp4", "fits", upsampled_prompt="long", engine="describe", error=error
    )  # fmt: skip


def write(output: Output, name: str, *results: Result) -> None:
    """Write results, each with an identity of its own."""
    output.write(name, [(result, f"identity of {result.id}") for result in results])


@pytest.fixture(params=["disk", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "out") if request.param == "disk" else f"memory://{tmp_path.name}/out"


@pytest.mark.parametrize("format", FORMATS)
def test_answers_and_dead_letters_are_found_again(url: str, format: Format) -> None:
    output = Output(url, format).take()
    assert list(output.results()) == []
    write(output, "a", result(1), result(2, "no"), result(3))
    write(output, "b", result(4))
    parts = list(output.answered())
    assert [[row.id for row in rows] for _, rows in parts] == [["p1", "p3"], ["p4"]]
    assert parts[1][1] == [Answer("p4", key_of(UPSAMPLE, vars(result(4))), "describe", "identity of p4")]
    assert [names for _, names in output.letters()] == [["p2"]]
    assert list(output.results()) == [result(1), result(3), result(4), result(2, "no")]
    # The same work done twice is one part.
    write(output, "b", result(4))
    assert len(list(output.results())) == 4


@pytest.mark.parametrize("format", FORMATS)
def test_a_part_of_the_version_before_has_no_identities(tmp_path: Path, format: Format) -> None:
    output = Output(str(tmp_path), format).take()
    rows = [asdict(result(1)), asdict(result(2))]
    if format == "jsonl":
        (tmp_path / "part-a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part-a.parquet")
    ((path, answers),) = output.answered()
    assert [(answer.id, answer.engine, answer.identity) for answer in answers] == [
        ("p1", "describe", ""), ("p2", "describe", ""),
    ]  # fmt: skip
    output.drop(path, {0})
    assert [answer.identity for _, answers in output.answered() for answer in answers] == [""]
    assert list(output.results()) == [result(2)]


@pytest.mark.parametrize("format", FORMATS)
def test_rows_are_taken_out(url: str, format: Format) -> None:
    output = Output(url, format).take()
    write(output, "a", result(1), result(2))
    ((path, _),) = output.answered()
    output.drop(path, {0})
    assert list(output.results()) == [result(2)]
    assert [row.identity for _, rows in output.answered() for row in rows] == ["identity of p2"]
    output.drop(path, {0})
    assert list(output.results()) == []


def test_whoever_was_there_before_writes_no_more(url: str) -> None:
    first = Output(url).take()
    second = Output(url).take()
    with pytest.raises(UsageError, match="another run writes here now"):
        write(first, "a", result(1))
    write(second, "a", result(1))


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        Output(str(tmp_path)).take()
    (tmp_path / "file").touch()
    with pytest.raises(CosmosError):
        Output(str(tmp_path / "file")).take()


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    output = Output(str(tmp_path)).take()
    write(output, "a", result(1))
    (part,) = tmp_path.glob("part-*")
    part.write_bytes(b"{")
    with pytest.raises(BadInputError, match=part.name):
        list(output.results())


@pytest.mark.parametrize("name", ["part-00000.jsonl", "part-00000.snappy.parquet", "run.json"])
def test_parts_of_other_programs_are_left_alone(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.write_text('{"id": "a", "prompt": "x", "video": "v.mp4"}\n')
    with pytest.raises(UsageError, match=name):
        Output(str(tmp_path)).take()
    assert theirs.read_text() == '{"id": "a", "prompt": "x", "video": "v.mp4"}\n'
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("format", FORMATS)
def test_a_part_that_holds_no_results_is_named(tmp_path: Path, format: Format) -> None:
    output = Output(str(tmp_path), format).take()
    theirs = tmp_path / f"part-theirs.{format}"
    rows = [{"id": "a", "prompt": "x", "video": "v.mp4"}]
    if format == "jsonl":
        theirs.write_text(json.dumps(rows[0]) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), theirs)
    before = theirs.read_bytes()
    with pytest.raises(BadInputError, match="part-theirs"):
        list(output.answered())
    assert theirs.read_bytes() == before


def test_a_file_is_no_folder_of_parts(tmp_path: Path) -> None:
    (tmp_path / "part-a.jsonl").write_text("years of work")
    with pytest.raises(UsageError, match="a file, not a folder"):
        Output(str(tmp_path / "part-a.jsonl")).take()
    assert (tmp_path / "part-a.jsonl").read_text() == "years of work"


def test_what_a_crash_left_of_taking_a_folder_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "run.json.1-2.part").write_text("{")
    Output(str(tmp_path)).take()
