"""The output: parts that are whole, one owner at a time, rows taken out."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.places.ray import Output
from cosmos_workflow.runs.places.ray.batches import key_of
from cosmos_workflow.runs.places.ray.parts import FORMATS, Format


def result(n: int, error: str = "") -> Result:
    return Result(f"p{n}", f"prompt {n} ü", f"clip{n}.mp4", "fits", upsampled_prompt="long", error=error)


@pytest.fixture(params=["disk", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "out") if request.param == "disk" else f"memory://{tmp_path.name}/out"


@pytest.mark.parametrize("format", FORMATS)
def test_answers_and_dead_letters_are_found_again(url: str, format: Format) -> None:
    output = Output(url, format).take()
    assert list(output.results()) == []
    output.write("a", [result(1), result(2, "no"), result(3)])
    output.write("b", [result(4)])
    parts = list(output.answered())
    assert [names for _, _, names in parts] == [["p1", "p3"], ["p4"]]
    assert parts[1][1] == [key_of(UPSAMPLE, vars(result(4)))]
    assert [names for _, names in output.letters()] == [["p2"]]
    assert list(output.results()) == [result(1), result(3), result(4), result(2, "no")]
    # The same work done twice is one part.
    output.write("b", [result(4)])
    assert len(list(output.results())) == 4


@pytest.mark.parametrize("format", FORMATS)
def test_rows_are_taken_out(url: str, format: Format) -> None:
    output = Output(url, format).take()
    output.write("a", [result(1), result(2)])
    ((path, _, _),) = output.answered()
    output.drop(path, {0})
    assert list(output.results()) == [result(2)]
    output.drop(path, {0})
    assert list(output.results()) == []


def test_whoever_was_there_before_writes_no_more(url: str) -> None:
    first = Output(url).take()
    second = Output(url).take()
    with pytest.raises(UsageError, match="another run writes here now"):
        first.write("a", [result(1)])
    second.write("a", [result(1)])


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        Output(str(tmp_path)).take()
    (tmp_path / "file").touch()
    with pytest.raises(CosmosError):
        Output(str(tmp_path / "file")).take()


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    output = Output(str(tmp_path)).take()
    output.write("a", [result(1)])
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
