"""A store that the version before left: it comes up with its runs, its history and its files, and its runs go on.

The folder `version_before` is what the code of commit 226a135 (schema 0004) left of a server's work with the engine
`describe`: its database as SQL, what its runs asked, and a results file. `{folder}` stands for where it was.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import clips
import pytest
import sqlalchemy as sa

from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main
from cosmos_workflow.runs import Listener, Runs
from cosmos_workflow.store import Filters, Store

BEFORE = Path(__file__).parent / "version_before"


@pytest.fixture
def text_of(tmp_path: Path) -> dict[str, str]:
    """The files of the version before, by their names, as if it had worked in this test's folder."""
    return {
        path.relative_to(BEFORE).as_posix(): path.read_text(encoding="utf-8").replace("{folder}", str(tmp_path))
        for path in BEFORE.rglob("*.*")
    }


@pytest.fixture
def runs(url: str, text_of: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """What the version before left, opened by this one."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        file.parent.mkdir()
        database = sqlite3.connect(file)
        database.executescript(text_of["schema.sql"] + text_of["rows.sql"])
        database.close()
    else:
        # The same migrations made its tables.
        store = Store(url)
        store.database.migrate("0004")
        store.database.close()
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version")
            connection.exec_driver_sql(text_of["rows.sql"])
            connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('items', 'number'), max(number)) FROM items"
            )
        engine.dispose()
    for name, text in text_of.items():
        if name.startswith("runs/"):
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
    clips.textured(tmp_path / "clip.mp4", 64, 36, frames=2)
    monkeypatch.setenv("COSMOS_STORE_URL", url)
    monkeypatch.chdir(tmp_path)
    return open_runs()


def id_of(runs: Runs, source: str) -> str:
    return next(run.id for run in runs.store.runs() if run.source == source)


def test_its_runs_are_listed_and_shown(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    records = {run.source: run for run in runs.store.runs()}
    assert {
        source: (run.state, run.place, run.total, run.answered, run.failed) for source, run in records.items()
    } == {
        "done.jsonl": ("done", "local", 3, 2, 1), "failed": ("failed", "local", 1, 0, 0),
        "cancelled": ("cancelled", "local", 2, 1, 0), "interrupted": ("running", "local", 3, 1, 0),
        "held": ("queued", "local", 1, 0, 0), "s3://bucket/in": ("planned", "ray", 1000, 998, 2),
    }  # fmt: skip
    assert {run.kind for run in records.values()} == {"upsample"}
    # One that nobody drives any more waits too, for a worker to go on with it.
    assert [run.source for run in runs.store.queue.waiting()] == ["held", "interrupted"]
    assert main(["runs", "list"]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert main(["runs", "show", records["failed"].id]) == 0
    assert "the server refuses connections" in capsys.readouterr().out
    assert main(["runs", "show", records["done.jsonl"].id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["results"]
    assert [(row["id"], bool(row["upsampled_prompt"]), row["error_kind"]) for row in shown] == [
        ("harbour", True, ""), ("gone", False, "bad_input"), ("city", True, ""),
    ]  # fmt: skip


def test_its_history_is_searched_with_stars_and_tags(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    history = runs.store.history
    (harbour,) = history.find(Filters("harb"))
    assert (harbour.rating, harbour.tags, harbour.question) == (5, ("night", "sea"), "a harbour at 'dusk' – 日本")
    assert harbour.answer and harbour.answer == harbour.result.upsampled_prompt
    assert [entry.number for entry in history.find(Filters(harbour.answer.split()[-1], rating=5))] == [harbour.number]
    assert [entry.result.id for entry in history.find(Filters(tag="night"))] == ["city", "harbour"]
    assert [entry.result.id for entry in history.find(Filters("interrupted"))] == ["r2", "r1", "r0"]
    assert main(["prompts", "search", "old", "city"]) == 0
    assert "an old city" in capsys.readouterr().out
    # What comes from now on is found beside it.
    assert main(["upsample", "clip.mp4", "-p", "a new harbour", "--engine", "describe"]) == 0
    assert [entry.question for entry in history.find(Filters("harbour"))] == ["a new harbour", harbour.question]


def test_its_files_and_experiments_are_kept(runs: Runs) -> None:
    (file,) = runs.store.files.all()
    assert (file.sha256, file.name, file.size, file.width, file.frames) == ("ab" * 32, "my clip.mp4", 1234, 64, 2)
    (experiment,) = runs.store.experiments.all()
    assert (experiment.id, experiment.kind, experiment.settings) == ("20260101-000001-bbbbbbbb", "bench", {"n": 1})


def test_its_runs_are_exported_attached_and_tried_again(runs: Runs, tmp_path: Path) -> None:
    out = tmp_path / "export.jsonl"
    export = ["runs", "export", id_of(runs, "done.jsonl"), "-o", str(out)]
    assert main(export) == 0
    lines = out.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["harbour", "gone", "city"]
    assert main(export) == 0  # failures of before have given way to the same ones, at the end
    assert sorted(out.read_text().splitlines()) == sorted(lines)
    interrupted = id_of(runs, "interrupted")
    (kept, *_), before = runs.results(interrupted), runs.store.get(interrupted)
    assert main(["runs", "attach", interrupted]) == 0
    results, run = runs.results(interrupted), runs.store.get(interrupted)
    assert (before.answered, run.state, run.answered, run.failed) == (1, "done", 3, 0)
    assert results[0] == kept and [result.max_tokens for result in results] == [200] * 3
    assert [result.prompt for result in results] == [f"interrupted {n}" for n in range(3)]
    cancelled = id_of(runs, "cancelled")
    runs.retry(cancelled)
    assert [result.ok for result in runs.drive(cancelled, Listener())] == [True, True]
    assert runs.store.get(cancelled).answered == 2


def test_its_results_count_though_they_name_no_identity(
    runs: Runs, text_of: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, lines = tmp_path / "results.jsonl", text_of["results.jsonl"]
    out.write_text(lines, encoding="utf-8")
    prompts = {"harbour": "a harbour at 'dusk' – 日本", "new": "not what it was", "more": "asked now"}
    entries = ({"id": id, "prompt": prompt, "video": "clip.mp4"} for id, prompt in prompts.items())
    (tmp_path / "batch.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    assert main(["upsample", "batch.jsonl", "--engine", "describe", "-o", str(out)]) == 0
    assert "1 answered earlier" in capsys.readouterr().err
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["prompt"]) for row in rows] == list(prompts.items())
    assert out.read_text(encoding="utf-8").splitlines()[0] == lines.splitlines()[0]
    assert [bool(row.get("identity")) for row in rows] == [False, True, True]
