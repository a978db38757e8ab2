"""Draw docs/img/limits.svg: tokens against size, the limit, and the part of it kept for the answer."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from cosmos_workflow.limits import FIELD_TESTS, plan, plan_many

PROMPT = "A futuristic city at sunset"
COLOURS = {"fits": "#2a7f4f", "cut_short": "#c98a00", "too_long": "#b3261e"}
LABELS = {"fits": "fits", "cut_short": "runs, answer cut short", "too_long": "rejected"}


def main() -> None:
    # The same picture every time: no date and no random ids in the file.
    mpl.rcParams |= {"svg.hashsalt": "limits", "font.size": 10, "svg.fonttype": "none"}
    widths = np.arange(160, 1441)
    heights = np.maximum(1, np.rint(widths * 9 / 16)).astype(int)
    text = plan((320, 180), PROMPT).text_tokens
    figure = Figure(figsize=(9, 4.8))
    FigureCanvasSVG(figure)  # so that `tight_layout` measures text as the SVG shows it
    axes = figure.subplots()
    for frames, style in ((2, "-"), (1, ":")):
        tokens = plan_many(widths, heights, text, frames=frames).prompt_tokens
        name = f"prompt with {'two frames' if frames == 2 else 'one frame'}, 16:9"
        axes.plot(widths, tokens, style, color="#345", linewidth=1.4, label=name)
    axes.axhspan(3796, 4096, color="#f0c36a", alpha=0.35, label="the answer's 300 tokens")
    axes.axhline(4096, color=COLOURS["too_long"], linewidth=1.2, label="max_model_len 4,096")
    labelled = set()
    for width, height in FIELD_TESTS:
        prediction = plan((width, height), PROMPT, fit="off")
        label = LABELS[prediction.verdict] if prediction.verdict not in labelled else None
        labelled.add(prediction.verdict)
        axes.plot(width, prediction.prompt_tokens, "o", color=COLOURS[prediction.verdict], markersize=6, label=label)
    for width, height, offset in (
        (854, 480, (-74, 4)),
        (940, 529, (-82, 8)),
        (960, 540, (-70, 20)),
        (1280, 720, (-30, 10)),
    ):
        prediction = plan((width, height), PROMPT, fit="off")
        words = f"{width}×{height}: {prediction.prompt_tokens:,}"
        axes.annotate(words, (width, prediction.prompt_tokens), xytext=offset, textcoords="offset points", fontsize=8.5)
    axes.set(xlabel="width of a frame, pixels", ylabel="tokens of the prompt", xlim=(160, 1440), ylim=(0, 5400))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", fontsize=8.5)
    figure.tight_layout()
    path = Path(__file__).parent.parent / "docs" / "img" / "limits.svg"
    figure.savefig(path, metadata={"Date": None})
    print(path)


if __name__ == "__main__":
    main()
