"""A folder that `cosmos prepare` made is the source of a transfer."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import clips
import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare import (
    Settings,
    check_item,
    items_of,
    make,
    making,
    manifest,
    recipe_of,
    whole_folder,
)
from cosmos_workflow.kinds.transfer.folder import MANIFEST, NEWEST, prepared_in, spec_of_folder
from cosmos_workflow.kinds.transfer.formats import convert
from cosmos_workflow.kinds.transfer.spec import Control, Spec


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    clip = clips.textured(tmp_path / "city.mp4", 320, 180, frames=4)
    old = time.time() - 3600  # what was just written might still be rendered
    os.utime(clip, (old, old))
    settings = Settings(model="transfer2.5", tier="256", blur="off")
    items, _ = items_of(clip, {})
    checked = check_item(items[0], settings)
    assert checked.seen is not None
    folder = tmp_path / "prepared" / "city"
    with whole_folder(folder) as part:
        make("city", recipe_of(checked, settings), checked.seen.tracks, part)
    return folder


def test_what_prepare_made_becomes_clip_and_controls(prepared: Path) -> None:
    assert prepared_in(prepared) == prepared_in(prepared.parent) == [prepared]
    spec = spec_of_folder(prepared, "A city at dusk")
    assert spec == Spec(
        name="city",
        model="transfer2.5",
        prompt="A city at dusk",
        video=str(prepared / "rgb.mp4"),
        controls={"edge": Control(path=str(prepared / "edge.mp4"))},
    )
    converted = convert(spec, "transfer2.5")
    assert converted.notes == ()
    assert converted.values["edge"] == {"control_path": str(prepared / "edge.mp4")}


def change(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_manifest_is_that_which_prepare_writes(prepared: Path) -> None:
    assert (MANIFEST, NEWEST) == (making.MANIFEST, manifest.VERSION)
    assert json.loads((prepared / MANIFEST).read_bytes())["manifest"] == NEWEST


def test_what_is_missing_is_an_error_with_a_remedy(prepared: Path, tmp_path: Path) -> None:
    assert prepared_in(tmp_path) == []
    with pytest.raises(BadInputError, match="no folder that `cosmos prepare` made"):
        spec_of_folder(tmp_path)
    (prepared / "edge.mp4").unlink()
    with pytest.raises(
        BadInputError, match=r"edge\.mp4: no such file, though the manifest has it; prepare the clip again"
    ):
        spec_of_folder(prepared)
    change(prepared, clips={"rgb": {"file": "rgb.mp4"}})
    with pytest.raises(BadInputError, match="nothing in it is a control"):
        spec_of_folder(prepared)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"manifest": 2}, "newer than this version knows"),
        ({"manifest": "1"}, "no manifest of a prepared clip"),
        ({"manifest": True}, "no manifest of a prepared clip"),
        ({"clips": {"edge": {"file": "../edge.mp4"}}}, "it names no file for edge"),
        ({"clips": {"edge": {}}}, "it names no file for edge"),
        ({"clips": {"edge": 1}}, "it names no file for edge"),
        ({"clips": []}, "nothing in it is a control"),
    ],
)
def test_a_manifest_that_is_none_is_an_error(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"manifest": 1} | values))
    with pytest.raises(BadInputError, match=words):
        spec_of_folder(tmp_path)


def test_a_manifest_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    for data in (b"{", b"\xff", b"[]", b"[" * 100_000):
        (tmp_path / "manifest.json").write_bytes(data)
        with pytest.raises(BadInputError, match=r"manifest\.json"):
            spec_of_folder(tmp_path)
