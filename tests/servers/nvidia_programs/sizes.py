"""In which sizes and chunks NVIDIA's programs work: tables copied from their own."""

from __future__ import annotations

import math

__all__ = ["BUCKETS", "COSMOS3_BUCKETS", "chunks_of", "nearest"]

Size = tuple[int, int]


def _five(wide: Size, four: Size, square: Size, three: Size, tall: Size) -> dict[str, Size]:
    return {"16,9": wide, "4,3": four, "1,1": square, "3,4": three, "9,16": tall}


_720 = _five((1280, 704), (960, 704), (960, 960), (704, 960), (704, 1280))
# Transfer1 has 720 alone (inference_utils.py:67); the others are Transfer2.5's (predict2/datasets/utils.py:44).
BUCKETS: dict[str, dict[str, Size]] = {
    "1080": _five((1920, 1056), (1440, 1056), (1024, 1024), (1056, 1440), (1056, 1920)),
    "1024": _five((1280, 768), (1280, 1024), (1024, 1024), (1024, 1280), (768, 1280)),
    "720": _720,
    "720p": _five((1280, 720), (960, 720), (960, 960), (720, 960), (720, 1280)),
    "512": _five((640, 384), (640, 512), (512, 512), (512, 640), (384, 640)),
    "480": _five((768, 432), (640, 480), (480, 480), (480, 640), (432, 768)),
    "480p": _five((832, 480), (640, 480), (640, 640), (480, 640), (480, 832)),
    "720robocasa": _five((1280, 720), (960, 720), (720, 720), (720, 960), (720, 1280)),
    "256": _five((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
}
# cosmos_framework docs/inference.md
COSMOS3_BUCKETS: dict[str, dict[str, Size]] = {
    "256": _five((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
    "480": _five((832, 480), (736, 544), (640, 640), (544, 736), (480, 832)),
    "720": _five((1280, 720), (1104, 832), (960, 960), (832, 1104), (720, 1280)),
    "768": _five((1360, 768), (1184, 880), (1024, 1024), (880, 1184), (768, 1360)),
}


def nearest(width: int, height: int) -> str:
    """The aspect of the five nearest to a picture's, by the squared difference of width / height."""
    aspects = {name: int(name.split(",")[0]) / int(name.split(",")[1]) for name in _720}
    return min(aspects, key=lambda name: (aspects[name] - width / height) ** 2)


def chunks_of(frames: int, chunk: int, overlap: int) -> int:
    """How many chunks make so many frames, of which each after the first repeats `overlap`.

    >>> [chunks_of(frames, 121, 1) for frames in (1, 121, 122, 241, 242)]
    [1, 1, 2, 2, 3]
    """
    return 1 if frames <= chunk else 1 + math.ceil((frames - chunk) / (chunk - overlap))
