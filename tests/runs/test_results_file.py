import errno
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.kinds.upsample import Item, Result
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.results import Lines, ResultsFile, read_results, to_dict
from cosmos_workflow.runs.submitting import Identified, answered_in


def answered(file: ResultsFile, items: list[Item]) -> list[Result]:
    """The answers that stand for items, judged as those of the version before."""
    return [result for item in items if (result := file.answer_to(item))]


def result(id: str, prompt: str = "p", error: str = "") -> Result:
    return Result(id, prompt, f"{id}.mp4", "fits", upsampled_prompt=f"long {prompt} 🤖\u2028", error=error)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
        assert read_results(path, UPSAMPLE) == [result("a")]  # on disk before the file is closed
        file.write(result("b"))
    assert read_results(path, UPSAMPLE) == [result("a"), result("b")]
    assert "🤖" in path.read_text(encoding="utf-8")


def test_what_a_file_answers_is_read_once_an_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, key, lines = tmp_path / "out.jsonl", "a" * 64, list[bytes]()
    before = {"same": key, "engine": "a" * 48 + "c" * 16, "changed": "f" * 64, "old": "", "old changed": ""}
    with ResultsFile(path, UPSAMPLE) as file:
        for id, identity in before.items():
            file.write(result(id), identity)
    prompts = dict.fromkeys([*before, "new"], "p") | {"old changed": "another"}
    items = [
        Identified(SimpleNamespace(item=Item(id, prompt, Path(f"{id}.mp4"))), key) for id, prompt in prompts.items()
    ]
    read = Lines.read
    monkeypatch.setattr(Lines, "read", lambda self, text: lines.append(text) or read(self, text))
    with ResultsFile(path, UPSAMPLE) as file:
        lines.clear()
        rest, earlier = answered_in(file, items)
        assert len(lines) == len(set(lines)) == len(before)
        assert [item.checked.item.id for item in rest] == ["engine", "changed", "old changed", "new"]
        assert (earlier.results.keys(), earlier.unidentified) == ({"same", "old"}, 1)
        assert (earlier.changed["engine"], len(earlier.changed)) == (("engine or model",), 3)
        assert earlier.results.keys() == answered_in(file, items, keep_of=("vllm",))[1].results.keys()
        assert answered_in(file, items, keep_of=("",))[1].results.keys() == {"same", "old", "engine"}


