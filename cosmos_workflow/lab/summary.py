"""From records to the numbers that a report shows; nothing here that the records do not hold."""

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
        one = self.experiment
        about: dict[str, Any] = {"experiment": one.id, "kind": one.kind, "place": one.place, "engine": one.engine}
        about |= {name: one.environment.get(name) for name in ("version", "gpu", "cpu", "max_num_seqs")}
        records = [asdict(trial) for trial in self.trials] + [asdict(timing) for timing in self.timings]
        return [{**about, "settings": one.settings, **record} for record in records]


def studies(experiments: Experiments, ids: Sequence[str] = ()) -> list[Study]:
    """Those asked for, else all, the oldest first, without those that measured nothing. Raises UsageError."""
    chosen = [experiments.get(id) for id in ids] or experiments.all()[::-1]
    found = []
    for one in chosen:
        records = [data for _, done, data in experiments.trials(one.id) if done]
        if one.kind == "probe":
            found.append(Study(one, trials=[Trial(**data) for data in records]))
        else:
            found.append(Study(one, timings=[Timing(**data) for data in records]))
    return [one for one in found if one.trials or one.timings]


@dataclass(frozen=True)
class Boundary:
    """The largest that holds, as predicted and as seen, of all that was tried; 0 where nothing does.

    `what` is `fits` (the answer is whole), `runs` (it may be cut short) or `at once`; `unit` says what is counted:
    the longer side in pixels, tokens of text, requests. `exact` says that the next larger value was tried too;
    `most` that nothing larger was, so that the boundary may lie further out.
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
    found = []
    groups: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.search, trial.frames), []).append(trial)
    for (search, frames), several in groups.items():
        if search == "batch":
            found.append(_boundary(several, search, frames, "at once"))
        elif search == "prompt" or search.startswith("size "):
            found += [_boundary(several, search, frames, what) for what in ("fits", "runs")]
    return found


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
    expected = [n for n, one in by_value.items() if holds(one, one.predicted, one.predicted_at_once)]
    held = {n for n, one in by_value.items() if holds(one, one.seen, one.at_once)}
    # A value below which another failed is no boundary.
    seen = max((n for n in held if all(m in held for m in by_value if m < n)), default=0)
    exact, most = seen + 1 in by_value, seen == max(by_value)
    return Boundary(
        search, frames, what, unit, max(expected, default=0), seen, exact, most, by_value.get(seen)
    )  # fmt: skip


def verdict_counts(trials: Iterable[Trial]) -> Counter[tuple[str, str]]:
    """How often each verdict was predicted, and what was seen."""
    return Counter((one.predicted, one.seen) for one in trials)


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
    beside offloading after every prompt (None where that was not measured); costs are for 1,000 prompts.
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
    """The measurements by frame size, batch and mode, beside the slowest mode's."""
    order: list[str] = list(MODES)

    def group(timing: Timing) -> tuple[int, int, int, int]:
        return timing.width * timing.height, timing.width, timing.batch, order.index(timing.mode)

    rows: list[ModeRow] = []
    slowest: dict[tuple[int, int, int], float] = {}
    for _, several in groupby(sorted(timings, key=group), key=group):
        measured = list(several)
        good = [one for one in measured if not one.error]
        first = measured[0]
        if not good:
            rows.append(_row(first, measured, 0.0, None, None))
            continue
        seconds = statistics.median(one.seconds for one in good)
        where = (first.width, first.height, first.batch)
        gain = 1 - seconds / slowest[where] if where in slowest else None
        if first.mode == "offload-each":
            slowest[where] = seconds
        cost = 1000 * price_per_hour * seconds / first.batch / 3600 if price_per_hour else None
        rows.append(_row(first, measured, seconds, gain, cost))
    return rows


def _row(first: Timing, measured: list[Timing], seconds: float, gain: float | None, cost: float | None) -> ModeRow:
    good = [one for one in measured if not one.error]
    times = [one.seconds for one in good] or [0.0]
    parts = {name: statistics.median([one.parts[name] for one in good] or [0.0]) for name in PARTS}
    tokens = [one.completion_tokens / one.parts["prompts"] for one in good if one.parts["prompts"]] or [0.0]
    return ModeRow(
        first.mode, first.batch, first.width, first.height, len(good), len(measured) - len(good), seconds, min(times),
        max(times), parts, statistics.median(tokens), max(one.peak_mib for one in measured), gain, cost,
    )  # fmt: skip
