"""Whether each setting fits what a clip has: one without effect is told, a layer that is not there is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare.item import Item, Settings
from cosmos_workflow.limits import VideoModel
from cosmos_workflow.media.distances import depth_means, read_distances
from cosmos_workflow.media.framing import Framing
from cosmos_workflow.media.layers import LAYERED
from cosmos_workflow.media.plates import check_layer
from cosmos_workflow.media.sequence import files_of, is_sequence
from cosmos_workflow.media.survey import Survey

__all__ = ["check_layers", "unused", "with_asked_layers"]

OF_LIGHT = ("view", "exposure", "ocio", "light")
LAYERS = {"rgb": "rgb_layer", "depth": "depth_layer", "seg": "seg_layer"}


def with_asked_layers(item: Item, settings: Settings) -> Item:
    """An item whose depth or objects are the layers of its picture's files that the settings name."""
    if item.rgb is None or not (settings.depth_layer or settings.seg_layer):
        return item
    with suppress(BadInputError):  # which the check tells
        first = next(iter(files_of(item.rgb).values())) if is_sequence(item.rgb) else item.rgb
        if first.suffix.lower() == ".exr":
            asked: dict[str, Any] = {name: item.rgb for name in ("depth", "seg") if getattr(settings, LAYERS[name])}
            return replace(item, **(asked | item.sources))
    return item


def check_layers(seen: Survey, settings: Settings) -> None:
    """Raise BadInputError for a layer that the files do not have."""
    for name, option in LAYERS.items():
        layer, first = getattr(settings, option), _first(seen, name)
        if layer and first and first.suffix.lower() in LAYERED:
            check_layer(first, name, layer)


def unused(
    settings: Settings, seen: Survey, model: VideoModel | None, framing: Framing, *, has_light: bool
) -> list[str]:
    """What is said of settings that were given and change nothing."""
    usual = Settings()
    given = {each.name for each in fields(usual) if getattr(settings, each.name) != getattr(usual, each.name)}
    reasons: dict[str, list[str]] = {}
    for name, reason in (*_of_fit(settings, seen, model, framing), *_of_sources(settings, seen, given, has_light)):
        if name in given:
            reasons.setdefault(reason, []).append(f"--{name.replace('_', '-')}")
    return [f"{', '.join(names)} without effect: {reason}" for reason, names in reasons.items()]


def _of_fit(
    settings: Settings, seen: Survey, model: VideoModel | None, framing: Framing
) -> Iterator[tuple[str, str]]:  # fmt: skip
    if not model:
        yield from (("tier", "no model is named (--for)"), ("length", "no model is named (--for)"))
    elif settings.size and settings.size != "bucket":
        yield "tier", "--size is given"
    if not settings.fps and not (model and model.fps):
        yield "retime", "no rate is asked for (--fps)"
    if framing.part == framing.source and framing.inner == framing.size:
        yield "anchor", "nothing is cut off or added"
    if all(track.is_video for track in seen.tracks.values()):
        yield "source_fps", "videos state their rate"


def _of_sources(settings: Settings, seen: Survey, given: set[str], has_light: bool) -> Iterator[tuple[str, str]]:
    if not has_light:
        yield from ((name, "the picture is made for a screen already") for name in OF_LIGHT)
    for name, option in LAYERS.items():
        first = _first(seen, name)
        if not first or first.suffix.lower() not in LAYERED:
            yield option, f"{name} has no files with layers"
    if "seg" not in seen.tracks:
        yield "seg_colours", "there is no seg"
    for name, option in (("edge", "edge"), ("vis", "blur")):
        if name in seen.tracks or "rgb" not in seen.tracks:
            yield option, f"{name} is given" if name in seen.tracks else "there is no picture to make it of"
    if given & {"depth_range", "depth_form"} and (reason := _ready_depth(settings, seen)):
        yield from (("depth_range", reason), ("depth_form", reason))


def _ready_depth(settings: Settings, seen: Survey) -> str:
    """Why there are no distances for which a range counts; empty if there are."""
    if "depth" not in seen.tracks:
        return "there is no depth"
    track = seen.tracks["depth"]
    for frame in track.frames:
        with suppress(BadInputError):
            if not isinstance(frame, Path):
                continue
            kind = read_distances(frame, settings.depth_layer, depth_means(track.path)).kind
            return "depth is grey already, or mist" if kind in ("grey", "share") else ""
    return "depth is grey already"


def _first(seen: Survey, name: str) -> Path | None:
    frames = seen.tracks[name].frames if name in seen.tracks else ()
    return next((frame for frame in frames if isinstance(frame, Path)), None)
