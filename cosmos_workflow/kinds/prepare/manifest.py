"""What was made of a clip and how, every number and choice, as the JSON of `manifest.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosmos_workflow.kinds.prepare.reading import FrameReader
from cosmos_workflow.kinds.prepare.recipe import Recipe
from cosmos_workflow.limits import get_video_model
from cosmos_workflow.media.depth import FORMS
from cosmos_workflow.media.framing import rate_of
from cosmos_workflow.version import __version__

__all__ = ["VERSION", "manifest_of"]

VERSION = 1  # of the manifest's form
KINDS = {
    "distance": "distances from the camera",
    "disparity": "disparities, which are one over the distance",
    "share": "shares from near to far, as Blender's mist",
    "grey": "8-bit grey that is taken as it is: near must be bright",
}


def manifest_of(
    title: str,
    recipe: Recipe,
    reader: FrameReader,
    made: Mapping[str, Mapping[str, Any]],
    legend: Mapping[str, str],
    sources: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """The manifest of a clip whose videos are `made`; nothing in it depends on the time or the place."""
    model = get_video_model(recipe.model) if recipe.model else None
    clips = {name: {**facts, "how": _how(name, recipe, reader)} for name, facts in made.items()}
    manifest: dict[str, Any] = {
        "manifest": VERSION,
        "cosmos_workflow": __version__,
        "clip": title,
        "model": recipe.model,
        "width": recipe.size[0],
        "height": recipe.size[1],
        "fps": str(rate_of(recipe.fps)),
        "frames": recipe.frames,
        "duration": round(recipe.frames / recipe.fps, 3),
        "chunks": model.chunks(recipe.frames) if model else None,
        "sizes_from": model.source if model else None,
        "clips": clips,
        "encoded": "H.264 High, yuv420p, limited range, BT.709, constant rate, index in front; read back and checked",
        "numbers": [recipe.first, recipe.first + recipe.count - 1],
        "rate": {
            "source": recipe.source_fps,
            "written": recipe.fps,
            "by": "retiming" if recipe.retime else "resampling",
        },
        "framing": {name: framing.words() or "unchanged" for name, framing in reader.framings.items()},
        "fit": recipe.fit,
        "anchor": list(recipe.anchor),
        "missing": recipe.missing,
        "layers": dict(recipe.layers),
    }
    if reader.depth_kind:
        manifest["depth"] = _depth(recipe, reader)
    if reader.seg_kind:
        manifest["seg"] = {"from": reader.seg_kind, "scaled": "to the nearest pixel", "legend": dict(legend)}
    return {
        **manifest,
        "sources": dict(sources),
        "notes": [*recipe.notes, *notes],
        "warnings": list(recipe.warnings),
    }


def _how(name: str, recipe: Recipe, reader: FrameReader) -> str:
    if name in reader.computed:
        return f"computed from rgb at {recipe.size[0]}x{recipe.size[1]}; {reader.words[name]}"
    if name == "rgb":
        shown = f"light by {reader.words['rgb']}" if "rgb" in reader.words else "made for screens already"
        return f"given; {shown}; {recipe.view.background} behind what is transparent"
    return "given"


def _depth(recipe: Recipe, reader: FrameReader) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "from": KINDS[reader.depth_kind],
        "convention": "near is bright, infinitely far is black: so are the depths that NVIDIA's scripts compute with"
        " Depth-Anything for Cosmos-Transfer1 and Video-Depth-Anything for Transfer2.5",
    }
    if reader.depth_range:
        facts |= {
            "form": recipe.depth_form,
            "formula": FORMS[recipe.depth_form],
            "near": reader.depth_range.near,
            "far": reader.depth_range.far,
            "range": recipe.depth_range,
        }
    return facts
