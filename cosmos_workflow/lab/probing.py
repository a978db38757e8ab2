"""`probe`: an engine's real limits, found by bisection, beside those that the arithmetic predicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from cosmos_workflow.errors import UsageError
from cosmos_workflow.lab.environment import describe_environment
from cosmos_workflow.lab.recording import Budget, OutOfTime, Recorder
from cosmos_workflow.lab.rigs import Rig, load
from cosmos_workflow.lab.searching import Search, bisect, doubling
from cosmos_workflow.lab.trials import Request, Subject, Trial, ended
from cosmos_workflow.limits import USUAL_SIZES, Model, size_at
from cosmos_workflow.store import Experiment, Experiments

__all__ = ["SEARCHES", "ProbeSettings", "parse_aspect", "probe"]

SEARCHES = ("size", "usual", "frames", "prompt", "batch")
TOGETHER = 16  # trials in one call
LONGEST_SIDE = 3840
MODEST = (640, 360)  # of frames, where the search is about the text or the number of frames
KILLED = "the process ended while this trial ran, twice"


@dataclass(frozen=True)
class ProbeSettings:
    """What to search for. `around` sizes on both sides of each boundary are tried as well; sizes in pixels."""

    searches: tuple[str, ...] = SEARCHES
    aspects: tuple[str, ...] = ("16:9", "4:3", "1:1", "9:16")
    frames: tuple[int, ...] = (2,)
    text: str = "A futuristic city at sunset"
    max_tokens: int = 300
    around: int = 2
    max_batch: int = 32
    longest_side: int = 0


def parse_aspect(word: str) -> tuple[int, int]:
    """`16:9` as numbers. Raises UsageError."""
    width, colon, height = word.partition(":")
    if not colon or not (width.isdigit() and height.isdigit()) or 0 in (int(width), int(height)):
        raise UsageError(f"invalid aspect ratio {word!r}", remedy="give one such as 16:9")
    return int(width), int(height)


def probe(
    rig: Rig,
    model: Model,
    settings: ProbeSettings,
    experiments: Experiments,
    *,
    max_minutes: float = 0.0,
    again: bool = False,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Experiment:
    """Search for the limits of the engine of `rig`; each trial is saved in `experiments` as it ends.

    An unfinished experiment with the same settings is continued, unless `again`. An experiment whose `state` is still
    `running` was stopped by `max_minutes`. Raises UsageError for an unknown search or aspect ratio, EngineUnavailable
    or OutOfMemory where the engine cannot be loaded at all.
    """
    if unknown := set(settings.searches) - set(SEARCHES):
        raise UsageError(f"unknown search: {', '.join(sorted(unknown))}", remedy=f"choose from {', '.join(SEARCHES)}")
    for aspect in settings.aspects:
        parse_aspect(aspect)
    if rig.engine == "describe":
        raise UsageError("the describe engine uses no model, so it has no limits", remedy="give --engine")
    wanted = {**asdict(settings), "model": model.name, "options": rig.options}
    recorder = Recorder.open(experiments, "probe", rig.name, rig.engine, wanted, again=again)
    budget = Budget(max_minutes)
    try:
        loaded = load(rig)
        subject = Subject(model, loaded.properties)
        recorder.environment(describe_environment(subject, loaded))
        Prober(rig, subject, settings, recorder, budget, on_trial).run()
        recorder.close()
    except OutOfTime:
        pass
    return experiments.get(recorder.experiment.id)


@dataclass
class _Hunt:
    """One search for the largest of 1 … `most` that holds; `value` is the next one to try, `largest` the result."""

    name: str
    make: Callable[[int], Request]
    holds: Callable[[Trial], bool]
    most: int
    search: Callable[[int], Search] = bisect

    def begin(self) -> None:
        self._steps = self.search(self.most)
        self.value, self.largest = next(self._steps), 0

    def go_on(self, trial: Trial) -> bool:
        """Whether there is more to try."""
        try:
            self.value = self._steps.send(self.holds(trial))
        except StopIteration as end:
            self.largest = end.value
            return False
        return True


def _whole(trial: Trial) -> bool:
    return trial.seen == "fits"


def _runs(trial: Trial) -> bool:
    return trial.seen in ("fits", "cut_short")


def _together(trial: Trial) -> bool:
    return trial.seen == "fits" and trial.at_once in (0, trial.batch)


class Prober:
    """One probe: its searches run one after another, and each trial is recorded before the next begins."""

    def __init__(
        self, rig: Rig, subject: Subject, settings: ProbeSettings, recorder: Recorder, budget: Budget,
        on_trial: Callable[[Trial], None],
    ) -> None:  # fmt: skip
        self._rig, self._subject, self._settings = rig, subject, settings
        self._recorder, self._budget, self._on_trial = recorder, budget, on_trial
        self._took: dict[int, float] = {}  # seconds of a call, by its number of requests

    def run(self) -> None:
        """Run every search that the settings name."""
        for search in SEARCHES:
            if search in self._settings.searches:
                getattr(self, f"_{search}")()

    def _size(self) -> None:
        """For each aspect ratio and number of frames, the longest side that fits, and the longest that runs."""
        hunts = [
            _Hunt(f"size {aspect}", self._sized(parse_aspect(aspect), frames), holds, self._longest)
            for aspect in self._settings.aspects
            for frames in self._settings.frames
            for holds in (_whole, _runs)
        ]
        self._hunt(hunts, around=self._settings.around)

    def _usual(self) -> None:
        """The sizes of cameras, editors and the field tests."""
        frames = self._settings.frames[0]
        self._try(("usual sizes", self._request(frames, size)) for size in USUAL_SIZES)

    def _frames(self) -> None:
        """Each number of frames, up to one more than the model takes."""
        most = self._subject.model.max_images
        self._try(("frames", self._request(frames, MODEST)) for frames in range(1, most + 2))

    def _prompt(self) -> None:
        """The longest text that fits beside frames of a modest size, and the longest that runs."""
        frames, most = self._settings.frames[0], self._subject.max_model_len

        def make(words: int) -> Request:
            return self._request(frames, MODEST, text=" ".join(["city"] * words))

        self._hunt([_Hunt("prompt", make, holds, most) for holds in (_whole, _runs)])

    def _batch(self) -> None:
        """The largest batch of full requests that all run at the same time, up to the settings' `max_batch`."""
        frames = self._settings.frames[0]
        large = self._request(frames, size_at((16, 9), self._longest))
        planned = self._subject.plan(large, "auto")
        if not planned.runs:
            return
        size = (planned.frame_width, planned.frame_height)

        def make(batch: int) -> Request:
            return self._request(frames, size, batch=batch)

        self._hunt([_Hunt("batch", make, _together, self._settings.max_batch, doubling)])

    @property
    def _longest(self) -> int:
        """The longest side worth trying: the model itself scales down anything longer."""
        return self._settings.longest_side or min(self._subject.model.images.edges()[-1], LONGEST_SIDE)

    def _sized(self, aspect: tuple[int, int], frames: int) -> Callable[[int], Request]:
        return lambda long_side: self._request(frames, size_at(aspect, long_side))

    def _request(self, frames: int, size: tuple[int, int], *, text: str = "", batch: int = 1) -> Request:
        return Request(frames, *size, text or self._settings.text, self._settings.max_tokens, batch)

    def _hunt(self, hunts: Sequence[_Hunt], around: int = 0) -> None:
        """Run all searches side by side, one step of each per round, so that the engine gets several requests at once.
        Then try the values `around` each boundary, both the one seen and the one predicted.
        """
        for hunt in hunts:
            hunt.begin()
        going = list(hunts)
        while going:
            tried = self._try((hunt.name, hunt.make(hunt.value)) for hunt in going)
            going = [hunt for hunt in going if hunt.go_on(tried[_key(hunt.name, hunt.make(hunt.value))])]
        near = range(-around, around + 2)
        self._try(
            (hunt.name, hunt.make(boundary + step))
            for hunt in hunts
            for boundary in {hunt.largest, self._predicted(hunt)}
            for step in near
            if 1 <= boundary + step <= hunt.most
        )

    def _predicted(self, hunt: _Hunt) -> int:
        """The result that the search would have if every trial ended as predicted."""
        supposed = replace(hunt)
        supposed.begin()
        while True:
            trial = self._subject.expect(hunt.name, supposed.make(supposed.value))
            if not supposed.go_on(replace(trial, seen=trial.predicted, at_once=trial.predicted_at_once)):
                return supposed.largest

    def _try(self, pairs: Iterable[tuple[str, Request]]) -> dict[str, Trial]:
        """Each trial by its key: from the records where it has ended already, else run now."""
        requests = {_key(search, request): (search, request) for search, request in pairs}
        tried: dict[str, Trial] = {}
        open_trials: dict[str, tuple[Trial, Request]] = {}
        for key, (search, request) in requests.items():
            if data := self._recorder.finished(key):
                tried[key] = Trial(**data)
                continue
            trial = self._subject.expect(search, request)
            broken = self._recorder.broken(key)
            attempts = broken["attempts"] + 1 if broken else 1
            open_trials[key] = (replace(trial, attempts=attempts), request)
        together = [key for key, (trial, request) in open_trials.items() if request.batch == 1 and trial.attempts == 1]
        alone = [key for key in open_trials if key not in together]
        for start in range(0, len(together), TOGETHER):
            tried |= self._ask({key: open_trials[key] for key in together[start : start + TOGETHER]})
        for key in alone:
            tried |= self._ask({key: open_trials[key]})
        return tried

    def _ask(self, trials: dict[str, tuple[Trial, Request]]) -> dict[str, Trial]:
        """Run trials in one call; where that broke the engine, run those without an answer again, each alone."""
        self._budget.check(self._expected(sum(request.batch for _, request in trials.values())))
        done: dict[str, Trial] = {}
        with self._recorder.running({key: asdict(trial) for key, (trial, _) in trials.items()}) as records:
            survivors = {}
            for key, (trial, request) in trials.items():
                if trial.attempts > 2:
                    done[key] = replace(trial, seen="other", error=KILLED, error_kind="killed")
                else:
                    survivors[key] = (trial, request)
            done |= self._call(survivors) if survivors else {}
            records |= {key: asdict(trial) for key, trial in done.items()}
        for trial in done.values():
            self._on_trial(trial)
        return done | {
            name: trial for key in trials.keys() - done.keys() for name, trial in self._ask({key: trials[key]}).items()
        }

    def _call(self, trials: dict[str, tuple[Trial, Request]]) -> dict[str, Trial]:
        conversations = {key: request.conversations() for key, (_, request) in trials.items()}
        began = time.monotonic()
        call = self._rig.ask([conversation for group in conversations.values() for conversation in group])
        done: dict[str, Trial] = {}
        for key, (trial, request) in trials.items():
            answers = [
                call.answers[conversation.id] for conversation in conversations[key] if conversation.id in call.answers
            ]
            if len(answers) < request.batch and call.error and len(trials) > 1:
                continue  # running each alone will show which one is at fault
            done[key] = ended(trial, answers, call)
        count = sum(map(len, conversations.values()))
        self._took[count] = max(self._took.get(count, 0.0), time.monotonic() - began)
        return done

    def _expected(self, count: int) -> float:
        """At most how many seconds a call of `count` requests takes, going by the largest call that was no larger."""
        smaller = max((number for number in self._took if number <= count), default=0)
        return self._took[smaller] * count / smaller if smaller else max(self._took.values(), default=0.0)


def _key(search: str, request: Request) -> str:
    return f"{search}: {request.key}"