def test_a_torn_last_line_is_passed_over_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
        file.write(result("b"))
    whole = path.read_bytes()
    for cut in range(1, 60):
        path.write_bytes(whole[:-cut])
        with ResultsFile(path, UPSAMPLE) as file:
            file.write(result("c"))
        ids = [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").split("\n") if line]
        # Without its line feed alone, the last line is whole.
        assert ids == (["a", "b", "c"] if cut == 1 else ["a", "c"])


def test_failures_are_asked_again_and_leave_one_line_an_item(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
        file.write(result("b", error="out of memory"))
    items = [Item("a", "p", Path("a.mp4")), Item("b", "p", Path("b.mp4"))]
    with ResultsFile(path, UPSAMPLE) as file:
        assert answered(file, items) == [result("a")]
        file.write(result("b"))
    assert read_results(path, UPSAMPLE) == [result("a"), result("b")]


def test_an_answer_to_another_prompt_is_not_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a", "old"))
        file.write(result("b"))
    with ResultsFile(path, UPSAMPLE) as file:
        assert answered(file, [Item("a", "new", Path("a.mp4"))]) == []
        assert answered(file, [Item("a", "old", Path("elsewhere/a.mp4"))]) == [result("a", "old")]
        file.drop({"a"})
        file.write(result("a", "new"))
    assert [result.prompt for result in read_results(path, UPSAMPLE)] == ["p", "new"]


TORN = '{"id": "a", "prompt": "caf\u00e9 \\" 🤖", "video": "a.mp4", "verdict": "fits", "model": "m'


def test_a_torn_line_may_be_cut_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
    first = path.read_bytes()
    torn = TORN.encode()
    for cut in range(1, len(torn) + 1):
        path.write_bytes(first + torn[:cut])
        with ResultsFile(path, UPSAMPLE):
            assert read_results(path, UPSAMPLE) == [result("a")]
        assert path.read_bytes() == first
    path.write_bytes(first + b"\0" * 4096)  # what a power cut leaves
    with ResultsFile(path, UPSAMPLE):
        assert read_results(path, UPSAMPLE) == [result("a")]


def test_a_torn_first_line_is_ours_where_nothing_else_can_be(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    torn = TORN.encode()
    verdict = torn.index(b'"verdict": ')
    for cut in range(1, len(torn) + 1):
        path.write_bytes(torn[:cut])
        if cut >= verdict + len('"verdict": '):
            with ResultsFile(path, UPSAMPLE):
                assert read_results(path, UPSAMPLE) == []
        else:
            # It may be the beginning of somebody's batch.
            with pytest.raises(BadInputError, match="you can remove it"), ResultsFile(path, UPSAMPLE):
                pass
            assert path.read_bytes() == torn[:cut]


def test_a_full_disk_leaves_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
        before = path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(CosmosError, match="free space there, then run it again"):
            file.write(result("b"))
    assert path.read_bytes() == before


def test_lines_that_stand_keep_what_we_do_not_know(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    kept = json.dumps({"later": {"deep": 1}} | to_dict(result("a"))) + "\n"
    path.write_text(kept + json.dumps(to_dict(result("b", error="x"))) + "\n")
    with ResultsFile(path, UPSAMPLE):
        assert [result.id for result in read_results(path, UPSAMPLE)] == ["a"]
    assert path.read_text() == kept


def test_a_line_that_holds_what_is_not_ours_is_never_dropped(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    lines = [json.dumps(to_dict(result("a"))), json.dumps(to_dict(result("b", error="x")) | {"label": 7})]
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with (
        pytest.raises(BadInputError, match="'b' would be replaced, but it holds added keys"),
        ResultsFile(path, UPSAMPLE),
    ):
        pass
    assert path.read_bytes() == before
    path.write_text(json.dumps(to_dict(result("a")) | {"label": 7}) + "\n")
    before = path.read_bytes()
    with ResultsFile(path, UPSAMPLE) as file, pytest.raises(BadInputError, match="added keys"):
        file.drop({"a"})
    assert path.read_bytes() == before


# What the first version wrote, in its order.
FIRST = (
    *("id", "prompt", "video", "verdict", "upsampled_prompt", "finish_reason", "truncated", "prompt_tokens"),
    *("completion_tokens", "max_tokens", "frames", "frame_width", "frame_height", "source_width", "source_height"),
    *("seconds", "engine", "model", "place", "note", "error", "error_kind"),
)


def test_results_of_earlier_versions_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    lines = [
        json.dumps({name: to_dict(entry)[name] for name in FIRST}) for entry in (result("a"), result("b", error="x"))
    ]
    torn = lines[1][: lines[1].index("upsampled") + 30]
    path.write_text("\n".join([*lines, torn]))
    with ResultsFile(path, UPSAMPLE):
        assert read_results(path, UPSAMPLE) == [result("a")]
    path.write_text(torn)
    with ResultsFile(path, UPSAMPLE):
        assert read_results(path, UPSAMPLE) == []


@pytest.mark.parametrize("verdict", ["good", "fits"])
@pytest.mark.parametrize("error", ["blurry", "", 3, None])
def test_a_file_of_labels_is_left_as_it_is(tmp_path: Path, verdict: str, error: object) -> None:
    path = tmp_path / "labels.jsonl"
    labels = {"id": "a", "prompt": "p", "video": "a.mp4", "verdict": verdict, "label": 7, "error": error}
    line = json.dumps(labels)
    for text in (f"{line}\n" * 3, line, line[:-9]):
        path.write_text(text)
        with pytest.raises(BadInputError, match="not a results file"), ResultsFile(path, UPSAMPLE):
            pass
        assert path.read_text() == text


@given(st.sampled_from(FIRST), st.none() | st.booleans() | st.lists(st.integers(), max_size=2))
def test_each_field_is_asked_for_with_its_kind(name: str, value: object) -> None:
    ours = to_dict(result("a"))
    assert Lines(UPSAMPLE).is_result(ours)
    assert Lines(UPSAMPLE).is_result(ours | {name: value}) == (name == "truncated" and isinstance(value, bool))
    del ours[name]
    assert not Lines(UPSAMPLE).is_result(ours)


@pytest.mark.parametrize("names", [{"verdict": "good"}, {"rating": 5, "tags": []}, {"room": "large"}, {"frames": "8"}])
def test_values_that_no_result_has(names: dict[str, object]) -> None:
    assert not Lines(UPSAMPLE).is_result(to_dict(result("a")) | names)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "out.jsonl", tmp_path / "out.jsonl"
    target.touch()
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
    with ResultsFile(link, UPSAMPLE) as file:
        file.write(result("a", error="x"))
        with pytest.raises(UsageError, match="another process"):
            ResultsFile(target, UPSAMPLE).__enter__()
    with ResultsFile(link, UPSAMPLE) as file:
        file.write(result("a"))
    assert link.is_symlink()
    assert read_results(target, UPSAMPLE) == [result("a")]


def test_the_lock_is_nobodys_file(tmp_path: Path) -> None:
    theirs = tmp_path / "uv.lock"
    theirs.write_text("years of work")
    with ResultsFile(tmp_path / "uv", UPSAMPLE) as file:
        file.write(result("a"))
    assert theirs.read_text() == "years of work"
    with ResultsFile(tmp_path / ("n" * 249 + ".jsonl"), UPSAMPLE) as file:
        file.write(result("a"))


def test_a_name_whose_bytes_are_no_utf8_is_read_back(tmp_path: Path) -> None:
    odd = replace(result("a"), video="caf\udce9.mp4")
    with ResultsFile(tmp_path / "out.jsonl", UPSAMPLE) as file:
        file.write(odd)
    assert read_results(tmp_path / "out.jsonl", UPSAMPLE) == [odd]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, f"{tmp_path}/new/"):
        with pytest.raises(BadInputError, match="a folder"), ResultsFile(path, UPSAMPLE):
            pass
    assert not list(tmp_path.parent.glob(f"*{tmp_path.name}*lock*"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="a folder in which nobody may make files")
def test_a_folder_that_takes_no_files() -> None:
    for name in ("/sys/out.jsonl", "/proc/version", "/proc/out.jsonl"):
        with pytest.raises(BadInputError, match="cannot be written"), ResultsFile(name, UPSAMPLE):
            pass


TEXTS = st.text(max_size=20)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda one: st.lists(one, max_size=3), max_leaves=5
)
# Whatever people keep: bytes, texts, objects with some of our keys, tables, with and without a last line end.
ANYBODYS = st.one_of(
    st.binary(min_size=1, max_size=200),
    TEXTS.filter(bool).map(str.encode),
    st.tuples(
        st.lists(
            st.dictionaries(st.sampled_from(["id", "prompt", "video", "name", "seed", "error"]), TEXTS | JSONS),
            min_size=1, max_size=3,
        ),
        st.sampled_from(["", "\n"]),
        st.sampled_from([None, 1]),
    ).map(lambda one: ("\n".join(json.dumps(line, indent=one[2]) for line in one[0]) + one[1]).encode()),
    st.integers(1, 60).map(lambda cut: b'{"id": "a", "prompt": "dusk", "video": "clip.mp4", "seed": 7}'[:cut]),
)  # fmt: skip


@given(ANYBODYS.filter(bytes.strip))
def test_anybodys_file_is_left_as_it_is(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("theirs") / "file"
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="not a results file"), ResultsFile(path, UPSAMPLE):
        pass
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "content",
    [
        '{"id": "a", "prompt": "x", "video": "clip.mp4"}',
        '{"id": "a", "prompt": "x", "video": "clip.mp4", "verdict": 1}',
        '{"id": "a", "prompt": "x", "video": "clip.mp4", "verdict": "fits", "rating": 5, "tags": []}',
        '{"id": "a", "prompt": "x", "video": "clip.mp4", "verdict": "fits", "rating": 5} and my notes',
        "my diary",
        '{"id": "a"',
        "{",
    ],
)
def test_one_line_without_an_end_is_no_torn_result(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(BadInputError, match="not a results file"), ResultsFile(path, UPSAMPLE):
        pass
    assert path.read_text() == content


@pytest.mark.parametrize("tail", ["my notes", '{"title": "x"}', '{"title": "x', "[1, 2"])
def test_what_somebody_wrote_behind_results_is_left(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
    before = path.read_text(encoding="utf-8") + tail
    path.write_text(before, encoding="utf-8")
    with pytest.raises(BadInputError, match="its last line"), ResultsFile(path, UPSAMPLE):
        pass
    assert path.read_text(encoding="utf-8") == before


def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    with ResultsFile(path, UPSAMPLE) as file:
        file.write(result("a"))
    assert read_results(path, UPSAMPLE) == [result("a")]


@pytest.mark.parametrize("content", ["my diary\n", '{"title": "x"}\n', "[]\n{}\n", "1\n2\n", b"\xff\xfe\x00"])
def test_a_file_that_holds_something_else_is_left_as_it_is(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "diary.txt"
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="not a results file"), ResultsFile(path, UPSAMPLE):
        pass
    assert path.read_bytes() == data


def test_two_at_once(tmp_path: Path) -> None:
    with ResultsFile(tmp_path / "out.jsonl", UPSAMPLE), pytest.raises(UsageError, match="another process"):
        ResultsFile(tmp_path / "out.jsonl", UPSAMPLE).__enter__()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(BadInputError, match="cannot be written"),
        ResultsFile(tmp_path / "file" / "out.jsonl", UPSAMPLE),
    ):
        pass


@pytest.mark.slow
def test_memory_does_not_grow_with_the_answers(tmp_path: Path) -> None:
    path, count = tmp_path / "out.jsonl", 4_000
    with path.open("w", encoding="utf-8") as lines:
        for n in range(count):
            lines.write(Lines(UPSAMPLE).write(result(f"shot-{n}", "dusk " * 100), f"{n:032x}"))
        lines.write(Lines(UPSAMPLE).write(result("torn"))[:-20])
    tracemalloc.start()
    try:
        with ResultsFile(path, UPSAMPLE) as file:
            file.drop({"shot-3"})
            assert file.answer_to(Item("shot-3999", "dusk " * 100, Path("v.mp4")), f"{3999:032x}") is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / count < 250  # a line has over 1,500 bytes


def test_a_later_version_may_add_fields(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(to_dict(result("a")) | {"new_field": 1}) + "\n")
    assert [result.id for result in read_results(path, UPSAMPLE)] == ["a"]


PROMPTS = st.sampled_from(["p", "another"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"), st.sampled_from("abc"), PROMPTS, st.sampled_from(["", "i", "j"]),
            st.booleans(), st.booleans(),
        ),
        st.tuples(st.just("drop"), st.sets(st.sampled_from("abc"), min_size=1)),
        st.tuples(st.just("open again")),
        st.tuples(st.just("tear")),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=cases(100), deadline=None)
@given(STEPS)
def test_a_file_answers_as_if_it_were_in_memory(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    path = tmp_path_factory.mktemp("results") / "out.jsonl"
    answers: dict[str, tuple[Result, str]] = {}
    failures: dict[str, tuple[Result, str]] = {}  # written since the file was opened
    last: dict[str, bool] = {}  # whether the last line of an item is an answer
    file = ResultsFile(path, UPSAMPLE).__enter__()
    for step in steps:
        match step:
            case ("write", id, prompt, identity, replaces, ok):
                new = result(id, prompt, "" if ok else "out of memory")
                before = answers.get(id)
                same = before is not None and before[1] == identity and (before[0] == new or not replaces)
                stands = same if ok else before is not None or failures.get(id) == (new, identity)
                assert file.write(new, identity, replace=replaces) == (not stands)
                if not stands:
                    last[id] = ok
                    (answers if ok else failures)[id] = (new, identity)
            case ("drop", ids):
                held = ids & answers.keys()
                file.drop(ids)
                if held:
                    answers = {id: answer for id, answer in answers.items() if id not in ids}
                    last = dict.fromkeys(answers, True)
                    failures = {}
            case (action,):
                file.__exit__(None, None, None)
                if action == "tear" and path.exists():
                    whole = path.read_bytes()
                    path.write_bytes(whole + Lines(UPSAMPLE).write(result("z")).encode()[:-20])
                file = ResultsFile(path, UPSAMPLE).__enter__()
                answers = {id: answer for id, answer in answers.items() if last[id]}
                last = dict.fromkeys(answers, True)
                failures = {}
        for id in "abc":
            kept, identity = answers.get(id, (None, ""))
            assert (file.line_of(id) is not None) == (kept is not None)
            if kept is not None:
                item = Item(id, kept.prompt, Path(f"{id}.mp4"))
                assert file.answer_to(item, identity) == kept
                assert file.answer_to(item, "k") == (None if identity else kept)
                assert file.answer_to(replace(item, prompt="new")) is None
    file.__exit__(None, None, None)
