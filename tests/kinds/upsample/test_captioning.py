"""What is planned and asked for a caption, and what of it is part of an item's identity."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.kinds.upsample import FORMATS, Item, Settings
from cosmos_workflow.kinds.upsample.caption import facts_of
from cosmos_workflow.kinds.upsample.captioning import caption_in, longest_question, question_of
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.kinds.upsample.picking import times_at_shots
from cosmos_workflow.limits import get_model

MOVES = (["pan left", "tilt down", "zoom out"], [], ["pan right"])


def measured(shots: int, light: float, colours: int) -> dict[str, Any]:
    spans = [{"start": float(n), "end": n + 1.0, "motion": {"moves": MOVES[n % 3], "subject": "left"}}
             for n in range(shots)]  # fmt: skip
    names = ("dark grey", "light brown", "olive", "slate blue", "orange")
    return {
        "width": 4096, "height": 2160, "duration": float(shots), "shots": spans,
        "brightness": [0.5 - light + 2 * light * part / 9 for part in range(10)], "contrast": 0.3, "sharpness": 0.2,
        "palette": [[name, 0.2] for name in names[:colours]], "detail": "left",
    }  # fmt: skip


@pytest.mark.parametrize("format", FORMATS[1:])
def test_no_question_is_longer_than_its_plan(format: Any) -> None:
    count = get_model(Settings().limits).text.count
    for shots, light, colours in itertools.product((1, 2, 8, 40), (0.0, 0.3, 0.5), (1, 5)):
        facts = facts_of(measured(shots, light, colours), 23.976)
        asked = question_of("a city", facts, negative=format == "cosmos3-negative")
        assert count(asked) <= count(longest_question("a city", format)), (shots, light, colours)


def test_a_paragraphs_identity_is_as_ever_and_a_captions_has_its_target(clip: Path) -> None:
    def asks(prompt: str = "a city", **settings: Any) -> dict[str, Any]:
        wanted = Settings(max_model_len=16384, **settings)
        (checked,) = UPSAMPLE.check([Item("a", prompt, clip)], wanted)
        assert checked.runs
        return dict(UPSAMPLE.asks(checked, wanted))

    prose = asks()
    assert prose.keys() == {"prompt", "frames", "size", "pick", "max_tokens", "temperature", "seed"}
    assert asks(for_fps=30) == prose
    captions = [
        asks(format="cosmos3"), asks(format="cosmos3-negative"), asks(format="cosmos3", for_fps=30),
        asks(format="cosmos3", for_size=(1280, 720)), asks(format="cosmos3", for_seconds=4.0),
    ]  # fmt: skip
    assert all(left != right for left, right in itertools.combinations([prose, *captions], 2))
    assert captions[0]["max_tokens"] == 4096
    assert asks('{"temporal_caption": "A car passes."}') != prose


def test_what_an_item_says_itself_is_the_same_work_as_where_the_run_says_it(clip: Path) -> None:
    form: dict[str, Any] = {"format": "cosmos3", "for_size": (1280, 720), "for_fps": 24.0, "for_seconds": 2.0}
    rest: dict[str, Any] = {"format": "text", "for_size": (640, 480), "for_fps": 30.0, "for_seconds": 9.0}

    def whole(item: Item, settings: Settings) -> Any:
        (checked,) = UPSAMPLE.check([item], settings)
        assert checked.runs, checked.reason
        return checked.plan, UPSAMPLE.asks(checked, settings), UPSAMPLE.pack(checked, settings, "measurements").task

    of_the_run = whole(Item("a", "a city", clip), Settings(max_model_len=16384, **form))
    assert whole(Item("a", "a city", clip, **form), Settings(max_model_len=16384, **rest)) == of_the_run
    assert of_the_run[1]["target"] == {"size": [1280, 720], "fps": 24.0, "seconds": 2.0}
    paragraph = Item("a", "a city", clip, format="text")
    assert "format" not in whole(paragraph, Settings(max_model_len=16384, **form))[1]


def test_rules_take_a_caption_of_an_item_whatever_the_runs_form_is(clip: Path) -> None:
    settings = UPSAMPLE.for_engine(Settings(), "describe")
    (checked,) = UPSAMPLE.check([Item("a", "a city", clip, format="cosmos3")], settings)
    assert checked.runs, checked.reason
    (refused,) = UPSAMPLE.check([Item("a", "a city", clip, format="cosmos3")], Settings())
    assert (refused.verdict, "--engine describe" in refused.remedy) == ("too_long", True)


def test_settings_are_the_same_behind_json() -> None:
    settings = Settings(format="cosmos3", for_size=(1280, 720), pick="shots")
    values = UPSAMPLE.dump_settings(settings)
    assert UPSAMPLE.load_settings({**values, "for_size": [1280, 720]}) == UPSAMPLE.load_settings(values)
    assert hash(UPSAMPLE.load_settings({**values, "for_size": [1280, 720]}))


@pytest.mark.parametrize("prompt", ["a city", "{a} city", '{"a": 1}', '{"temporal_caption": ', "[1]", ""])
def test_what_is_no_caption_is_a_prompt(prompt: str) -> None:
    assert caption_in(prompt) is None


@pytest.mark.parametrize(
    ("spans", "count", "times"),
    [
        ([(0, 4)], 2, [1.0, 3.0]),
        ([(0, 1), (1, 2)], 2, [0.5, 1.5]),
        ([(0, 1), (1, 2), (2, 3), (3, 4)], 2, [1.5, 3.5]),
        ([(0, 1), (1, 5)], 3, [0.5, 2.0, 4.0]),
    ],
)
def test_frames_stand_in_the_middle_of_their_shots(spans: list[Any], count: int, times: list[float]) -> None:
    assert times_at_shots([{"start": start, "end": end} for start, end in spans], count) == times


def test_what_is_of_a_captions_video_is_noted_where_it_has_no_effect(clip: Path) -> None:
    settings = Settings("cosmos-reason2-8b")
    for format in ("text", "cosmos3-negative"):
        (checked,) = UPSAMPLE.check([Item("a", "a city", clip, format=format, for_fps=30.0)], settings)
        assert "for_fps has no effect" in checked.plan.note
        (plain,) = UPSAMPLE.check([Item("a", "a city", clip, format=format)], settings)
        assert UPSAMPLE.asks(checked, settings) == UPSAMPLE.asks(plain, settings)
        assert plain.plan.note == ""


def test_rules_draw_nothing(clip: Path) -> None:
    """So a model's sampling is no part of what they are asked."""
    settings = Settings("cosmos-reason2-8b")
    (checked,) = UPSAMPLE.check([Item("a", "a city", clip)], settings)
    assert "sampling" in UPSAMPLE.asks(checked, settings)
    assert "sampling" not in UPSAMPLE.asks(checked, UPSAMPLE.for_engine(settings, "describe"))
