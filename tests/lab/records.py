"""Records made by hand, so that what a report says of them can be worked out on paper."""

from __future__ import annotations

from dataclasses import asdict

from cosmos_workflow.lab import Timing, Trial
from cosmos_workflow.store import Experiments

ENVIRONMENT = {
    "model": "cosmos-upsampler-12b", "version": "vllm 1.2.3", "device": "cuda", "gpu": "NVIDIA L40S",
    "max_model_len": 4096, "max_num_seqs": 16, "cache_tokens": 121008, "planned_cache_tokens": 120000,
    "concurrency": 29.54, "planned_concurrency": 29.3,
}  # fmt: skip


def sized(search: str, width: int, height: int, tokens: int, predicted: str, seen: str, **more: object) -> Trial:
    values = {"reported_tokens": tokens, "seconds": 2.0, **more}
    return Trial(search, 2, width, height, 6, 300, 4096, 1, predicted, tokens, seen=seen, **values)  # type: ignore[arg-type]


TRIALS = [
    sized("size 16:9", 911, 512, 3721, "fits", "fits", completion_tokens=300, finish_reason="length"),
    sized("size 16:9", 912, 513, 3839, "cut_short", "cut_short", completion_tokens=257, finish_reason="length"),
    sized("size 16:9", 944, 531, 4089, "cut_short", "cut_short", completion_tokens=7, finish_reason="length"),
    sized("size 16:9", 945, 532, 4157, "too_long", "too_long", error="too | <long>", error_kind="too_long"),
    sized("usual sizes", 940, 529, 4089, "cut_short", "cut_short", completion_tokens=7, finish_reason="length"),
    sized("usual sizes", 960, 540, 4157, "too_long", "too_long", error="too long", error_kind="too_long"),
    sized(
        "usual sizes", 640, 360, 1895, "fits", "out_of_memory", error="CUDA out of memory", error_kind="out_of_memory"
    ),
    Trial("batch", 2, 910, 512, 6, 300, 4096, 4, "fits", 3721, 4, "fits", 3721, 4, "length", 1200, 8.0, peak_mib=41984),
    Trial(
        "batch", 2, 910, 512, 6, 300, 4096, 5, "fits", 3721, 4, "fits", 3721, 4, "length", 1500, 12.0, peak_mib=41984
    ),
]

TIMINGS = [
    Timing(mode, 4, 854, 480, repeat, seconds, parts, 4, 1200, 40000, "gpu", [[0.0, 1000], [2.0, 40000]])
    for mode, times, parts in [
        ("offload-each", (400.0, 440.0, 420.0), {"start": 80.0, "load": 200.0, "compile": 80.0, "prompts": 40.0}),
        ("batch", (120.0, 105.0, 100.0), {"start": 20.0, "load": 50.0, "compile": 20.0, "prompts": 12.0}),
    ]
    for repeat, seconds in enumerate(times)
]


def write(experiments: Experiments) -> None:
    for id, kind, records in (("p1", "probe", TRIALS), ("b1", "bench", TIMINGS)):
        experiments.add(id, kind, "gpu", "vllm", {"options": {"model_path": "/m", "seed": 7}})  # type: ignore[arg-type]
        rows = [(f"{n}", asdict(record)) for n, record in enumerate(records)]
        experiments.begin(id, rows)
        experiments.finish(id, rows)
        experiments.update(id, state="done", environment=ENVIRONMENT)
