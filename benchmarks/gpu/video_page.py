"""docs/GPU_VIDEO.md from the figures of `benchmarks.gpu.video`."""

from __future__ import annotations

from typing import Any

__all__ = ["page"]

GIB = 1024**3
STEPS = {"transfer2.5-2b": 36}  # diffusers' default; NVIDIA's own program takes 35
USUAL = 50
MODES = {
    "offload": "`--mode offload`: the parts take turns on the card (diffusers' model offload); the VAE works in tiles.",
    "text-first": "`--mode text-first`: the prompt is encoded, then the text encoder is taken off the card; peaks are"
    " from then on.",
}

HEAD = """# The video models on a GPU

Measured by `python -m benchmarks.gpu.video`: the full-size pipelines of diffusers with **random bf16 weights**, one
chunk of each size, three steps of it. Random weights take as much memory and time as real ones; the pictures mean
nothing. The safety checker is **not measured**, because its weights are gated; a replacement that passes everything was
used, so its memory and time must be added. Nothing is compiled, and nothing is offloaded unless the section says so;
attention is PyTorch's own. The top of `benchmarks/gpu/video_models.py` says where each shape comes from, and what is
assumed.

Each peak is the most that PyTorch had allocated on the whole card while that part worked. *card* is the memory in use
on the card at the end, including CUDA's own and what PyTorch keeps for later. A smaller card needs the peak, 0.8 GiB
for CUDA, and a little more because memory gets fragmented. Encoding has one figure for each encoding of a chunk. The
minutes of a chunk are calculated: text, encoding, decoding, and the usual number of steps times the seconds of one
step.
"""


def page(figures: dict[str, Any]) -> str:
    return "\n".join([HEAD, *(line for model, facts in figures.items() for line in section(model, facts))])


def section(model: str, facts: dict[str, Any]) -> list[str]:
    origin = (
        f"{facts['date']}, one {facts['card']}, PyTorch {facts['torch']}, diffusers {facts['diffusers']},"
        f" transformers {facts['transformers']}."
    )
    if mode := MODES.get(model.partition(", ")[2]):
        origin += f"\n{mode}"
    if facts["failed"]:
        return [f"## {model}", "", origin, "", f"Not measured: {facts['failed']}.", ""]
    total = sum(part["bytes"] for part in facts["parts"])
    lines = [
        f"## {model}", "", origin, "",
        "| part | parameters | GiB at load |", "|---|---:|---:|",
        *(f"| {part['name']} | {part['parameters']:,} | {part['bytes'] / GIB:.2f} |" for part in facts["parts"]),
        f"| all | {sum(part['parameters'] for part in facts['parts']):,} | {total / GIB:.2f} |", "",
        "| size | frames | controls | peak GiB | of it in steps | encode | decode | card | s a step | passes a step |"
        " encode s | decode s | a chunk |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    return [*lines, *(_row(model, case) for case in facts["cases"]), ""]


def _row(model: str, case: dict[str, Any]) -> str:
    tiled = ", VAE tiled" if case.get("vae_tiled") else ""
    start = f"| {case['name']} ({case['width']}×{case['height']}{tiled}) | {case['frames']} | {case['controls']} |"
    if case["failed"]:
        return f"{start} {case['failed']}" + " |" * 10
    steps = STEPS.get(model.partition(",")[0], USUAL)
    parts = (case["text_seconds"], case["encode_seconds"], case["decode_seconds"])
    whole = sum(map(sum, parts)) + steps * case["step_seconds"]
    peaks = case["peaks"]
    stepping = max(peaks.get("transformer", 0), peaks.get("controlnet", 0))
    figures = [
        f"{case['peak'] / GIB:.1f}",
        *(f"{peak / GIB:.1f}" for peak in (stepping, peaks.get("vae encode", 0), peaks.get("vae decode", 0))),
        f"{(case['reserved'] + case['beside']) / GIB:.1f}" if case["reserved"] >= case["peak"] else "-",
        f"{case['step_seconds']:.2f}",
        str(case["passes_a_step"]),
        " + ".join(f"{seconds:.1f}" for seconds in case["encode_seconds"]),
        " + ".join(f"{seconds:.1f}" for seconds in case["decode_seconds"]),
        f"{whole / 60:.1f} min at {steps} steps",
    ]
    return f"{start} {' | '.join(figures)} |"
