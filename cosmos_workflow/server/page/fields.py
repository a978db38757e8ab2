"""The settings of *Prepare* in groups, as `cosmos prepare --help` has them, and messages in the words of the form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ValidationError

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.limits import LENGTHS, VIDEO_MODELS
from cosmos_workflow.media.framing import ANCHORS, FITS
from cosmos_workflow.media.numbering import Missing
from cosmos_workflow.media.views import BACKGROUNDS

__all__ = ["FILES", "GROUPS", "LOOKS", "NAMES", "Field", "explained", "in_labels"]


@dataclass(frozen=True)
class Field:
    """A field of the form: `hint` is what holds where it is empty; `choices` are values with what they are called."""

    name: str
    label: str
    hint: str = ""
    type: Literal["text", "number", "tick"] = "text"
    choices: tuple[tuple[str, str], ...] = ()


def _choice(name: str, label: str, values: tuple[str, ...]) -> Field:
    return Field(name, label, choices=tuple((value, value) for value in values))


NAMES = {"rgb": "picture", "depth": "depth", "seg": "objects", "edge": "edges", "vis": "blur"}
FILES = ("file_rgb", "file_depth", "file_seg", "file_edge", "file_vis")
MODELS = (("", "none"), *((model.name, model.title) for model in VIDEO_MODELS.values()))
PLACES = tuple(place for place in ANCHORS if place != "center")
LENGTHS_IN_WORDS = {"keep": "keep", "cut": "cut to whole chunks", "hold": "hold to whole chunks"}
GROUPS: dict[str, tuple[Field, ...]] = {
    "Fit": (
        Field("model", "For the model", choices=MODELS),
        Field("tier", "The model's sizes", "720"),
        Field("size", "Size", "automatic"),
        _choice("fit", "Fit", FITS),
        _choice("anchor", "What stays", PLACES),
        Field("fps", "Frames a second", "automatic", "number"),
        Field("length", "Length", choices=tuple((each, LENGTHS_IN_WORDS[each]) for each in LENGTHS)),
        Field("retime", "play the same frames at that rate", type="tick"),
    ),
    "What is there": (
        Field("first", "First frame", "all", "number"),
        Field("last", "Last frame", "all", "number"),
        _choice("missing", "Missing frames", get_args(Missing)),
        Field("source_fps", "Rate of the images", "24", "number"),
        Field("file_rgb", "Picture", "found by name"),
        Field("file_depth", "Depth", "found by name"),
        Field("file_seg", "Objects", "found by name"),
        Field("file_edge", "Edges, made already", "found by name"),
        Field("file_vis", "Blur, made already", "found by name"),
        Field("rgb_layer", "Layer of the picture", "found by name"),
        Field("depth_layer", "Layer of the depth", "found by name"),
        Field("seg_layer", "Layer of the objects", "found by name"),
    ),
    "Light and colour": (
        Field("view", "View", "sRGB"),
        Field("exposure", "Exposure, stops", "0", "number"),
        Field("ocio", "Configuration of OpenColorIO", "cg-config-latest"),
        Field("light", "Light of the files", "as they state"),
        _choice("background", "Background", BACKGROUNDS),
    ),
    "Depth and objects": (
        Field("depth_range", "Range of the depth", "auto, 0.5:20 or 1%:99%"),
        _choice("depth_form", "Form of the depth", ("inverse", "linear")),
        Field("seg_colours", "Colours of the objects", choices=(("separate", "new ones"), ("keep", "the files'"))),
        Field("keep_frames", "keep the frames as PNG too", type="tick"),
    ),
}  # fmt: skip
# What shows in the picture of a source.
LOOKS = (
    *("missing", "first", "last", "view", "exposure", "ocio", "light", "background", "depth_range", "depth_form"),
    *("seg_colours", "rgb_layer", "depth_layer", "seg_layer"),
)
LABELS = {field.name: field.label for fields in GROUPS.values() for field in fields} | {
    "edge": "Edges", "blur": "Blur", "name": "Name", "at": "Frame", "source": "Folder", "place": "Place",
}  # fmt: skip
OPTIONS = {name.removeprefix("file_").replace("_", "-"): label for name, label in LABELS.items()} | {
    "for": LABELS["model"], "crop": "Fit: crop", "pad": "Fit: pad", "stretch": "Fit: stretch",
}  # fmt: skip


def in_labels(text: str) -> str:
    """A message with the form's fields in place of the command line's options.

    >>> in_labels("render these, or give --missing hold or --missing black")
    'render these, or give “Missing frames” hold or black'
    """
    named = re.sub(
        r"--([a-z][a-z-]*[a-z])", lambda match: f"“{OPTIONS[match[1]]}”" if match[1] in OPTIONS else match[0], text
    )
    return re.sub(r"(“[^”]+”) (\w+) or \1 (\w+)", r"\1 \2 or \3", named)


def explained(error: CosmosError | ValidationError) -> str:
    """An error in the words of the form."""
    if isinstance(error, CosmosError):
        return str(error)
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first["loc"] else ""
    return f"{LABELS.get(name, name or 'Form')}: {first['msg'].lower()}"
