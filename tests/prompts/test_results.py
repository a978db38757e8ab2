import json
from pathlib import Path

import pytest

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.prompts import Item, Result, ResultsFile, read_results


def result(id: str, prompt: str = "p", error: str = "") -> Result:
    return Result(id, prompt, f"{id}.mp4", "fits", upsampled_prompt=f"long {prompt} 🤖\u2028", error=error)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    with ResultsFile(path) as file:
        file.write(result("a"))
        assert read_results(path) == [result("a")]  # on disk before the file is closed
        file.write(result("b"))
    assert read_results(path) == [result("a"), result("b")]
    assert "🤖" in path.read_text(encoding="utf-8")


def test_a_torn_last_line_is_passed_over_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path) as file:
        file.write(result("a"))
        file.write(result("b"))
    whole = path.read_bytes()
    for cut in range(1, 60):
        path.write_bytes(whole[:-cut])
        with ResultsFile(path) as file:
            file.write(result("c"))
        ids = [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").split("\n") if line]
        # Without its line feed alone, the last line is whole.
        assert ids == (["a", "b", "c"] if cut == 1 else ["a", "c"])


def test_failures_are_asked_again_and_leave_one_line_an_item(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path) as file:
        file.write(result("a"))
        file.write(result("b", error="out of memory"))
    items = [Item("a", "p", Path("a.mp4")), Item("b", "p", Path("b.mp4"))]
    with ResultsFile(path) as file:
        assert file.answered(items) == [result("a")]
        file.write(result("b"))
    assert read_results(path) == [result("a"), result("b")]


def test_an_answer_to_another_prompt_is_not_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with ResultsFile(path) as file:
        file.write(result("a", "old"))
        file.write(result("b"))
    with ResultsFile(path) as file:
        assert file.answered([Item("a", "new", Path("a.mp4"))]) == []
        assert file.answered([Item("a", "old", Path("elsewhere/a.mp4"))]) == [result("a", "old")]
        file.drop({"a"})
        file.write(result("a", "new"))
    assert [one.prompt for one in read_results(path)] == ["p", "new"]


@pytest.mark.parametrize("content", ["my diary\n", '{"title": "x"}\n', "[]\n{}\n", "1\n2\n", b"\xff\xfe\x00"])
def test_a_file_that_holds_something_else_is_left_as_it_is(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "diary.txt"
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="not a results file"), ResultsFile(path):
        pass
    assert path.read_bytes() == data


def test_two_at_once(tmp_path: Path) -> None:
    with ResultsFile(tmp_path / "out.jsonl"), pytest.raises(UsageError, match="another cosmos"):
        ResultsFile(tmp_path / "out.jsonl").__enter__()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="cannot be written"), ResultsFile(tmp_path / "file" / "out.jsonl"):
        pass


def test_a_later_version_may_add_fields(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"id": "a", "prompt": "p", "video": "v", "verdict": "fits", "new_field": 1}\n')
    assert [one.id for one in read_results(path)] == ["a"]
