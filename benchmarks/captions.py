"""How many answers of a model with random weights are valid captions, on the real CPU vLLM.

Random weights know no English, so only the schema that decoding is held to makes a caption of what they say; what is
not one must be named as cut. `python -m benchmarks.captions` with the Python of `make vllm-env` takes minutes, writes
the figure into docs/ENGINES.md, and ends with 1 if fewer than 95 of 100 are valid.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path

from cosmos_workflow import Item, Settings, upsample
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.kinds.upsample.caption import problems_of, read_caption
from scripts.demo import draw_clip

__all__ = ["main", "measure"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ENGINES.md"
MODEL = ROOT / ".vllm" / "tiny-pixtral"
LENGTH = 8192
COUNT, LEAST = 100, 95
PLACE = re.compile(r"<!-- captions -->.*?<!-- /captions -->", re.DOTALL)


def measure(folder: Path, count: int = COUNT) -> list[Result]:
    """The results of `count` prompts for one clip, each sampled with a seed of its own."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ["COSMOS_DATA"] = str(folder / "data")
    clip = folder / "city.mp4"
    draw_clip(clip)
    items = [Item(f"i{n}", f"a city, number {n}", clip, seed=n, temperature=1.0) for n in range(count)]
    settings = EngineSettings(model_path=str(MODEL), max_model_len=LENGTH, options={"load_format": "dummy"})
    engine = make_engine("vllm", settings)
    try:
        return upsample(items, engine=engine, settings=Settings(format="cosmos3", max_model_len=LENGTH))
    finally:
        engine.close()


def main() -> int:
    """Measure, and write the figure. Returns 1 where it is too low, or where an answer fails for another reason."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder))
    valid = sum(not result.error and not problems_of(read_caption(result.upsampled_prompt)) for result in results)
    cut = sum("cut at" in result.error for result in results)
    longest = max((result.completion_tokens for result in results if not result.error), default=0)
    figure = (
        f"Of {len(results)} answers of a tiny Pixtral with random weights, by vLLM on a CPU, {valid} were valid"
        f" captions, of up to {longest:,} tokens, and {cut} were named as cut."
    )
    sys.stdout.write(f"{figure} {time.monotonic() - began:.0f} s\n")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PLACE.sub(f"<!-- captions -->\n{figure}\n<!-- /captions -->", page), encoding="utf-8")
    return 0 if valid >= LEAST and valid + cut == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
