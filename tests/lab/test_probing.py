"""The searches, with a FAKE engine that can be made to break; the real one is in test_vllm_lab.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lab.fakes import ArithmeticRig

from cosmos_workflow.errors import OutOfMemory, UsageError
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.lab import ProbeSettings, Trial, boundaries, probe, studies
from cosmos_workflow.limits import get_model
from cosmos_workflow.store import Experiment, Experiments, Store

MODEL = get_model("cosmos-upsampler-12b")
SIZES = ProbeSettings(searches=("size",), aspects=("16:9",))


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    return Store(f"sqlite:///{tmp_path / 'store.db'}").experiments


def trials_of(experiments: Experiments, experiment: Experiment) -> dict[tuple[str, int, int, int], Trial]:
    (study,) = studies(experiments, [experiment.id])
    return {(trial.search, trial.frames, trial.width, trial.height): trial for trial in study.trials}


def test_everything_is_found_where_it_is(experiments: Experiments) -> None:
    rig = ArithmeticRig()
    done = probe(rig, MODEL, ProbeSettings(frames=(2, 1)), experiments)
    (study,) = studies(experiments)
    assert done.state == "done"
    assert all(trial.agrees for trial in study.trials)
    by_search = {(boundary.search, boundary.frames, boundary.what): boundary for boundary in boundaries(study.trials)}
    assert (by_search["size 16:9", 2, "fits"].seen, by_search["size 16:9", 2, "runs"].seen) == (911, 944)
    assert by_search["size 16:9", 1, "fits"].seen == 1024  # one frame always fits, but for a square
    assert by_search["size 1:1", 1, "fits"].seen < by_search["size 1:1", 1, "runs"].seen < 1024
    assert by_search["prompt", 2, "fits"].seen + 300 - 1 == by_search["prompt", 2, "runs"].seen
    assert by_search["batch", 2, "at once"].seen == 4  # max_num_seqs
    assert {boundary.mark for boundary in by_search.values()} == {"exact", "all tried"}
    assert by_search["size 16:9", 1, "fits"].mark == "all tried"
    assert by_search["size 16:9", 2, "fits"].mark == "exact"
    assert done.environment["planned_cache_tokens"] == done.environment["cache_tokens"]
    searches = {trial.search for trial in study.trials}
    assert searches == {
        *(f"size {aspect}" for aspect in ("16:9", "4:3", "1:1", "9:16")),
        "usual sizes",
        "frames",
        "prompt",
        "batch",
    }


def test_an_engine_that_is_not_as_it_says_is_found_out(experiments: Experiments) -> None:
    done = probe(ArithmeticRig(limit=4000), MODEL, SIZES, experiments)
    (study,) = studies(experiments, [done.id])
    fits, runs = boundaries(study.trials)
    assert (fits.predicted, runs.predicted) == (911, 944)
    assert fits.seen < 911
    assert runs.seen < 944
    assert fits.exact
    assert runs.exact
    assert not fits.agrees
    assert {trial.seen for trial in study.trials if not trial.agrees} == {"cut_short", "too_long"}


def test_what_was_broken_off_is_gone_on_with(experiments: Experiments) -> None:
    class Interrupted(ArithmeticRig):
        def ask(self, conversations, *, stay=True):  # type: ignore[no-untyped-def]
            if self.calls == 5:
                raise KeyboardInterrupt
            return super().ask(conversations, stay=stay)

    first, second, third = Interrupted(), ArithmeticRig(), ArithmeticRig()
    with pytest.raises(KeyboardInterrupt):
        probe(first, MODEL, SIZES, experiments)
    (broken,) = experiments.all()
    before = experiments.trials(broken.id)
    assert broken.state == "running"
    assert all(done for _, done, _ in before)  # the call that was broken off has left nothing
    done = probe(second, MODEL, SIZES, experiments)
    assert (done.id, done.state) == (broken.id, "done")
    again = probe(third, MODEL, SIZES, experiments)  # what is done is not gone on with
    assert again.id != done.id
    assert trials_of(experiments, again).keys() == trials_of(experiments, done).keys()
    assert first.requests - 1 + second.requests - 1 == third.requests - 1  # but for the first small request of each


def test_other_words_are_another_experiment(experiments: Experiments) -> None:
    with pytest.raises(KeyboardInterrupt):
        probe(ArithmeticRig(), MODEL, SIZES, experiments, on_trial=_interrupt)
    other = probe(ArithmeticRig(), MODEL, replace(SIZES, max_tokens=200), experiments)
    assert len(experiments.all()) == 2
    assert probe(ArithmeticRig(), MODEL, SIZES, experiments, again=True).id != other.id
    assert len(experiments.all()) == 3


def _interrupt(trial: Trial) -> None:
    raise KeyboardInterrupt


def test_a_trial_that_kills_the_engine_is_marked_and_the_others_are_not(experiments: Experiments) -> None:
    def breaks(conversation: Conversation) -> bool:
        return bool(conversation.frames) and conversation.frames[0].width == 854

    settings = ProbeSettings(searches=("usual",))
    trials = trials_of(experiments, probe(ArithmeticRig(breaks=breaks), MODEL, settings, experiments))
    assert len(trials) == 14
    marked = [trial for trial in trials.values() if not trial.agrees]
    assert [(trial.width, trial.seen, trial.error_kind) for trial in marked] == [
        (854, "out_of_memory", "out_of_memory")
    ]


def test_a_trial_in_which_our_process_died_twice_is_not_tried_again(experiments: Experiments) -> None:
    """What a SIGKILL leaves: trials that were begun."""
    settings = ProbeSettings(searches=("usual",))
    sizes: list[int] = []

    class Killed(ArithmeticRig):
        """Dies where the 854 is asked, without a word."""

        def ask(self, conversations, *, stay=True):  # type: ignore[no-untyped-def]
            sizes.extend(conversation.frames[0].width for conversation in conversations if conversation.frames)
            if any(conversation.frames and conversation.frames[0].width == 854 for conversation in conversations):
                raise _Died
            return super().ask(conversations, stay=stay)

    forget, experiments.forget = experiments.forget, lambda id, keys: None  # type: ignore[method-assign]
    for attempt in (1, 2):
        sizes.clear()
        with pytest.raises(_Died):
            probe(Killed(), MODEL, settings, experiments)
        # The first time all are asked together; then each alone, so that the others are done.
        assert sizes == ([320, 420, 500, 640, 640, 720, 854] if attempt == 2 else sizes)
    experiments.forget = forget  # type: ignore[method-assign]
    sizes.clear()
    trials = trials_of(experiments, probe(Killed(), MODEL, settings, experiments))
    assert 854 not in sizes
    marked = trials["usual sizes", 2, 854, 480]
    assert (marked.seen, marked.error_kind) == ("other", "killed")
    assert sum(not trial.agrees for trial in trials.values()) == 1


class _Died(BaseException):
    pass


def test_a_budget_holds(experiments: Experiments, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class Slow(ArithmeticRig):
        def ask(self, conversations, *, stay=True):  # type: ignore[no-untyped-def]
            now[0] += 20 * len(conversations)
            return super().ask(conversations, stay=stay)

    stopped = probe(Slow(), MODEL, SIZES, experiments, max_minutes=3)
    assert stopped.state == "running"
    assert now[0] - 1000 <= 180
    done = probe(Slow(), MODEL, SIZES, experiments, max_minutes=60)
    assert (done.id, done.state) == (stopped.id, "done")


@pytest.mark.parametrize(
    "settings", [ProbeSettings(searches=("sizes",)), ProbeSettings(aspects=("16x9",)), ProbeSettings(aspects=("0:9",))]
)
def test_words_that_mean_nothing(experiments: Experiments, settings: ProbeSettings) -> None:
    with pytest.raises(UsageError):
        probe(ArithmeticRig(), MODEL, settings, experiments)
    assert experiments.all() == []


def test_an_engine_that_cannot_be_loaded(experiments: Experiments) -> None:
    with pytest.raises(OutOfMemory, match="CUDA out of memory"):
        probe(ArithmeticRig(breaks=lambda conversation: True), MODEL, SIZES, experiments)


def test_without_what_the_engine_tells_the_batch_is_only_asked(experiments: Experiments) -> None:
    """A server says neither how large its cache is nor when it began."""

    class Silent(ArithmeticRig):
        engine = "server"

        def _answer(self, conversation, number):  # type: ignore[no-untyped-def]
            return replace(super()._answer(conversation, number), times={})

    rig = Silent()
    rig.properties = {"max_model_len": 4096}
    done = probe(rig, MODEL, ProbeSettings(searches=("batch",), max_batch=8), experiments)
    (study,) = studies(experiments, [done.id])
    assert [trial.batch for trial in study.trials] == [1, 2, 4, 8]
    assert all(trial.agrees and trial.at_once == 0 for trial in study.trials)
