"""What the video models take: sizes, chunks of frames, rates. A new model is one entry in VIDEO_MODELS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cosmos_workflow.errors import UsageError

__all__ = ["LENGTHS", "VIDEO_MODELS", "Length", "VideoModel", "get_video_model"]

Size = tuple[int, int]
Length = Literal["keep", "cut", "hold"]
LENGTHS: tuple[Length, ...] = ("keep", "cut", "hold")


@dataclass(frozen=True)
class VideoModel:
    """A video model's limits.

    `sizes` are the widths and heights of each `tier`, in which the model works: a clip of another size is stretched to
    the one with the nearest shape. A chunk has `chunk` frames, of which those after the first repeat the last
    `overlap` of the one before. `fps` is the rate at which the model's script writes every clip, None where it keeps
    the clip's; `rates` are those that it was made for, none where that is not stated; with `whole_fps` the
    script writes whole frames a second, cut off behind the point. `source` says where this is from.
    """

    name: str
    title: str
    sizes: Mapping[str, tuple[Size, ...]]
    tier: str
    chunk: int
    overlap: int
    most_frames: int
    fps: float | None
    rates: tuple[float, ...]
    short: str
    source: str
    whole_fps: bool = False

    def size_for(self, width: int, height: int, tier: str = "") -> Size:
        """The size in which the model works on a clip: that of the nearest shape, by the squared difference of w/h.

        Raises UsageError for an unknown tier.

        >>> get_video_model("transfer1").size_for(1920, 1080), get_video_model("cosmos3").size_for(640, 480)
        ((1280, 704), (1104, 832))
        """
        tier = tier or self.tier
        if tier not in self.sizes:
            raise UsageError(f"{self.title} has no sizes {tier!r}", remedy=f"choose one of {', '.join(self.sizes)}")
        return min(self.sizes[tier], key=lambda size: (width / height - size[0] / size[1]) ** 2)

    def chunks(self, frames: int) -> int:
        """How many chunks a clip of so many frames takes.

        >>> [get_video_model("transfer1").chunks(frames) for frames in (1, 121, 122, 241)]
        [1, 1, 2, 2]
        """
        return 1 + max(0, -(-(frames - self.chunk) // (self.chunk - self.overlap)))

    def whole(self, frames: int, how: Length) -> int:
        """The frames of whole chunks: cut off behind the last whole one, or held until the next one is full.

        A clip shorter than a chunk is never cut. With "keep" it stays as it is.

        >>> model = get_video_model("transfer2.5")
        >>> [model.whole(frames, "cut") for frames in (200, 93, 50)], model.whole(100, "hold")
        ([185, 93, 93], 185)
        """
        if how == "keep":
            return frames
        count = self.chunks(frames)
        full = self.chunk + (count - 1) * (self.chunk - self.overlap)
        if how == "cut" and full > frames and count > 1:
            full -= self.chunk - self.overlap
        return full


TRANSFER1 = VideoModel(
    # cosmos-transfer1 5005e82: inference_utils.py 66-67 and 339, world_generation_pipeline.py 133-136 and 533-556.
    name="transfer1",
    title="Cosmos-Transfer1",
    sizes={"720": ((1280, 704), (960, 704), (960, 960), (704, 960), (704, 1280))},
    tier="720",
    chunk=121,
    overlap=1,
    most_frames=5000,
    fps=24.0,
    rates=(24.0,),
    short="clips under 121 frames come out noisy (cosmos-transfer1 issue 211)",
    source="cosmos-transfer1 5005e82, inference_utils.py",
)

TRANSFER25 = VideoModel(
    # cosmos-transfer2.5 2ff49d0: config.py 312-590, predict2/datasets/utils.py 44. It was trained at 16 fps, and keeps
    # the clip's rate.
    name="transfer2.5",
    title="Cosmos-Transfer2.5",
    sizes={
        "720": ((1280, 704), (960, 704), (960, 960), (704, 960), (704, 1280)),
        "720p": ((1280, 720), (960, 720), (960, 960), (720, 960), (720, 1280)),
        "480": ((768, 432), (640, 480), (480, 480), (480, 640), (432, 768)),
        "480p": ((832, 480), (640, 480), (640, 640), (480, 640), (480, 832)),
        "512": ((640, 384), (640, 512), (512, 512), (512, 640), (384, 640)),
        "1024": ((1280, 768), (1280, 1024), (1024, 1024), (1024, 1280), (768, 1280)),
        "1080": ((1920, 1056), (1440, 1056), (1024, 1024), (1056, 1440), (1056, 1920)),
        "256": ((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
        "720robocasa": ((1280, 720), (960, 720), (720, 720), (720, 960), (720, 1280)),
    },
    tier="720",
    chunk=93,
    overlap=1,
    most_frames=5000,
    fps=None,
    rates=(),
    short="clips under 93 frames are filled up by playing them back and forth",
    source="cosmos-transfer2.5 2ff49d0, config.py and predict2/datasets/utils.py",
    whole_fps=True,
)

COSMOS3 = VideoModel(
    # NVIDIA/cosmos-framework 5eee9ed docs/inference.md, NVIDIA/cosmos aca7057 transfer specs: 121 frames at 30 fps.
    name="cosmos3",
    title="Cosmos 3",
    sizes={
        "720": ((1280, 720), (1104, 832), (960, 960), (832, 1104), (720, 1280)),
        "480": ((832, 480), (736, 544), (640, 640), (544, 736), (480, 832)),
        "256": ((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
        "768": ((1360, 768), (1184, 880), (1024, 1024), (880, 1184), (768, 1360)),
    },
    tier="720",
    chunk=121,
    overlap=1,
    most_frames=5000,
    fps=None,
    rates=(10.0, 16.0, 24.0, 30.0),
    short="",
    source="NVIDIA/cosmos-framework 5eee9ed, docs/inference.md; NVIDIA/cosmos aca7057, transfer specs",
)

VIDEO_MODELS = {model.name: model for model in (TRANSFER1, TRANSFER25, COSMOS3)}


def get_video_model(name: str) -> VideoModel:
    """The facts of a video model by name. Raises UsageError for an unknown one."""
    if name not in VIDEO_MODELS:
        raise UsageError(f"unknown video model {name!r}", remedy=f"choose one of {', '.join(VIDEO_MODELS)}")
    return VIDEO_MODELS[name]
