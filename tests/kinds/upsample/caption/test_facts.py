"""What is known of a clip is exact in every caption, whatever a model answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.kinds.upsample.caption import Target, caption_by_rules, facts_of, problems_of, with_facts
from cosmos_workflow.media import measure, probe

WRONG: dict[str, Any] = {
    "subjects": [], "background_setting": "A hall.",
    "lighting": {"conditions": "Bright", "direction": "", "shadows": "",
                 "illumination_effect": "Soft glow on the walls, and it grows brighter. The lamps flicker throughout."},
    "aesthetics": {"composition": "", "color_scheme": "Pink", "mood_atmosphere": "Calm", "patterns": ""},
    "cinematography": {"camera_motion": "Orbits wildly", "framing": "Wide shot", "camera_angle": "",
                       "depth_of_field": "", "focus": "", "lens_focal_length": ""},
    "style_medium": "", "artistic_style": "", "context": "",
    "actions": [{"time": "0:08-0:09", "description": "It ends."}, {"time": "0:02-0:00", "description": "It begins."},
                {"time": "soon", "description": "It lasts."}],
    "text_and_signage_elements": [],
    "segments": [{"segment_index": 3, "time_range": "0:00-0:30", "description": "One.", "key_changes": "",
                  "camera": "X"},
                 {"segment_index": 9, "time_range": "1:00-0:30", "description": "Two.", "key_changes": "",
                  "camera": "Y"}],
    "transitions": ["Dissolve at 0:03"], "temporal_caption": "It goes on.", "audio_description": "",
    "resolution": {"W": 1, "H": 1}, "aspect_ratio": "1,1", "duration": "99s", "fps": 5,
}  # fmt: skip


def known(path: Path, target: Target | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    measured = json.loads(json.dumps(measure(path).to_dict()))
    return measured, json.loads(json.dumps(facts_of(measured, probe(path).fps, target)))


def everywhere(path: Path, target: Target | None = None) -> list[dict[str, Any]]:
    """The caption by rules, and an answer that is wrong everywhere, set right."""
    measured, facts = known(path, target)
    made = [caption_by_rules("a robot", measured, facts), with_facts(WRONG, facts)]
    for caption in made:
        assert problems_of(caption) == []
        assert with_facts(caption, facts) == caption
    return made


def pan(path: Path, fps: int, frames: int, size: tuple[int, int] = (180, 320), dx: int = 4) -> Path:
    height, width = size
    world = clips.texture(height, width + dx * frames)
    return clips.write(path, [world[:, dx * (frames - i) :][:, :width] for i in range(frames)], fps=fps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fps", "frames", "duration"), [(24, 48, "2s"), (25, 74, "2s"), (30, 61, "2s"), (30, 121, "4s")]
)
def test_a_pan_to_the_left(tmp_path: Path, fps: int, frames: int, duration: str) -> None:
    for caption in everywhere(pan(tmp_path / "pan.mp4", fps, frames)):
        assert caption["cinematography"]["camera_motion"] == "Pans to the left"
        assert (caption["duration"], caption["fps"], caption["aspect_ratio"]) == (duration, fps, "16,9")
        assert caption["resolution"] == {"W": 320, "H": 180}
        (segment,) = caption["segments"]
        assert (segment["segment_index"], segment["camera"]) == (0, "Pans to the left")
        assert segment["time_range"] == f"0:00-0:0{duration[0]}"
        assert caption["transitions"] == []
        assert "light stays steady" in caption["lighting"]["illumination_effect"]


@pytest.mark.parametrize(("rate", "motion"), [(1.015, "Zooms in"), (0.985, "Zooms out"), (1.0001, "Static")])
def test_a_zoom(tmp_path: Path, rate: float, motion: str) -> None:
    for caption in everywhere(clips.zooming(tmp_path / "zoom.mp4", rate)):
        assert caption["cinematography"]["camera_motion"] == motion
        assert (caption["aspect_ratio"], caption["duration"], caption["fps"]) == ("4,3", "1s", 24)


@pytest.mark.parametrize("fps", [24, 25, 30])
def test_a_cut_at_one_second(tmp_path: Path, fps: int) -> None:
    first, second = clips.texture(320, 180, seed=1), 255 - clips.texture(320, 180, seed=2)
    for caption in everywhere(clips.write(tmp_path / "cut.mp4", [first] * fps + [second] * fps, fps=fps)):
        assert [each["time_range"] for each in caption["segments"]] == ["0:00-0:01", "0:01-0:02"]
        assert [each["segment_index"] for each in caption["segments"]] == [0, 1]
        assert caption["transitions"] == ["Cut at 0:01"]
        assert caption["cinematography"]["camera_motion"] == "Static"
        assert (caption["aspect_ratio"], caption["duration"], caption["fps"]) == ("9,16", "2s", fps)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (np.concatenate([np.ones(36), np.linspace(1, 0, 12)]), "fades to black at the end"),
        (np.concatenate([np.linspace(0, 1, 12), np.ones(36)]), "fades in from black"),
        (
            np.concatenate([np.linspace(0, 1, 12), np.ones(24), np.linspace(1, 0, 12)]),
            "in from black and fades to black",
        ),
        (np.linspace(0.4, 1, 48), "grows brighter"),
        (np.linspace(1, 0.4, 48), "grows darker"),
        (np.ones(48), "stays steady"),
    ],
)
def test_the_course_of_the_light(tmp_path: Path, course: np.ndarray, words: str) -> None:
    picture = clips.texture(120, 160).astype(float)
    path = clips.write(tmp_path / "light.mp4", [(picture * factor).astype(np.uint8) for factor in course])
    for caption in everywhere(path):
        effect = caption["lighting"]["illumination_effect"]
        assert words in effect
        assert "flicker" not in effect
        assert effect.count("brighter") == ("brighter" in words)
        assert caption["cinematography"]["camera_motion"] == "Static"
        assert len(caption["segments"]) == 1


def test_a_palette(tmp_path: Path) -> None:
    picture = clips.flat((36, 76, 206))
    picture[:30] = (238, 132, 30)
    path = clips.write(tmp_path / "two.mp4", [picture] * 24)
    for caption in everywhere(path):
        assert caption["aesthetics"]["color_scheme"] == "Mostly blue with touches of orange"
    measured, facts = known(path)
    assert with_facts(WRONG, {**facts, "wish": "at night, in red"})["aesthetics"]["color_scheme"] == "Pink"
    assert caption_by_rules("at night", measured, facts)["aesthetics"]["color_scheme"] == ""


def test_the_target_has_its_own_size_and_times(tmp_path: Path) -> None:
    first, second = clips.texture(180, 320, seed=1), 255 - clips.texture(180, 320, seed=2)
    path = clips.write(tmp_path / "cut.mp4", [first] * 60 + [second] * 60, fps=30)
    for caption in everywhere(path, Target(width=1104, height=832, fps=24, frames=93)):
        # One frame is made of each of the clip's and played at 24 a second: frame 60 is shown at 2.5 s.
        assert [each["time_range"] for each in caption["segments"]] == ["0:00-0:02.5", "0:02.5-0:03"]
        assert (caption["duration"], caption["fps"]) == ("3s", 24)
        assert (caption["resolution"], caption["aspect_ratio"]) == ({"W": 1104, "H": 832}, "4,3")
    for caption in everywhere(path, Target(frames=45)):
        assert len(caption["segments"]) == 1  # the cut comes after the target's end
        assert (caption["duration"], caption["transitions"]) == ("1s", [])


def test_a_fade_after_the_end_of_the_target_is_not_told(tmp_path: Path) -> None:
    picture = clips.texture(120, 160).astype(float)
    course = np.concatenate([np.ones(60), np.linspace(1, 0, 24)])
    path = clips.write(tmp_path / "fade.mp4", [(picture * factor).astype(np.uint8) for factor in course])
    for caption in everywhere(path, Target(frames=48)):
        assert "black" not in caption["lighting"]["illumination_effect"]


def test_a_still_has_no_times(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(clips.texture(200, 100)).save(tmp_path / "still.png")
    measured, facts = known(tmp_path / "still.png")
    for caption in (caption_by_rules("a tower", measured, facts), with_facts(WRONG, facts)):
        assert problems_of(caption) == []
        assert not {"duration", "fps"} & set(caption)
        assert (caption["segments"], caption["actions"]) == ([], [])
    _, facts = known(tmp_path / "still.png", Target(fps=24, seconds=5))
    assert (facts["duration"], facts["fps"]) == ("5s", 24)


def test_actions_are_inside_the_time_and_in_order(tmp_path: Path) -> None:
    _, facts = known(pan(tmp_path / "pan.mp4", 24, 48))
    made = with_facts(WRONG, facts)
    assert [each["time"] for each in made["actions"]] == ["0:00-0:02", "0:00-0:02", "0:01-0:02"]
    assert made["actions"][2]["description"] == "It ends."


def test_segments_of_an_answer_keep_their_words(tmp_path: Path) -> None:
    first, second = clips.texture(90, 160, seed=1), 255 - clips.texture(90, 160, seed=2)
    _, facts = known(clips.write(tmp_path / "cut.mp4", [first] * 24 + [second] * 24))
    assert [each["description"] for each in with_facts(WRONG, facts)["segments"]] == ["One.", "Two."]
    _, facts = known(pan(tmp_path / "pan.mp4", 24, 48))
    assert with_facts(WRONG, facts)["segments"][0]["description"] == "One. Two."


def test_nvidias_count_of_frames() -> None:
    clip = {"width": 1280, "height": 720, "duration": 10.0, "shots": [{"start": 0.0, "end": 10.0}]}
    assert facts_of(clip, 30, Target(frames=121))["duration"] == "4s"
    assert facts_of(clip, 29.97)["fps"] == 29.97
    assert facts_of(clip, 30.0)["fps"] == 30


texts = st.sampled_from(
    ["", "A hall", "It fades to black.", "steady", "0:01-0:02", "5 s", "9:99-0:00", "1:00", "x" * 300]
)
FACTS = [
    {**facts_of({"width": 640, "height": 360, "duration": d, "shots": [{"start": a, "end": b} for a, b in shots],
                 "brightness": [0.5] * 10, "palette": [["red", 1.0]]}, 24), "wish": wish}
    for d, shots in ((0, []), (0.4, [(0, 0.4)]), (2.5, [(0, 2.2), (2.2, 2.5)]), (61.0, [(0, 30.04), (30.04, 61)]))
    for wish in ("", "at night")
]  # fmt: skip


@settings(max_examples=cases(150), deadline=None)
@given(
    st.sampled_from(FACTS),
    st.lists(st.fixed_dictionaries({"time": texts, "description": st.just("It moves.")}), max_size=4),
    st.lists(st.fixed_dictionaries({"time_range": texts, "description": texts, "key_changes": texts}), max_size=4),
    texts,
)
def test_any_answer_becomes_valid_and_stays_so(
    facts: dict[str, Any], actions: list[Any], segments: list[Any], text: str
) -> None:
    answer = {
        **WRONG,
        "actions": actions,
        "segments": segments,
        "lighting": {**WRONG["lighting"], "illumination_effect": text},
    }
    made = with_facts(answer, facts)
    assert problems_of(made) == []
    assert with_facts(made, facts) == made


@settings(max_examples=cases(150), deadline=None)
@given(
    st.sampled_from(FACTS),
    st.dictionaries(
        st.sampled_from([*WRONG]),
        st.recursive(
            st.none() | st.integers() | texts, lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each)
        ),
    ),
)
def test_answers_of_wrong_shape_raise_nothing(facts: dict[str, Any], answer: dict[str, Any]) -> None:
    made = with_facts(answer, facts)
    assert with_facts(made, facts) == made
