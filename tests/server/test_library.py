"""Uploads and the library under several hands at once, and their bounds."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import clips
import pytest

from cosmos_workflow.errors import Conflict, HostFull, NotFound
from cosmos_workflow.server import uploads as module
from cosmos_workflow.server.library import Library
from cosmos_workflow.server.uploads import Uploads
from cosmos_workflow.store import Store

GIB = 1 << 30


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def library(tmp_path: Path, store: Store) -> Library:
    return Library(tmp_path, store)


@pytest.fixture
def uploads(tmp_path: Path, library: Library) -> Uploads:
    return Uploads(tmp_path / "uploads", library, most=8 * GIB)


def at_once(action: Callable[[], Any], times: int = 8) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return [future.result(60) for future in [pool.submit(action) for _ in range(times)]]


def test_an_upload_that_is_finished_by_several_at_once_is_one_clip(uploads: Uploads, store: Store, clip: Path) -> None:
    data = clip.read_bytes()
    upload = uploads.begin("shot.mp4", len(data))
    with uploads.piece(upload.id, 0) as put:
        put(data)
    finished = at_once(lambda: uploads.finish(upload.id))
    assert len({done.media.id for done in finished}) == 1
    assert [record.name for record in store.files.all()] == ["shot.mp4"]


def test_an_upload_is_told_of_at_each_moment_of_its_end(
    uploads: Uploads, library: Library, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race in slow motion: another request asks, sends or finishes while one takes the clip in, or drops it."""
    data = clip.read_bytes()
    upload = uploads.begin("shot.mp4", len(data))
    with uploads.piece(upload.id, 0) as put:
        put(data)
    take = library.take
    offsets: list[int] = []

    def slow(file: Path, name: str) -> Any:
        record = take(file, name)
        offsets.append(uploads.get(upload.id).offset)  # the file is in the library, the note does not say so yet
        uploads._missing()
        return record

    monkeypatch.setattr(library, "take", slow)
    assert uploads.finish(upload.id).media
    assert offsets == [len(data)]


def test_an_upload_that_was_taken_in_by_a_killed_server_is_begun_anew(
    uploads: Uploads, library: Library, clip: Path, tmp_path: Path
) -> None:
    data = clip.read_bytes()
    upload = uploads.begin("shot.mp4", len(data))
    with uploads.piece(upload.id, 0) as put:
        put(data)
    library.take(tmp_path / "uploads" / f"{upload.id}.part", "shot.mp4")  # and killed before it wrote that down
    with pytest.raises(NotFound, match="no such upload"):
        uploads.finish(upload.id)


def test_a_piece_that_comes_while_its_upload_is_dropped_leaves_nothing(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.begin("shot.mp4", 1000)
    get = uploads.get
    asked: list[str] = []

    def get_and_drop(id: str) -> Any:
        answer = get(id)
        asked.append(id)
        if len(asked) == 2:  # the second look, under the lock
            uploads.drop(id)
        return answer

    monkeypatch.setattr(uploads, "get", get_and_drop)
    with pytest.raises(NotFound), uploads.piece(upload.id, 0) as put:
        put(b"x")
    assert not list((tmp_path / "uploads").glob("*.part"))


def test_a_clip_is_on_disk_before_the_store_says_so(
    library: Library, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append("synced"))
    add = library._store.files.add
    monkeypatch.setattr(library._store.files, "add", lambda record: (steps.append("row"), add(record))[1])
    library.take(clip, "shot.mp4")
    assert steps.index("synced") < steps.index("row")


def test_a_thumbnail_is_made_by_several_at_once(library: Library, tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 640, 360, frames=2)
    assert len(set(at_once(lambda: library.thumbnail(clip)))) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_a_clip_is_removed_by_several_at_once_and_where_its_file_is_lost(library: Library, clip: Path) -> None:
    copy = shutil.copy(clip, library._media / "copy.mp4")
    id = library.take(Path(copy), "shot.mp4").sha256

    def remove() -> None:
        with suppress(NotFound):  # another one was first
            library.remove(id)

    at_once(remove)
    copy = shutil.copy(clip, library._media / "copy.mp4")
    library.path(library.take(Path(copy), "shot.mp4").sha256).unlink()
    library.remove(id)
    with pytest.raises(NotFound):
        library.record(id)


def test_open_uploads_are_few_and_none_is_kept_for_ever(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    begun = [uploads.begin(f"{n}.mp4", 1000) for n in range(3)]
    with pytest.raises(Conflict, match="3 uploads"):
        uploads.begin("one more.mp4", 1000)
    old = time.time() - module.STALE_SECONDS - 60
    for file in (tmp_path / "uploads").glob(f"{begun[0].id}.*"):
        os.utime(file, (old, old))
    uploads.begin("one more.mp4", 1000)
    with pytest.raises(NotFound):
        uploads.get(begun[0].id)


def test_what_an_upload_left_without_its_note_is_removed_after_a_day(uploads: Uploads, tmp_path: Path) -> None:
    left = tmp_path / "uploads" / f"{'a' * 32}.lock"
    left.touch()
    old = time.time() - module.STALE_SECONDS - 60
    os.utime(left, (old, old))
    uploads.begin("shot.mp4", 1000)
    assert not left.exists()


def test_what_open_uploads_may_still_bring_counts_as_taken(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    first = uploads.begin("large.mp4", 6 * GIB)
    with pytest.raises(HostFull):
        uploads.begin("large too.mp4", 6 * GIB)
    uploads.drop(first.id)
    uploads.begin("large too.mp4", 6 * GIB)
