"""Benchmarks that need no model: planning, counting tokens, starting, reading frames and batches."""

from __future__ import annotations

import json
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

from benchmarks.measure import Fact, Row, compare
from cosmos_workflow.limits import MODELS, plan_many
from cosmos_workflow.limits.text import PACKAGED_TABLE
from cosmos_workflow.media import read_frames

SIZES = LINES = 1_000_000
ENCODED = 12
COUNTED = 20_000


def rows() -> Iterator[Row | Fact]:
    yield from planning()
    yield from counting()
    yield from starting()
    yield from frames()
    yield from memory()


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


# Each prints how many bytes more than at its beginning a process took at most, and the seconds.
MEASURED = """
import sys, time
from pathlib import Path
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs.results import ResultsFile
import filelock
def peak():
    # Of this process alone, as getrusage's has that of its parent before exec in it.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
before, began = peak(), time.perf_counter()
{code}
print(peak() - before, time.perf_counter() - began)
"""
READ = "assert sum(1 for _ in UPSAMPLE.read(Path(sys.argv[1]), print)) == int(sys.argv[2])"
OPENED = """
with ResultsFile(sys.argv[1], UPSAMPLE) as file:
    assert file.answer_to(Item("p7", "A futuristic city number 7 at sunset", Path("v.mp4")))
"""


def memory() -> Iterator[Fact]:
    """The most memory that reading a batch takes, and opening a results file, for each line of it."""
    from cosmos_workflow.kinds.upsample import Result
    from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
    from cosmos_workflow.runs.results import Lines

    lines, words = Lines(UPSAMPLE), "long words of an answer " * 40
    prompts = {f"p{n}": f"A futuristic city number {n} at sunset" for n in range(LINES)}
    with tempfile.TemporaryDirectory() as folder:
        jsonl, table, results = (Path(folder) / name for name in ("b.jsonl", "b.csv", "out.jsonl"))
        with jsonl.open("w") as file:
            file.writelines(json.dumps({"id": id, "prompt": p, "video": "v.mp4"}) + "\n" for id, p in prompts.items())
        with table.open("w") as file:
            file.write("id,prompt,video\n")
            file.writelines(f"{id},{prompt},v.mp4\n" for id, prompt in prompts.items())
        with results.open("w") as file:
            for n, (id, prompt) in enumerate(prompts.items()):
                result = Result(id, prompt, "v.mp4", "fits", upsampled_prompt=words)
                file.write(lines.write(result, f"{n:032x}"))
        for what, path, code in (
            ("reading a batch, JSON Lines", jsonl, READ),
            ("reading a batch, CSV", table, READ),
            ("opening a results file", results, OPENED),
        ):
            command = [sys.executable, "-c", MEASURED.format(code=code), str(path), str(LINES)]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            more, seconds = map(float, output.split())
            size = path.stat().st_size / 2**20
            yield Fact(
                f"{what} of {LINES:,} lines, {size:,.0f} MiB",
                f"{more / 2**20:.0f} MiB, {more / LINES:.0f} bytes a line; {seconds:.0f} s", "≤ 200 bytes a line",
            )  # fmt: skip
