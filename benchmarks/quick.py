"""Benchmarks that need no model: planning, counting tokens, starting, reading frames."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import mistral_common
import numpy as np
from kitoken import Kitoken
from mistral_common.protocol.instruct.chunk import ImageChunk
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, SpecialImageIDs
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from PIL import Image

from benchmarks.measure import Row, compare
from cosmos_workflow.limits import MODELS, plan_many
from cosmos_workflow.limits.text import PACKAGED_TABLE
from cosmos_workflow.media import read_frames

SIZES = 1_000_000
ENCODED = 12
COUNTED = 20_000


def rows() -> Iterator[Row]:
    yield from planning()
    yield from counting()
    yield from starting()
    yield from frames()


def planning() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    widths, heights = rng.integers(1, 2049, SIZES), rng.integers(1, 2049, SIZES)
    encoder = ImageEncoder(ImageConfig(16, 1024), SpecialImageIDs(10, 12, 13))
    rule = MODELS["cosmos-upsampler-12b"].images
    sizes = list(zip(widths.tolist(), heights.tolist(), strict=True))
    images = [ImageChunk(image=Image.new("RGB", size)) for size in sizes[:ENCODED]]
    counted = [SimpleNamespace(size=size) for size in sizes[:COUNTED]]

    def tokens() -> object:
        return rule.tokens_many(widths, heights)

    def encode() -> object:
        return [len(encoder(image).tokens) for image in images]

    def count() -> object:
        return [encoder._image_to_num_tokens(image) for image in counted]

    def plans() -> object:
        return plan_many(widths, heights, 6)

    size = f"a size, of {SIZES:,}"
    yield compare(
        "tokens of an image", size, tokens, "mistral-common, encoding each image", encode,
        aim="≥ 1,000×", units=SIZES, peer_units=ENCODED,
    )  # fmt: skip
    yield compare(
        "tokens of an image", size, tokens, "mistral-common's private count alone", count,
        aim="", units=SIZES, peer_units=COUNTED,
    )  # fmt: skip
    yield compare(
        "plan with the largest frame that fits", size, plans, "mistral-common, encoding each image", encode,
        aim="", units=SIZES, peer_units=ENCODED, repeats=3,
    )  # fmt: skip


def counting() -> Iterator[Row]:
    table = str(Path(mistral_common.__file__).parent / "data" / "tekken_240911.json")
    ours = "from cosmos_workflow.limits import TekkenText; TekkenText().count('A city')"
    peer = (
        "from mistral_common.tokens.tokenizers.tekken import Tekkenizer;"
        f"Tekkenizer.from_file({table!r}).encode('A city', False, False)"
    )
    yield compare(
        "first count of a text", "a start", lambda: subprocess.run([sys.executable, "-c", ours], check=True),
        "mistral-common", lambda: subprocess.run([sys.executable, "-c", peer], check=True), aim="",
    )  # fmt: skip
    texts = [f"{number} cameras pan across a rainy street at night, neon signs, {number}" for number in range(2000)]
    tekken = Tekkenizer.from_file(table)
    kitoken = Kitoken(PACKAGED_TABLE.read_bytes())
    yield compare(
        "tokens of a text, table loaded", "a text of 60 letters", lambda: [len(kitoken.encode(text)) for text in texts],
        "mistral-common", lambda: [len(tekken.encode(text, False, False)) for text in texts],
        aim="≥ 1×", units=len(texts),
    )  # fmt: skip


def starting() -> Iterator[Row]:
    bare = [sys.executable, "-c", "pass"]
    cosmos = str(Path(sys.executable).parent / "cosmos")

    def run(command: list[str]) -> object:
        # Exit code 1 where the prompt does not fit.
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False)

    for arguments, aim in (
        ("--help", "≤ 0.15 s"),
        ("check --size 960x540 --fit auto", "≤ 0.4 s"),
        ('check --size 960x540 -p "A city" --fit off', "≤ 0.4 s"),
    ):
        command = [cosmos, *shlex.split(arguments)]
        yield compare(
            f"`cosmos {arguments}`", "a start", lambda command=command: run(command),
            "`python -c pass`", lambda: run(bare), aim=aim, repeats=15,
        )  # fmt: skip


def frames() -> Iterator[Row]:
    from scripts.demo import draw_clip

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        draw_clip(clip, 1280, 720)
        written = [str(Path(folder) / f"frame_{n}.png") for n in (1, 2)]

        def opencv(size: tuple[int, int] | None = None) -> object:
            capture = cv2.VideoCapture(str(clip))
            for path in written:
                _, frame = capture.read()
                frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if size else frame
                cv2.imwrite(path, frame)
            return capture.release()

        yield compare(
            "two frames to PNG, 1280×720", "a clip", lambda: read_frames(clip, 2),
            "NVIDIA's way: OpenCV, files", opencv, aim="≥ 1×", repeats=15,
        )  # fmt: skip
        yield compare(
            "two frames to PNG, resized to 910×512", "a clip", lambda: read_frames(clip, 2, size=(910, 512)),
            "NVIDIA's way (which sends 1280×720)", opencv, aim="> 1×", repeats=15,
        )  # fmt: skip
        yield compare(
            "two frames to PNG, resized to 910×512", "a clip", lambda: read_frames(clip, 2, size=(910, 512)),
            "OpenCV, resized as well", lambda: opencv((910, 512)), aim="> 1×", repeats=15,
        )  # fmt: skip
