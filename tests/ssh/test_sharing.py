from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.peers import make_peer
from servers.ssh_peer import SSHPeer

from cosmos_workflow.doctor import examine_host, longest_on
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.ssh import Host, Pins, line_to, one_line, run_steps


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SSHPeer]:
    with make_peer("asyncssh", tmp_path / "peer") as server:
        yield server


async def step(host: Host, pins: Pins) -> None:
    async with line_to(host, pins) as manager:
        assert (await manager.run(["true"])).code == 0


def test_the_steps_of_a_command_share_a_line(peer: SSHPeer, host: Host, pins: Pins) -> None:
    async def look() -> list[str]:
        return [check.name async for check in examine_host(host, pins)]

    with one_line():
        assert "agent" in run_steps(look())
        run_steps(longest_on(host, "vllm", EngineSettings(), pins))
        with one_line():
            run_steps(step(host, pins))
    assert peer.logins == 1
    run_steps(step(host, pins))
    run_steps(step(host, pins))
    assert peer.logins == 3


def test_a_line_that_was_lost_between_two_steps_is_opened_anew(peer: SSHPeer, host: Host, pins: Pins) -> None:
    async def again() -> None:
        async with line_to(host, pins) as manager:
            await manager.persistently(lambda: manager.run(["true"]), lambda *_: None, give_up=60)

    with one_line():
        run_steps(step(host, pins))
        peer.stop()
        peer.listen()
        run_steps(again())
    assert peer.logins == 2


def test_steps_at_the_same_time_do_not_close_each_others_lines(peer: SSHPeer, host: Host, pins: Pins) -> None:
    async def both() -> None:
        await asyncio.gather(step(host, pins), step(host, pins))

    with one_line():
        run_steps(both())
        run_steps(step(host, pins))
        other = threading.Thread(target=lambda: run_steps(step(host, pins)))
        other.start()
        other.join()
    assert peer.logins == 3  # two at once, one of them used again, and the other thread's own
