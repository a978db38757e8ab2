"""The Item: a transfer that is asked for, with its files. The Settings say what runs it, the Result what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.spec import Spec

__all__ = ["CONTROLS", "FILES", "MASKS", "REGIONS", "WEIGHTS", "Item", "Result", "Settings", "Verdict"]

Verdict = Literal["fits", "risky", "no_memory", "bad_input"]
# The controls that have a video of their own; the upscaler's has none.
CONTROLS = ("edge", "vis", "depth", "seg", "keypoint", "hdmap", "lidar", "wsm")
MASKS = tuple(f"{hint}_mask" for hint in ("edge", "vis", "depth", "seg"))
WEIGHTS = tuple(f"{hint}_weights" for hint in ("edge", "vis", "depth", "seg"))
REGIONS = tuple(f"region_{number}" for number in range(1, 7))
# All files that a transfer may have, by the names of the fields of an Item and a Result.
FILES = ("video", *CONTROLS, *MASKS, *WEIGHTS, *REGIONS, "style_image", "anchor_mask")


@dataclass(frozen=True)
class Item:
    """One transfer: what is asked, as a Spec in JSON without its files, and the files by their roles.

    `unknown` are keys of the spec that no model knows, each with what the program would do with it.
    """

    id: str
    asked: str = "{}"
    video: Path | None = None
    edge: Path | None = None
    vis: Path | None = None
    depth: Path | None = None
    seg: Path | None = None
    keypoint: Path | None = None
    hdmap: Path | None = None
    lidar: Path | None = None
    wsm: Path | None = None
    edge_mask: Path | None = None
    vis_mask: Path | None = None
    depth_mask: Path | None = None
    seg_mask: Path | None = None
    edge_weights: Path | None = None
    vis_weights: Path | None = None
    depth_weights: Path | None = None
    seg_weights: Path | None = None
    region_1: Path | None = None
    region_2: Path | None = None
    region_3: Path | None = None
    region_4: Path | None = None
    region_5: Path | None = None
    region_6: Path | None = None
    style_image: Path | None = None
    anchor_mask: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, Path]:
        """The files that are given, by their roles."""
        return {name: path for name in FILES if (path := getattr(self, name)) is not None}

    @property
    def prompt(self) -> str:
        """The prompt that is asked; empty where there is none."""
        prompt = json.loads(self.asked).get("prompt", "")
        return prompt if isinstance(prompt, str) else ""

    @property
    def spec(self) -> Spec:
        """What is asked; its paths are in `files`."""
        from cosmos_workflow.kinds.transfer.spec import Spec

        return Spec.model_validate(json.loads(self.asked))


@dataclass(frozen=True)
class Settings:
    """What counts for all items: `model` where an item names none, the `engine` that was chosen, the card.

    `gpu` is a name of `cosmos limits`, or empty where the card is not known.
    """

    model: str = ""
    engine: str = ""
    gpu: str = ""


@dataclass(frozen=True)
class Result:
    """What became of an Item: sizes in pixels, `duration` in s; `controls` such as "edge 0.5, depth 1".

    `outputs` has the SHA-256 of each file by its name: `video.mp4` (or `preview.mp4`), `control_edge.mp4`, …
    """

    id: str
    prompt: str
    video: str
    edge: str
    vis: str
    depth: str
    seg: str
    keypoint: str
    hdmap: str
    lidar: str
    wsm: str
    edge_mask: str
    vis_mask: str
    depth_mask: str
    seg_mask: str
    edge_weights: str
    vis_weights: str
    depth_weights: str
    seg_weights: str
    region_1: str
    region_2: str
    region_3: str
    region_4: str
    region_5: str
    region_6: str
    style_image: str
    anchor_mask: str
    verdict: str
    model: str = ""
    controls: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    duration: float = 0.0
    chunks: int = 0
    seed: int = 0
    steps: int = 0
    guidance: float = 0.0
    asked: str = ""
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
    engine: str = ""
    engine_model: str = ""
    place: str = "local"
    note: str = ""
    error: str = ""
    error_kind: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.error
