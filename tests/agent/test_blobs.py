from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cosmos_workflow.agent import blobs
from cosmos_workflow.agent.blobs import offer, prune, receive
from cosmos_workflow.agent.files import Appender, sealed, write_json
from cosmos_workflow.agent.paths import HostPaths, plain_name
from cosmos_workflow.private import try_lock

DATA = os.urandom(700_000)
SHA = hashlib.sha256(DATA).hexdigest()


def record_in(answers: list[dict]) -> Callable[[dict], None]:
    """Records the answers about each file, not those about bytes, nor the last."""
    return lambda answer: answers.append(answer) if {"stored", "damaged"} & answer.keys() else None


def stream(offset: int = 0, data: bytes = DATA, sha256: str = SHA) -> io.BytesIO:
    head = json.dumps({"sha256": sha256, "size": len(data), "offset": offset}).encode()
    return io.BytesIO(head + b"\n" + data[offset:])


@pytest.fixture
def paths(tmp_path: Path) -> HostPaths:
    return HostPaths(tmp_path)


def test_what_was_cut_off_goes_on_where_it_stopped(paths: HostPaths) -> None:
    answers: list[dict] = []
    receive(paths, io.BytesIO(stream().read()[:300_000]), record_in(answers))
    assert answers == []
    have = offer(paths, [SHA])[SHA]
    assert 0 < have < 300_000
    receive(paths, stream(have), record_in(answers))
    assert answers == [{"stored": SHA}]
    assert paths.blob(SHA).read_bytes() == DATA
    assert offer(paths, [SHA]) == {}


class Overtaken(io.BytesIO):
    """A stream behind whose first bytes, or before whose bytes, other uploads come."""

    def __init__(self, data: bytes, others: Callable[[], None], at: int) -> None:
        super().__init__(data)
        self.others, self.at = others, at

    def read(self, size: int | None = -1) -> bytes:
        self.at -= 1
        if self.at == 0:
            self.others()
        return super().read(size)


@pytest.mark.parametrize("offset", [0, 300_000])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("third", [False, True], ids=["two", "three"])
def test_one_upload_overtakes_another(paths: HostPaths, offset: int, at: int, third: bool) -> None:
    answers: list[dict] = []
    if offset:
        receive(paths, io.BytesIO(stream().getvalue()[:-400_000]), record_in(answers))
        offset = offer(paths, [SHA])[SHA]

    def others() -> None:
        receive(paths, stream(offset), record_in(answers))
        if third:  # begins before the blob is complete, and is cut off
            receive(paths, io.BytesIO(stream().getvalue()[:300_000]), record_in(answers))

    receive(paths, Overtaken(stream(offset).getvalue(), others, at), record_in(answers))
    assert answers == [{"stored": SHA}] * 2
    assert paths.blob(SHA).read_bytes() == DATA
    assert offer(paths, [SHA]) == {}


def test_an_upload_that_goes_on_finds_its_beginning_gone(paths: HostPaths) -> None:
    answers: list[dict] = []
    receive(paths, stream(), record_in(answers))
    receive(paths, stream(300_000), record_in(answers))
    assert answers == [{"stored": SHA}] * 2
    assert paths.blob(SHA).read_bytes() == DATA
    paths.blob(SHA).unlink()
    receive(paths, stream(300_000), record_in(answers))
    assert answers[2:] == [{"damaged": SHA}]
    assert offer(paths, [SHA]) == {SHA: 0}


def test_bytes_that_are_not_what_their_name_says_are_not_kept(paths: HostPaths) -> None:
    answers: list[dict] = []
    receive(paths, stream(data=b"x" * 10), record_in(answers))
    assert answers == [{"damaged": SHA}]
    assert offer(paths, [SHA]) == {SHA: 0}


def test_a_file_that_was_damaged_on_the_disk_counts_as_lacking(paths: HostPaths) -> None:
    receive(paths, stream(), lambda _: None)
    with paths.blob(SHA).open("r+b") as file:
        file.seek(1000)
        file.write(b"flip")
    assert offer(paths, [SHA]) == {SHA: 0}
    assert not paths.blob(SHA).exists()


def test_only_what_nobody_has_offered_for_long_is_pruned(paths: HostPaths) -> None:
    receive(paths, stream(), lambda _: None)
    os.utime(paths.blob(SHA), (1, 1))
    offer(paths, [SHA])
    prune(paths)
    assert paths.blob(SHA).exists()
    os.utime(paths.blob(SHA), (1, 1))
    prune(paths)
    assert not paths.blob(SHA).exists()


