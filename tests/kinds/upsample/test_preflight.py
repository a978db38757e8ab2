from pathlib import Path

import clips

from cosmos_workflow.kinds.upsample import Item, Settings, check_items


def verdicts(items: list[Item], **settings: object) -> list[str]:
    return [checked.plan.verdict for checked in check_items(items, Settings(**settings))]  # type: ignore[arg-type]


def test_each_item_gets_its_plan_whatever_the_others_are(tmp_path: Path, clip: Path) -> None:
    large = clips.textured(tmp_path / "large.mp4", 960, 540)
    items = [
        Item("good", "a city", clip),
        Item("missing", "a city", tmp_path / "none.mp4"),
        Item("large", "a city", large),
        Item("folder", "a city", tmp_path),
        Item("wordy", "word " * 5000, clip),
    ]
    assert verdicts(items) == ["fits", "bad_input", "resized", "bad_input", "too_long"]
    assert verdicts(items, fit="off") == ["fits", "bad_input", "too_long", "bad_input", "too_long"]
    assert verdicts(items, max_model_len=8192) == ["fits", "bad_input", "fits", "bad_input", "fits"]


def test_a_bad_input_says_where_and_what_to_do(tmp_path: Path) -> None:
    (checked,) = check_items([Item("x", "", tmp_path / "none.mp4")])
    assert str(tmp_path / "none.mp4") in checked.plan.reason
    assert checked.plan.remedy
    assert not checked.plan.runs
    assert checked.clip is None


def test_a_one_frame_clip_is_planned_with_one_frame(tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "one.mp4", 1280, 720, frames=1)
    (checked,) = check_items([Item("x", "a city", path)])
    assert (checked.plan.frames, checked.plan.verdict) == (1, "fits")


def test_an_items_own_values_go_first(clip: Path) -> None:
    (checked,) = check_items(
        [Item("x", "a", clip, frames=1, max_tokens=4000)], Settings(frames=2, max_tokens=10, fit="off")
    )
    assert (checked.plan.frames, checked.plan.max_tokens, checked.plan.verdict) == (1, 4000, "cut_short")


def test_more_frames_than_the_model_takes(clip: Path) -> None:
    (checked,) = check_items([Item("x", "a", clip, frames=5)])
    assert checked.plan.verdict == "bad_input"
