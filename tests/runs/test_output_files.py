"""Output files of a kind's items, at every step between the engine and a person's folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from runs.words_runs import PLUGIN, assert_whole, begun, do, lines

from cosmos_workflow.agent import running
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main
from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.engines.outputs import TaskFiles, run_tasks
from cosmos_workflow.errors import BadInputError, EngineError, NotFound, UsageError
from cosmos_workflow.files import folder_name
from cosmos_workflow.kinds.kind import Outcome, Packed, Task, get_kind
from cosmos_workflow.runs import Listener, pruning
from cosmos_workflow.runs.places.parcel import Parcel
from cosmos_workflow.runs.pruning import prunable, prune
from cosmos_workflow.runs.results import ResultsFile, open_results
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.store import FileRecord

pytestmark = [pytest.mark.usefixtures("words"), pytest.mark.slow]


def test_a_file_that_is_missing_or_changed_has_its_item_done_anew_and_nothing_else(
    texts: Callable[..., list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, out = texts(a="sea", b="sea land", c="sea land sky"), tmp_path / "out"
    do(items, out)
    assert_whole(out, "a", "b", "c")
    assert begun(items, out).run is None
    before = (out / "a" / "picture.png").stat()
    (out / "b" / "picture.png").unlink()
    (out / "c" / "picture.png").write_bytes(b"somebody drew over it")
    submission = begun(items, out)
    assert submission.run and submission.run.total == 2
    assert set(submission.changed) == {"b", "c"}
    open_runs().drive(submission.run.id, Listener())
    assert_whole(out, "a", "b", "c")
    assert (out / "a" / "picture.png").stat() == before
    (out / "b" / "picture.png").unlink()
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(json.dumps({"id": id, "text_file": f"{id}.txt"}) + "\n" for id in "abc"))
    assert main(["words", str(batch), "-o", str(out)]) == 0
    assert "1 answered items are asked again" in capsys.readouterr().err.replace("\n", " ")
    assert_whole(out, "a", "b", "c")


# Kills itself when the n-th line of results is to be written: its files are in their places by then.
KILLED = """
import os, signal, sys
from pathlib import Path
from cosmos_workflow.runs.results.{module} import {owner}

old, count = {owner}.{method}, 0

def dying(self, *words, **more):
    global count
    count += 1
    if count == {most}:
        os.kill(os.getpid(), signal.SIGKILL)
    return old(self, *words, **more)

