"""One frame as it would be made, and a look at files that have not changed: for those who ask again and again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import cv2

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare.item import Settings
from cosmos_workflow.kinds.prepare.plan import Checked
from cosmos_workflow.kinds.prepare.reading import FrameReader
from cosmos_workflow.kinds.prepare.recipe import Recipe, recipe_of
from cosmos_workflow.media.framing import even
from cosmos_workflow.media.numbering import Missing
from cosmos_workflow.media.segments import Palette
from cosmos_workflow.media.sequence import files_of, is_sequence
from cosmos_workflow.media.survey import Survey, Track, Within, survey, version_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["picture", "survey_again", "version_of_sources"]

SURVEYS, PICTURES = 64, 64  # that are kept
MOST_DECODED = 240  # frames of a video that are decoded for one picture
SMALL = 320  # pixels, the longer side
BUSY = Lock()  # pictures are made one after another: each may use all cores, and a moving slider asks for many


def version_of_sources(sources: Mapping[str, Path]) -> str:
    """Another text whenever a file of a clip is another one. Raises BadInputError for a pattern that no image has."""
    digest = hashlib.sha256()
    for name, path in sources.items():
        files = files_of(path).values() if is_sequence(path) else [path]
        digest.update(repr((name, [(str(file), version_of(file)) for file in files])).encode("utf-8", "replace"))
    return digest.hexdigest()


def survey_again(sources: Mapping[str, Path], *, missing: Missing = "error", within: Within = (None, None)) -> Survey:
    """As `survey`; files that have not changed are not read again."""
    return _survey(tuple(sources.items()), missing, within, version_of_sources(sources))


@lru_cache(SURVEYS)
def _survey(sources: tuple[tuple[str, Path], ...], missing: Missing, within: Within, version: str) -> Survey:
    return survey(dict(sources), missing=missing, within=within)


@dataclass(frozen=True)
class _Wanted:
    """A picture; the same `key` is the same picture."""

    key: str
    recipe: Recipe = field(compare=False)
    tracks: Mapping[str, Track] = field(compare=False)
    name: str
    index: int


def picture(checked: Checked, settings: Settings, name: str, share: float, *, whole: bool = False) -> tuple[bytes, str]:
    """A frame of an item that runs as it would be made, as JPEG or PNG, and its media type.

    `name` is what it shows, `share` where it is in the clip, from 0 to 1; of a video no later frame than the 240th is
    shown. `whole` is a small picture of the source, before anything is cut off or added. Distances have the range of
    this frame alone, where the whole clip's is not given. Raises BadInputError.
    """
    assert checked.seen is not None  # an item that was not looked at does not run
    of = name if name in checked.seen.tracks else "rgb"
    if of not in checked.seen.tracks:
        raise BadInputError(f"the clip has nothing that {name} is made of", where=checked.item.id)
    track = checked.seen.tracks[of]
    recipe = recipe_of(checked, settings)
    if whole:
        ratio = min(1.0, SMALL / max(track.width, track.height))
        size = even((round(track.width * ratio), round(track.height * ratio)))
        recipe = replace(recipe, size=size, fit="stretch", edge="off", blur="off")
    # Only what is wanted is computed.
    recipe = replace(
        recipe, edge=recipe.edge if name == "edge" else "off", blur=recipe.blur if name == "vis" else "off",
        notes=(), warnings=(),
    )  # fmt: skip
    index = round(min(1.0, max(0.0, share)) * (len(track.frames) - 1))
    index = min(index, MOST_DECODED - 1) if track.is_video else index
    key = (
        json.dumps(recipe.dump(), sort_keys=True, default=str) + version_of_sources({of: track.path}) + str(track.path)
    )
    with BUSY:
        return _encoded(_Wanted(key, recipe, {of: track}, name, index))


@lru_cache(PICTURES)
def _encoded(wanted: _Wanted) -> tuple[bytes, str]:
    reader = FrameReader(wanted.recipe, wanted.tracks)
    reader.prepare([wanted.index], 1)
    shown = next(reader.frames([wanted.index], 1))
    if shown.labels is not None:
        palette = Palette(keep=reader.keeps_colours)
        shown.pictures["seg"] = palette.paint(shown.labels)
    if wanted.name not in shown.pictures:
        raise BadInputError(shown.errors.get(wanted.name) or f"{wanted.name} is not made")
    flat = wanted.name in ("edge", "seg")
    suffix, options = (".png", []) if flat else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 92])
    _, data = cv2.imencode(suffix, cv2.cvtColor(shown.pictures[wanted.name], cv2.COLOR_RGB2BGR), options)
    return data.tobytes(), "image/png" if flat else "image/jpeg"
