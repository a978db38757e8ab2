"""A batch of 200 items against a server with every kind of bad answer among them, in one run (a stand-in: `unwell`)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from servers.model_servers import ERRORS_AS_ANSWERS, FAULTS, NO_ANSWERS, NO_COMPLETIONS, each_fault
from servers.unwell import Reply, UnwellServer, answer

from cosmos_workflow.cli import main
from cosmos_workflow.config import set_host

BAD: dict[str, Reply | None] = {
    **{f"no answer: {name}": reply for name, reply in NO_ANSWERS.items()},
    **{f"no completion: {name}": reply for name, reply in NO_COMPLETIONS.items()},
    **{f"error as answer: {name}": reply for name, reply in ERRORS_AS_ANSWERS.items()},
    **{f"fault: {name}": reply for name, (reply, _) in FAULTS.items()},
    **{f"{server}: {kind} {number}": reply for number, (server, kind, reply) in enumerate(each_fault())},
    "the line is closed": None,
}
# Good in the end, and good but for something around it.
LATE = {"empty once": [NO_ANSWERS["null"]], "busy once": [(429, {})], "a page once": [NO_COMPLETIONS["page"]],
        "lost once": [None], "500 once": [(500, "")]}  # fmt: skip
GOOD = {
    "thought": answer("<think>Hm, a city.</think>\n\nlong thought"),
    "parts": answer([{"type": "text", "text": "long "}, {"type": "text", "text": "parts"}]),  # type: ignore[arg-type]
    "half a pair": answer("long half a pair \ud83d"),
}
COUNT = 200


def reply(text: str, attempt: int) -> Reply | None:
    if text in BAD:
        return BAD[text]
    if text in GOOD:
        return GOOD[text]
    before = LATE.get(text, [])
    return before[attempt - 1] if attempt <= len(before) else answer(f"long {text}")


@pytest.fixture
def prompts(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batch's prompts, the bad ones spread among the good ones."""
    monkeypatch.chdir(tmp_path)
    special = [*BAD, *LATE, *GOOD]
    assert len(special) < COUNT - 40
    prompts = [f"plain {number}" for number in range(COUNT - len(special))]
    for number, text in enumerate(special):
        prompts.insert(number * COUNT // len(special), text)
    lines = [json.dumps({"id": f"i{n}", "prompt": text, "video": clip.name}) for n, text in enumerate(prompts)]
    (tmp_path / "batch.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return prompts


def results(path: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len({line["id"] for line in lines})
    return {line["prompt"]: line for line in lines}


@pytest.mark.slow
def test_each_good_item_is_answered_once_and_each_bad_one_named(
    prompts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [text for text in prompts if text not in BAD]
    with UnwellServer(reply) as server:
        command = ["upsample", "batch.jsonl", "--server-url", server.url, "--engine-option", "max_retries=1"]
        assert main(command) == 1
        output = capsys.readouterr()
        first, asked = results(tmp_path / "batch.upsampled.jsonl"), Counter(server.attempts)
        assert main(command) == 1  # goes on: the bad ones only
    assert "Traceback" not in output.err
    assert f"{len(good)} answered, {len(BAD)} failed" in output.err
    assert first.keys() == set(prompts)
    for text in good:
        line = first[text]
        assert (line["error"], line["error_kind"]) == ("", "")
        assert line["upsampled_prompt"] == ("long half a pair ?" if text == "half a pair" else f"long {text}")
        assert server.attempts[text] == asked[text] == 1 + len(LATE.get(text, []))
    for text in BAD:
        line = first[text]
        assert line["error"] and line["error_kind"] and not line["upsampled_prompt"], text
        assert "Error(" not in line["error"]
        assert server.attempts[text] > asked[text]
    again = results(tmp_path / "batch.upsampled.jsonl")
    assert {text: again[text] for text in good} == {text: first[text] for text in good}
    for name, (_, words) in FAULTS.items():
        assert words in first[f"fault: {name}"]["error"]


@pytest.mark.parametrize(
    ("engine", "option", "says"),
    [
        ("server", "concurrency=0", "give a whole number of 1 to 1024"),
        ("server", "concurrency=many", "give a whole number"),
        ("server", "concurrency=2.5", "give a whole number"),
        ("server", "concurrency=true", "give a whole number"),
        ("server", "concurrency=null", "give a whole number"),
        ("server", "concurrency=[1]", "give a whole number"),
        ("server", "timeout=0", "give seconds"),
        ("server", "timeout=soon", "give seconds"),
        ("server", "timeout=NaN", "give seconds"),
        ("server", "timeout=Infinity", "give seconds"),
        ("server", "max_retries=-1", "give a whole number of 0 to 100"),
        ("server", "concurency=4", "did you mean concurrency?"),
        ("server", "url=http://elsewhere", "it has concurrency, max_retries, timeout"),
        ("server", "model=x", "it has concurrency"),
        ("server", "tensor_parallel_size=2", "it has concurrency"),
        ("vllm", "tensor_parallel_size=two", "give a whole number of at least 1"),
        ("vllm", "tensor_parallel_size=0", "give a whole number"),
        ("vllm", "gpu_memory_utilization=90", "give a share above 0 and up to 1"),
        ("vllm", "gpu_memory_utilization=0", "give a share"),
        ("vllm", "dtype=int3", "give one of auto, half"),
        ("vllm", "enforce_eager=yes", "give true or false"),
        ("vllm", "max_num_seqs=-4", "give a whole number"),
        ("transformers", "dtype=float99", "give one of auto"),
        ("transformers", "device_map=7", "give a text or an object"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--max-model-len", "auto"]], ids=["run", "dry", "auto"])
def test_a_bad_engine_option_is_a_usage_error(
    engine: str, option: str, says: str, more: list[str], clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--server-url", "http://127.0.0.1:9/v1"] if engine == "server" else ["--model-path", "nobody/nothing"]
    options = ["--engine", engine, "--engine-option", option, *where]
    assert main(["upsample", str(clip), "-p", "x", *options, *more]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert f"{option.partition('=')[0]} is" in text
    assert says in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "more", [[], ["--dry-run"], ["--on", "gpu"], ["--on", "gpu", "--engine-option", "concurrency=0"]]
)
def test_a_server_url_without_a_scheme_is_a_usage_error(
    more: list[str], clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_host("gpu", {"ssh": "me@gpu.invalid", "engine": "server"})
    assert main(["upsample", str(clip), "-p", "x", "--server-url", "localhost:8000/v1", *more]) == 2
    if "--engine-option" in more:
        assert "concurrency is 0" in capsys.readouterr().err
        return
    assert "give --server-url http://localhost:8000/v1" in " ".join(capsys.readouterr().err.split())