{owner}.{method} = dying
from cosmos_workflow.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("module", "owner", "method"),
    [("file", "ResultsFile", "write"), ("outputs", "OutputFolder", "place"), ("outputs", "OutputFolder", "records")],
)
def test_killed_between_a_file_and_its_line_nothing_half_done_counts(
    texts: Callable[..., list[Any]], tmp_path: Path, module: str, owner: str, method: str
) -> None:
    texts(a="sea", b="sea land", c="sea land sky")
    batch, out = tmp_path / "batch.jsonl", tmp_path / "out"
    batch.write_text("".join(json.dumps({"id": id, "text_file": f"{id}.txt"}) + "\n" for id in "abc"))
    code = KILLED.format(module=module, owner=owner, method=method, most=2)
    words = ["words", str(batch), "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(PLUGIN)}
    killed = subprocess.run([sys.executable, "-c", code, *words], env=environment, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    assert set(lines(out)) == {"a"}
    assert main(words) == 0
    assert_whole(out, "a", "b", "c")
    assert not (out / ".cosmos-files").exists()


def test_a_file_that_is_gone_while_its_run_goes_on_is_made_again(
    texts: Callable[..., list[Any]], tmp_path: Path
) -> None:
    gate, out = tmp_path / "gate", tmp_path / "out"
    items = texts(a="sea", b=f"needs {gate}\nland")
    run = do(items, out).run
    assert run
    (out / "a" / "picture.png").unlink()
    gate.touch()
    runs = open_runs()
    runs.retry(run.id)
    runs.drive(run.id, Listener())
    assert_whole(out, "a", "b")
    assert (runs.store.get(run.id).answered, runs.store.get(run.id).failed) == (2, 0)


def test_a_folder_of_somebody_else_is_refused_and_left(texts: Callable[..., list[Any]], tmp_path: Path) -> None:
    items, out = texts(a="sea"), tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a" / "picture.png").write_bytes(b"mine")
    with pytest.raises(BadInputError, match=r"holds 'a' and no results\.jsonl"):
        begun(items, out)
    assert (out / "a" / "picture.png").read_bytes() == b"mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInputError, match="this is a file"):
        begun(items, tmp_path / "file")
    with pytest.raises(UsageError, match="need a folder"):
        open_results("-", get_kind("words"))
    assert [path.name for path in out.rglob("*")] == ["a", "picture.png"]


def test_no_two_items_share_a_folder_on_any_system() -> None:
    ids = ["shot", "SHOT", "Shot", "con", "CON.x", "a.", "a", "a ", "a/b", "a_b", "a\\b", "..", ".", "", " ", "größe"]
    ids += [
        "results.jsonl",
        "Results.JSONL",
        "x" * 300,
        "x" * 301,
        "a~b",
        ".hidden",
        "nul",
        "lpt1.txt",
        "\0",
        "*?",
        "é",
    ]
    ids += ["-o", "a:b", folder_name("a/b", {}), "lone\ud800"]
    names: dict[str, str] = {}
    for id in ids:
        name = folder_name(id, names)
        assert name.casefold() not in names, id
        names[name.casefold()] = name
        assert len(name) <= 100 and name.isascii() and name[-1] not in ". " and name[0] not in ".-"
        assert not set(name) & set('<>:"/\\|?*')
        assert name.split(".")[0].lower() not in ("con", "nul", "lpt1", "results")
    # Found again, whatever has come since.
    assert [folder_name(id, names) for id in ids] == [names[folder_name(id, names).casefold()] for id in ids]
    assert (folder_name("shot", names), folder_name("a", names)) == ("shot", "a")


class Maker:
    """An engine that makes the files that its task asks for."""

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Callable[[Outcome], None]) -> None:
        for task in tasks:
            for name, text in task.asks["make"].items():
                path = files.folder(task) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            deliver(Outcome(task.id, error=task.asks.get("error", ""), outputs={"not": "made"}))


def made(outputs: OutputFolder | None, **asks: Any) -> Outcome:
    outcomes: list[Outcome] = []
    run_tasks(Maker(), [Task("a", "any", asks)], {}, outcomes.append, outputs)
    return outcomes[0]


def test_what_an_engine_makes_is_taken_in_by_its_content(tmp_path: Path) -> None:
    outputs = OutputFolder(tmp_path)
    outcome = made(outputs, make={"video.mp4": "one", "frames/0001.png": "two", "same.txt": "one"})
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
    assert outcome.outputs == {"frames/0001.png": two, "same.txt": one, "video.mp4": one}
    assert sorted(path.name for path in outputs.scratch.iterdir()) == sorted([one, two])
    outputs.place("a", outcome.outputs)
    assert [(tmp_path / "a" / name).read_text() for name in ("video.mp4", "same.txt")] == ["one", "one"]
    assert outputs.differing("a", outcome.outputs) == []
    assert list(outputs.scratch.iterdir()) == []


def test_what_a_task_that_failed_has_left_is_no_output(tmp_path: Path) -> None:
    outputs = OutputFolder(tmp_path)
    outcome = made(outputs, make={"video.mp4": "half"}, error="it broke")
    assert (outcome.outputs, outcome.error) == ({}, "it broke")
    assert list(outputs.scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["con", "nul.mp4", "a.", ".hidden", "größe.mp4", "frames/.x", "a:b"])
def test_a_file_that_cannot_be_kept_under_its_name_is_the_items_error(tmp_path: Path, name: str) -> None:
    outcome = made(OutputFolder(tmp_path), make={"video.mp4": "whole", name: "x"})
    assert (outcome.ok, outcome.error_kind, outcome.outputs) == (False, "bad_output", {})


@pytest.mark.skipif(os.name != "posix", reason="has no pipes in folders")
@pytest.mark.parametrize("strange", ["pipe", "link to a folder", "link to a file", "link to nothing"])
def test_what_is_no_file_is_the_items_error(tmp_path: Path, strange: str) -> None:
    class Strange(Maker):
        def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Callable[[Outcome], None]) -> None:
            (files.folder(tasks[0]) / "folder").mkdir()
            (files.folder(tasks[0]) / "file").write_text("x")
            path = files.folder(tasks[0]) / "strange"
            if strange == "pipe":
                os.mkfifo(path)
            else:
                path.symlink_to(strange.rsplit(" ", 1)[1])
            deliver(Outcome(tasks[0].id))

    outcomes: list[Outcome] = []
    run_tasks(Strange(), [Task("a", "any", {})], {}, outcomes.append, OutputFolder(tmp_path))
    assert [(each.error_kind, each.outputs, "'strange'" in each.error) for each in outcomes] == [
        ("bad_output", {}, True)
    ]


