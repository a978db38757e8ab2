"""Transfers from Python."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips
import pytest

from cosmos_workflow import check_transfer, transfer
from cosmos_workflow.api import run_items
from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.asking import item_from
from cosmos_workflow.kinds.transfer.item import Settings
from cosmos_workflow.kinds.transfer.spec import Spec
from cosmos_workflow.transfers import prompts as transfers_prompts
from cosmos_workflow.transfers.prompts import ask, asked_of, upsampler_at

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    clips.textured(tmp_path / "clip.mp4", 96, 64, frames=4)
    return tmp_path


def test_a_script_makes_what_the_command_makes_and_nothing_twice() -> None:
    ids: list[str] = []
    results = transfer(
        Path("clip.mp4"), "a city", controls={"edge": 0.6}, seeds=[1, 2], size="256", engine="preview",
        on_result=lambda result: ids.append(result.id),
    )  # fmt: skip
    assert [(result.id, result.error, result.seed) for result in results] == [
        ("clip-seed1", "", 1), ("clip-seed2", "", 2),
    ]  # fmt: skip
    assert ids == ["clip-seed1", "clip-seed2"]
    assert set(results[0].outputs) == {"preview.mp4", "prompt.txt", "spec.json"}
    assert Path("clip.videos/clip-seed2/preview.mp4").is_file()
    again = transfer(
        "clip.mp4", "a city", controls={"edge": 0.6}, seeds=[1, 2], size="256", engine="preview",
        on_result=lambda result: ids.append(result.id),
    )  # fmt: skip
    assert again == results
    assert len(ids) == 2


def test_controls_are_names_weights_videos_or_fields() -> None:
    asked = {"edge": 0.5, "vis": {"weight": 0.25, "preset": "high"}, "depth": "clip.mp4", "seg": Path("clip.mp4")}
    (checked,) = check_transfer("clip.mp4", "a city", controls=asked, size="256", engine="preview")
    assert checked.work is not None, checked.reason
    assert {each.hint: (each.weight, each.preset, each.computed) for each in checked.work.controls} == {
        "edge": (0.5, "medium", True), "vis": (0.25, "high", True), "depth": (1, "", False), "seg": (1, "", False),
    }  # fmt: skip
    for controls in ("edge", ["edge"], {"edge": None}):
        (checked,) = check_transfer("clip.mp4", "a city", controls=controls, size="256")
        assert checked.work is not None, checked.reason
        assert [each.hint for each in checked.work.controls] == ["edge"]


def test_items_of_ones_own(folder: Path) -> None:
    spec = Spec.model_validate({"prompt": "a city", "video": "clip.mp4", "controls": {"edge": {}}, "size": "256"})
    (result,) = transfer(item_from(spec, "shot"), engine="preview", out=folder / "made")
    assert (result.id, result.error) == ("shot", "")
    assert (folder / "made" / "shot" / "preview.mp4").is_file()
    with pytest.raises(UsageError, match="nothing can be added"):
        transfer(item_from(spec, "shot"), "another prompt", engine="preview")


def test_what_cannot_be_used_is_told() -> None:
    with pytest.raises(UsageError, match="a transfer has no 'step'"):
        check_transfer("clip.mp4", "a city", step=3)
    with pytest.raises(BadInputError, match="steps is 'many'"):
        check_transfer("clip.mp4", "a city", steps="many")
    with pytest.raises(BadInputError, match="colour"):
        check_transfer("clip.mp4", "a city", controls=["colour"])
    (checked,) = check_transfer("clip.mp4", "a city", controls=["edge", "vis"], engine="diffusers")
    assert checked.verdict == "bad_input"
    assert "takes one control" in checked.reason
    (checked,) = check_transfer("clip.mp4", "a city", controls=["edge"], model="transfer1", gpu="RTX 4090")
    assert checked.verdict == "no_memory"


def test_the_upsampler_writes_the_prompt() -> None:
    (result,) = transfer("clip.mp4", "a city", controls=["edge"], size="256", engine="preview", upsample=True)
    assert result.error == ""
    assert result.prompt.startswith("A city.")
    assert Path("clip.videos/clip/prompt.txt").read_text() == result.prompt
    assert Path("clip.videos/prompts.jsonl").is_file()


def test_nothing_is_asked_for_transfers_that_cannot_run(folder: Path) -> None:
    spec = Spec.model_validate({"prompt": "a city", "video": "gone.mp4", "controls": {"edge": {}}})
    (result,) = transfer(item_from(spec, "gone"), engine="preview", upsample=True, out=folder / "clip.videos")
    assert result.verdict == "bad_input"
    assert (folder / "clip.videos" / "prompts.jsonl").exists() is False


def test_what_was_upsampled_is_kept_with_the_item(folder: Path) -> None:
    spec = Spec.model_validate({"prompt": "a city", "video": "clip.mp4", "controls": {"edge": {}}, "size": "256"})
    items = [item_from(spec, "a"), item_from(spec, "b")]
    asked = asked_of(get_kind("transfer").check(items, Settings(engine="preview")), "control", folder / "out")
    assert len(asked.prompts) == 1
    made = ask(items, asked, upsampler_at("local"), folder / "out")
    assert made.failed == {}
    first, second = (item.extra["upsampled"] for item in made.items)
    assert first == second
    assert (first["prompt"], first["looked_at"], first["engine"]) == ("a city", "edge, computed", "describe")
    assert first["upsampled_prompt"] == made.items[0].spec.prompt
    assert get_kind("transfer").load_item(get_kind("transfer").dump_item(made.items[0])) == replace(
        made.items[0], video=folder / "clip.mp4"
    )


def test_captions_of_videos_of_all_sizes_are_asked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model would be loaded for each run of its own."""
    clips.textured(folder / "tall.mp4", 64, 96, frames=9, fps=30)
    clip, tall = "clip.mp4", "tall.mp4"
    entries = [
        ("wide", "cosmos3", clip, "256"), ("tall", "cosmos3", tall, "256"), ("large", "cosmos3", clip, "480"),
        ("again", "cosmos3", clip, "256"), ("prose", "transfer2.5", clip, "256"),
    ]  # fmt: skip
    items = [
        item_from(Spec.model_validate(
            {"model": model, "prompt": "a city", "video": video, "controls": {"edge": {}}, "size": size}
        ), name)
        for name, model, video, size in entries
    ]  # fmt: skip
    asked = asked_of(get_kind("transfer").check(items, Settings(engine="preview")), "clip", folder / "out")
    assert len(asked.prompts) == 4
    runs: list[Any] = []

    def counted(prompts: Any, *args: Any, **more: Any) -> list[Any]:
        runs.append(prompts)
        return run_items(prompts, *args, **more)

    monkeypatch.setattr(transfers_prompts, "run_items", counted)
    made = ask(items, asked, upsampler_at("local"), folder / "out")
    assert (made.failed, len(runs)) == ({}, 1)
    prompts = {item.id: item.spec.prompt for item in made.items}
    assert prompts["prose"].startswith("A city.")
    for checked in get_kind("transfer").check(made.items, Settings(engine="preview")):
        assert checked.work is not None, checked.reason
        if checked.item.id != "prose":
            size = json.loads(prompts[checked.item.id])["resolution"]
            assert (size["W"], size["H"]) == (checked.work.width, checked.work.height)


def test_a_transfer_without_an_answer_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec.model_validate({"prompt": "a city", "video": "clip.mp4", "controls": {"edge": {}}, "size": "256"})
    items = [item_from(spec, "a"), item_from(spec.model_copy(update={"prompt": "a forest"}), "b")]
    asked = asked_of(get_kind("transfer").check(items, Settings(engine="preview")), "clip", folder / "out")

    def one_fails(prompts: Any, *args: Any, **more: Any) -> list[Any]:
        answers = run_items(prompts, *args, **more)
        return [replace(each, error="too hot") if each.prompt == "a forest" else each for each in answers]

    monkeypatch.setattr(transfers_prompts, "run_items", one_fails)
    made = ask(items, asked, upsampler_at("local"), folder / "out")
    assert [item.id for item in made.items] == ["a"]
    assert made.failed == {"b": "too hot"}
