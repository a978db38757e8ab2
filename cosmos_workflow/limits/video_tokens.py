"""What a video costs in tokens for Qwen2.5-VL and Qwen3-VL, as the video processors of transformers 5.19 do it.

A processor takes frames at even distances, makes them smaller or larger in whole cells, and joins two frames into one
temporal patch; a frame that is left over is taken twice. The tests compare each step with the processors themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Qwen3Videos", "Qwen25Videos", "VideoRule", "VideoTokens"]

PAIR = 2  # frames in a temporal patch


@dataclass(frozen=True)
class VideoTokens:
    """What is taken of a video: `frames` frames of `width` × `height` pixels, in `patches` temporal patches.

    `tokens` is all that stands for the video in the prompt, with the tokens around it and, for Qwen3-VL, the time of
    each temporal patch.
    """

    frames: int
    width: int
    height: int
    patches: int
    tokens: int


class VideoRule(Protocol):
    """How a model turns a video into tokens. `cell` is the side of a token in pixels."""

    @property
    def cell(self) -> int: ...

    def cost(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        """Of a video of `frames` frames of `width` × `height` pixels at `fps`; ValueError if it cannot be taken."""

    def cost_of_all(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        """The same of frames that are all taken, each 1 / `fps` s after the one before."""


@dataclass(frozen=True)
class Qwen25Videos:
    """Qwen2.5-VL: bounds for the pixels of each frame, and a pair of tokens around the whole video.

    `sample_fps` is how many frames a second are taken; None takes all that are handed over, as transformers does by
    itself. `capped` shares `budget` tokens among the frames, which transformers will do from 5.22 on.
    Source: Qwen2VLVideoProcessor; the bounds are those of preprocessor_config.json of Qwen2.5-VL-7B-Instruct.

    >>> Qwen25Videos(sample_fps=2).cost(1280, 720, 121, 30).tokens
    4786
    """

    cell: int = 28
    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 16384
    sample_fps: float | None = None
    capped: bool = False
    budget: int = 128_000
    least_frames: int = 4
    most_frames: int = 768
    wrapping: int = 2  # <|vision_start|> and <|vision_end|>

    def cost(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        return self.cost_of_all(width, height, self._taken(frames, fps), fps)

    def cost_of_all(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        taken, most = frames, self.max_pixels
        if self.capped:
            share = int(self.budget * self.cell**2 * 0.9) * PAIR // taken
            most = max(min(most, share), int(self.min_pixels * 1.05))
        columns, rows = _cells(width, height, self.cell, self.min_pixels, most, 1, 1)
        patches = -(-taken // PAIR)
        size = (columns * self.cell, rows * self.cell)
        return VideoTokens(taken, *size, patches, patches * columns * rows + self.wrapping)

    def _taken(self, frames: int, fps: float) -> int:
        if self.sample_fps is None:
            return frames
        most = min(self.most_frames, frames) // PAIR * PAIR
        wanted = min(max(frames / fps * self.sample_fps, self.least_frames), most, frames)
        if wanted < PAIR:
            raise ValueError(f"a video of {frames} frame is too short to be sampled")
        whole = int(wanted // PAIR * PAIR)
        return math.ceil(frames / (frames / whole))  # one more, where the division is not exact


@dataclass(frozen=True)
class Qwen3Videos:
    """Qwen3-VL: bounds for the pixels of all frames together, and before each temporal patch its time as text.

    `capped` lets no frame cost more than `most_cells`, which transformers will do from 5.22 on. `outer` is the pair of
    tokens around the whole video, which transformers keeps since 5.10; before, it was 0.
    Source: Qwen3VLVideoProcessor and Qwen3VLProcessor; the bounds are those of video_preprocessor_config.json of
    Qwen3-VL-2B, 8B and 32B-Instruct.

    >>> Qwen3Videos().cost(1280, 720, 121, 30)
    VideoTokens(frames=8, width=1280, height=704, patches=4, tokens=3554)
    """

    cell: int = 32
    min_pixels: int = 4096
    max_pixels: int = 25_165_824
    sample_fps: float = 2
    capped: bool = False
    most_cells: int = 768
    least_frames: int = 4
    most_frames: int = 768
    outer: int = 2

    def cost(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        wanted = int(frames / fps * self.sample_fps)
        taken = min(max(wanted, self.least_frames), self.most_frames, frames)
        return self._cost(width, height, _times(frames, fps, taken))

    def cost_of_all(self, width: int, height: int, frames: int, fps: float) -> VideoTokens:
        return self._cost(width, height, [number / fps for number in range(frames)])

    def _cost(self, width: int, height: int, at: list[float]) -> VideoTokens:
        taken, most = len(at), self.max_pixels
        if taken < PAIR:
            raise ValueError("the model takes no video of a single frame: send a picture")
        if self.capped:
            share = min(self.most_cells * self.cell**2, self.max_pixels // taken)
            most = max(share, int(self.min_pixels * 1.05)) * taken
        if min(width, height) < self.cell:
            scale = max(self.cell / height, self.cell / width)
            width, height = int(width * scale), int(height * scale)
        whole = round(taken / PAIR) * PAIR
        columns, rows = _cells(width, height, self.cell, self.min_pixels, most, taken, whole)
        patches = -(-taken // PAIR)
        times = sum(_tokens_of_time(time) for time in _middles(at))
        tokens = patches * (columns * rows + 2) + times + self.outer
        return VideoTokens(taken, columns * self.cell, rows * self.cell, patches, tokens)


def _cells(width: int, height: int, cell: int, least: int, most: int, frames: int, whole: int) -> tuple[int, int]:
    """Columns and rows of cells: `frames` times the area is brought between `least` and `most` pixels.

    `whole` is the frames in whole pairs, which decide whether the bounds are broken; `frames` decide by how much.
    """
    if max(width, height) / min(width, height) > 200:
        raise ValueError("the model refuses an aspect ratio above 200")
    columns, rows = round(width / cell), round(height / cell)
    pixels = whole * columns * rows * cell**2
    if pixels > most:
        shrink = math.sqrt(frames * height * width / most)
        return max(1, math.floor(width / shrink / cell)), max(1, math.floor(height / shrink / cell))
    if pixels < least:
        grow = math.sqrt(least / (frames * height * width))
        return math.ceil(width * grow / cell), math.ceil(height * grow / cell)
    return columns, rows


def _times(frames: int, fps: float, taken: int) -> list[float]:
    """The times in seconds of the frames that are taken: from the first to the last, at even distances."""
    step = (frames - 1) / max(1, taken - 1)
    return [round(number * step) / fps for number in range(taken - 1)] + [(frames - 1) / fps]


def _middles(at: list[float]) -> list[float]:
    """The time of each temporal patch in seconds: half way between its two frames."""
    at = at + at[-1:] * (len(at) % PAIR)
    return [(at[place] + at[place + 1]) / 2 for place in range(0, len(at), PAIR)]


def _tokens_of_time(time: float) -> int:
    """Tokens of a text such as <12.5 seconds>: `<`, each digit, `.`, ` seconds` and `>`."""
    return len(f"{time:.1f}") + 3
