"""What a model is asked: the facts, the user's words as they are, and what was wrong with its answer."""

from __future__ import annotations

from typing import Any

from cosmos_workflow.kinds.upsample.caption import facts_of, problems_of, question, question_again

CLIP: dict[str, Any] = {
    "width": 1280, "height": 720, "duration": 2.0, "brightness": [0.5] * 10, "contrast": 0.4,
    "palette": [["teal", 0.9]],
    "shots": [{"start": 0.0, "end": 1.0, "motion": {"moves": ["pan left"]}}, {"start": 1.0, "end": 2.0}],
}  # fmt: skip


def test_the_facts_and_the_users_words() -> None:
    prompt = '  a robot\nat night, {curly} "quoted"  '
    text = question(prompt, facts_of(CLIP, 24))
    assert text.endswith(prompt)
    for fact in (
        "1280x720",
        "16,9",
        "2s at 24",
        "0:00-0:02",
        "2 shots",
        "0:00-0:01",
        "Pans to the left",
        "Mostly teal",
    ):
        assert fact in text


def test_without_a_wish_the_clip_is_described() -> None:
    text = question("", facts_of(CLIP, 24))
    assert "no wish" in text
    assert "'s wish, which" not in text


def test_a_negative_question_has_no_size_and_no_time() -> None:
    text = question("a robot", facts_of(CLIP, 24), negative=True)
    assert "must not look like" in text
    assert "1280" not in text and "0:02" not in text
    assert text.endswith("a robot")


def test_problems_are_given_back() -> None:
    text = question_again('{"fps": "x"}', problems_of({"fps": "x"}))
    assert "- fps: it is a text" in text
    assert "- subjects: it is missing" in text
    assert "shorter" not in text
    assert "shorter" in question_again('{"subjects": [{"desc', ["it ends in the middle"])