def test_what_a_run_still_names_is_not_pruned_however_old(paths: HostPaths) -> None:
    names = {}
    for name in ("input", "output", "other", "new"):
        names[name] = hashlib.sha256(name.encode()).hexdigest()
        receive(paths, stream(data=name.encode(), sha256=names[name]), lambda _: None)
    batch = json.dumps({"tasks": [{"inputs": {"x": names["input"]}}]}).encode()
    names["batch"] = hashlib.sha256(batch).hexdigest()
    receive(paths, stream(data=batch, sha256=names["batch"]), lambda _: None)
    run = paths.run("r1")
    write_json(run.order, {"batch": names["batch"], "worker": "k"})
    results = Appender(run.results)
    results.add(sealed({"id": "a", "outputs": {"video.mp4": names["output"]}}))
    for name in names.keys() - {"new"}:
        os.utime(paths.blob(names[name]), (1, 1))
    assert prune(paths, remove=False) == {"files": 1, "bytes": len("other")}
    assert paths.blob(names["other"]).exists()
    # By size, the oldest first; what is new stays too.
    assert prune(paths, older_than=1e12, most=0) == {"files": 1, "bytes": len("other")}
    there = {name for name in names if paths.blob(names[name]).exists()}
    assert there == names.keys() - {"other"}
    write_json(run.outcome, {"state": "done"})  # its inputs are needed no more, its outputs are
    prune(paths)
    assert {name for name in names if paths.blob(names[name]).exists()} == {"output", "new"}
    shutil.rmtree(run.folder)
    prune(paths)
    assert {name for name in names if paths.blob(names[name]).exists()} == {"new"}


def test_pruning_beside_pruning_is_no_error(paths: HostPaths) -> None:
    """Threads, as all of them look at the same files at the same moment."""
    troubles: list[BaseException] = []

    def clean() -> None:
        try:
            for _ in range(5):
                prune(paths)
                assert offer(paths, names) is not None
        except BaseException as error:
            troubles.append(error)

    names = [f"{n:064x}" for n in range(300)]
    for name in names:
        path = paths.blob(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (1, 1))
    threads = [threading.Thread(target=clean) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert not list((paths.root / "blobs").glob("*/*"))


def test_a_blob_that_goes_between_two_looks_is_no_error(paths: HostPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(paths, stream(), lambda _: None)
    listed = list((paths.root / "blobs").glob("*/*"))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(listed))
    paths.blob(SHA).unlink()
    prune(paths)
    assert offer(paths, [SHA]) == {SHA: 0}


@pytest.mark.parametrize(
    "name", ["..", "../x", "/etc/passwd", "a/b", "", "a\nb", "-rf", ".", "x" * 101, "a\0b", "~root"]
)
def test_no_name_leaves_the_folder(paths: HostPaths, name: str) -> None:
    for use in (paths.blob, paths.run, paths.agent, paths.program, plain_name):
        with pytest.raises(ValueError, match="not a plain name"):
            use(name)
    with suppress(ValueError):  # a name with a slash, as of a part of a GPU, has another sign there
        assert {lock.parent for lock in paths.devices(name)} == {paths.root / "devices"}
        assert all(".." not in lock.name for lock in paths.devices(name))


def put(paths: HostPaths, age: float, size: int) -> Path:
    """A blob that somebody has last asked for so many seconds ago."""
    data = os.urandom(size)
    sha256 = hashlib.sha256(data).hexdigest()
    receive(paths, stream(data=data, sha256=sha256), lambda _: None)
    os.utime(paths.blob(sha256), (then := time.time() - age, then))
    return paths.blob(sha256)


def test_the_newest_stay_and_all_beyond_them_go(paths: HostPaths) -> None:
    ages = {5000: 600, 6000: 700, 7000: 100, 8000: 100}
    there = [put(paths, age, size) for age, size in ages.items()]
    assert prune(paths, older_than=1e9, most=1000) == {"files": 3, "bytes": 900}
    assert [path.exists() for path in there] == [True, False, False, False]


def test_what_is_new_stays_whatever_is_asked(paths: HostPaths) -> None:
    new, older = put(paths, 0, 10), put(paths, 4000, 10)
    assert prune(paths, older_than=0, most=0) == {"files": 1, "bytes": 10}
    assert new.exists() and not older.exists()
    assert prune(paths, older_than=0) == {"files": 0, "bytes": 0}
    assert new.exists()


def test_what_is_asked_for_while_others_are_removed_stays(paths: HostPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, other = put(paths, 1e7, 10), put(paths, 1e7, 20)

    def named(_: HostPaths) -> set[str]:
        offer(paths, [wanted.name])
        return set()

    monkeypatch.setattr(blobs, "_named_by_runs", named)
    assert prune(paths) == {"files": 1, "bytes": 20}
    assert wanted.exists() and not other.exists()


def test_pieces_that_nobody_came_back_for_are_pruned_as_a_whole(paths: HostPaths) -> None:
    for key in ("old", "busy", "new"):
        (folder := paths.pieces / key / "piece-1").mkdir(parents=True)
        (folder / "video.mp4").write_bytes(DATA)
    for path in [path for key in ("old", "busy") for path in ((paths.pieces / key), *(paths.pieces / key).rglob("*"))]:
        os.utime(path, (1, 1))
    lock = try_lock(paths.pieces / "busy.lock")
    assert lock is not None
    planned = prune(paths, remove=False)
    assert (planned["files"], planned["bytes"] >= len(DATA)) == (1, True)
    assert prune(paths)["files"] == 1
    os.close(lock)
    assert sorted(path.name for path in paths.pieces.iterdir()) == ["busy", "busy.lock", "new"]
    assert prune(paths)["files"] == 1
    assert sorted(path.name for path in paths.pieces.iterdir()) == ["new"]
