"""Everything that can be calculated about a model: the largest frames, the usual sizes, and which GPU holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cosmos_workflow.limits.fit import plan
from cosmos_workflow.limits.memory import GPUS, MemoryPlan, full_size_model_len, memory
from cosmos_workflow.limits.models import DTYPES, Model, get_model
from cosmos_workflow.limits.shapes import ASPECTS, USUAL_SIZES
from cosmos_workflow.limits.verdicts import Fit, Plan

__all__ = ["Overview", "overview"]

QUANTISED = ("fp8", "int4")


@dataclass(frozen=True)
class Overview:
    """Plans of sources larger than any frame that could fit, by aspect ratio; of sizes; and of GPUs, by dtype.

    `full_size` is what GPUs hold when `max_model_len` is long enough for any frames at full size.
    """

    model: Model
    frames: int
    aspects: dict[str, Plan]
    sizes: list[Plan]
    memory: dict[str, list[MemoryPlan]]
    full_size: dict[str, list[MemoryPlan]]

    def to_dict(self) -> dict[str, Any]:
        """A dict that can be written as JSON."""
        first = self.sizes[0]
        return {
            "model": self.model.name,
            "max_model_len": first.max_model_len,
            "max_tokens": first.max_tokens,
            "frames": self.frames,
            "aspects": [{"aspect": name, **plan.to_dict()} for name, plan in self.aspects.items()],
            "sizes": [plan.to_dict() for plan in self.sizes],
            "memory": [asdict(plan) for plan in self.memory["bf16"]],
            "quantised_memory": [asdict(plan) for dtype in QUANTISED for plan in self.memory[dtype]],
            "full_size_memory": [asdict(plan) for plan in self.full_size["bf16"]],
            "quantised_full_size_memory": [asdict(plan) for dtype in QUANTISED for plan in self.full_size[dtype]],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Overview:
        """What `to_dict` has written, maybe on another machine."""

        def plans(name: str) -> list[Plan]:
            return [Plan(**{field: row[field] for field in Plan.__dataclass_fields__}) for row in values[name]]

        def by_dtype(name: str) -> dict[str, list[MemoryPlan]]:
            rows = [MemoryPlan(**row) for row in (*values[name], *values[f"quantised_{name}"])]
            return {dtype: [row for row in rows if row.dtype == dtype] for dtype in DTYPES}

        aspects = dict(zip((row["aspect"] for row in values["aspects"]), plans("aspects"), strict=True))
        memory, full_size = by_dtype("memory"), by_dtype("full_size_memory")
        return cls(get_model(values["model"]), values["frames"], aspects, plans("sizes"), memory, full_size)


def overview(
    model: Model, prompt: str = "", *, sizes: Sequence[tuple[int, int]] = (), fit: Fit = "auto",
    frames: int | None = None, max_tokens: int | None = None, max_model_len: int | None = None,
    gpu: str = "", memory_gib: float = 0.0,
) -> Overview:  # fmt: skip
    """The overview for a prompt with `frames` frames; for every known GPU, or for one by its name or memory in GiB.

    Raises UsageError for an unknown GPU.
    """
    count = frames or model.default_frames
    lengths: Any = {"max_tokens": max_tokens, "max_model_len": max_model_len}
    # Larger than any frame that fits, so each plan gives the largest frame of its aspect ratio.
    large = {name: (width * 2048, height * 2048) for name, (width, height) in ASPECTS.items()}
    gpus = [gpu] if gpu or memory_gib else list(GPUS)

    def fitted(length: int) -> dict[str, list[MemoryPlan]]:
        return {
            dtype: [
                memory(model, gpu=name, memory_gib=memory_gib, max_model_len=length, dtype=dtype) for name in gpus
            ]
            for dtype in DTYPES
        }  # fmt: skip

    return Overview(
        model,
        count,
        {name: plan(size, prompt, model, count, **lengths) for name, size in large.items()},
        [plan(size, prompt, model, count, fit, **lengths) for size in sizes or USUAL_SIZES],
        fitted(max_model_len or 0),
        fitted(full_size_model_len(model, count)),
    )
