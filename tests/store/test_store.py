from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cosmos_workflow.errors import BadInputError, CosmosError, StoreError, UsageError
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import STATES, FileRecord, Filters, NewItem, Store
from cosmos_workflow.store.records import ALLOWED
from cosmos_workflow.store.schema import metadata

A, B = Result("a", "prompt 🤖", "v.mp4", "fits"), Result("b", "x", "v.mp4", "bad_input", error="no such file")


def add(store: Store, id: str, *results: Result) -> None:
    store.add(
        id,
        "gpu",
        map(NewItem, results or (A, B)),
        out="/o.jsonl",
        source="b.jsonl",
        engine="describe",
        settings={"k": [1]},
    )


def test_a_run_and_its_items(store: Store) -> None:
    add(store, "20260102-a")
    run = store.get("2026")
    assert (run.state, run.total, run.answered, run.failed, run.open) == ("planned", 2, 0, 1, 1)
    assert run.settings == {"k": [1]}
    answered = replace(A, upsampled_prompt="long 🤖")
    store.save(run.id, [answered])
    store.save(run.id, [replace(A, error="later")])  # a good answer is never replaced
    assert store.results(run.id) == [(answered, True), (B, False)]
    assert [item.position for item in store.items(run.id)] == [0, 1]
    store.save(run.id, [replace(B, error="", upsampled_prompt="now")])
    assert store.get(run.id).answered == 2
    store.remove(run.id)
    assert store.runs() == []


def test_a_good_answer_is_replaced_by_no_other(store: Store) -> None:
    """Two workers may answer one item, where the first was taken for dead: what was shown once stands."""
    add(store, "r", A, B, replace(A, id="c"))
    first = replace(A, upsampled_prompt="first")
    store.save("r", [first, replace(B, error="again")])
    store.save("r", [replace(A, upsampled_prompt="second"), replace(A, error="lost", error_kind="unreachable")])
    assert store.results("r") == [(first, True), (replace(B, error="again"), False), (replace(A, id="c"), None)]
    run = store.get("r")
    assert (run.answered, run.failed, run.open) == (1, 1, 1)


def test_tried_again_only_what_failed_and_may_get_an_answer_is_open(store: Store) -> None:
    kinds = ("unreachable", "too_long", "bad_input")
    add(store, "r", A, *(replace(A, id=kind) for kind in kinds))
    answered = replace(A, upsampled_prompt="long")
    failed = {kind: replace(A, id=kind, error="no", error_kind=kind) for kind in kinds}
    store.save("r", [answered, *failed.values()])
    store.move("r", "failed")
    store.again("r", ("too_long", "bad_input"))
    assert {result.id: ok for result, ok in store.results("r")} == {
        "a": True, "unreachable": None, "too_long": False, "bad_input": False,
    }  # fmt: skip
    run = store.get("r")
    assert (run.answered, run.failed, run.open) == (1, 2, 1)


def test_a_run_whose_items_are_elsewhere_has_counts(store: Store) -> None:
    place = f"ray://{'head.' * 40}:10001"
    store.add("r", place, [], out="/o", source="b.jsonl", engine="describe", settings={})
    assert (store.get("r").total, store.get("r").answered) == (0, 0)
    store.count("r", total=1_000_000, answered=7, failed=1)
    run = store.get("r")
    assert (run.place, run.total, run.answered, run.failed, run.open) == (place, 1_000_000, 7, 1, 999_992)


@pytest.mark.parametrize("now", STATES)
@pytest.mark.parametrize("then", STATES)
def test_the_state_machine_is_all_there_is(store: Store, now: str, then: str) -> None:
    add(store, "r")
    paths = {"planned": (), "uploading": ("uploading",), "running": ("uploading", "running")}
    paths |= {"fetching": (*paths["running"], "fetching"), "failed": ("failed",), "cancelled": ("cancelled",)}
    paths |= {"done": (*paths["fetching"], "done"), "queued": ("failed", "queued")}
    for state in paths[now]:
        store.move("r", state)  # type: ignore[arg-type]
    if then == now or then in ALLOWED[now]:  # type: ignore[index]
        store.move("r", then, error="e", kind="k", remedy="m")  # type: ignore[arg-type]
        assert store.get("r").state == then
    else:
        with pytest.raises(CosmosError, match="cannot become"):
            store.move("r", then)  # type: ignore[arg-type]


def test_which_run_is_meant(store: Store) -> None:
    for id in ("20260101-aa", "20260101-ab", "2026"):
        add(store, id)
    assert store.get("20260101-aa").id == "20260101-aa"
    assert store.get("2026").id == "2026"
    with pytest.raises(UsageError, match="2 runs begin with"):
        store.get("20260101")
    for wrong in ("x", "%", "_"):
        with pytest.raises(UsageError, match="no run"):
            store.get(wrong)


