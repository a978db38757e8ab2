"""Compare the token rules with the programs that they follow: python -m benchmarks.tokens [SIZES] [TEXTS]

Texts are compared with tiktoken, which is given the table as dashscope ships it, and with transformers' Qwen2Tokenizer;
sizes of pictures and clips with transformers' processors of Qwen2.5-VL and Qwen3-VL. Where transformers is not
installed (`make vllm-env` has it), only tiktoken is asked. 5,000 sizes and 20,000 texts are compared unless said
otherwise; it ends with 1 if one of them differs.
"""

from __future__ import annotations

import math
import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

from benchmarks.token_texts import control_texts, texts
from cosmos_workflow.limits import MODELS, ImageRule, QwenImages, QwenText, VideoRule
from cosmos_workflow.limits.qwen_table import (
    CONTROL_TOKENS,
    PACKED_TABLE,
    PATTERN,
    parts_of,
    tokens_of,
)
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos

__all__ = [
    "clips",
    "differing",
    "frame_sizes",
    "processor_image",
    "processor_video",
    "qwen_tokenizer",
    "tiktoken_count",
]


@lru_cache(1)
def _tokens() -> list[bytes]:
    return tokens_of(PACKED_TABLE.read_bytes())


@lru_cache(1)
def _tiktoken() -> Any:
    import tiktoken

    ranks = {token: rank for rank, token in enumerate(_tokens())}
    return tiktoken.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def tiktoken_count(text: str) -> int:
    """As dashscope counts: NFC, then tiktoken."""
    return len(_tiktoken().encode_ordinary(unicodedata.normalize("NFC", text)))


@lru_cache(1)
def qwen_tokenizer() -> Any:
    """transformers' Qwen2Tokenizer with the packaged table and Qwen3's control tokens."""
    from transformers import Qwen2Tokenizer

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + number) for number, byte in enumerate(others)}
    tokens = _tokens()
    ranks = {token: rank for rank, token in enumerate(tokens)}
    written = ["".join(letters[byte] for byte in token) for token in tokens]
    merges = [tuple(written[part] for part in parts_of(tokens[rank], rank, ranks)) for rank in range(256, len(tokens))]
    tokenizer = Qwen2Tokenizer(vocab={token: rank for rank, token in enumerate(written)}, merges=merges)
    tokenizer.add_special_tokens({"additional_special_tokens": list(CONTROL_TOKENS[3])})
    return tokenizer


