"""What counts as the same work: the model that answers, the content that was asked, and who can answer it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import clips
import pytest
from runs.helpers import enqueue, read_results
from runs.test_loop import Recorder
from servers.unwell import UnwellServer, answer

from cosmos_workflow.api import decide, open_runs, submit, upsample
from cosmos_workflow.config import set_host
from cosmos_workflow.engines import ChosenEngine, EngineSettings, make_engine
from cosmos_workflow.engines.describe import DescribeEngine
from cosmos_workflow.errors import Conflict, EngineUnavailable, UsageError
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Listener
from cosmos_workflow.runs.folder import RunFolder


@contextmanager
def serving(model: str) -> Iterator[EngineSettings]:
    """A server that has one model, which answers with its own name."""
    listed = [{"id": model, "object": "model", "created": 0, "owned_by": "x"}]
    with UnwellServer(lambda text, attempt: answer(f"by {model}"), listed) as server:
        yield EngineSettings(server_url=server.url, options={"max_retries": 0})


def test_another_model_of_a_server_is_asked_anew(tmp_path: Path, clip: Path) -> None:
    out, item = tmp_path / "o.jsonl", Item("a", "a city", clip)
    for model in ("model-a", "model-b", "model-b"):
        with serving(model) as settings:
            (result,) = upsample([item], engine="server", engine_settings=settings, out=out)
            assert (result.upsampled_prompt, result.engine_model) == (f"by {model}", model)
    assert [run.total for run in open_runs().store.runs()] == [1, 1]  # the third asked nothing


def test_an_answer_stands_while_the_server_cannot_be_asked(tmp_path: Path, clip: Path) -> None:
    out, item = tmp_path / "o.jsonl", Item("a", "a city", clip)
    with serving("model-a") as settings:
        upsample([item], engine="server", engine_settings=settings, out=out)
    (result,) = upsample([item], engine="server", engine_settings=settings, out=out)
    assert result.upsampled_prompt == "by model-a"
    with pytest.raises(EngineUnavailable):  # what is not answered yet is asked, and cannot be
        upsample([item, Item("b", "a town", clip)], engine="server", engine_settings=settings, out=out)
    assert [result.id for result in read_results(out)] == ["a"]


def test_a_model_is_its_files_and_not_the_name_of_its_folder(tmp_path: Path) -> None:
    def folder(name: str, config: str, weights: int) -> str:
        path = tmp_path / name / "pixtral"
        path.mkdir(parents=True)
        (path / "config.json").write_text(config)
        (path / "tokenizer.json").write_text("{}")
        (path / "model.safetensors").write_bytes(b"0" * weights)
        (path / "README.md").write_text(name)
        return str(path)

    def chosen(path: str, place: str = "local") -> ChosenEngine:
        settings = EngineSettings(model_path=path)
        return decide(UPSAMPLE, Settings(), place=place, engine="transformers", engine_settings=settings).engine

    first = folder("v1", "{}", 10)
    others = [folder("v2", '{"dim": 1}', 10), folder("v3", "{}", 11)]
    assert chosen(first).fingerprint == chosen(folder("copy", "{}", 10)).fingerprint
    assert len({chosen(path).fingerprint for path in [first, *others]}) == 3
    assert {chosen(path).model for path in [first, *others]} == {"pixtral"}
    given = open_runs().engine.given(make_engine("transformers", EngineSettings(model_path=first)))
    assert given.fingerprint == chosen(first).fingerprint
    # On a host nobody looks before the run is submitted.
    set_host("gpu", {"ssh": "gpu", "model_path": "/m/v1/pixtral"})
    assert chosen("", "gpu").fingerprint == "/m/v1/pixtral"


def test_a_clip_that_is_rendered_again_while_its_run_waits(tmp_path: Path, clip: Path) -> None:
    runs = open_runs()
    other = Item("b", "a town", clips.textured(tmp_path / "other.mp4", 320, 180, frames=6))
    run = enqueue([Item("a", "a city", clip), other], runs=runs, engine="describe")
    clips.textured(clip, 640, 360, frames=6)
    results = {result.id: result for result in runs.drive(run.id, Listener())}
    assert (results["a"].error_kind, results["b"].error) == ("changed", "")
    assert "submit it again" in results["a"].error
    with pytest.raises(Conflict, match="nothing to try again"):
        runs.retry(run.id)


def test_frames_of_a_clip_are_not_those_that_it_had_before(tmp_path: Path) -> None:
    clip, engine = tmp_path / "a.mp4", Recorder()
    for dx in (2, -3):  # of the same size, length and codec
        clips.panning(clip, dx, 0)
        upsample([Item("a", "a city", clip)], engine=engine)
    before, after = (conversation.frames for conversation in engine.asked)
    assert before != after


def test_a_file_that_goes_while_it_is_submitted_is_no_answer_of_an_earlier_version(tmp_path: Path, clip: Path) -> None:
    runs, decision = open_runs(), decide(UPSAMPLE, Settings(), engine="describe")
    checked = list(UPSAMPLE.check([Item("a", "a city", clip)], Settings()))
    clip.unlink()
    submission = submit([], decision, checked=checked, out=tmp_path / "o.jsonl", runs=runs)
    assert submission.run
    ((result, ok),) = runs.store.results(submission.run.id)
    assert (ok, result.error_kind) == (False, "bad_input")


KILLED = """
import os, signal, sys
from pathlib import Path
from cosmos_workflow.api import upsample
from cosmos_workflow.engines.describe import DescribeEngine
from cosmos_workflow.kinds.upsample import Item

