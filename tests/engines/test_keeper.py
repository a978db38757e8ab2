"""Which engine a keeper has, and when: warm, freed, asleep, and in turns with others on one device.

Sleep mode needs a GPU, and none is here: its engine is a FAKE that only notes what is asked of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.engines import ENGINES, ChosenEngine, EngineSettings, EngineType
from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.engines.machine import device
from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import EngineError, EngineUnavailable
from cosmos_workflow.kinds.kind import Files, Outcome, Task
from cosmos_workflow.private import is_locked

HERE = Path(__file__).parent


@dataclass
class TinyEngine:
    """Needs the device, as it has a model; with the option `slow` it loads until it is ended."""

    settings: EngineSettings
    asked: list[str] = field(default_factory=list)
    name = "tiny"
    model = "m"
    wants = ""

    def load(self) -> None:
        self.asked.append("load")
        if self.settings.options.get("broken"):
            raise EngineUnavailable("it is broken")
        if self.settings.options.get("slow"):
            time.sleep(60)

    def properties(self) -> dict[str, Any]:
        return {"version": "tiny"}

    def run(self, tasks: Sequence[Task], files: Files, deliver: Deliver) -> None:
        for task in tasks:
            deliver(Outcome(task.id))

    def sleep(self) -> None:
        self.asked.append("sleep")

    def wake_up(self) -> None:
        self.asked.append("wake_up")

    def close(self) -> None:
        self.asked.append("close")


TINY = EngineType(TinyEngine, "model")  # for keepers of other processes, as `test_keeper:TINY`


def choice(name: str = "vllm", module: str = "", **options: Any) -> ChosenEngine:
    return ChosenEngine(name, "m", "", module=module, settings=vars(EngineSettings(model_path="/m", options=options)))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of engines called vllm."""
    calls: list[str] = []
    monkeypatch.setitem(ENGINES, "vllm", EngineType(lambda settings: TinyEngine(settings, calls), "model"))
    return calls


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "devices" / "0.lock"


class Events(list[dict[str, Any]]):
    """The events of a keeper but those of the memory, which come at any time."""

    def __call__(self, event: str, **more: Any) -> None:
        if event != "memory":
            self.append({"event": event, **more})

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self]


def lend(keeper: Keeper, chosen: ChosenEngine, **more: Any) -> Events:
    events = Events()
    with keeper.lend(chosen, events, **more):
        pass
    return events


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_same_choice_is_warm_and_another_frees_the_first(lock: Path, asked: list[str]) -> None:
    keeper = Keeper([lock])
    (loading, loaded) = lend(keeper, choice())
    assert loading == {"event": "loading", "engine": "vllm"}
    assert loaded["seconds"] >= 0
    assert loaded["properties"] == {**device(), "version": "tiny"}
    assert lend(keeper, choice()) == [{"event": "warm", "properties": loaded["properties"]}]
    assert asked == ["load"]
    assert lend(keeper, choice(max_num_seqs=2)).names == ["loading", "loaded"]
    assert asked == ["load", "close", "load"]
    assert is_locked(lock)
    keeper.close()
    assert asked[3:] == ["close"]
    assert not keeper.loaded
    assert not is_locked(lock)


def test_memory_is_noted_of_engines_that_have_a_model(lock: Path, asked: list[str]) -> None:
    notes: list[str] = []
    keeper = Keeper([lock])
    with keeper.lend(choice(), lambda event, **more: notes.append(event)):
        until(lambda: "memory" in notes)
    keeper.close()
    notes.clear()
    with keeper.lend(ChosenEngine("describe", "", ""), lambda event, **more: notes.append(event)):
        pass
    assert notes == ["loading", "loaded"]
    assert not is_locked(lock)  # it needs no device


def test_it_is_freed_when_its_time_is_over_and_not_while_it_answers(lock: Path, asked: list[str]) -> None:
    keeper = Keeper([lock])
    with keeper.lend(choice(), keep_warm=0.0):
        cooling = threading.Thread(target=keeper.cool)
        cooling.start()
        cooling.join()
        assert keeper.loaded
    keeper.cool()
    assert asked == ["load", "close"]
    lend(keeper, choice(), keep_warm=600.0)
    keeper.cool()
    assert keeper.loaded
    keeper.close()


def test_an_engine_that_does_not_load_is_not_kept_and_nor_is_its_device(lock: Path, asked: list[str]) -> None:
    keeper = Keeper([lock])
    with pytest.raises(EngineUnavailable, match="it is broken"):
        lend(keeper, choice(broken=True))
    assert not keeper.loaded
    assert not is_locked(lock)
    assert lend(keeper, choice()).names == ["loading", "loaded"]
    keeper.close()


def test_an_engine_that_a_script_made_is_used_as_it_is(lock: Path, asked: list[str]) -> None:
    keeper, mine = Keeper([lock]), TinyEngine(EngineSettings())
    chosen = keeper.given(mine)
    with keeper.lend(chosen) as engine:
        assert engine is mine
    assert lend(keeper, chosen).names == ["warm"]
    lend(keeper, choice())
    keeper.close()
    assert mine.asked == ["load"]  # the script closes it