def frame_sizes(count: int, seed: int = 0) -> Iterator[tuple[int, int]]:
    """Widths and heights from 1 to 8192, half of them spread over the orders of magnitude."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 2:
            yield rng.randrange(1, 8193), rng.randrange(1, 8193)
        else:
            yield int(math.exp(rng.uniform(0, math.log(8192)))), int(math.exp(rng.uniform(0, math.log(8192))))


def clips(count: int, seed: int = 0) -> Iterator[tuple[int, int, int, float]]:
    """Width, height, frames and frames a second of clips."""
    rng = random.Random(seed)
    for width, height in frame_sizes(count, seed):
        frames = int(math.exp(rng.uniform(0, math.log(20_000))))
        yield width, height, frames, rng.choice((1, 8, 10, 12.5, 15, 16, 23.976, 24, 25, 29.97, 30, 48, 60, 120))


def processor_image(rule: QwenImages) -> Callable[[int, int], int]:
    """Tokens of a picture by transformers' processor with the rule's bounds, without the pair around it."""
    from transformers import Qwen2VLImageProcessor

    size = {"shortest_edge": rule.min_pixels, "longest_edge": rule.max_pixels}
    processor = Qwen2VLImageProcessor(patch_size=rule.cell // 2, merge_size=2, size=size)
    return lambda width, height: processor.get_number_of_image_patches(height, width, {}) // 4


def processor_video(rule: VideoRule) -> Callable[[int, int, int, float], tuple[int, int, int, int]]:
    """Frames, height, width and tokens of a clip by transformers' own functions, in the order of its calls."""
    import torch
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor
    from transformers.image_utils import SizeDict
    from transformers.video_processing_utils import BaseVideoProcessor
    from transformers.video_utils import VideoMetadata

    assert isinstance(rule, Qwen25Videos | Qwen3Videos)
    is_new = isinstance(rule, Qwen3Videos)
    videos = Qwen3VLVideoProcessor() if is_new else Qwen2VLVideoProcessor()
    tokenizer = qwen_tokenizer()
    processor = Qwen3VLProcessor(Qwen2VLImageProcessor(), tokenizer, videos) if is_new else None
    bounds = SizeDict(shortest_edge=rule.min_pixels, longest_edge=rule.max_pixels)

    def resized(width: int, height: int, frames: int) -> tuple[int, int]:
        """The size that the processor hands to what resizes the pixels, which is left out."""
        clip = torch.empty((1, frames, 3, height, width), device="meta")
        with patch.object(BaseVideoProcessor, "resize", lambda self, image, size, resample: size):
            size = videos.resize(
                clip, bounds, None, factor=rule.cell, temporal_factor=2, cap_pixels_per_frame=rule.capped
            )
        return size.height, size.width

    def cost(width: int, height: int, frames: int, fps: float) -> tuple[int, int, int, int]:
        about = VideoMetadata(total_num_frames=frames, fps=fps, frames_indices=list(range(frames)))
        if rule.sample_fps is not None:
            try:
                about.frames_indices = videos.sample_frames(about, fps=rule.sample_fps)
            except ZeroDivisionError as error:  # no pair of frames
                raise ValueError(str(error)) from error
        taken = len(about.frames_indices)
        tall, wide = resized(width, height, taken)
        patches, cells = -(-taken // 2), (tall // rule.cell) * (wide // rule.cell)
        if processor is None:
            return taken, tall, wide, patches * cells + 2
        grid = torch.tensor([[patches, tall // 16, wide // 16]])
        text = processor.replace_video_token({"video_grid_thw": grid, "video_metadata": [about]}, 0)
        # A patch's tokens are many and alike: one stands for all.
        pad = processor.video_token
        short = text.replace(pad * cells, pad)
        counted = len(tokenizer(f"<|vision_start|>{short}<|vision_end|>", add_special_tokens=False)["input_ids"])
        return taken, tall, wide, counted + patches * (cells - 1)

    return cost


def differing(ours: Callable[..., Any], theirs: Callable[..., Any], cases: Iterator[Any]) -> list[tuple[Any, Any, Any]]:
    """The cases with two answers, as (case, ours, theirs); a ValueError is an answer: the case is refused."""

    def answer(function: Callable[..., Any], case: Any) -> Any:
        try:
            return function(*case) if isinstance(case, tuple) else function(case)
        except ValueError:
            return "refused"

    answers = ((case, answer(ours, case), answer(theirs, case)) for case in cases)
    return [row for row in answers if row[1] != row[2]]


def our_image(rule: ImageRule) -> Callable[[int, int], int]:
    return lambda width, height: rule.tokens(width, height) - 2


def our_video(rule: VideoRule) -> Callable[[int, int, int, float], tuple[int, int, int, int]]:
    def cost(width: int, height: int, frames: int, fps: float) -> tuple[int, int, int, int]:
        taken = rule.cost(width, height, frames, fps)
        return taken.frames, taken.height, taken.width, taken.tokens

    return cost


VIDEO_RULES = (
    Qwen25Videos(), Qwen25Videos(sample_fps=2), Qwen25Videos(sample_fps=4, capped=True),
    Qwen3Videos(), Qwen3Videos(sample_fps=4), Qwen3Videos(capped=True),
)  # fmt: skip
IMAGE_RULES = tuple(dict.fromkeys(
    model.images for model in MODELS.values() if isinstance(model.images, QwenImages)
))  # fmt: skip


def main(sizes: int = 5_000, count: int = 20_000) -> int:
    wrong = 0

    def compare(what: str, ours: Callable[..., Any], theirs: Callable[..., Any], cases: Iterator[Any], n: int) -> None:
        nonlocal wrong
        rows = differing(ours, theirs, cases)
        wrong += len(rows)
        print(f"{what}: {len(rows)} of {n:,} differ", *rows[:3], sep="\n  ", flush=True)

    compare("texts, tiktoken", QwenText().count, tiktoken_count, texts(count), count)
    if not find_spec("transformers"):
        print("transformers is not installed: make vllm-env, and run it with .vllm/venv/bin/python")
        return int(wrong > 0)
    tokenizer = qwen_tokenizer()

    def encoded(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    compare("texts, Qwen2Tokenizer", QwenText(generation=3).count, encoded, control_texts(count), count)
    for images in IMAGE_RULES:
        compare(f"pictures, {images}", our_image(images), processor_image(images), frame_sizes(sizes), sizes)
    for videos in VIDEO_RULES:
        compare(f"clips, {videos}", our_video(videos), processor_video(videos), clips(sizes), sizes)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
