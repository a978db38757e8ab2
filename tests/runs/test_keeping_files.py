"""Output files and the lines that name them: both are there, or neither, whatever happens in between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from pydantic import ValidationError
from runs.words_runs import assert_whole, begun, do, lines

from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main
from cosmos_workflow.client.protocol import parsed
from cosmos_workflow.errors import BadInputError, HostError
from cosmos_workflow.runs import Listener
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.server import shapes

NO_HASHES = ["{victim}", "../victim", "", "0" * 63, "G" * 64, "0" * 64 + "\n", ("a" * 64).upper()]


@pytest.mark.parametrize("name", NO_HASHES)
def test_what_is_no_hash_is_never_a_path(tmp_path: Path, name: str) -> None:
    """A server, a host or an object store says what the hash of a file is."""
    victim = tmp_path / "victim"
    victim.write_text("a person's own")
    name = name.format(victim=victim)
    outputs = OutputFolder(tmp_path / "out")
    outputs.scratch.mkdir(parents=True)
    for use in (
        lambda: outputs.blob(name), lambda: outputs.has("a", "x.png", name), lambda: outputs.place("a", {"x": name}),
    ):  # fmt: skip
        with pytest.raises(BadInputError, match="no SHA-256"):
            use()
    made: dict[str, Any] = {
        "name": "x.png", "sha256": name, "size": 1, "media_type": "", "width": 0, "height": 0, "frames": 0,
        "duration": 0.0,
    }  # fmt: skip
    with pytest.raises(ValidationError):
        shapes.OutputFile(**made)
    with pytest.raises(HostError, match="not that of a cosmos server"):
        parsed(shapes.OutputFile, made, "http://server")
    assert shapes.OutputFile(**made | {"sha256": "0" * 64}).sha256 == "0" * 64
    assert victim.read_text() == "a person's own"


def test_a_run_that_has_ended_is_copied_into_another_folder(
    texts: Callable[..., list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    run = do(texts(a="sea", b="sea land", c="sky sky sky"), out).run
    assert run
    (out / "c" / "picture.png").unlink()
    assert main(["runs", "attach", run.id, "-o", str(other)]) == 0
    assert "c/picture.png: this file is gone or has changed" in capsys.readouterr().err.replace("\n", " ")
    assert_whole(other, "a", "b")
    assert not (other / ".cosmos-files").exists()
    # What is missing there later comes again.
    (other / "a" / "picture.png").unlink()
    assert main(["runs", "attach", run.id, "-o", str(other)]) == 0
    assert_whole(other, "a", "b")
    assert set(lines(out)) == {"a", "b", "c"}


def test_a_run_that_goes_on_into_another_folder_keeps_its_files_in_its_own(
    texts: Callable[..., list[Any]], tmp_path: Path
) -> None:
    gate, out, other = tmp_path / "gate", tmp_path / "out", tmp_path / "other"
    run = do(texts(a="sea", b=f"needs {gate}\nland", c=f"needs {gate}2\nsky"), out).run
    assert run
    gate.touch()
    assert main(["runs", "retry", run.id, "-o", str(other)]) == 1
    for folder in (out, other):
        assert_whole(folder, "a", "b", but="c")
    made = (out / "b" / "picture.png").stat()
    Path(f"{gate}2").touch()
    assert main(["runs", "retry", run.id, "-o", str(out / ".." / "out")]) == 0
    assert_whole(out, "a", "b", "c")
    assert (out / "b" / "picture.png").stat() == made  # nothing was asked again
    assert open_runs().store.get(run.id).answered == 3


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch, words: None) -> None:
    """Pictures are other ones each time, as those of a model are."""
    import words.counter

    old = words.counter.bars
    monkeypatch.setattr(words.counter, "bars", lambda *given: old(*given) + token_bytes(8))


def test_the_line_names_the_files_that_there_are_when_an_answer_is_made_again(
    texts: Callable[..., list[Any]], tmp_path: Path, changing: None
) -> None:
    gate, out = tmp_path / "gate", tmp_path / "out"
    items = texts(a="sea", b=f"needs {gate}\nland")
    run = do(items, out).run
    assert run
    (out / "a" / "picture.png").write_bytes(b"somebody drew over it")
    runs, heard = open_runs(), []
    runs.retry(run.id)
    runs.drive(run.id, Listener(result=heard.append))
    assert_whole(out, "a", but="b")
    assert [result.id for result in heard if result.ok] == ["a"]
    # Another run answers the same work, then the first one is tried again.
    again = begun(items, out, again=True).run
    assert again
    runs.drive(again.id, Listener())
    assert_whole(out, "a", but="b")
    gate.touch()
    runs.retry(run.id)
    runs.drive(run.id, Listener())
    assert_whole(out, "a", "b")
    assert begun(items, out).run is None


def test_an_export_leaves_what_cannot_be_copied_as_it_is(
    texts: Callable[..., list[Any]], tmp_path: Path, changing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other, gate = tmp_path / "out", tmp_path / "other", tmp_path / "gate"
    items = texts(a="sea", b="sea land", c="sky", d=f"needs {gate}\nland")
    run = do(items, out).run
    gate.touch()
    better = do(items[3:], other).run
    assert run and better
    assert main(["runs", "export", run.id, "-o", str(other)]) == 0
    assert_whole(other, "a", "b", "c", "d")  # a failure takes the place of no answer
    before = (other / "results.jsonl").read_bytes()
    (out / "a" / "picture.png").write_bytes(b"another")
    (out / "b" / "picture.png").unlink()
    (other / "a" / "picture.png").unlink()
    assert main(["runs", "export", run.id, "-o", str(other)]) == 1
    shown = capsys.readouterr().err.replace("\n", " ")
    assert "a/picture.png: this file is gone or has changed" in shown and "left out: 1 of 4 results" in shown
    assert (other / "results.jsonl").read_bytes() == before
    # Of another run the lines are replaced, and a result with added keys is refused as it stands.
    again = begun(items[2:3], tmp_path / "again").run
    assert again
    open_runs().drive(again.id, Listener())
    assert main(["runs", "export", again.id, "-o", str(other)]) == 0
    assert lines(other)["c"]["outputs"] == lines(tmp_path / "again")["c"]["outputs"]
    rows = [{**row, "note": "mine"} for row in lines(other).values()]
    (other / "results.jsonl").write_text(text := "".join(json.dumps(row) + "\n" for row in rows))
    (out / "a" / "picture.png").unlink()
    assert main(["runs", "export", run.id, "-o", str(other)]) == 2
    assert "added keys ('note')" in capsys.readouterr().err.replace("\n", " ")
    assert (other / "results.jsonl").read_text() == text


def taken(outputs: OutputFolder, **texts: str) -> dict[str, str]:
    """Files as an engine has just made them, by their names with _ for /."""
    made = {}
    for name, text in texts.items():
        outputs.root.mkdir(exist_ok=True)
        (outputs.root / "made").write_text(text)
        os.utime(outputs.root / "made", (1, 1))
        made[name.replace("_", "/")] = outputs.take(outputs.root / "made")
    return made


def inside(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("noted", [False, True], ids=["line", "dropped line"])
def test_files_of_an_earlier_answer_go_when_the_next_one_comes(tmp_path: Path, noted: bool) -> None:
    outputs, store = OutputFolder(tmp_path / "out"), tmp_path / "out" / "a"

    def place(earlier: dict[str, str], **texts: str) -> dict[str, str]:
        made = taken(outputs, **texts)
        if noted:
            OutputFolder(tmp_path / "out").note_earlier("a", earlier)
        outputs.place("a", made, None if noted else earlier)
        return made

    first = place({}, manifest="1", seg="a", frames="film", plates_deep_1="p", plates_2="q")
    (store / "plates" / "mine").write_text("a note")
    (store / "seg").write_text("somebody drew over it")
    # A file becomes a folder; content moves to another name; what somebody has changed or added stays.
    second = place(first, manifest="2", frames_1="new", other="p")
    assert inside(store) == {
        "manifest": "2", "frames/1": "new", "other": "p", "plates/mine": "a note", "seg": "somebody drew over it",
    }  # fmt: skip
    assert not (store / "plates" / "deep").exists()
    place(second, frames="film")
    assert inside(store) == {"frames": "film", "plates/mine": "a note", "seg": "somebody drew over it"}


def test_content_of_another_item_that_has_changed_is_not_taken_for_it(tmp_path: Path) -> None:
    outputs = OutputFolder(tmp_path / "out")
    made = taken(outputs, x="one")
    outputs.place("a", made)
    (tmp_path / "out" / "a" / "x").write_text("two")
    with pytest.raises(BadInputError, match="same content was changed"):
        outputs.place("b", made)
    assert not (tmp_path / "out" / "b" / "x").exists()


def test_a_file_of_the_same_size_and_an_old_time_is_not_taken_for_the_one_before(tmp_path: Path, words: None) -> None:
    outputs = OutputFolder(tmp_path / "out", open_runs().store.hashes)
    for text in ("one", "two"):
        made = taken(outputs, x=text)
        outputs.place("a", made)
        assert OutputFolder(tmp_path / "out", open_runs().store.hashes).differing("a", made) == []


def test_a_changed_item_has_no_file_of_its_former_answer(texts: Callable[..., list[Any]], tmp_path: Path) -> None:
    out = tmp_path / "out"
    do(texts(a="also 10 bytes\nsea", b="sea"), out)
    assert (out / "a" / "more" / "noise.bin").exists()
    do(texts(a="sky", b="sea"), out)
    assert_whole(out, "a", "b")
    assert [path.name for path in (out / "a").iterdir()] == ["picture.png"]
    assert not (out / ".cosmos-files").exists()
