"""From what people write to an Item, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clips
import pytest

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.asking import is_spec, item_from, item_of, specs_in, specs_of_batch
from cosmos_workflow.kinds.transfer.item import Item, Settings
from cosmos_workflow.kinds.transfer.sources import items_of
from cosmos_workflow.kinds.transfer.spec import Spec
from cosmos_workflow.kinds.transfer.variants import MOST, numbers_of, variants

ASKED = {
    "prompt": "a city", "video": "clip.mp4",
    "controls": {"edge": {"path": "edge.mp4", "mask": "mask.mp4"}, "seg": {"weight": {"path": "weights.pt"}}},
    "regions": [{"prompt": "a car", "mask": "car.mp4"}, {"prompt": "the sky", "box": [0, 0, 1, 0.5]}],
}  # fmt: skip


def test_files_are_named_by_their_roles_and_no_path_is_asked() -> None:
    item = item_from(Spec.model_validate(ASKED))
    assert {name: str(path) for name, path in item.files.items()} == {
        "video": "clip.mp4", "edge": "edge.mp4", "edge_mask": "mask.mp4", "seg_weights": "weights.pt",
        "region_1": "car.mp4",
    }  # fmt: skip
    assert not any(str(path) in item.asked for path in item.files.values())
    spec = item.spec
    assert (spec.prompt, spec.controls["edge"].mask, spec.regions[0].mask) == ("a city", "edge_mask", "region_1")


def test_an_item_is_the_same_after_a_way_through_json(tmp_path: Path) -> None:
    kind = get_kind("transfer")
    item = item_from(Spec.model_validate(ASKED | {"video": str(tmp_path / "clip.mp4")}), "shot")
    again = kind.load_item(json.loads(json.dumps(kind.dump_item(item))))
    assert (again.id, again.asked, again.video) == ("shot", item.asked, item.video)
    files = {role: str(path) for role, path in item.files.items()}
    sent = item_of({"id": "shot", "asked": item.asked, **files}, "request")
    assert (sent.id, json.loads(sent.asked), sent.files) == ("shot", json.loads(item.asked), item.files)


@pytest.mark.parametrize("asked", ["{", '{"steps": "many"}', "[]"])
def test_what_is_no_spec_is_told(asked: str) -> None:
    with pytest.raises(BadInputError, match="what is asked is no spec"):
        item_of({"asked": asked}, "request")


def test_names_are_made_of_what_is_asked_where_none_is_given() -> None:
    first, second = (item_from(Spec(video="clip.mp4", prompt=prompt)) for prompt in ("a city", "a forest"))
    assert first.id.startswith("clip-")
    assert first.id != second.id
    assert first.id == item_from(Spec(video="clip.mp4", prompt="a city")).id


@pytest.mark.parametrize("text", ["", "1-", "a", "1,,2", "9-1", f"1-{MOST + 1}"])
def test_what_are_no_numbers_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="these are no seeds"):
        numbers_of(text)


def test_every_combination_once_and_only_what_differs_in_the_name() -> None:
    spec = Spec.model_validate({"controls": {"edge": {}, "vis": {}}, "seed": 3})
    made = dict(variants(spec, prompts=["a", "b"], weights={"vis": [0.2]}))
    assert list(made) == ["prompt1", "prompt2"]
    assert {(each.prompt, each.seed, each.controls["vis"].weight) for each in made.values()} == {
        ("a", 3, 0.2), ("b", 3, 0.2),
    }  # fmt: skip
    assert [name for name, _ in variants(spec)] == [""]


OWN = '{"video": "clip.mp4", "prompt": "%s", "controls": {"edge": {}}}'


def items(path: Path, **asked: Any) -> list[Item]:
    return items_of(path, lambda text: None, **asked)


def test_specs_without_a_name_are_numbered_and_a_name_given_twice_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "night.jsonl"
    path.write_text(f"{OWN % 'a'}\n{OWN % 'b'}\n")
    assert [item.id for item in items(path)] == ["night-1", "night-2"]
    assert [item.id for item in items(path, seeds=[1, 2])] == [
        "night-1-seed1", "night-1-seed2", "night-2-seed1", "night-2-seed2",
    ]  # fmt: skip
    alone = tmp_path / "alone.ndjson"
    alone.write_text(OWN % "a")
    assert [item.id for item in items(alone)] == ["alone"]
    named = '{"name": "%s", "video_path": "a.mp4", "prompt": "x", "edge": {}}'
    path.write_text("\n".join(named % name for name in ("a", "A", "a/b", "../a", "con")))
    assert [item.id for item in items(path)] == ["a", "A", "a/b", "../a", "con"]
    path.write_text("\n".join(named % name for name in ("a", "b", "a")))
    assert [(item.id, item.extra) for item in items(path)] == [("a", {}), ("b", {}), ("a-2", {"namesake": "a"})]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("prompts.jsonl", '{"video": "clip.mp4", "prompt": "x"}', "this is no spec of a transfer"),
        ("gone.json", None, "no such file"),
        ("broken.json", '{"edge": {},}', "a comma too many"),
    ],
)
def test_a_file_that_holds_no_spec_is_no_clip(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInputError, match=words):
        items(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "faulty"),
    [
        (b'{"video": "clip.mp4", "prompt": "\\ud83d"}', False),
        (b'{"video": "clip.mp4", "prompt": "x", "score": NaN}', False),
        (b'{"video": "clip.mp4", "prompt": "\xff"}', False),
        (b'{"video_path": "clip.mp4", "prompt": "\\ud83d", "edge": {}}', True),
        (b'{"model_mode" : "video2video",}', True),
    ],
)
def test_a_faulty_batch_of_prompts_is_left_to_its_own_reader(tmp_path: Path, line: bytes, faulty: bool) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_bytes(line)
    if faulty:
        with pytest.raises(BadInputError):
            is_spec(path)
    else:
        assert not is_spec(path)


def test_weights_are_numbers_and_each_counts_once() -> None:
    spec = Spec.model_validate({"controls": {"edge": {}}})
    names = [name for name, _ in variants(spec, weights={"edge": [0.3, 0.30000001, 0.3, 1]}, seeds=[7, 7])]
    assert names == ["edge0.3", "edge0.30000001", "edge1"]
    for weights in ([float("nan")], [float("inf")], []):
        with pytest.raises(UsageError, match="these are no weights of edge"):
            list(variants(spec, weights={"edge": weights}))
    with pytest.raises(UsageError, match=r"there is no control 'blur' to weigh; name one of its controls \(edge\)"):
        list(variants(spec, weights={"blur": [1]}))
    with pytest.raises(UsageError, match="these are 1,500 videos, and 1,000 are the most of one call"):
        list(variants(spec, weights={"edge": [0.1, 0.2, 0.3]}, seeds=range(500)))


def test_what_is_asked_beside_a_spec_takes_the_place_of_its_files(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text('{"controls": {"edge": {}}, "prompt_path": "gone.txt", "negative_prompt_path": "gone.txt"}')
    (item,) = items(path, prompts=["a city"], fields={"negative_prompt": "fog"})
    assert (item.spec.prompt, item.spec.prompt_path) == ("a city", "")
    assert (item.spec.negative_prompt, item.spec.negative_prompt_path) == ("fog", "")


def test_why_the_file_of_a_prompt_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"controls": {"edge": {}}, "prompt_path": "prompt.txt"}')
    for data, words in ((b"\xff\x00\xff", "UTF"), (b"x" * (1 << 20) + b"x", "longer than 1 MiB")):
        (tmp_path / "prompt.txt").write_bytes(data)
        notes: list[str] = []
        (spec,) = specs_in(tmp_path / "spec.json", notes.append)
        assert spec.prompt_path == str(tmp_path / "prompt.txt")
        assert words in notes[0]
    (tmp_path / "prompt.txt").write_bytes(b"a city\r\nat night\r\n")
    (spec,) = specs_in(tmp_path / "spec.json", notes.append)
    assert spec.prompt == "a city\nat night"


def test_half_a_character_of_a_command_line_is_replaced() -> None:
    item = item_from(Spec(video="clip.mp4", prompt="\udcff city"))
    assert item.spec.prompt == "? city"


def test_clips_of_a_batch_have_names_of_their_own_and_a_specs_notes_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"input_video_path": "a.mp4", "seed": "5", "edge": {"control_weight": 0.5}}')
    names = ("a/shot.mp4", "b/shot.mp4", "shot-2.mp4", "c/shot.mp4")
    lines = [json.dumps({"visual_input": name, "prompt": "x"}) for name in names]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    notes: list[str] = []
    specs = list(specs_of_batch(tmp_path / "spec.json", tmp_path / "lines.jsonl", notes.append))
    assert [spec.name for spec in specs] == ["shot", "shot-2", "shot-2-2", "shot-3"]
    assert len([text for text in notes if "seed is written as text" in text]) == 1


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        ({"video": "clip.mp4"}, {}),
        ({"controls": {"edge": {"path": "edge.mp4"}}}, {"edge": "other.mp4"}),
        ({"controls": {"edge": {"mask": "edge_mask"}}}, {}),
        ({"controls": {"edge": {"mask": "video"}}}, {"video": "clip.mp4"}),
        ({"controls": {"edge": {"weight": {"path": "edge.pt"}}}}, {}),
        ({"regions": [{"prompt": "x", "mask": "region_1"}]}, {}),
        ({"style_image": "style.png"}, {}),
    ],
)
def test_a_file_in_what_is_asked_is_refused(asked: dict[str, Any], files: dict[str, str]) -> None:
    with pytest.raises(BadInputError, match="which is not beside it; give each file as a field beside `asked`"):
        item_of({"asked": json.dumps(asked), **files}, "request")


def test_what_only_nvidias_program_would_do_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "prompt.json").write_text('{"prompt": "a city"}')
    specs = {
        "one": {"input_video_path": "a.mp4", "prompt": "x", "edge": {}, "upsample_prompt": True},
        "two": {"video_path": "a.mp4", "name": "n", "prompt_path": "prompt.json", "edge": {}},
    }
    for name, values in specs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
        list(specs_in(tmp_path / f"{name}.json", notes.append))
    assert any("upsample_prompt has no effect here: give --upsample" in text for text in notes)
    assert any("Transfer2.5 itself takes all of" in text for text in notes)


def test_a_map_of_weights_that_cannot_travel_is_refused() -> None:
    spec = Spec.model_validate({"controls": {"keypoint": {"weight": {"path": "k.pt"}}}})
    with pytest.raises(BadInputError, match="a map of weights of keypoint is not supported"):
        item_from(spec)


def test_chunks_without_an_end_are_refused_at_once(tmp_path: Path) -> None:
    clips.textured(tmp_path / "clip.mp4", 32, 32, frames=3)
    spec = Spec.model_validate({"prompt": "x", "controls": {"edge": {}}, "video": str(tmp_path / "clip.mp4")})
    item = item_from(spec.model_copy(update={"chunk": -(10**15)}))
    (checked,) = get_kind("transfer").check([item], Settings(engine="preview"))
    assert (checked.verdict, "chunk is" in checked.reason) == ("bad_input", True)