def test_a_kind_without_output_files_gets_no_folder() -> None:
    with pytest.raises(EngineError, match="needs a field `outputs`"):
        made(None, make={"a": "x"})


def test_the_store_knows_the_files_of_each_item(texts: Callable[..., list[Any]], tmp_path: Path) -> None:
    run = do(texts(a="sea land sea"), tmp_path / "out").run
    assert run
    store = open_runs().store
    (entry,) = store.history.first_of(run.id, 10)
    picture, text = store.files.of_items([entry.number])[entry.number]
    assert (text.name, text.is_output, text.file.name, text.file.size) == ("text_file", False, "a.txt", 12)
    assert text.file.sha256 == hashlib.sha256(b"sea land sea").hexdigest()
    assert (picture.name, picture.is_output, picture.file.media_type) == ("picture.png", True, "image/png")
    assert (picture.file.width, picture.file.height, picture.file.frames) == (2, 8, 1)
    assert [row[1:] for row in store.files.of_run(run.id)] == [("a", picture)]
    path = open_runs().output_file(run, "a", "picture.png", picture.file.sha256)
    assert path == tmp_path / "out" / "a" / "picture.png"
    path.write_bytes(b"other")
    with pytest.raises(NotFound, match="gone or has changed"):
        open_runs().output_file(run, "a", "picture.png", picture.file.sha256)
    open_runs().remove(run.id)
    assert store.files.of_items([entry.number]) == {}