def test_the_newest_first_and_only_those_asked_for(store: Store) -> None:
    for id in ("a", "b", "c"):
        add(store, id)
    store.move("b", "failed")
    assert [run.id for run in store.runs()] == ["c", "b", "a"]
    assert [run.id for run in store.runs(most=1)] == ["c"]
    assert [run.id for run in store.runs(states=("failed",))] == ["b"]
    assert store.runs(place="elsewhere") == []


def test_migrations_up_and_down_give_the_tables_of_the_schema(url: str) -> None:
    store = Store(url)
    engine = sa.create_engine(url)
    inspected = sa.inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in inspected.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
        # The index for the search is the database's own.
        indexes = {index["name"] for index in inspected.get_indexes(table.name)} - {"items_text"}
        assert indexes == {index.name for index in table.indexes}
    store.database.migrate("base")
    assert set(sa.inspect(engine).get_table_names()) == {"alembic_version"}
    store.database.migrate()
    add(store, "r")
    assert Store(url).get("r").id == "r"


def test_the_newest_migration_is_the_one_that_the_store_asks_for() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from cosmos_workflow.store import database as module

    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == module.HEAD
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert all(later > earlier for later, earlier in pairwise(revisions))


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////proc/nowhere/x.db", "postgresql+psycopg://u:hush@127.0.0.1:9/x"]
)
def test_a_store_that_cannot_be_opened(url: str) -> None:
    with pytest.raises(BadInputError, match="cannot be opened") as caught:
        Store(url)
    assert "hush" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database at all, " * 100)
    with pytest.raises(BadInputError, match="not a database"):
        Store(f"sqlite:///{tmp_path / 'x.db'}")


def _write(url: str, name: str) -> None:
    store = Store(url)
    for n in range(10):
        add(store, f"{name}-{n}")
        store.move(f"{name}-{n}", "uploading")
        store.save(f"{name}-{n}", [replace(A, upsampled_prompt=name)])


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, pytest.param(8, marks=pytest.mark.host)])
def test_writers_at_once_lose_nothing(url: str, count: int) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(url, f"w{n}")) for n in range(count)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    runs = Store(url).runs()
    assert len(runs) == 10 * count
    assert {(run.state, run.answered) for run in runs} == {("uploading", 1)}


def test_the_same_row_from_several_at_once_is_there_once(store: Store) -> None:
    add(store, "r", A)
    (number,) = (entry.number for entry in store.history.find(Filters()))
    together = threading.Barrier(8)

    def hashed(path: Path) -> str:
        together.wait(60)
        return "0" * 64

    def write(writer: int) -> None:
        assert store.hashes.of(Path("/clip.mp4"), (1, 2), hashed) == "0" * 64
        for n in range(20):
            together.wait(60)
            store.files.add(FileRecord(str(n), f"name {writer}", 0.0, 1))
            together.wait(60)
            store.queue.pause(writer % 2 == 0)
            together.wait(60)
            store.history.tag(number, ["night", f"of {writer}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert store.hashes.of(Path("/clip.mp4"), (1, 2), hashed) == "0" * 64
    assert len(store.files.all()) == 20
    assert "night" in store.history.get(number).tags


def test_a_file_keeps_its_name_until_the_library_has_it(store: Store) -> None:
    seen = FileRecord("1", "seen", 1.0, 1, kept=False)
    kept = replace(seen, name="kept", created=2.0, kept=True)
    assert store.files.add(seen) == seen
    assert store.files.add(kept) == kept
    assert store.files.add(replace(kept, name="again")) == kept
    assert store.files.add(seen) == kept


@pytest.mark.slow
def test_a_writer_killed_in_the_middle_leaves_whole_runs(url: str) -> None:
    code = (
        "import sys\nfrom cosmos_workflow.store import NewItem, Store\n"
        "from cosmos_workflow.kinds.upsample import Result\n"
        "store = Store(sys.argv[1]); print('open', flush=True)\n"
        "for n in range(10000):\n"
        "    new = [NewItem(Result(str(k), 'p', 'v', 'fits')) for k in range(50)]\n"
        "    store.add(f'r{n}', 'g', new, out='o', source='s',"
        " engine='e', settings={})\n"
        "    print(n, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(12):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        lines = process.stdout.read().split()
        process.wait()
        runs = Store(url).runs()
        assert {run.total for run in runs} == {50}
        assert len(runs) >= 11 + len(lines) - 1
        Store(url).database.migrate("base")


def test_a_full_disk_under_the_store_is_said_with_its_file(tmp_path: Path) -> None:
    """By SQLite's own limit on pages; what was there before stays."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    add(store, "kept")
    engine = store.database._engine
    store.database.close()

    @sa.event.listens_for(engine, "connect")
    def limit(connection: Any, record: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match="database or disk is full") as caught:
        for number in range(1000):
            add(store, f"r{number}")
    assert str(tmp_path / "store.db") in caught.value.where
    assert caught.value.remedy == "free space there, then run it again: what was done is kept"
    assert store.get("kept").id == "kept"
