"""The report's plots, as SVG, drawn from the records alone; this is the only module that needs matplotlib.

The server draws them in its threads, so nothing here uses `pyplot`, whose list of open figures is global.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cosmos_workflow.errors import UsageError
from cosmos_workflow.lab.benching import PARTS
from cosmos_workflow.lab.summary import ModeRow, Study
from cosmos_workflow.lab.trials import Trial
from cosmos_workflow.limits import Model, get_model, size_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_memory", "draw_modes", "draw_tokens"]

SEEN = {
    "fits": ("fits", "#2a7f4f"),
    "cut_short": ("cut short", "#c98a00"),
    "too_long": ("rejected", "#b3261e"),
    "out_of_memory": ("out of memory", "#7a1fa2"),
    "other": ("other", "#555555"),
}
PART_COLOURS = {"start": "#b9c4d0", "load": "#7a93ad", "compile": "#41648a", "prompts": "#2a7f4f"}


def draw_tokens(trials: Sequence[Trial], model: str | Model) -> str:
    """Tokens of the prompt against the longer side: a line per aspect ratio, both limits, and a dot for each trial."""
    figure, axes = _figure(9, 4.8)
    sized = [trial for trial in trials if trial.search.startswith("size ") and trial.frames == trials[0].frames]
    facts, first = get_model(model), sized[0]
    longest = max(max(trial.width, trial.height) for trial in sized)
    ends: dict[int, list[str]] = {}
    for aspect in sorted({trial.search.removeprefix("size ") for trial in sized}):
        width, height = map(int, aspect.split(":"))
        sides = list(range(16, longest + 1))
        fixed = facts.wrapping_tokens + first.text_tokens
        tokens = [fixed + first.frames * facts.images.tokens(*size_at((width, height), side)) for side in sides]
        axes.plot(sides, tokens, color="#8a97a5", linewidth=0.9, zorder=1)
        # A shape and the same shape upright end at nearly the same height: one label for both.
        end = next((other for other in ends if abs(other - tokens[-1]) < 200), tokens[-1])
        ends.setdefault(end, []).append(aspect)
    for end, aspects in ends.items():
        axes.annotate(", ".join(aspects), (longest, end), xytext=(4, -2), textcoords="offset points", fontsize=8)
    limit, answer = first.max_model_len, first.max_tokens
    axes.axhspan(limit - answer, limit, color="#f0c36a", alpha=0.35, label=f"the answer's {answer:,} tokens")
    axes.axhline(limit, color=SEEN["too_long"][1], linewidth=1.2, label=f"max_model_len {limit:,}")
    for seen, (name, colour) in SEEN.items():
        group = [trial for trial in sized if trial.seen == seen]
        longer, tokens = (
            [max(trial.width, trial.height) for trial in group],
            [trial.predicted_tokens for trial in group],
        )
        if group:
            axes.plot(longer, tokens, "o", color=colour, markersize=3.5, label=name, zorder=2)
    axes.set(xlabel="longer side of a frame, pixels", ylabel="tokens of the prompt")
    axes.set(xlim=(0, longest * 1.1), ylim=(0, None))
    axes.legend(loc="lower right", fontsize=8.5)
    return _svg(figure)


def draw_modes(rows: Sequence[ModeRow]) -> str:
    """Seconds per prompt by mode, divided into parts: medians."""
    rows = [row for row in rows if row.repeats]
    figure, axes = _figure(9, 1.2 + 0.42 * len(rows))
    several = len({(row.width, row.height) for row in rows}) > 1
    labels = [f"{row.name}, {row.batch}" + (f" × {row.width}x{row.height}" if several else "") for row in rows]
    left = [0.0] * len(rows)
    for part in PARTS:
        widths = [row.parts[part] / row.batch for row in rows]
        axes.barh(labels, widths, left=left, color=PART_COLOURS[part], label=part, height=0.62)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for end, label in zip(left, labels, strict=True):
        axes.annotate(
            f"{end:.1f} s", (end, label), xytext=(4, 0), textcoords="offset points", fontsize=8.5, va="center"
        )
    axes.invert_yaxis()
    axes.set(xlabel="seconds a prompt", xlim=(0, max(left) * 1.12))
    axes.legend(loc="lower right", fontsize=8.5)
    return _svg(figure)


def draw_memory(studies: Sequence[Study]) -> str:
    """Memory in use over time: for each mode, the first measurement with the largest batch."""
    figure, axes = _figure(9, 3.6)
    timings = [timing for study in studies for timing in study.timings if timing.memory and not timing.error]
    largest = max((timing.batch for timing in timings), default=0)
    drawn: set[str] = set()
    for timing in sorted(timings, key=lambda timing: timing.repeat):
        if timing.mode not in drawn and timing.batch == largest:
            drawn.add(timing.mode)
            seconds, mib = zip(*timing.memory, strict=True)
            axes.plot(seconds, [value / 1024 for value in mib], linewidth=1.4, label=f"{timing.mode}, {timing.batch}")
    owner = "the GPU" if timings and timings[0].memory_of == "gpu" else "the engine's processes"
    axes.set(xlabel="seconds since the start", ylabel=f"GiB of {owner}", ylim=(0, None))
    axes.legend(loc="lower right", fontsize=8.5)
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError("the plots need matplotlib", remedy="pip install 'cosmos-workflow[report]'") from error
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # The same picture from the same records: no date and no random ids in the file. The settings are global, but every
    # thread sets the same values.
    mpl.rcParams |= {"svg.hashsalt": "cosmos", "font.size": 10, "svg.fonttype": "none"}
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)  # so that `tight_layout` measures text as the SVG shows it
    axes = figure.subplots()
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