def test_old_files_are_told_and_removed_and_the_results_stay(
    texts: Callable[..., list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, own = do(texts(a="sea"), tmp_path / "out").run, begun(texts(a="sea", b="land"), None).run
    assert named and own
    runs = open_runs()
    runs.drive(own.id, Listener())
    assert_whole(Path(own.out), "a", "b")
    assert main(["runs", "prune", "--older-than", "1h"]) == 0
    assert "no output files to remove" in capsys.readouterr().err
    assert main(["runs", "prune", "--most", "0"]) != 0  # nobody is there to say yes
    shown = capsys.readouterr()
    assert own.id in shown.out and named.id not in shown.out
    assert_whole(Path(own.out), "a", "b")
    assert main(["runs", "prune", "--most", "0", "--yes"]) == 0
    assert set(lines(Path(own.out))) == {"a", "b"}
    assert [path.name for path in Path(own.out).iterdir() if path.is_dir()] == []
    assert_whole(tmp_path / "out", "a")
    assert main(["runs", "export", own.id, "-o", str(tmp_path / "exported")]) == 1
    assert "this file is gone or has changed" in capsys.readouterr().err.replace("\n", " ")


def test_a_run_that_was_taken_up_again_keeps_its_new_files(texts: Callable[..., list[Any]], tmp_path: Path) -> None:
    gate, runs = tmp_path / "gate", open_runs()
    run = begun(texts(a="sea", b=f"needs {gate}\nland"), None).run
    gone = begun(texts(c="sea"), None).run
    small = begun(texts(d="sky"), None).run
    assert run and gone and small
    for each in (run, gone, small):
        runs.drive(each.id, Listener())
    chosen = prunable(runs, -1.0)
    assert [each.run.id for each in chosen] == [small.id, gone.id, run.id]
    # All beyond the newest, also where an older one would fit.
    assert [each.run.id for each in prunable(runs, 1e9, most=chosen[0].bytes)] == [gone.id, run.id]
    gate.touch()
    runs.retry(run.id)
    runs.drive(run.id, Listener())
    runs.remove(gone.id)
    (Path(small.out) / "d" / "picture.png").unlink()
    assert prune(runs, chosen) == 0
    assert_whole(Path(run.out), "a", "b")


def test_a_folder_that_others_write_into_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was listed may be gone, or have another name, when it is looked at."""
    (tmp_path / "results" / "a").mkdir(parents=True)
    monkeypatch.setattr(os, "walk", lambda root: [(str(tmp_path / "results" / "a"), [], ["gone"])])
    (tmp_path / "results" / "a" / "there").write_bytes(b"1")
    assert pruning._sizes(tmp_path / "results") == {}


def test_what_is_in_its_place_already_is_not_fetched_again(tmp_path: Path) -> None:
    outputs = OutputFolder(tmp_path)
    sha256 = hashlib.sha256(b"one").hexdigest()
    assert not outputs.has("a", "x", sha256)
    outputs.scratch.mkdir()
    outputs.blob(sha256).write_bytes(b"half of i")
    assert not outputs.has("a", "x", sha256)  # a crash of this machine left it so
    outputs.blob(sha256).write_bytes(b"one")
    assert outputs.has("a", "x", sha256)
    outputs.place("a", {"x": sha256})
    assert outputs.has("b", "y", sha256)  # the same file, of another item
    outputs.place("b", {"y": sha256})
    assert OutputFolder(tmp_path).differing("b", {"y": sha256}) == []


def test_a_results_line_names_its_files(tmp_path: Path, texts: Callable[..., list[Any]]) -> None:
    kind = get_kind("words")
    assert kind.makes_files and not get_kind("upsample").makes_files
    (item,) = texts(a="sea")
    (checked,) = kind.check([item], kind.settings())
    result = kind.begin(checked, ChosenEngine("counter", "", "text"), "local")
    result = kind.finished(result, Outcome("a", {"count": 1}, {"picture.png": "0" * 64}))
    with ResultsFile(tmp_path / "out", kind) as file:
        file.write(result, "i")
    with ResultsFile(tmp_path / "out", kind) as file:
        assert file.answer_to(item, "i") == result
        assert file.outputs and file.outputs.differing("a", result.outputs) == ["picture.png"]


def test_what_is_seen_in_a_file_counts_and_not_what_its_name_said(
    texts: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """An input may have the same content as an output, and its name may say anything."""
    run, store = do(texts(a="sea"), tmp_path / "out").run, open_runs().store
    assert run
    (entry,) = store.history.first_of(run.id, 10)
    sha256 = hashlib.sha256(b"sea").hexdigest()
    seen = FileRecord(sha256, "x", 0.0, 3, media_type="image/png", width=2, kept=False)
    store.files.set_outputs(run.id, "a", {"x": seen})
    known = store.files.output_of(entry.number, "x")
    assert (known.media_type, known.width, known.name) == ("image/png", 2, "a.txt")
    with pytest.raises(NotFound, match="no such file"):
        store.files.output_of(entry.number, "text_file")


@pytest.mark.parametrize("makes_files", [True, False])
def test_on_a_host_a_kind_without_output_files_makes_none(tmp_path: Path, makes_files: bool) -> None:
    paths = HostPaths(tmp_path / "host")
    parcel = Parcel(tmp_path, tmp_path / "blobs")
    parcel.pack([Packed(Task("a", "any", {"make": {"x.txt": "one"}}))], makes_files=makes_files)
    batch = paths.blob(parcel.batch_sha256())
    batch.parent.mkdir(parents=True)
    batch.write_bytes(parcel.batch.read_bytes())
    run = running.Run(paths, paths.run("r"), batch.name, paths.agent("k"))
    with nullcontext() if makes_files else pytest.raises(running.Broken):
        run.answer(lambda note: nullcontext(Maker()), 0)  # type: ignore[arg-type, return-value]
    outcome = json.loads(paths.run("r").outcome.read_text())
    assert outcome["state"] == ("done" if makes_files else "failed")
    assert makes_files or "no output files" in outcome["what"]
