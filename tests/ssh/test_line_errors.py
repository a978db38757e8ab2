"""What the system raises is about the line, or about this machine: one rule, at the login and after it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import asyncssh
import pytest
from servers.peers import make_peer
from servers.ssh_peer import SSHPeer

from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.ssh import Host, Pins, SSHManager, remote_process


@pytest.fixture
def peer(tmp_path: Path) -> SSHPeer:
    with make_peer("asyncssh", tmp_path / "peer") as server:
        yield server


def of_windows(number: int) -> OSError:
    """What asyncio's Proactor raises there: CPython has no errno for these but EINVAL."""
    error = OSError(errno.EINVAL, f"[WinError {number}] what Windows says")
    error.winerror = number
    return error


def of(number: int) -> OSError:
    return OSError(number, os.strerror(number))


OF_THE_LINE = {
    **{f"winerror {number}": of_windows(number) for number in (64, 121, 1225, 1231, 1232, 1236)},
    **{name: of(getattr(errno, name)) for name in ("ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL")},
    "two addresses": OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Connect call failed"),
    "no such name": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no address": OSError("getaddrinfo('gpu') returned empty list"),
    "no canonical name": OSError('Unable to canonicalize hostname "gpu"'),
}
OF_THIS_MACHINE = {
    "winerror 112": of_windows(112),  # the disk is full
    **{name: of(getattr(errno, name)) for name in ("EMFILE", "ENFILE", "ENOSPC", "EACCES", "EIO", "ENOMEM")},
    "a file": FileNotFoundError(errno.ENOENT, "no such file", "config"),
    "a file that a pipe's error names": BrokenPipeError(errno.EPIPE, "broken", "printed here"),
    "two addresses": OSError("Multiple exceptions: [Errno 24] Too many open files, [Errno 24] Too many open files"),
}


async def in_a_session(host: Host, pins: Pins, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SSHManager(host, pins) as manager, manager.process(["cat"]):
        raise error


async def at_the_login(host: Host, pins: Pins, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(**_: object) -> None:
        raise error

    monkeypatch.setattr(asyncssh, "connect", connect)
    async with SSHManager(host, pins) as manager:
        await manager.run(["true"])


STAGES = pytest.mark.parametrize("stage", [in_a_session, at_the_login], ids=lambda stage: stage.__name__)


@STAGES
@pytest.mark.parametrize("name", OF_THE_LINE)
def test_a_line_that_breaks_can_be_tried_again(
    host: Host, pins: Pins, monkeypatch: pytest.MonkeyPatch, stage: object, name: str
) -> None:
    with pytest.raises(HostUnreachable):
        asyncio.run(stage(host, pins, OF_THE_LINE[name], monkeypatch))


@STAGES
@pytest.mark.parametrize("name", OF_THIS_MACHINE)
def test_trouble_of_this_machine_stays_what_it_is(
    host: Host, pins: Pins, monkeypatch: pytest.MonkeyPatch, stage: object, name: str
) -> None:
    with pytest.raises(OSError) as caught:
        asyncio.run(stage(host, pins, OF_THIS_MACHINE[name], monkeypatch))
    assert caught.value is OF_THIS_MACHINE[name]


@pytest.mark.parametrize(
    ("number", "words"), [(1225, "refuses the connection"), (1231, "no route"), (121, "no answer in time")]
)
def test_what_windows_says_at_the_login_is_named(
    host: Host, pins: Pins, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    with pytest.raises(HostUnreachable, match=words):
        asyncio.run(at_the_login(host, pins, of_windows(number), monkeypatch))


def test_a_shell_that_does_not_come_to_the_command_leaves_nothing_open(
    peer: SSHPeer, host: Host, pins: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_process, "LAST_SECONDS", 0.1)
    peer.profile = "exec sleep 20"

    async def go() -> tuple[list[str], list[bool]]:
        async with SSHManager(host, pins, shell_seconds=0.1) as manager:
            with pytest.raises(HostUnreachable, match="did not run our command"):
                await manager.run(["true"])
            await asyncio.sleep(0)
            listening = [str(task) for task in asyncio.all_tasks() if "_listen" in str(task.get_coro())]
            for _ in range(6000):
                if peer.sessions and peer.sessions[0].channel.is_closing():
                    break
                await asyncio.sleep(0.01)
            return listening, [session.channel.is_closing() for session in peer.sessions]

    assert asyncio.run(go()) == ([], [True])
