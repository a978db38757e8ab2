"""Engines in processes of their own, and items that end them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cosmos_workflow.engines import ChosenEngine, EngineSettings
from cosmos_workflow.engines.process import EngineDied, EngineProcess
from cosmos_workflow.errors import EngineError, EngineUnavailable
from cosmos_workflow.kinds.kind import Outcome
from cosmos_workflow.kinds.upsample import Result, Settings
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.tasks import task_of
from cosmos_workflow.runs import loop
from cosmos_workflow.runs.places.ray import Job, Output
from cosmos_workflow.runs.places.ray.answering import Prepared, answer_all, prepare
from cosmos_workflow.runs.places.ray.batches import Piece

pytestmark = pytest.mark.slow

POISON = str(Path(__file__).parents[2] / "servers" / "poison")
ENGINE = ChosenEngine("describe", "", "measurements", "as asked")


@pytest.fixture
def before() -> set[psutil.Process]:
    """What other tests of this process have started, and Python's own helpers."""
    return {*psutil.Process().children(recursive=True)}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, before: set[psutil.Process]) -> Iterator[EngineProcess]:
    monkeypatch.setenv("PYTHONPATH", POISON)
    process = EngineProcess("describe", EngineSettings())
    yield process
    process.close()


def prepared(*texts: str) -> Prepared:
    results = [Result(f"p{n}", text, "clip.mp4", "fits") for n, text in enumerate(texts)]
    items = (loop.Prepared(result, task_of(Conversation(result.id, result.prompt))) for result in results)
    return Prepared("piece", tuple(items))


def test_a_poison_item_is_found_and_the_others_are_answered(engine: EngineProcess) -> None:
    texts = [f"a city {n}" for n in range(20)]
    texts[7], texts[12] = "POISON", "more POISON"
    results = {result.id: result for result, _ in answer_all(UPSAMPLE, engine, prepared(*texts))}
    assert len(results) == 20
    assert {id for id, result in results.items() if not result.ok} == {"p7", "p12"}
    assert "it ends the engine each time" in results["p7"].error
    assert "SIGABRT" in results["p7"].error
    assert results["p7"].error_kind == "ends_engine"
    assert engine.starts > 2


def test_an_engine_that_ends_whatever_it_is_asked_ends_the_job(engine: EngineProcess) -> None:
    with pytest.raises(EngineError, match="8 items in a row"):
        answer_all(UPSAMPLE, engine, prepared(*["POISON"] * 30))


def test_an_engine_that_cannot_be_loaded_blames_no_item(tmp_path: Path) -> None:
    settings = EngineSettings(model_path=str(tmp_path))
    with pytest.raises(EngineUnavailable):
        answer_all(UPSAMPLE, EngineProcess("transformers", settings), prepared("a city"))


@pytest.mark.parametrize("kills", [1, 2])
def test_an_engine_that_is_killed_while_it_loads_is_started_once_more(engine: EngineProcess, kills: int) -> None:
    def kill() -> None:
        for count in range(1, kills + 1):
            while engine.starts < count or not engine.group:
                time.sleep(0.001)
            os.killpg(engine.group, signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    if kills == 1:
        ((result, _),) = answer_all(UPSAMPLE, engine, prepared("a city"))
        assert result.ok, result
    else:
        with pytest.raises(EngineDied, match="SIGKILL"):
            answer_all(UPSAMPLE, engine, prepared("a city"))
    killing.join()
    assert engine.starts == 2


def alive(before: set[psutil.Process]) -> list[psutil.Process]:
    """The engine's processes: the one that stands for it, and the one that answers."""
    processes = [process for process in psutil.Process().children(recursive=True) if process not in before]
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_an_engine_ends_with_close_and_starts_again(engine: EngineProcess, before: set[psutil.Process]) -> None:
    outcomes: list[Outcome] = []
    first, second = (task_of(Conversation(id, "a city")).task for id in "ab")
    engine.run([first], {}, outcomes.append)
    _, answering = alive(before)
    answering.kill()
    with pytest.raises(EngineDied, match="SIGKILL"):
        engine.run([second], {}, outcomes.append)
    engine.run([second], {}, outcomes.append)
    assert [outcome.id for outcome in outcomes] == ["a", "b"]
    processes = alive(before)
    assert len(processes) == 2
    engine.close()
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    assert alive(before) == []


def test_an_engine_ends_with_whoever_started_it(engine: EngineProcess, before: set[psutil.Process]) -> None:
    # As Ray ends the children of an actor, and no others.
    engine.load()
    standing, answering = alive(before)
    standing.kill()
    answering.wait(60)


def test_a_piece_becomes_conversations_and_refusals(clip: Path, tmp_path: Path) -> None:
    lines = [
        {"id": "good", "prompt": "a city", "video": clip.name},
        {"id": "gone", "prompt": "a city", "video": "none.mp4"},
        {"id": "long", "prompt": "city " * 5000, "video": clip.name},
    ]
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join([*map(json.dumps, lines), "{"]))
    ready = prepare(UPSAMPLE, Piece(str(batch)), ENGINE, Settings(fit="off"), "ray")
    assert [item.packed.task.id for item in ready.items if item.packed] == ["good"]
    assert [len(item.identity) for item in ready.items if item.packed] == [64]
    refused = {item.result.id: item.result.error_kind for item in ready.items if not item.packed}
    assert refused == {
        "gone": "bad_input",
        "long": "too_long",
        f"batch.jsonl:{batch.read_text().rindex('{')}": "bad_input",
    }
    assert prepare(UPSAMPLE, Piece(str(batch)), ENGINE, Settings(fit="off"), "ray").name == ready.name


def test_a_job_is_read_from_the_store_also_as_the_version_before_wrote_it() -> None:
    job = Job("batch.jsonl", Output("out"), ENGINE, Settings(seed=7))
    plain = json.loads(json.dumps(job.to_plain()))
    assert Job.from_plain(plain) == job
    old = {name: plain[name] for name in ("source", "place", "engines", "gpus_per_engine", "items_per_call", "again")}
    old |= {"output": {"url": "out", "format": "jsonl", "owner": ""}, "settings": plain["settings"]}
    old |= {"who": {"name": "vllm", "model": "/m", "wants": "frames"}, "engine_settings": {"model_path": "/m"}}
    read = Job.from_plain(old)
    assert (read.engine.name, read.engine.settings["model_path"], read.kind.name) == ("vllm", "/m", "upsample")
    assert read.settings == job.settings