class Own(DescribeEngine):
    def answer(self, conversations, deliver):
        os.kill(os.getpid(), signal.SIGKILL)

upsample([Item("a", "a city", Path(sys.argv[1]))], engine=Own(), out=sys.argv[2])
"""


@pytest.fixture
def left(tmp_path: Path, clip: Path) -> Path:
    """The results file of a run that a script's own engine should have answered, and died."""
    out = tmp_path / "o.jsonl"
    done = subprocess.run([sys.executable, "-c", KILLED, str(clip), str(out)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    return out


@pytest.mark.slow
def test_the_engine_of_a_script_is_no_other_process_s(left: Path, clip: Path) -> None:
    runs = open_runs()
    (run,) = runs.store.runs()
    with pytest.raises(UsageError, match="only that script has it; run the script again"):
        runs.drive(run.id, Listener())
    assert runs.store.get(run.id).state == "failed"


def test_a_run_that_only_a_script_can_go_on_with_is_ended(left: Path, clip: Path) -> None:
    (result,) = upsample([Item("a", "a city", clip)], engine="describe", out=left)
    assert result.ok
    assert sorted(run.state for run in open_runs().store.runs()) == ["cancelled", "done"]


def test_each_script_s_engine_answers_what_it_was_asked(tmp_path: Path, clip: Path) -> None:
    class Own(DescribeEngine):
        calls = 0

        def answer(self, conversations, deliver):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls == 1 and self.dies:
                raise KeyboardInterrupt
            super().answer(conversations, deliver)

        def __init__(self, dies: bool) -> None:
            self.dies = dies

    runs, engines, out = open_runs(), (Own(True), Own(False)), tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        upsample([Item("a", "a city", clip)], engine=engines[0], out=out, runs=runs)
    (result,) = upsample([Item("a", "a city", clip)], engine=engines[1], out=out, runs=runs)
    assert (result.ok, engines[0].calls, engines[1].calls) == (True, 1, 1)


def test_an_engine_whose_distribution_is_gone(clip: Path) -> None:
    runs, decision = open_runs(), decide(UPSAMPLE, Settings(), engine="describe")
    gone = replace(decision, engine=replace(decision.engine, module="not_installed.engine:ENGINE"))
    run = submit([Item("a", "a city", clip)], gone, runs=runs).run
    assert run
    with pytest.raises(UsageError, match="cannot be imported"):
        runs.drive(run.id, Listener())


def test_a_cluster_is_not_submitted_to(clip: Path) -> None:
    runs = open_runs()
    with pytest.raises(UsageError, match="run_on_ray"):
        upsample(
            [Item("a", "a city", clip)], place="ray", engine="vllm", engine_settings=EngineSettings(model_path="/m")
        )
    with pytest.raises(UsageError, match="run_on_ray"):
        enqueue([Item("a", "a city", clip)], runs=runs, place="ray", engine="describe")
    assert runs.store.runs() == []


def test_a_detached_run_has_no_stream(clip: Path) -> None:
    set_host("gpu", {"ssh": "gpu"})
    item = Item("a", "a city", clip)
    with pytest.raises(UsageError, match="give -o a file"):
        upsample([item], engine="describe", place="gpu", out="-", detach=True)
    with pytest.raises(UsageError, match="cannot be detached"):
        upsample([item], engine="describe", out="answers.jsonl", detach=True)
    assert open_runs().store.runs() == []


def test_a_host_asks_as_many_at_once_as_this_machine(clip: Path) -> None:
    set_host("gpu", {"ssh": "gpu"})
    runs = open_runs()
    for engine, window in (("describe", 1), ("server", 256)):
        settings = EngineSettings(server_url="http://localhost:1/v1")
        run = enqueue([Item("a", "", clip)], runs=runs, place="gpu", engine=engine, engine_settings=settings)
        folder = RunFolder(runs.folder(run.id), run.attempt)
        runs._on_hosts._pack(run, folder, lambda results: None)
        assert json.loads(folder.parcel.batch.read_text())["window"] == window
