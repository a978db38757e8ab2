"""What follows from the records, in sentences: safe size, largest size, batch mode."""

from __future__ import annotations

from collections.abc import Sequence

from cosmos_workflow.lab.summary import Boundary, ModeRow, Study
from cosmos_workflow.limits import full_size_model_len, get_model

__all__ = ["advise"]


def advise(
    studies: Sequence[Study], found: Sequence[tuple[str, Boundary]], modes: Sequence[tuple[str, ModeRow]]
) -> list[str]:
    """A line for each thing that a reader can do; `found` and `modes` come with their experiment's letter."""
    lines = []
    trials = [trial for study in studies for trial in study.trials]
    if trials:
        differing = sum(not trial.agrees for trial in trials)
        lines.append(
            f"**{len(trials) - differing} of {len(trials)} trials were predicted right**"
            + ("; the others are listed below." if differing else ", before anything ran.")
        )
    sizes: dict[tuple[str, str], dict[str, None]] = {}  # two experiments that say the same say it once
    for _, one in found:
        if one.search.startswith("size ") and one.trial and one.trial.max_model_len:
            name = f"{one.frames} frame{'s' if one.frames > 1 else ''} in {one.trial.max_model_len:,} tokens"
            text = f"{one.search.removeprefix('size ')} {'any size' if one.most else one.size}"
            sizes.setdefault((one.what, name), {})[text] = None
    for (what, name), several in sizes.items():
        if what == "fits":
            lines.append(f"**Safe size**, {name}: {', '.join(several)}.")
        else:
            lines.append(f"**Largest that runs**, {name}, with an answer that is cut: {', '.join(several)}.")
    if trials:
        model = next(study.experiment.environment.get("model", "") for study in studies if study.trials)
        length = full_size_model_len(get_model(model))
        lines.append(f"**Full-size frames** of any shape take `max_model_len={length}` where the engine is yours.")
    together = [(letter, one) for letter, one in found if one.what == "at once" and one.seen]
    if together:
        counts = ", ".join(f"{one.seen} on {letter}" for letter, one in together)
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
