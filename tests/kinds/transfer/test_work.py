"""What an engine is asked, written as a spec and read again."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import clips
import hypothesis
import pytest
from counts import cases
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.asking import item_from, specs_in
from cosmos_workflow.kinds.transfer.item import FILES, Settings
from cosmos_workflow.kinds.transfer.plan import Checked, check_item
from cosmos_workflow.kinds.transfer.spec import HINTS, PRESETS, RESTORED, Spec
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.limits import TRANSFER_MODELS

ASKED: list[dict[str, Any]] = [
    {"model": "transfer2.5", "controls": {"edge": {"weight": 0.5, "preset": "high"}}, "size": "256"},
    {"model": "transfer2.5", "controls": {"edge": {"path": "clip.mp4", "mask": "clip.mp4"}, "vis": {"weight": 0.2}},
     "sigma_max": 100.0, "frames": 3, "keep_frames": True, "restore": ["audio", "size"]},
    {"model": "transfer1", "controls": {"depth": {"path": "clip.mp4"}, "seg": {}}, "fps": 12.0, "seed": 0},
    {"model": "cosmos3", "controls": {"edge": {}, "vis": {}}, "prompt": '{"subjects": []}', "negative_prompt": "dull",
     "shift": 5.0, "first_overlap": 1, "control_guidance": 0.0, "guidance": 0.0, "program": {"enable_sound": False}},
    {"model": "transfer1", "av": False, "controls": {"seg": {"prompt": "car . tree", "mask_prompt": "car"},
     "edge": {"checkpoint": "own.pt", "weight": {"path": "clip.mp4"}}}, "regions": [
         {"prompt": "left", "box": [0, 0, 0.5, 1]}, {"prompt": "right", "mask": "clip.mp4"},
         {"prompt": "sky", "mask_prompt": "sky"}], "negative_prompt": ""},
    {"model": "transfer1", "distilled": True, "controls": {"edge": {}}},
    {"model": "transfer2.5", "controls": {"edge": {}}, "anchor_mask": "clip.mp4", "anchor_step": 12,
     "anchor_labels": [3, 1], "style_frame": 2, "keep_size": False, "show_control": True, "show_input": True},
]  # fmt: skip


# A value for each field, by which work that is otherwise the same becomes another: by family, where not all have it.
CHANGES: list[dict[str, Any]] = [
    {"prompt": "a forest"}, {"negative_prompt": ""}, {"negative_prompt": "dull"}, {"seed": 7}, {"steps": 9},
    {"guidance": 0}, {"guidance": 1}, {"frames": 2}, {"restore": ["size"]}, {"restore": ["audio"]},
    {"keep_frames": True}, {"controls": {"edge": {}, "vis": {}}}, {"controls": {"vis": {}}},
    {"controls": {"edge": {"weight": 0.3}}}, {"controls": {"edge": {"preset": "low"}}},
    {"controls": {"edge": {"path": "clip.mp4"}}}, {"program": {"benchmark": True}}, {"aspect": "1:1"},
]  # fmt: skip
MORE: dict[str, list[dict[str, Any]]] = {
    "transfer1": [
        {"fps": 30.0}, {"sigma_max": 90.0}, {"distilled": True},
        {"regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, {"regions": [{"prompt": "b", "box": [0, 0, 1, 1]}]},
        {"regions": [{"prompt": "a", "box": [0, 0, 0.5, 1]}]}, {"regions": [{"prompt": "a", "mask_prompt": "car"}]},
        {"regions": [{"prompt": "a", "mask": "clip.mp4"}]}, {"controls": {"edge": {"mask_prompt": "car"}}},
        {"controls": {"seg": {"mask_prompt": "car"}}}, {"controls": {"seg": {"mask_prompt": "tree"}}},
        {"controls": {"seg": {"prompt": "car"}}}, {"controls": {"seg": {"prompt": "tree"}}},
        {"controls": {"edge": {"checkpoint": "own.pt"}}}, {"controls": {"edge": {"weight": {"path": "clip.mp4"}}}},
    ],
    "transfer2.5": [
        {"size": "480"},
        {"sigma_max": 90.0}, {"chunk": 29}, {"overlap": 0}, {"style_frame": 1}, {"style_frame": 2}, {"distilled": True},
        {"anchor_mask": "clip.mp4", "anchor_step": 3}, {"anchor_mask": "clip.mp4", "anchor_step": 4},
        {"anchor_mask": "clip.mp4", "anchor_labels": [1]}, {"anchor_mask": "clip.mp4"}, {"keep_size": False},
        {"show_control": True}, {"show_input": True}, {"controls": {"edge": {"mask": "clip.mp4"}}},
        {"controls": {"edge": {"mask_prompt": "car"}}}, {"controls": {"seg": {"prompt": "car"}}},
    ],
    "cosmos3": [
        {"size": "480"},
        {"fps": 30.0}, {"chunk": 29}, {"overlap": 0}, {"first_overlap": 1}, {"shift": 5.0}, {"control_guidance": 0.0},
        {"control_guidance": 1.0}, {"show_control": True}, {"show_input": True},
    ],
}  # fmt: skip
PEOPLE_ONLY = {
    "name",
    "video",
    "controls",
    "model",
    "prompt_path",
    "negative_prompt_path",
    "extra",
    "style_image",
    "av",
}


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    clips.textured(tmp_path / "clip.mp4", 96, 64, frames=4)
    return tmp_path / "clip.mp4"


def checked_of(values: dict[str, Any], id: str = "shot") -> Checked:
    return check_item(item_from(Spec.model_validate({"video": "clip.mp4"} | values), id), Settings(engine="preview"))


def test_every_field_is_changed_somewhere() -> None:
    changed = {name for changes in (CHANGES, *MORE.values()) for change in changes for name in change}
    assert changed | PEOPLE_ONLY == set(Spec.model_fields)


@pytest.mark.parametrize("family", MORE)
def test_what_is_asked_otherwise_is_other_work(family: str, clip: Path) -> None:
    base = {"model": family, "prompt": '{"subjects": []}', "controls": {"edge": {}}}
    works: dict[str, dict[str, Any]] = {}
    for change in ({}, *CHANGES, *MORE[family]):
        checked = checked_of(base | change)
        assert checked.work is not None, (change, checked.reason)
        # What identifies work: what is asked, and which files there are in which role.
        asks = json.dumps([checked.work.asks(), sorted(checked.item.files)], sort_keys=True)
        assert asks not in works, (change, works[asks])
        works[asks] = change
        assert_the_same_again(checked, clip)


def assert_the_same_again(checked: Checked, clip: Path) -> None:
    """The spec that is written beside a result asks for the same work, read from its folder."""
    assert checked.work is not None
    assert Work.of(json.loads(json.dumps(checked.work.asks()))) == checked.work
    folder = clip.parent / "made"
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(checked.work.as_spec("shot", checked.item.files)))
    for role in FILES:  # where the spec looks for them
        (folder / role).unlink(missing_ok=True)
        if role in checked.item.files:
            (folder / role).symlink_to(checked.item.files[role].absolute())
    notes: list[str] = []
    (spec,) = specs_in(folder / "spec.json", notes.append)
    again = check_item(item_from(spec), Settings(engine="preview"))
    assert notes == []
    assert again.item.id == "shot"
    assert again.work == checked.work, again.reason
    assert again.item.files.keys() == checked.item.files.keys()


@pytest.mark.parametrize("values", ASKED, ids=lambda values: values["model"])
def test_a_spec_of_it_asks_for_the_same(values: dict[str, Any], clip: Path) -> None:
    checked = checked_of({"prompt": "a city"} | values)
    assert checked.work is not None, checked.reason
    assert_the_same_again(checked, clip)


def test_what_an_earlier_version_asked_is_read(clip: Path) -> None:
    work = checked_of({"prompt": "a city", "controls": {"edge": {}}}).work
    assert work is not None
    early = {name: value for name, value in asdict(work).items() if name not in LATER} | {"negative_prompt": ""}
    early["controls"] = [{name: control[name] for name in ("hint", "weight", "share")} for control in early["controls"]]
    assert Work.of(json.loads(json.dumps(early))) == replace(
        work, controls=(Applied("edge", 1.0, 1.0),), out_fps=work.fps
    )
    newer = work.asks() | {"of_tomorrow": 1}
    newer["controls"] = [control | {"of_tomorrow": 2} for control in newer["controls"]]
    assert Work.of(newer) == work


LATER = {"out_fps", "restore", "keep_frames", "regions", "style_frame", "anchor_step", "anchor_labels", "keep_size",
         "show_control", "show_input", "program"}  # fmt: skip


# Specs as people may write them by mistake: of each field a value that is right, and values that are not.
NUMBERS = st.one_of(st.sampled_from([0, 1, -1, 2, 93, 94, 121, 10**6, 2**32, 2**63, 10**400]), st.integers(-5, 5000))
REALS = st.one_of(st.sampled_from([0.0, -1.0, 1e-300, 1e300, 0.5, 80.0, 200.5]), st.floats(-10, 300))
TEXTS = st.sampled_from(
    ["", "720", "1280x704", "4k", "16:9", "0:0", "9" * 5000, "wide", "{", "clip.mp4", "none.mp4", "\0"]
)
PATHS = st.sampled_from(["", "clip.mp4", "none.mp4", "picture.png", "."])
CONTROL = st.fixed_dictionaries({}, optional={
    "path": PATHS, "weight": REALS | PATHS.map(lambda path: {"path": path}),
    "preset": st.sampled_from(PRESETS), "prompt": TEXTS, "mask_prompt": TEXTS,
    "checkpoint": TEXTS, "extra": st.dictionaries(TEXTS, NUMBERS, max_size=1),
})  # fmt: skip
REGION = st.fixed_dictionaries(
    {"prompt": TEXTS}, optional={"box": st.lists(REALS, min_size=4, max_size=4), "mask": PATHS, "mask_prompt": TEXTS}
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": TEXTS, "video": PATHS, "controls": st.dictionaries(st.sampled_from(HINTS), CONTROL, max_size=5),
    "regions": st.lists(REGION, max_size=2), "style_image": PATHS, "anchor_mask": PATHS, "size": TEXTS, "aspect": TEXTS,
    "negative_prompt": TEXTS, "prompt_path": PATHS, "anchor_labels": st.lists(NUMBERS, max_size=2),
    **dict.fromkeys(("seed", "steps", "frames", "chunk", "overlap", "first_overlap", "style_frame", "anchor_step"),
                    NUMBERS),
    **dict.fromkeys(("guidance", "control_guidance", "shift", "sigma_max", "fps"), REALS),
    **dict.fromkeys(("keep_size", "show_control", "show_input", "keep_frames", "distilled", "av"), st.booleans()),
    "restore": st.lists(st.sampled_from(RESTORED), max_size=3), "extra": st.dictionaries(TEXTS, TEXTS, max_size=1),
    "program": st.dictionaries(st.sampled_from(["batch_size", "enable_sound"]), NUMBERS, max_size=1),
}  # fmt: skip


@st.composite
def strange(draw: st.DrawFn) -> dict[str, Any]:
    """A few fields of a spec, so that those which are wrong do not hide the others."""
    return {
        name: draw(FIELDS[name]) for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    }


@hypothesis.settings(max_examples=cases(200), deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(
    values=strange(), model=st.sampled_from(["", *TRANSFER_MODELS, "none"]),
    engine=st.sampled_from(["", "diffusers", "preview", "http"]), gpu=st.sampled_from(["", "L4", "GH200", "B200", "x"]),
)  # fmt: skip
def test_no_spec_ends_a_check(clip: Path, values: dict[str, Any], model: str, engine: str, gpu: str) -> None:
    if not (picture := clip.parent / "picture.png").exists():
        Image.new("RGB", (64, 36)).save(picture)
    try:
        item = item_from(Spec.model_validate({"video": "clip.mp4", "controls": {"edge": {}}} | values))
    except (BadInputError, ValidationError):
        return
    checked = check_item(item, Settings(model=model, engine=engine, gpu=gpu))
    assert checked.runs == (checked.work is not None)
    assert checked.runs or (checked.reason and checked.remedy)
    for each in checked.findings:
        assert each.text
        assert each.remedy
        assert len(each.text) < 1000
    if checked.work:
        json.dumps(checked.work.asks())
        assert checked.work.frames >= 1
        assert checked.work.chunks >= 1
        assert checked.note
        assert_the_same_again(checked, clip)
