from __future__ import annotations

import json
from typing import Any

import pytest

from cosmos_workflow.cli import main
from cosmos_workflow.cli.video_limits import facts
from cosmos_workflow.limits import GPUS, TRANSFER_MODELS


def limits(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["limits", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def text(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["limits", *arguments]) == 0
    return capsys.readouterr().out


def test_one_clip_on_one_card(capsys: pytest.CaptureFixture[str]) -> None:
    clip = ("--model", "transfer2.5-2b", "--gpu", "h100", "--frames", "240", "--size", "1280x720", "--steps", "35")
    document = limits(capsys, *clip, "--price-per-hour", "2.5")
    (plan,) = document["plans"]
    assert (plan["gpu"], plan["chunks"], plan["fits"]) == ("H100", 3, True)
    assert plan["minutes"] == pytest.approx(17.0, abs=0.1)
    assert plan["price"] == pytest.approx(0.71, abs=0.01)
    assert document["model"]["family"]["chunk"] == 93
    assert document["model"]["guidance"] == {"default": 3, "least": 0, "most": 7, "whole": True, "by_hint": {}}
    out = text(capsys, *clip, "--price-per-hour", "2.5")
    for words in ("3 chunks of 93 frames", "H100 (79.7 GiB): it fits, 17.0 minutes, 0.71 at 2.5 an hour", "65.4"):
        assert words in out
    assert "measured on this card" in out
    assert "not published" in out  # the time of NVIDIA's script


def test_a_card_that_is_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    out = text(capsys, "--model", "transfer1", "--gpu", "rtx4090")
    for words in ("it does not fit", "28.0 GiB needed, 24.0 on the card", "remedy: ", "at least 28.0"):
        assert words in out


def test_nothing_is_published_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    (plan,) = limits(capsys, "--model", "transfer1-7b-4k", "--memory-gib", "80")["plans"]
    assert (plan["fits"], plan["minutes"], plan["price"], plan["ways"]) == (None, None, None, [])
    out = text(capsys, "--model", "transfer1-7b-4k", "--memory-gib", "80")
    assert "whether it fits is not published, its time is not published" in out


@pytest.mark.parametrize("name", TRANSFER_MODELS)
def test_the_facts_of_a_model_and_every_card(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [plan["gpu"] for plan in limits(capsys, "--model", name)["plans"]] == list(GPUS)
    out = text(capsys, "--model", name)
    model = TRANSFER_MODELS[name]
    for words in (
        model.repository,
        model.prompt.tokenizer,
        model.licence,
        *model.sources.values(),
        *model.notes,
        *GPUS,
    ):
        assert words in out


def test_every_fact_that_has_a_source_is_shown() -> None:
    for model in TRANSFER_MODELS.values():
        assert model.sources.keys() <= facts(model).keys()


def test_without_a_model_the_video_models_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    out = text(capsys)
    assert all(f" {name} " in out for name in TRANSFER_MODELS)
    assert "transfer2.5" not in text(capsys, "--gpu", "L4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model transfer2.5-2b --fit off", "--fit is for prompt upsampling"),
        ("--model transfer2.5-2b --prompt city", "--prompt is for prompt upsampling"),
        ("--model cosmos3 --model-path x", "--model-path is for prompt upsampling"),
        ("--model cosmos3 --max-tokens 9", "--max-tokens is for prompt upsampling"),
        ("--model cosmos3 --max-model-len 9", "--max-model-len is for prompt upsampling"),
        ("--steps 3", "--steps is for video models"),
        ("--model cosmos-reason1-7b --controls 1", "--controls is for video models"),
        ("--price-per-hour 1", "--price-per-hour is for video models"),
        ("--tier 480", "--tier is for video models"),
        ("--model cosmos3 --size 640x480 --size 320x240", "a clip has one size"),
        ("--model cosmos3 --tier 4k", "no sizes '4k'"),
        ("--model cosmos3 --controls 6", "takes 1 to 5 controls, not 6"),
        ("--model cosmos3 --gpu Voodoo", "unknown GPU"),
        ("--model transfer9", "transfer9"),
    ],
)
def test_what_is_refused(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
