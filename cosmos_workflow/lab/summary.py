"""The numbers that a report shows, worked out from the records alone."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from cosmos_workflow.lab.benching import MODES, PARTS, Timing
from cosmos_workflow.lab.trials import Trial
from cosmos_workflow.store import Experiment, Experiments

__all__ = ["Boundary", "ModeRow", "Study", "boundaries", "mode_rows", "reason", "studies", "verdict_counts"]


@dataclass(frozen=True)
class Study:
    """An experiment with its records: the trials of a probe, or the timings of a bench."""

    experiment: Experiment
    trials: Sequence[Trial] = ()
    timings: Sequence[Timing] = ()

    def rows(self) -> list[dict[str, Any]]:
        """The records, each with what it was measured on, for tables and programs."""
        experiment = self.experiment
        about: dict[str, Any] = {
            "experiment": experiment.id,
            "kind": experiment.kind,
            "place": experiment.place,
            "engine": experiment.engine,
        }
        about |= {name: experiment.environment.get(name) for name in ("version", "gpu", "cpu", "max_num_seqs")}
        records = [asdict(trial) for trial in self.trials] + [asdict(timing) for timing in self.timings]
        return [{**about, "settings": experiment.settings, **record} for record in records]


def studies(experiments: Experiments, ids: Sequence[str] = ()) -> list[Study]:
    """The experiments named, else all, the oldest first, without those that measured nothing. Raises UsageError."""
    chosen = [experiments.get(id) for id in ids] or experiments.all()[::-1]
    result = []
    for experiment in chosen:
        records = [data for _, done, data in experiments.trials(experiment.id) if done]
        if experiment.kind == "probe":
            result.append(Study(experiment, trials=[Trial(**data) for data in records]))
        else:
            result.append(Study(experiment, timings=[Timing(**data) for data in records]))
    return [study for study in result if study.trials or study.timings]


@dataclass(frozen=True)
class Boundary:
    """The largest value that holds of all that were tried, as predicted and as seen; 0 where none does.

    `what` is `fits` (the answer is whole), `runs` (it may be cut short) or `at once`; `unit` says what is counted:
    the longer side in pixels, tokens of text, requests. `exact` says that the next larger value was tried too,
    `most` that nothing larger was tried, so that the boundary may lie further out.
    """

    search: str
    frames: int
    what: str
    unit: str
    predicted: int
    seen: int
    exact: bool
    most: bool
    trial: Trial | None

    @property
    def agrees(self) -> bool:
        return self.predicted == self.seen

    @property
    def mark(self) -> str:
        """In a word, how sure the boundary is."""
        if not self.agrees:
            return "differs"
        return "all tried" if self.most else "exact" if self.exact else "at least"

    @property
    def size(self) -> str:
        """The largest frame that holds, as seen."""
        return f"{self.trial.width}x{self.trial.height}" if self.trial else "none"


def boundaries(trials: Iterable[Trial]) -> list[Boundary]:
    """Every boundary that the trials searched for, in the order of the searches."""
    result = []
    groups: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.search, trial.frames), []).append(trial)
    for (search, frames), group in groups.items():
        if search == "batch":
            result.append(_boundary(group, search, frames, "at once"))
        elif search == "prompt" or search.startswith("size "):
            result += [_boundary(group, search, frames, what) for what in ("fits", "runs")]
    return result


def _boundary(trials: Sequence[Trial], search: str, frames: int, what: str) -> Boundary:
    unit = {"batch": "requests", "prompt": "tokens of text"}.get(search, "px")

    def value(trial: Trial) -> int:
        if search == "batch":
            return trial.batch
        return trial.text_tokens if search == "prompt" else max(trial.width, trial.height)

    def holds(trial: Trial, verdict: str, at_once: int) -> bool:
        if what == "runs":
            return verdict in ("fits", "cut_short")
        return verdict == "fits" and (what == "fits" or at_once in (0, trial.batch))

    by_value = {value(trial): trial for trial in trials}
    expected = [n for n, trial in by_value.items() if holds(trial, trial.predicted, trial.predicted_at_once)]
    held = {n for n, trial in by_value.items() if holds(trial, trial.seen, trial.at_once)}
    # A value does not count if a smaller one failed.
    seen = max((n for n in held if all(m in held for m in by_value if m < n)), default=0)
    exact, most = seen + 1 in by_value, seen == max(by_value)
    return Boundary(
        search, frames, what, unit, max(expected, default=0), seen, exact, most, by_value.get(seen)
    )  # fmt: skip


def verdict_counts(trials: Iterable[Trial]) -> Counter[tuple[str, str]]:
    """How often each pair of predicted and seen verdicts occurred."""
    return Counter((trial.predicted, trial.seen) for trial in trials)


def reason(trial: Trial) -> str:
    """Why a trial ended as it did, from its own numbers.

    >>> reason(Trial("", 2, 940, 529, 6, 300, 4096, 1, "cut_short", 4089, seen="cut_short", completion_tokens=7))
    '7 tokens are left of the 300 asked for'
    """
    room = trial.max_model_len - trial.predicted_tokens
    if trial.seen == "fits":
        return f"{room:,} tokens are left, {trial.max_tokens:,} asked for"
    if trial.seen == "cut_short":
        return f"{trial.completion_tokens:,} tokens are left of the {trial.max_tokens:,} asked for"
    if trial.seen == "too_long":
        return f"{trial.reported_tokens or trial.predicted_tokens:,} tokens are {-room:,} over {trial.max_model_len:,}"
    return trial.error


@dataclass(frozen=True)
class ModeRow:
    """A mode with a batch and a frame size: medians over `repeats`, s. `gain` is the share of the time that it saves
    compared with offloading after every prompt (None where that was not measured); `cost` is of 1,000 prompts.
    """

    mode: str
    batch: int
    width: int
    height: int
    repeats: int
    failed: int
    seconds: float
    shortest: float
    longest: float
    parts: dict[str, float]
    tokens_per_second: float
    peak_mib: int
    gain: float | None = None
    cost: float | None = None

    @property
    def name(self) -> str:
        return MODES[self.mode]

    @property
    def per_prompt(self) -> float:
        return self.seconds / self.batch

    @property
    def prompts_per_hour(self) -> float:
        return 3600 * self.batch / self.seconds if self.seconds else 0.0


def mode_rows(timings: Iterable[Timing], price_per_hour: float = 0.0) -> list[ModeRow]:
    """The measurements by frame size, batch and mode, each compared with offloading after every prompt."""
    order: list[str] = list(MODES)

    def size_and_mode(timing: Timing) -> tuple[int, int, int, int]:
        return timing.width * timing.height, timing.width, timing.batch, order.index(timing.mode)

    rows: list[ModeRow] = []
    offload_seconds: dict[tuple[int, int, int], float] = {}
    for _, group in groupby(sorted(timings, key=size_and_mode), key=size_and_mode):
        measured = list(group)
        good = [timing for timing in measured if not timing.error]
        first = measured[0]
        if not good:
            rows.append(_row(first, measured, 0.0, None, None))
            continue
        seconds = statistics.median(timing.seconds for timing in good)
        size = (first.width, first.height, first.batch)
        gain = 1 - seconds / offload_seconds[size] if size in offload_seconds else None
        if first.mode == "offload-each":
            offload_seconds[size] = seconds
        cost = 1000 * price_per_hour * seconds / first.batch / 3600 if price_per_hour else None
        rows.append(_row(first, measured, seconds, gain, cost))
    return rows


def _row(first: Timing, measured: list[Timing], seconds: float, gain: float | None, cost: float | None) -> ModeRow:
    good = [timing for timing in measured if not timing.error]
    times = [timing.seconds for timing in good] or [0.0]
    parts = {name: statistics.median([timing.parts[name] for timing in good] or [0.0]) for name in PARTS}
    tokens = [timing.completion_tokens / timing.parts["prompts"] for timing in good if timing.parts["prompts"]] or [0.0]
    return ModeRow(
        first.mode, first.batch, first.width, first.height, len(good), len(measured) - len(good), seconds, min(times),
        max(times), parts, statistics.median(tokens), max(timing.peak_mib for timing in measured), gain, cost,
    )  # fmt: skip
