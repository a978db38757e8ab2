"""One call for a batch against one call per prompt, on the real CPU vLLM; prints one JSON row for each size.

It is run by the Python of `.vllm`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Row

MODEL = Path(__file__).parent.parent / ".vllm" / "tiny-pixtral"
REPEATS = 3


def main() -> None:
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "2"}
    from cosmos_workflow.engines.vllm import VLLMEngine
    from cosmos_workflow.kinds.upsample.conversation import Conversation
    from cosmos_workflow.media import read_frames
    from scripts.demo import draw_clip

    with tempfile.TemporaryDirectory() as folder:
        draw_clip(Path(folder) / "clip.mp4", 320, 180, frames=8)
        frames = tuple(read_frames(Path(folder) / "clip.mp4", 2))
    engine = VLLMEngine(MODEL, options={"load_format": "dummy"})
    engine.load()

    def conversations(count: int, turn: int) -> list[Conversation]:
        # A different text each time, so that prefix caching saves no work.
        texts = (f"{turn}.{n} a city at sunset" for n in range(count))
        return [Conversation(str(n), text, frames, temperature=0.0) for n, text in enumerate(texts)]

    def together(batch: list[Conversation]) -> float:
        started = time.perf_counter()
        engine.answer(batch, lambda answer: None)
        return time.perf_counter() - started

    together(conversations(2, -1))
    for count in (4, 16):
        batch, loop = [], []
        for turn in range(REPEATS):
            batch.append(together(conversations(count, turn)) / count)
            loop.append(sum(together([conversation]) for conversation in conversations(count, turn + 100)) / count)
        row = Row(
            f"{count} prompts in one call, 300 tokens each", "a prompt", statistics.median(batch),
            "one call a prompt, model loaded", statistics.median(loop), "≥ 3×" if count == 16 else "",
        )  # fmt: skip
        sys.__stdout__.write("ROW " + json.dumps(asdict(row)) + "\n")
        sys.__stdout__.flush()
    engine.close()


if __name__ == "__main__":
    main()
