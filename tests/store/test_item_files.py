"""The files that items read and make, in both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosmos_workflow.errors import NotFound
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import FileRecord, ItemFile, NewItem, Store

CLIP = FileRecord("c" * 64, "clip.mp4", 1.0, 10, 320, 180, 6, 0.25, "video/mp4", kept=False)
VIDEO = FileRecord("d" * 64, "video.mp4", 2.0, 1 << 33, 1280, 704, 121, 5.0, "video/mp4", kept=False)
OTHER = replace(VIDEO, sha256="e" * 64)


def add(store: Store, run: str, *ids: str) -> list[int]:
    new = (NewItem(Result(id, "a", "v.mp4", "fits"), inputs={"video": CLIP}) for id in ids)
    store.add(run, "gpu", new, out="/o", source="b", engine="describe", settings={})
    return [entry.number for entry in store.history.first_of(run, 2000)]


def test_each_item_has_the_files_that_it_reads_and_makes(store: Store) -> None:
    a, b = add(store, "r", "a", "b/c")
    assert store.files.of_items([a, b]) == {a: [ItemFile("video", CLIP)], b: [ItemFile("video", CLIP)]}
    store.files.set_outputs("r", "b/c", {"video.mp4": VIDEO, "more/1.mp4": CLIP})
    store.files.set_outputs("r", "b/c", {"video.mp4": OTHER, "more/1.mp4": CLIP})  # another answer
    made = [ItemFile("more/1.mp4", CLIP, True), ItemFile("video.mp4", OTHER, True)]
    assert store.files.of_items([b])[b] == [made[0], ItemFile("video", CLIP), made[1]]
    assert store.files.of_run("r") == [(b, "b/c", each) for each in made]
    assert store.files.of_run("r", after=(b, "more/1.mp4")) == [(b, "b/c", made[1])]
    assert store.files.of_run("r", most=1) == [(b, "b/c", made[0])]
    store.files.set_outputs("r", "no such item", {"video.mp4": VIDEO})
    assert store.files.of_items([]) == {}


def test_many_items_read_one_file(store: Store) -> None:
    numbers = add(store, "r", *(f"i{n}" for n in range(1500)))
    assert {len(files) for files in store.files.of_items(numbers).values()} == {1}


def test_a_file_is_forgotten_with_the_last_run_that_names_it(store: Store) -> None:
    add(store, "r", "a")
    (other,) = add(store, "s", "a")
    store.files.set_outputs("r", "a", {"video.mp4": VIDEO})
    store.remove("r")
    assert store.files.of_items([other]) == {other: [ItemFile("video", CLIP)]}
    store.remove("s")
    store.files.add(replace(VIDEO, name="uploaded"))  # as one that nobody knows
    assert store.files.add(VIDEO).name == "uploaded"


def test_a_file_of_the_library_that_an_item_reads_is_known_when_it_is_removed(store: Store) -> None:
    kept = replace(CLIP, name="mine.mp4", kept=True)
    store.files.add(kept)
    (number,) = add(store, "r", "a")
    assert store.files.of_items([number]) == {number: [ItemFile("video", kept)]}
    store.files.remove(CLIP.sha256)
    with pytest.raises(NotFound):
        store.files.get(CLIP.sha256)
    assert store.files.of_items([number]) == {number: [ItemFile("video", replace(kept, kept=False))]}
    assert store.files.add(kept) == kept  # uploaded again
    assert store.files.get(CLIP.sha256) == kept


def test_an_answer_whose_file_is_lost_waits_again(store: Store) -> None:
    add(store, "r", "a", "b")
    store.save("r", [Result(id, "a", "v.mp4", "fits", upsampled_prompt="x") for id in ("a", "b")])
    store.reopen("r", "a")
    store.reopen("r", "a")
    assert [ok for _, ok in store.results("r")] == [None, True]
    assert (store.get("r").answered, store.get("r").open) == (1, 1)
