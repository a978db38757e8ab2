"""The Recipe: every decision about one clip, as JSON, from which its control videos are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.kinds.prepare.item import Settings
from cosmos_workflow.kinds.prepare.plan import BLUR_OF_NO_MODEL, Checked, view_of
from cosmos_workflow.media.controls import BLURS
from cosmos_workflow.media.depth import DepthForm
from cosmos_workflow.media.distances import DepthMeans, depth_means
from cosmos_workflow.media.framing import Fit, anchor_of
from cosmos_workflow.media.numbering import Missing
from cosmos_workflow.media.plates import names_in
from cosmos_workflow.media.survey import Track
from cosmos_workflow.media.views import View

__all__ = ["Recipe", "recipe_of"]


@dataclass(frozen=True)
class Recipe:
    """What is made of a clip of `count` frames, of which the first has the number `first`.

    `size` is width and height of what is written, `frames` how many frames that are, `fps` their rate; the clip itself
    has `source_fps`. `depth_means` is what the names say of depth; `object_names` has the objects' names by number,
    where a file beside the images states them. `blur_model` names the video model whose presets of the blur count.
    `notes` and `warnings` go into the manifest as they are.
    """

    first: int
    count: int
    size: tuple[int, int]
    source_fps: float
    fps: float
    frames: int
    fit: Fit = "crop"
    anchor: tuple[float, float] = (0.5, 0.5)
    retime: bool = False
    missing: Missing = "error"
    model: str = ""
    blur_model: str = BLUR_OF_NO_MODEL
    edge: str = "medium"
    blur: str = "medium"
    view: View = field(default_factory=View)
    depth_range: str = "auto"
    depth_form: DepthForm = "inverse"
    depth_means: DepthMeans = "distance"
    seg_colours: Literal["separate", "keep"] = "separate"
    layers: Mapping[str, str] = field(default_factory=dict)
    object_names: Mapping[str, str] = field(default_factory=dict)
    keep_frames: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON, from which `load` makes it again."""
        values = asdict(self)
        # Of an older version, these were not there: the same work stays the same.
        for name, usual in (("depth_means", "distance"), ("object_names", {})):
            if values[name] == usual:
                del values[name]
        return values

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from what `dump` wrote."""
        pairs = {name: tuple(values[name]) for name in ("size", "anchor", "notes", "warnings")}
        return cls(**{**values, **pairs, "view": View(**values["view"])})


def recipe_of(checked: Checked, settings: Settings) -> Recipe:
    """The recipe of an item that runs."""
    assert checked.seen is not None  # an item that was not looked at does not run
    tracks = checked.seen.tracks
    named = {"rgb": settings.rgb_layer, "depth": settings.depth_layer, "seg": settings.seg_layer}
    return Recipe(
        first=checked.seen.numbers[0],
        count=len(checked.seen.numbers),
        size=checked.size,
        source_fps=checked.source_fps,
        fps=checked.fps,
        frames=checked.frames,
        fit=settings.fit,
        anchor=anchor_of(settings.anchor),
        retime=settings.retime,
        missing=settings.missing,
        model=settings.model,
        blur_model=settings.model if settings.model in BLURS else BLUR_OF_NO_MODEL,
        edge=settings.edge,
        blur=settings.blur,
        view=view_of(settings) if checked.has_light else View(background=settings.background),
        depth_range=settings.depth_range,
        depth_form=settings.depth_form,
        depth_means=depth_means(tracks["depth"].path) if "depth" in tracks else "distance",
        object_names=_names_beside(tracks, settings.seg_layer),
        seg_colours=settings.seg_colours,
        layers={name: layer for name, layer in named.items() if layer},
        keep_frames=settings.keep_frames,
        notes=checked.notes,
        warnings=checked.warnings,
    )


def _names_beside(tracks: Mapping[str, Track], layer: str) -> dict[str, str]:
    """The objects' names by their numbers, where a file beside the images states them."""
    files = tracks["seg"].frames if "seg" in tracks else ()
    first = next((file for file in files if isinstance(file, Path) and file.suffix.lower() == ".exr"), None)
    return {str(number): name for number, name in names_in(first, layer, beside=True).items()} if first else {}
