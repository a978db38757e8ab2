"""What an output answers already: what has changed since is asked again, and nothing else."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import clips
import numpy as np
import pytest

from cosmos_workflow.api import with_identities
from cosmos_workflow.deciding import Decision
from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.kinds.reading import Piece
from cosmos_workflow.kinds.upsample import Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.places.ray import Job, Output
from cosmos_workflow.runs.places.ray.answering import identities, prepare
from cosmos_workflow.runs.places.ray.earlier import drop_doubles, open_entries
from cosmos_workflow.runs.places.ray.indexing import make_index
from cosmos_workflow.runs.places.ray.parts import FORMATS, Format
from cosmos_workflow.store import Store

DESCRIBE = ChosenEngine("describe", "", "measurements", "as asked")
MODEL = ChosenEngine("server", "/model", "frames", "as asked")


class Remote:
    """A remote function of `Ray`, done at once."""

    def __init__(self, function: Any) -> None:
        self.remote = function


class Ray(ModuleType):
    """Ray without its processes: what is asked of it is done here. Its real ones are in test_cluster.py."""

    remote = Remote

    def get(self, values: list[Any]) -> list[Any]:
        return values


@pytest.fixture(autouse=True)
def _ray(monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = ModuleType("ray.exceptions")
    exceptions.RayError = type("RayError", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", Ray("ray"))
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)


@pytest.fixture(params=FORMATS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    """Six prompts over two clips."""
    format: Format = request.param
    write(tmp_path / "batch.jsonl")
    for n in range(2):
        clips.textured(tmp_path / f"{n}.mp4", 320, 180, frames=4)
    return Job(str(tmp_path / "batch.jsonl"), Output(str(tmp_path / "out"), format), DESCRIBE, Settings())


def write(path: Path, **changed: Any) -> None:
    """The batch, with `changed` values in the entry p3."""
    entries = [{"id": f"p{n}", "prompt": f"A city {n}", "video": f"{n % 2}.mp4"} for n in range(6)]
    entries[3] |= changed
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def opened(job: Job) -> tuple[list[int], list[str]]:
    """What is asked of the batch, and what a person reads of it."""
    entries, notes = open_entries(replace(job, output=job.output.take()), make_index(job.kind, job.source))
    return entries.tolist(), notes


def answer(job: Job, *, identified: bool = True) -> None:
    """Run the job without its engine; without identities, as the version before did."""
    taken = replace(job, output=job.output.take())
    index = make_index(job.kind, job.source)
    entries, _ = open_entries(taken, index)
    for piece in index.pieces(entries, 2):
        prepared = prepare(job.kind, piece, job.engine, job.settings, "ray")
        results = [
            (item.result if item.result.error else replace(item.result, upsampled_prompt="long"), item.identity)
            for item in prepared.items
        ]
        taken.output.write(prepared.name, [(result, identity if identified else "") for result, identity in results])


def answered(job: Job) -> list[str]:
    return sorted(result.id for result in job.output.results() if result.ok)


def test_an_identity_is_the_same_here_and_on_a_cluster(job: Job, tmp_path: Path) -> None:
    items = list(UPSAMPLE.read(Path(job.source), print))
    decision = Decision(UPSAMPLE, "local", job.engine, job.settings)
    checked = UPSAMPLE.check(items, job.settings)
    with_them = with_identities(checked, decision, Store(f"sqlite:///{tmp_path / 'store.db'}"))
    local = [item.identity for item in with_them]
    assert all(len(identity) == 64 for identity in local)
    index = make_index(job.kind, job.source)
    (piece,) = index.pieces(np.arange(6), 10)
    assert identities(UPSAMPLE, piece, job.engine, job.settings) == local
    answer(job)
    in_parts = {row.id: row.identity for _, rows in job.output.answered() for row in rows}
    assert in_parts == {item.id: identity for item, identity in zip(items, local, strict=True)}


def test_the_same_batch_again_asks_nothing_and_rewrites_nothing(job: Job, tmp_path: Path) -> None:
    assert opened(job) == ([0, 1, 2, 3, 4, 5], [])
    answer(job)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")}
    assert opened(job) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")} == before


def test_another_prompt_or_seed_is_asked_again(job: Job) -> None:
    answer(job)
    for change in ({"prompt": "A harbour"}, {"prompt": "A harbour", "seed": 7}):
        write(Path(job.source), **change)
        assert opened(job) == ([3], ["1 answered items are asked again, as they have changed: what is asked (1)"])
        assert answered(job) == ["p0", "p1", "p2", "p4", "p5"]
        answer(job)
    assert answered(job) == [f"p{n}" for n in range(6)]


def test_other_settings_are_asked_again(job: Job) -> None:
    answer(job)
    job = replace(job, settings=Settings(temperature=0.1))
    assert opened(job) == (
        [0, 1, 2, 3, 4, 5], ["6 answered items are asked again, as they have changed: what is asked (6)"]
    )  # fmt: skip
    assert answered(job) == []


def test_another_clip_content_is_asked_again_and_another_name_is_not(job: Job, tmp_path: Path) -> None:
    answer(job)
    (tmp_path / "0.mp4").rename(tmp_path / "same.mp4")
    text = Path(job.source).read_text().replace("0.mp4", "same.mp4")
    Path(job.source).write_text(text)
    assert opened(job) == ([], [])
    clips.textured(tmp_path / "1.mp4", 320, 180, frames=5)
    assert opened(job) == ([1, 3, 5], ["3 answered items are asked again, as they have changed: input file (3)"])


def test_another_engine_is_asked_again_unless_its_answers_are_kept(job: Job) -> None:
    answer(job)
    job = replace(job, engine=MODEL)
    assert opened(replace(job, keep_of=("describe",))) == ([], [])
    write(Path(job.source), prompt="A harbour")
    assert opened(replace(job, keep_of=("describe",)))[0] == [3]
    entries, (note,) = opened(job)
    assert entries == [0, 1, 2, 3, 4, 5]
    assert note == "5 answered items are asked again, as they have changed: engine or model (5)"


def test_answers_of_the_version_before_stand_by_their_names(job: Job) -> None:
    answer(job, identified=False)
    kept = "answers of an earlier version are kept: they ask the same of the same file"
    assert opened(replace(job, settings=Settings(seed=3))) == ([], [f"6 {kept}"])
    write(Path(job.source), prompt="A harbour")
    assert opened(job) == ([3], [
        "1 answered items are asked again, as they have changed: what is asked or input file (1)", f"5 {kept}",
    ])  # fmt: skip
    answer(job)
    assert opened(job) == ([], [f"5 {kept}"])


def test_what_cannot_be_asked_now_keeps_its_answer(job: Job, tmp_path: Path) -> None:
    answer(job)
    (tmp_path / "1.mp4").unlink()
    assert opened(job) == ([], [])
    write(Path(job.source), prompt="A harbour")
    assert opened(job)[0] == [3]


def test_again_asks_all_that_is_in_the_batch_and_leaves_the_rest(job: Job) -> None:
    answer(job)
    lines = Path(job.source).read_text().splitlines()
    Path(job.source).write_text("\n".join(lines[:4]))
    assert opened(job) == ([], [])
    assert opened(replace(job, again=True)) == ([0, 1, 2, 3], [])
    assert answered(job) == ["p4", "p5"]


def test_an_item_that_two_machines_answered_is_one_answer(job: Job) -> None:
    answer(job)
    output = job.output.take()
    (_, rows), *_ = output.answered()
    (twice,) = [result for result in output.results() if result.id == rows[0].id]
    output.write("twice", [(twice, rows[0].identity)])
    assert opened(job) == ([], [])
    drop_doubles(output)
    assert answered(job) == [f"p{n}" for n in range(6)]


def test_a_batch_that_changes_while_it_is_read_says_so(job: Job) -> None:
    from cosmos_workflow.errors import BadInputError

    with pytest.raises(BadInputError, match="changes while it is read"):
        identities(UPSAMPLE, Piece(job.source, positions=(0, 7)), job.engine, job.settings)
