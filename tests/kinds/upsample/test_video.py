"""`pick` "video": what is planned of a clip and what travels to an engine."""

from __future__ import annotations

from pathlib import Path

import clips
import pytest

from cosmos_workflow.engines.messages import messages
from cosmos_workflow.kinds.upsample import Checked, Item, Settings, check_items
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.preflight import plan_of
from cosmos_workflow.kinds.upsample.preparing import Preparer
from cosmos_workflow.kinds.upsample.tasks import conversation_of, task_of
from cosmos_workflow.limits.video_fit import rate_of_video
from cosmos_workflow.media.frames import Frame, encode_png

SETTINGS = Settings("cosmos-reason2-8b", pick="video")


@pytest.fixture
def seconds(tmp_path: Path) -> Path:
    """Three seconds at 24 frames a second, each frame of its own grey."""
    pictures = [clips.flat((2 * n, 2 * n, 2 * n), 64, 96) for n in range(72)]
    return clips.write(tmp_path / "seconds.mp4", pictures, options={"qp": "0"})


def checked(item: Item, settings: Settings = SETTINGS) -> Checked:
    (made,) = check_items([item], settings)
    return made


def test_the_frames_are_those_of_the_plan_at_their_times(seconds: Path) -> None:
    made = checked(Item("x", "a city", seconds))
    assert (made.verdict, made.plan.frames, made.plan.frame_width, made.plan.frame_height) == ("fits", 6, 96, 64)
    assert made.plan.note == "6 frames of 96x64 at 1.69 a second as a video"
    conversation = Preparer("frames", SETTINGS).prepare(made)
    assert conversation.video_fps == round(5 * 24 / 71, 6)
    shown = [round(frame.seconds * 24) for frame in conversation.frames]
    assert shown == [round(number * 71 / 5) for number in range(6)]


def test_it_travels_as_a_task(seconds: Path) -> None:
    made = checked(Item("x", "a city", seconds))
    packed = UPSAMPLE.pack(made, SETTINGS, "frames")
    again = conversation_of(packed.task, packed.files)
    assert again == Preparer("frames", SETTINGS).prepare(made)
    assert len(packed.task.inputs) == 6
    assert packed.task.asks["video_fps"] == again.video_fps
    (asked,) = messages(again)
    assert [part["type"] for part in asked["content"]] == ["video_url", "text"]
    assert asked["content"][0]["video_url"]["url"].startswith("data:video/avi;base64,")


def test_a_request_with_pictures_is_the_task_that_it_was() -> None:
    assert "video_fps" not in task_of(Conversation("x", "a city")).task.asks


def test_it_is_other_work_than_pictures(seconds: Path) -> None:
    item = Item("x", "a city", seconds)
    pictures = Settings("cosmos-reason2-8b", pick="spread", frames=6)
    asks = UPSAMPLE.asks(checked(item), SETTINGS), UPSAMPLE.asks(checked(item, pictures), pictures)
    assert asks[0]["frames"] == asks[1]["frames"] == 6
    assert asks[0] != asks[1]


@pytest.mark.parametrize(("asked", "sent"), [(1, 1), (2, 2), (5, 4), (6, 6), (100, 6)])
def test_an_item_says_how_many_frames_at_most(seconds: Path, asked: int, sent: int) -> None:
    assert checked(Item("x", "a city", seconds, frames=asked)).plan.frames == sent


def test_a_still_is_a_picture(tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "one.mp4", 320, 180, frames=1)
    made = checked(Item("x", "a city", path))
    assert (made.verdict, made.plan.frames, made.plan.note) == ("fits", 1, "")
    conversation = Preparer("frames", SETTINGS).prepare(made)
    assert (conversation.video_fps, len(conversation.frames)) == (0.0, 1)


def test_a_model_that_takes_no_videos(seconds: Path) -> None:
    made = checked(Item("x", "a city", seconds), Settings(pick="video"))
    assert (made.verdict, made.runs, made.plan.note) == ("bad_input", False, "")
    assert "cosmos-upsampler-12b takes pictures alone" in made.reason
    assert "--pick spread" in made.remedy


def test_by_the_api() -> None:
    asked = UPSAMPLE.settings_shape()(pick="video", model="cosmos-reason2-8b").model_dump()
    made = UPSAMPLE.settings_from(asked, "", "")
    assert (made.model, made.pick) == (SETTINGS.model, "video")


def test_rules_look_at_no_video() -> None:
    assert UPSAMPLE.for_engine(Settings(pick="video"), "describe").pick == "first"
    assert UPSAMPLE.for_engine(SETTINGS, "vllm").pick == "video"


def test_a_size_alone_is_planned_for_a_clip_that_is_named() -> None:
    made = plan_of((1280, 720), "a city", SETTINGS)
    assert (made.verdict, made.frames, made.image_tokens) == ("fits", 8, 3554)
    assert made.note == "planned for a clip of 121 frames at 30 a second"


def test_a_caption_that_has_no_room(seconds: Path) -> None:
    small = Settings("cosmos-reason2-8b", pick="video", format="cosmos3", max_model_len=4096)
    made = checked(Item("x", "a city", seconds), small)
    assert (made.verdict, made.runs) == ("too_long", False)


def test_a_video_of_a_long_clip_can_be_written() -> None:
    """Two frames, an hour and a half apart."""
    frames = (Frame(encode_png(clips.flat((9, 9, 9), 64, 96)), 96, 64),) * 2
    (asked,) = messages(Conversation("x", "a city", frames, video_fps=rate_of_video(2, 24 * 5400, 24.0)))
    assert asked["content"][0]["type"] == "video_url"


def test_a_cluster_gets_few_videos_at_once() -> None:
    assert UPSAMPLE.piece("frames", SETTINGS) < 10 < UPSAMPLE.piece("frames", Settings())


def test_a_caption_that_does_not_fit_says_how_its_video_would(seconds: Path) -> None:
    wanted = Settings("cosmos-reason2-8b", pick="video", format="cosmos3", fit="strict", max_model_len=5800)
    made = checked(Item("x", "a city", clips.textured(seconds.parent / "large.mp4", 960, 540, 48)), wanted)
    assert made.verdict == "too_long"
    assert "--pick spread" in made.remedy
    assert "--engine describe" in made.remedy
