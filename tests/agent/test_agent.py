"""The agent as processes of its own, asked by its commands; the engine is `describe`, or a slow server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from agent.host import HostFolder
from servers import unwell
from servers.processes import end_all, of_folder

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.kinds.upsample.tasks import task_of
from cosmos_workflow.media import Frame

pytestmark = pytest.mark.slow


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostFolder]:
    folder = HostFolder(tmp_path / "a folder")
    yield folder
    end_all(of_folder(folder.root))


def wait_until(what: object, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def conversations(*ids: str) -> list[Conversation]:
    return [Conversation(id, f"prompt of {id}") for id in ids]


class SlowServer(unwell.UnwellServer):
    """Answers `free` requests, and each further one when `go` is set, one after another."""

    def __init__(self, free: int = 0) -> None:
        self.go = threading.Event()

        def reply(text: str, attempt: int) -> unwell.Reply:
            if sum(self.attempts.values()) > free:
                self.go.wait(120)
            return unwell.answer(f"long {text}")

        super().__init__(reply)

    def engine(self) -> dict:
        settings = EngineSettings(server_url=self.url, server_model="m", options={"concurrency": 1})
        return {"name": "server", **asdict(settings)}


def test_the_bundle_is_the_same_for_the_same_code() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first
    assert len(first[1]) < 600_000  # it is sent to each host once a version


def test_it_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    host = HostFolder(tmp_path)
    code = f"P = {str(host.program)!r}\nimport sys\nsys.argv = [P, 'offer', {str(tmp_path)!r}]\n" + (
        "import runpy\ntry: runpy.run_path(P, run_name='__main__')\nexcept SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], input=b"[]", capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1].split() == ["__main__", "cosmos_workflow"] or (
        done.stdout.decode().splitlines()[-1].split() == ["cosmos_workflow"]
    )


def test_a_run_from_its_submission_to_its_end(host: HostFolder) -> None:
    assert host.state("r1") == {"run": "r1", "state": "unknown"}
    host.submit("r1", conversations("a", "b"))
    assert host.wait("r1", "done")["state"] == "done"
    assert [answer["id"] for answer in host.answers("r1")] == ["a", "b"]
    assert [event["event"] for event in host.events("r1")] == ["started", "loading", "loaded", "item", "item", "done"]
    host.settle()
    host.submit("r1", conversations("a", "b"))  # again: nothing happens
    assert len(host.answers("r1")) == 2
    host.ask("remove", "r1")
    assert host.state("r1")["state"] == "unknown"


def test_the_second_run_finds_a_warm_agent(host: HostFolder) -> None:
    host.submit("r1", conversations("a"), keep_warm=60)
    host.wait("r1", "done")
    agent = host.pids("k1")
    host.submit("r2", conversations("b"), keep_warm=0)
    host.wait("r2", "done")
    assert host.pids("k1") == agent
    assert [event["event"] for event in host.events("r2")] == ["started", "warm", "item", "done"]
    host.settle()  # `--offload`: it leaves at once


def test_as_many_tasks_are_asked_at_once_as_the_batch_says(host: HostFolder) -> None:
    def slowly(text: str, attempt: int) -> unwell.Reply:
        time.sleep(0.2)  # long enough that all would come meanwhile
        return unwell.answer(f"long {text}")

    with unwell.UnwellServer(slowly) as server:
        engine = {"name": "server", **asdict(EngineSettings(server_url=server.url, server_model="m"))}
        tasks = [task_of(conversation).task for conversation in conversations(*"abcdef")]
        host.submit_tasks("r1", tasks, window=1, engine=engine, keep_warm=0)
        host.wait("r1", "done")
        assert (len(host.answers("r1")), server.most_at_once) == (6, 1)


@pytest.mark.parametrize("count", [8, pytest.param(30, marks=pytest.mark.host)])
def test_many_runs_submitted_at_once_are_each_done_once(host: HostFolder, count: int) -> None:
    names = [f"r{n}" for n in range(count)]
    threads = [
        threading.Thread(target=host.submit, args=(name, conversations(name)), kwargs={"keep_warm": 600})
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        host.wait(name, "done")
    # All of them by one agent, which loaded once.
    assert sum(event["event"] == "loading" for name in names for event in host.events(name)) == 1
    for name in names:
        assert [answer["id"] for answer in host.answers(name)] == [name]
        assert [event["event"] for event in host.events(name)].count("started") == 1
    host.submit("last", conversations("last"), keep_warm=0)
    host.settle()


def test_two_clients_submit_one_run_and_it_runs_once(host: HostFolder) -> None:
    for _ in range(5):
        host.submit("r1", conversations("a", "b", "c"), keep_warm=2)
    host.wait("r1", "done")
    time.sleep(0.5)
    assert len(host.answers("r1")) == 3


def test_a_killed_agent_is_reported_and_its_answers_stand(host: HostFolder) -> None:
    with SlowServer(free=2) as server:
        host.submit("r1", conversations(*"abcd"), engine=server.engine())
        wait_until(lambda: sum(event["event"] == "item" for event in host.events("r1")) >= 2)
        os.killpg(host.pids("k1")["group"], signal.SIGKILL)
        state = host.wait("r1", "gone")
        host.settle()
        assert host.state("r1")["signal"] == "SIGKILL"
        assert state["waits"] is False
        assert len(host.answers("r1")) == 2
        server.go.set()


def test_runs_behind_one_that_kills_its_agent_go_on(host: HostFolder) -> None:
    with SlowServer() as server:
        host.submit("r1", conversations("a"), engine=server.engine())
        wait_until(lambda: any(event["event"] == "loaded" for event in host.events("r1")))
        host.submit("r2", conversations("b"), engine=server.engine())
        os.killpg(host.pids("k1")["group"], signal.SIGKILL)
        server.go.set()
        host.wait("r2", "done")
        assert host.state("r1")["state"] == "gone"


def test_its_supervisor_killed_the_agent_goes_on_and_no_second_agent_starts(host: HostFolder) -> None:
    with SlowServer() as server:
        host.submit("r1", conversations("a"), engine=server.engine())
        wait_until(lambda: any(event["event"] == "loaded" for event in host.events("r1")))
        os.kill(host.pids("k1")["supervisor"], signal.SIGKILL)
        host.submit("r2", conversations("b"), engine=server.engine())
        time.sleep(0.5)
        assert host.state("r1")["state"] == "running"
        assert host.state("r2")["state"] == "queued"
        server.go.set()
        host.wait("r2", "done")
        assert [len(host.answers(name)) for name in ("r1", "r2")] == [1, 1]


def test_cancelled_while_it_runs_nothing_of_it_is_left(host: HostFolder) -> None:
    with SlowServer() as server:
        host.submit("r1", conversations("a"), engine=server.engine(), keep_warm=60)
        wait_until(lambda: any(event["event"] == "loaded" for event in host.events("r1")))
        (state,) = host.ask("cancel", "r1")
        assert state["state"] == "cancelled"
        host.settle()


def test_cancelled_while_it_waits_it_never_starts_and_the_first_goes_on(host: HostFolder) -> None:
    with SlowServer() as server:
        host.submit("r1", conversations("a"), engine=server.engine())
        wait_until(lambda: any(event["event"] == "loaded" for event in host.events("r1")))
        host.submit("r2", conversations("b"), engine=server.engine())
        (state,) = host.ask("cancel", "r2")
        assert state["state"] == "cancelled"
        server.go.set()
        host.wait("r1", "done")
        assert not host.events("r2")
        (state,) = host.ask("cancel", "r1")  # it has ended: that stands
        assert state["state"] == "done"


def test_a_damaged_frame_is_that_items_error(host: HostFolder) -> None:
    damaged = replace(task_of(Conversation("a", "x", (Frame(b"", 1, 1),))).task, inputs={"frame-0": "0" * 64})
    with SlowServer() as server:
        server.go.set()
        (whole,) = conversations("b")
        host.submit_tasks("r1", [damaged, task_of(whole).task], engine=server.engine())
        host.wait("r1", "done")
    answers = {answer["id"]: answer for answer in host.answers("r1")}
    assert answers["a"]["error_kind"] == "damaged"
    assert answers["b"]["says"]["text"] == "long prompt of b"


def test_an_engine_that_cannot_be_loaded_fails_the_run_by_name(host: HostFolder) -> None:
    engine = {
        "name": "server",
        **asdict(EngineSettings(server_url="http://127.0.0.1:9/v1", options={"max_retries": 0})),
    }
    host.submit("r1", conversations("a"), engine=engine, keep_warm=60)
    host.submit("r2", conversations("a"), engine=engine, keep_warm=60)
    for run in ("r1", "r2"):
        state = host.wait(run, "failed")
        assert state["kind"] == "unreachable"
        assert state["remedy"]
    host.settle()  # what failed is not kept warm


VLLM_LOG = """
(EngineCore pid=26) ERROR 11-25 03:20:42 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=26) ERROR 11-25 03:20:42 [core.py:1510]     raise ValueError(
(EngineCore pid=26) ERROR 11-25 03:20:42 [core.py:1510] ValueError: Free memory on device cuda:0 (3.1/23.5 GiB) on \
startup is less than desired GPU memory utilization (0.98, 23.0 GiB). Decrease GPU memory utilization.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
"""


def test_the_root_cause_is_what_the_engines_own_process_printed() -> None:
    from cosmos_workflow.agent.running import _failure
    from cosmos_workflow.errors import EngineUnavailable

    error = EngineUnavailable("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
    failure = _failure(error, VLLM_LOG.replace("\\\n", ""))
    assert failure["kind"] == "out_of_memory"
    assert failure["what"].startswith("ValueError: Free memory on device cuda:0 (3.1/23.5 GiB)")
    assert _failure(error, "nothing of note")["kind"] == "engine"


def test_a_secret_reaches_the_engine_and_no_file(host: HostFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSMOS_API_KEY", raising=False)
    host.submit("r1", conversations("a"), environment={"COSMOS_API_KEY": "hush-hush"}, keep_warm=600)
    host.wait("r1", "done")
    agent = psutil.Process(host.pids("k1")["group"])
    assert agent.environ()["COSMOS_API_KEY"] == "hush-hush"
    assert "hush-hush" not in " ".join(agent.cmdline())
    assert not [path for path in host.root.rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]


@pytest.mark.parametrize("count", [5, pytest.param(15, marks=pytest.mark.host)])
@pytest.mark.parametrize("keep_warm", [0.0, 0.15])
def test_a_run_that_comes_as_the_agent_ends_is_not_forgotten(host: HostFolder, keep_warm: float, count: int) -> None:
    for n in range(count):
        host.submit(f"r{n}", conversations("a"), keep_warm=keep_warm)
        host.wait(f"r{n}", "done")
        time.sleep(0.03 * (n % 5))
