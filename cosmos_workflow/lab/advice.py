"""What a reader can conclude from the records, in sentences: safe size, largest size, batches, modes."""

from __future__ import annotations

from collections.abc import Sequence

from cosmos_workflow.lab.summary import Boundary, ModeRow, Study
from cosmos_workflow.limits import full_size_model_len, get_model

__all__ = ["advise"]


def advise(
    studies: Sequence[Study], boundaries: Sequence[tuple[str, Boundary]], modes: Sequence[tuple[str, ModeRow]]
) -> list[str]:
    """One line for each conclusion; `boundaries` and `modes` come as pairs of their experiment's letter and a row."""
    lines = []
    trials = [trial for study in studies for trial in study.trials]
    if trials:
        differing = sum(not trial.agrees for trial in trials)
        lines.append(
            f"**{len(trials) - differing} of {len(trials)} trials were predicted right**"
            + ("; the others are listed below." if differing else ", before anything ran.")
        )
    sizes: dict[tuple[str, str], dict[str, None]] = {}  # what two experiments agree on appears once
    for _, boundary in boundaries:
        if boundary.search.startswith("size ") and boundary.trial and boundary.trial.max_model_len:
            frames = f"{boundary.frames} frame{'s' if boundary.frames > 1 else ''}"
            name = f"{frames} in {boundary.trial.max_model_len:,} tokens"
            text = f"{boundary.search.removeprefix('size ')} {'any size' if boundary.most else boundary.size}"
            sizes.setdefault((boundary.what, name), {})[text] = None
    for (what, name), shapes in sizes.items():
        if what == "fits":
            lines.append(f"**Safe size**, {name}: {', '.join(shapes)}.")
        else:
            lines.append(f"**Largest that runs**, {name}, with an answer that is cut: {', '.join(shapes)}.")
    if trials:
        model = next(study.experiment.environment.get("model", "") for study in studies if study.trials)
        length = full_size_model_len(get_model(model))
        lines.append(f"**Full-size frames** of any shape take `max_model_len={length}` where the engine is yours.")
    together = [(letter, boundary) for letter, boundary in boundaries if boundary.what == "at once" and boundary.seen]
    if together:
        counts = ", ".join(f"{boundary.seen} on {letter}" for letter, boundary in together)
        lines.append(f"**Batches**: full requests that run at the same time: {counts}; more of them wait.")
    for size in dict.fromkeys((row.batch, row.width, row.height) for _, row in modes):
        rows = [row for _, row in modes if (row.batch, row.width, row.height) == size and row.repeats]
        if len(rows) > 1:
            best, worst = min(rows, key=lambda row: row.seconds), max(rows, key=lambda row: row.seconds)
            lines.append(
                f"**Mode** for {best.batch} prompts of {best.width}×{best.height}: {best.name}, {best.per_prompt:.1f} s"
                f" a prompt; {worst.name}, {worst.per_prompt:.1f} s ({worst.seconds / best.seconds:.1f}× as long)."
            )
    return lines
