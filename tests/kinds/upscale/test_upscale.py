"""The kind `upscale`: what a video becomes, and what is asked of the program."""

from __future__ import annotations

import json
from pathlib import Path

import clips
import pytest

from cosmos_workflow.client.protocol import item_in
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.plan import Checked
from cosmos_workflow.kinds.upscale.kind import UPSCALE, item_of_video


def check(*items: object) -> list[Checked]:
    return list(UPSCALE.check(items, UPSCALE.for_engine(UPSCALE.settings(), "program")))  # type: ignore[arg-type]


def test_a_video_becomes_three_times_its_bucket(tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 176, frames=130, fps=30)
    (checked,) = check(item_of_video(clip, seed=7))
    assert checked.runs
    work = checked.work
    assert work is not None
    assert (work.model, work.out_width, work.out_height) == ("transfer1-7b-4k", 3840, 2112)
    assert (work.frames, work.fps, work.chunks, work.steps, work.seed) == (130, 30, 2, 10, 7)
    assert [(control.hint, control.weight) for control in work.controls] == [("upscale", 0.5)]
    assert "130 frames are upscaled in 2 pieces of 121" in checked.reason
    assert "seam" not in checked.reason
    assert "filled up" not in checked.reason


def test_a_rate_with_a_fraction_and_the_sound_are_given_back(tmp_path: Path) -> None:
    from fractions import Fraction

    clip = clips.textured(tmp_path / "clip.mp4", 320, 176, frames=4, fps=Fraction(24000, 1001))
    (checked,) = check(item_of_video(clip))
    assert checked.work is not None
    assert (checked.work.fps, checked.work.restore) == (24, ("fps",))
    assert checked.work.out_fps == pytest.approx(23.976, abs=0.001)


def test_a_batch_names_what_is_wrong(tmp_path: Path) -> None:
    clips.textured(tmp_path / "clip.mp4", 64, 48, frames=2)
    batch = tmp_path / "batch.jsonl"
    lines = [{"id": "a", "video": "clip.mp4", "prompt": "a city", "weight": 0.8, "steps": 5}, {"video": "none.mp4"}]
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = check(*UPSCALE.read(batch, print))
    assert (first.item.id, first.work and first.work.steps) == ("a", 5)
    assert first.work is not None
    assert (first.work.controls[0].weight, first.work.prompt) == (0.8, "a city")
    assert (second.verdict, second.item.id) == ("bad_input", "none")
    batch.write_text('{"prompt": "a city"}\n')
    with pytest.raises(BadInputError, match="no video is given"):
        list(UPSCALE.read(batch, print))


def test_an_item_survives_the_store(tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 64, 48, frames=2)
    item = item_of_video(clip, prompt="a city")
    kind = get_kind("upscale")
    assert kind.load_item(json.loads(json.dumps(kind.dump_item(item)))) == item
    (checked,) = check(item)
    packed = kind.pack(checked, kind.settings(), "files")
    assert (packed.task.kind, set(packed.task.inputs)) == ("upscale", {"video"})


def test_what_a_client_sends_is_what_was_asked(tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 64, 48, frames=2)
    item = item_of_video(clip, prompt="a city", weight=0.8, seed=7)
    sent = item_in(UPSCALE, item, 0).model_dump(exclude_none=True)
    assert UPSCALE.entry(sent, "items[0]")[0] == item
    given = {"video": str(clip), "id": "b", "weight": 0.9}
    (checked,) = check(UPSCALE.entry(item_in(UPSCALE, given, 0).model_dump(exclude_none=True), "items[0]")[0])
    assert checked.work is not None
    assert (checked.item.id, checked.work.controls[0].weight, checked.work.seed) == ("b", 0.9, 1)
