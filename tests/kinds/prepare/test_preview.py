"""One frame as it would be made is the frame that is made; files that have not changed are not read again."""

from __future__ import annotations

import os
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare import Item, Settings, check_item, make, recipe_of
from cosmos_workflow.kinds.prepare import preview as module
from cosmos_workflow.kinds.prepare.preview import picture, survey_again
from cosmos_workflow.media import survey as plain


def shot(folder: Path, count: int = 4) -> Item:
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"color.{number:04d}.png"), clips.texture(90, 160, number))
        file = folder / f"color.{number:04d}.png"
        os.utime(file, (0, 0))  # or the check waits whether it is still being written
    return Item("shot", rgb=folder / "color.%04d.png")


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_a_preview_is_what_the_encoder_gets(tmp_path: Path) -> None:
    item = shot(tmp_path)
    settings = Settings(size="128x128", edge="30:90", blur="off", keep_frames=True)
    checked = check_item(item, settings)
    assert checked.seen
    (tmp_path / "out").mkdir()
    make("shot", recipe_of(checked, settings), checked.seen.tracks, tmp_path / "out")
    kept = sorted((tmp_path / "out" / "frames" / "edge").iterdir())
    for share, path in ((0.0, kept[0]), (1.0, kept[-1])):
        data, media_type = picture(checked, settings, "edge", share)
        assert media_type == "image/png"
        assert np.array_equal(decoded(data), cv2.imread(str(path)))
    data, media_type = picture(checked, settings, "rgb", 0, whole=True)
    assert (decoded(data).shape, media_type) == ((90, 160, 3), "image/jpeg")
    with pytest.raises(BadInputError):
        picture(checked, settings, "normal", 0)
    with pytest.raises(BadInputError, match="vis is not made"):
        picture(checked, settings, "vis", 0)


def test_files_are_looked_at_again_only_where_they_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = shot(tmp_path)
    looks: list[object] = []

    def counted(*arguments: object, **options: object) -> object:
        looks.append(arguments)
        return plain.survey(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "survey", counted)
    first = survey_again(item.sources)
    assert survey_again(item.sources) == first
    assert len(looks) == 1
    (tmp_path / "color.0002.png").unlink()
    assert "frame 2 is missing" in survey_again(item.sources).problems[0]
    assert survey_again(item.sources, missing="hold").problems == ()
    assert len(looks) == 3