def test_a_warm_engine_sleeps_between_requests_where_it_can(lock: Path, asked: list[str]) -> None:
    keeper = Keeper([lock])
    keeper.rest()
    assert lend(keeper, choice(enable_sleep_mode=True)).names == ["loading", "loaded"]
    keeper.rest()
    keeper.rest()
    assert lend(keeper, choice(enable_sleep_mode=True)).names == ["warm"]
    assert asked == ["load", "sleep", "wake_up"]
    lend(keeper, choice())
    keeper.rest()
    keeper.close()
    assert asked[3:] == ["close", "load", "close"]


def test_where_nothing_can_be_locked_it_goes_on_alone(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "file").touch()
    keeper = Keeper([tmp_path / "file" / "devices" / "0.lock"])
    assert lend(keeper, choice()).names == ["loading", "loaded"]
    keeper.close()


# A keeper in a process of its own: each line it reads is something to do, each line it writes an event.
OTHER = """
import json, sys
from pathlib import Path
from test_keeper import Keeper, choice

keeper = Keeper([Path(name) for name in sys.argv[1:]])
def note(event, **more):
    if event != "memory":
        print(json.dumps({"event": event, **more}), flush=True)
for line in sys.stdin:
    if line == "lend\\n":
        with keeper.lend(choice("tiny", "test_keeper:TINY"), note):
            note("lent")
    elif line == "cool\\n":
        keeper.cool()
        note("cooled", loaded=keeper.loaded)
"""


class Other:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))


@contextmanager
def other(*locks: Path) -> Iterator[Other]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, *map(str, locks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
    )
    try:
        yield Other(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(300)
def test_keepers_of_two_processes_take_turns_on_one_device(lock: Path) -> None:
    with other(lock) as first, other(lock) as second:
        first.ask("lend")
        assert [first.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]
        second.ask("lend")
        assert second.hear() == {"event": "waiting", "why": "another model is on the device"}
        until(lock.with_suffix(".wanted").exists)
        first.ask("cool")  # its time is not over, but the other waits
        assert first.hear() == {"event": "cooled", "loaded": False}
        assert [second.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]
        assert not lock.with_suffix(".wanted").exists()
        second.ask("cool")
        assert second.hear()["loaded"]  # nobody waits any more
        first.ask("lend")
        assert first.hear()["event"] == "waiting"
        second.process.kill()  # the lock dies with its process
        assert [first.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]


@pytest.mark.timeout(300)
def test_keepers_whose_gpus_overlap_take_turns_and_others_do_not_wait(tmp_path: Path) -> None:
    paths = HostPaths(tmp_path)
    with (
        other(*paths.devices("1,0")) as both,
        other(*paths.devices("1")) as second,
        other(*paths.devices("2")) as third,
    ):
        for keeper in (both, third):
            keeper.ask("lend")
            assert [keeper.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]
        second.ask("lend")
        assert second.hear()["event"] == "waiting"
        (gpu1,) = paths.devices("1")
        until(gpu1.with_suffix(".wanted").exists)
        both.ask("cool")
        assert both.hear() == {"event": "cooled", "loaded": False}
        assert [second.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]
        both.ask("lend")
        assert both.hear()["event"] == "waiting"  # for one of its two
        until(gpu1.with_suffix(".wanted").exists)
        second.process.kill()
        assert [both.hear()["event"] for _ in range(3)] == ["loading", "loaded", "lent"]
        third.ask("cool")
        assert third.hear()["loaded"]


def test_who_waits_for_a_device_can_be_stopped(lock: Path, asked: list[str]) -> None:
    first, second, stop, failed = Keeper([lock]), Keeper([lock]), threading.Event(), list[BaseException]()
    lend(first, choice())
    events = Events()

    def wait() -> None:
        try:
            with second.lend(choice(), events, stop=stop):
                pass
        except EngineError as error:
            failed.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(first.is_wanted)
    stop.set()
    waiting.join(60)
    assert events.names == ["waiting"]
    assert len(failed) == 1
    assert not first.is_wanted()
    first.cool()
    assert first.loaded
    first.close()


def test_an_engine_in_its_own_process_is_ended_while_it_loads(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    keeper, stop = Keeper([lock], apart=lambda name: True), threading.Event()

    def children() -> list[psutil.Process]:
        return [child for child in psutil.Process().children(recursive=True) if "python" in child.name()]

    before = children()

    def end() -> None:
        until(lambda: len(children()) > len(before))
        stop.set()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(EngineError), keeper.lend(choice("tiny", "test_keeper:TINY", slow=True), stop=stop):
        pass
    ending.join(60)
    until(lambda: not [child for child in children() if child not in before and child.status() != "zombie"])
    assert not keeper.loaded
    assert not is_locked(lock)
    with keeper.lend(choice("tiny", "test_keeper:TINY")) as engine:
        assert isinstance(engine, EngineProcess)
        engine.interrupt()
        with pytest.raises(EngineUnavailable, match="asked to end"):
            engine.load()
    keeper.close()
