"""The history: words, stars and tags find a prompt again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from counts import cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import NotFound, UsageError
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import Filters, NewItem, Store

PROMPTS = (
    "A futuristic city at sunset",
    "Ein Haus am Meer, größer 🤖",
    "robot arm (4k-render)",
    "C:\\temp\\u0000 \x00 zero",
)


def add(store: Store, id: str = "r", *prompts: str, place: str = "local") -> None:
    waiting = [Result(f"p{n}", prompt, "v.mp4", "fits") for n, prompt in enumerate(prompts or PROMPTS)]
    store.add(id, place, map(NewItem, waiting), out="", source="s", engine="describe", settings={})


def matches(store: Store, words: str = "", **more: object) -> list[str]:
    return [entry.result.id for entry in store.history.find(Filters(words, **more))]  # type: ignore[arg-type]


def test_words_of_prompts_and_answers(store: Store) -> None:
    add(store)
    assert matches(store) == ["p3", "p2", "p1", "p0"]
    assert matches(store, "CITY sun") == ["p0"]
    assert matches(store, "größ") == ["p1"]
    assert matches(store, "4k-ren") == ["p2"]
    assert matches(store, "sun city") == []  # only the last word may be a beginning
    store.save("r", [replace(Result("p0", PROMPTS[0], "v.mp4", "fits"), upsampled_prompt="Neon towers rise")])
    assert matches(store, "neon tow") == ["p0"]
    assert matches(store, "futuristic neon") == ["p0"]
    store.save("r", [Result("p1", "replaced", "v.mp4", "fits", error="x")])
    assert matches(store, "haus") == []
    store.move("r", "failed")
    store.remove("r")
    assert matches(store, "city") == []


@settings(max_examples=cases(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.text(max_size=30) | st.sampled_from(['"', "a OR b", "NEAR(a b)", "x*", "-a", "prompt:a", "'; --", "%_"])
)
def test_no_words_are_an_operator_or_an_error(store: Store, words: str) -> None:
    store.history.find(Filters(words))


def test_a_file_name_that_is_no_utf8_can_be_kept(store: Store) -> None:
    odd = Result("a\udcff", "x", "\ufdd0bad\udcff\udc80d.mp4", "fits")
    store.add("odd", "local", [NewItem(odd)], out="", source="bad\udcff.mp4", engine="describe", settings={})
    assert store.results("odd")[0][0] == odd
    assert store.get("odd").source == "bad\udcff.mp4"


def test_a_zero_character_can_be_kept(store: Store) -> None:
    add(store)
    assert matches(store, "zero") == ["p3"]
    assert store.results("r")[3][0].prompt == PROMPTS[3]
    odd = Result("\0 \ufdd0 \ufdd00", "\ufdd0\0\\u0000", "v.mp4", "fits")
    store.add(
        "odd", "local", [NewItem(odd)], out="", source="\0", engine="describe", settings={"a\0": ["\0", {"b": 1}]}
    )
    store.save("odd", [replace(odd, upsampled_prompt="\0x")])
    assert store.results("odd") == [(replace(odd, upsampled_prompt="\0x"), True)]
    assert store.history.find()[0].result.id == odd.id
    store.move("odd", "failed", error="\0")
    run = store.get("odd")
    assert (run.source, run.settings, run.error) == ("\0", {"a\0": ["\0", {"b": 1}]}, "\0")


def test_filters(store: Store) -> None:
    add(store)
    add(store, "far", "city", place="gpu")
    store.save("r", [Result("p0", "x", "v", "fits", upsampled_prompt="y"), Result("p1", "x", "v", "fits", error="z")])
    assert matches(store, ok=True) == ["p0"]
    assert matches(store, ok=False) == ["p1"]
    assert matches(store, place="gpu") == ["p0"]
    assert matches(store, "city", run="r") == []
    assert matches(store, engine="vllm") == []


def test_pages(store: Store) -> None:
    add(store, "r", *(f"city {n}" for n in range(25)))
    for words in ("", "city"):
        seen: list[int] = []
        before = None
        while page := store.history.find(Filters(words), before=before, most=10):
            seen += [entry.number for entry in page]
            before = page[-1].number
        assert len(seen) == 25
        assert seen == sorted(seen, reverse=True)


def test_stars_and_tags(store: Store) -> None:
    add(store)
    first, second = store.history.find(most=2)
    store.history.rate(first.number, 4)
    store.history.tag(first.number, ["night", " city ", "night", ""])
    store.history.tag(second.number, ["night"])
    assert store.history.get(first.number).tags == ("city", "night")
    assert store.history.all_tags() == [("night", 2), ("city", 1)]
    assert matches(store, rating=4) == [first.result.id]
    assert matches(store, rating=5) == []
    assert matches(store, tag="night") == [first.result.id, second.result.id]
    assert matches(store, "zero", tag="night") == [first.result.id]
    store.history.rate(first.number, None)
    assert matches(store, rating=1) == []
    with pytest.raises(UsageError, match="stars"):
        store.history.rate(first.number, 6)
    with pytest.raises(UsageError, match="tags"):
        store.history.tag(first.number, ["x" * 61])
    for action in (lambda: store.history.rate(0, 1), lambda: store.history.tag(0, ["a"]), lambda: store.history.get(0)):
        with pytest.raises(NotFound):
            action()
    assert [entry.number for entry in store.history.by_numbers([second.number, 0, first.number])] == [
        second.number,
        first.number,
    ]


def test_runs_of_before_are_found_and_counted_and_come_back_down(url: str) -> None:
    store = Store(url)
    store.database.migrate("0003")
    engine = sa.create_engine(url)
    run = dict.fromkeys(("place", "out", "source", "engine", "error", "error_kind", "remedy"), "")
    run |= {"id": "r", "state": "done", "settings": "{}"}
    columns = ", ".join(("created", "updated", "attempt", *run))
    marks = ", ".join(f":{name}" for name in run)
    with engine.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO runs ({columns}) VALUES (1, 1, 1, {marks})"), run)
        for n, ok in enumerate((True, False, None)):
            result = json.dumps({"id": f"p{n}", "prompt": "old city", "video": "v", "verdict": "fits"})
            values = {"n": n, "id": f"p{n}", "ok": ok, "result": result}
            connection.execute(sa.text("INSERT INTO items VALUES ('r', :n, :id, :ok, :result)"), values)
    engine.dispose()
    store = Store(url)
    run_record = store.get("r")
    assert (run_record.total, run_record.answered, run_record.failed) == (3, 1, 1)
    assert [entry.result.id for entry in store.history.find(Filters("old cit"))] == ["p2", "p1", "p0"]
    store.database.migrate("0003")
    with engine.begin() as connection:
        rows = connection.execute(sa.text("SELECT item_id, ok FROM items ORDER BY position")).all()
    assert [(id, None if ok is None else bool(ok)) for id, ok in rows] == [("p0", True), ("p1", False), ("p2", None)]
    engine.dispose()


def test_removed_entries_are_no_longer_counted(store: Store) -> None:
    add(store)
    results = [entry.result for entry in store.history.find()]
    store.save("r", [replace(results[0], upsampled_prompt="long"), replace(results[1], error="no", error_kind="x")])
    store.save("r", [replace(results[2], error="no", error_kind="x")])
    run = store.get("r")
    assert (run.total, run.answered, run.failed) == (4, 1, 2)
    store.history.remove([entry.number for entry in store.history.find()])
    run = store.get("r")
    assert (run.total, run.answered, run.failed) == (1, 0, 0)  # one waits for its answer yet
