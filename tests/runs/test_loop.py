from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import clips
import pytest

from cosmos_workflow import Item, Result, Settings, upsample
from cosmos_workflow.engines import ChosenEngine, upsampler
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE, Upsample
from cosmos_workflow.runs import loop
from cosmos_workflow.runs.loop import answer, prepare


class Recorder(Upsampler):
    """Not a model: an engine that keeps what it was asked and answers with the text in capitals, backwards in order."""

    name = "recorder"
    model = "recorder-1"

    def __init__(self, fail_after: int = 10**9, finish_reason: str = "stop") -> None:
        self.asked: list[Conversation] = []
        self.calls = 0
        self.fail_after = fail_after
        self.finish_reason = finish_reason

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        self.calls += 1
        for conversation in reversed(conversations):
            if len(self.asked) >= self.fail_after:
                raise EngineUnavailable("the engine died")
            self.asked.append(conversation)
            deliver(Answer(conversation.id, conversation.text.upper(), self.finish_reason, 7, 3, 0.5))

    def load(self) -> None:
        pass

    def properties(self) -> dict[str, object]:
        return {}

    def close(self) -> None:
        pass


def run(items: list[Item], engine: Recorder, **settings: object) -> dict[str, Result]:
    results: dict[str, Result] = {}

    def on_result(result: Result, identity: str) -> None:
        assert result.id not in results
        results[result.id] = result

    asked = Settings(**settings)  # type: ignore[arg-type]
    chosen = ChosenEngine(engine.name, engine.model, engine.wants, "given")
    prepared = (
        prepare(UPSAMPLE, checked, UPSAMPLE.begin(checked, chosen, "local"), asked, engine.wants)
        for checked in UPSAMPLE.check(items, asked)
    )
    answer(UPSAMPLE, prepared, engine, on_result)
    return results


def test_a_batch_is_one_call_and_each_gets_its_own_answer(clip: Path) -> None:
    engine = Recorder()
    results = run([Item(f"i{n}", f"prompt {n}", clip) for n in range(20)], engine)
    assert engine.calls == 1
    assert {id: result.upsampled_prompt for id, result in results.items()} == {
        f"i{n}": f"PROMPT {n}" for n in range(20)
    }


def test_what_is_refused_never_reaches_the_engine(tmp_path: Path, clip: Path) -> None:
    engine = Recorder()
    large = clips.textured(tmp_path / "large.mp4", 960, 540)
    items = [Item("good", "a", clip), Item("long", "a", large), Item("missing", "a", tmp_path / "x.mp4")]
    results = run(items, engine, fit="off")
    assert [conversation.id for conversation in engine.asked] == ["good"]
    assert (results["long"].error_kind, results["missing"].error_kind) == ("too_long", "bad_input")
    assert "smaller frames: 910x512" in results["long"].error
    assert results["good"].ok


def test_resized_frames_are_sent_and_said(tmp_path: Path) -> None:
    engine = Recorder()
    path = clips.textured(tmp_path / "large.mp4", 960, 540)
    result = run([Item("a", "x", path)], engine)["a"]
    assert [(frame.width, frame.height) for frame in engine.asked[0].frames] == [(910, 512)] * 2
    assert "frames resized from 960x540 to 910x512" in result.note


def test_a_conversion_of_colours_is_said_whoever_answers(tmp_path: Path) -> None:
    path = clips.light(tmp_path / "light.hdr")
    for engine in (Recorder(), "describe"):
        (result,) = upsample([Item("a", "x", path)], engine=engine)
        assert "linear light converted to sRGB" in result.note


def test_a_cut_answer_is_said(clip: Path) -> None:
    result = run([Item("a", "x", clip)], Recorder(finish_reason="length"))["a"]
    assert result.truncated
    assert "cut at 3 of 300 tokens" in result.note


def test_under_fit_off_no_more_is_asked_for_than_there_is_room(tmp_path: Path) -> None:
    engine = Recorder()
    path = clips.textured(tmp_path / "edge.mkv", 940, 529, codec="ffv1", pixel_format="bgr0")
    run([Item("a", "A futuristic city at sunset", path)], engine, fit="off")
    assert engine.asked[0].max_tokens == 7


def test_an_items_own_settings_go_first(clip: Path) -> None:
    engine = Recorder()
    items = [Item("a", "", clip, temperature=0.0, seed=1, max_tokens=9), Item("b", "", clip)]
    run(items, engine, temperature=0.9, seed=2, max_tokens=50)
    asked = {
        conversation.id: (conversation.temperature, conversation.seed, conversation.max_tokens)
        for conversation in engine.asked
    }
    assert asked == {"a": (0.0, 1, 9), "b": (0.9, 2, 50)}
    assert {conversation.text for conversation in engine.asked} == {"describe the following images"}


def test_results_outlive_an_engine_that_dies_and_the_next_run_goes_on(tmp_path: Path, clip: Path) -> None:
    items = [Item(f"i{n}", f"prompt {n}", clip) for n in range(10)]
    out = tmp_path / "out.jsonl"
    with pytest.raises(EngineUnavailable):
        upsample(items, engine=Recorder(fail_after=4), out=out)
    engine = Recorder()
    results = upsample(items, engine=engine, out=out)
    assert len(engine.asked) == 6
    assert [result.id for result in results] == [item.id for item in items]
    assert len(out.read_text().splitlines()) == 10
    assert upsample(items, engine=(idle := Recorder()), out=out) == results
    assert idle.asked == []
    assert len(upsample(items, engine=(again := Recorder()), out=out, again=True)) == len(again.asked) == 10
    assert len(out.read_text().splitlines()) == 10


def test_frames_of_a_long_batch_are_not_all_in_memory(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upsample, "window", lambda self, wants: 3)
    engine = Recorder()
    assert len(run([Item(f"i{n}", "p", clip) for n in range(8)], engine)) == 8
    assert engine.calls == 3


def test_large_frames_are_fewer_in_memory(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LARGE", 1)
    other = clips.textured(tmp_path / "other.mp4", 64, 48)
    engine = Recorder()
    assert len(run([Item("a", "p", clip), Item("b", "p", other), Item("c", "q", clip)], engine)) == 3
    assert engine.calls == 3


def test_many_frames_are_not_asked_in_one_call(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampler, "MOST_FRAMES", 4)
    engine = Recorder()
    assert len(run([Item(f"i{n}", "p", clip) for n in range(5)], engine)) == 5  # two frames each
    assert engine.calls == 3


def test_describe_is_the_default_and_says_so(clip: Path) -> None:
    (result,) = upsample(clip, "a city")
    assert result.engine == "describe"
    assert "no model was used" in result.note
    assert result.upsampled_prompt.startswith("A city. The video is one continuous shot")
