"""Against asyncssh's own server; `tests/e2e/test_host.py` has a real sshd."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import selectors
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import asyncssh
import pytest
from servers.peers import Peer

from cosmos_workflow.doctor import examine_host
from cosmos_workflow.errors import HostError, HostFull, HostKeyError, HostUnreachable
from cosmos_workflow.ssh import Host, Pins, SSHManager

T = TypeVar("T")

HOSTILE = [
    "it's", '"quoted"', "$(touch pwned)", "`touch pwned`", "; touch pwned", "a\nb", "| touch pwned", "&& x", "> pwned",
    "*", "~", "-rf", "", " ", "\\", "🤖 日本", "\u202eRTL", "a\tb", "!!", "%s", "${IFS}", "#", "\x1b[31m", "x" * 20_000,
]  # fmt: skip


def run(host: Host, pins: Pins, *arguments: str, data: bytes = b"", **options: float) -> object:
    async def go() -> object:
        async with SSHManager(host, pins, **options) as manager:
            return await manager.run(arguments, data)

    return asyncio.run(go())


def test_arguments_arrive_as_they_are_and_run_nothing(host: Host, pins: Pins, peer: Peer) -> None:
    code = (
        "import sys; sys.stdout.buffer.write(b'\\0'.join(a.encode('utf-8', 'surrogateescape') for a in sys.argv[1:]))"
    )
    done = run(host, pins, sys.executable, "-c", code, *HOSTILE)
    assert done.out.decode().split("\0") == HOSTILE
    assert not list(peer.home.iterdir())


def test_standard_input_output_error_and_exit_code(host: Host, pins: Pins) -> None:
    code = (
        "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1]); sys.stderr.write('oh'); sys.exit(7)"
    )
    data = bytes(range(256)) * 5000
    done = run(host, pins, sys.executable, "-c", code, data=data)
    assert (done.code, done.out, done.err) == (7, data[::-1], b"oh")


def test_an_unknown_key_stops_before_anything_is_sent(host: Host, tmp_path: Path, peer: Peer) -> None:
    with pytest.raises(HostKeyError, match="not known here") as caught:
        run(host, Pins(tmp_path / "none"), "true")
    assert "cosmos hosts trust gpu" in caught.value.remedy


def test_a_changed_key_stops_with_both_fingerprints(host: Host, pins: Pins, peer: Peer) -> None:
    old = peer.host_key.get_fingerprint()
    peer.stop()
    peer.new_host_key()
    peer.listen()
    with pytest.raises(HostKeyError, match="not the one that was pinned") as caught:
        run(host, pins, "true")
    assert old in str(caught.value)
    assert peer.host_key.get_fingerprint() in str(caught.value)


def test_the_key_that_is_shown_is_the_one_to_pin(host: Host, tmp_path: Path, peer: Peer) -> None:
    pins = Pins(tmp_path / "fresh")
    key, known = asyncio.run(SSHManager(host, pins).server_key())
    assert known == ""
    assert key is not None
    pins.pin("gpu", key)
    pins.pin("other", asyncssh.generate_private_key("ssh-ed25519"))
    assert run(host, pins, "true").code == 0
    pins.pin("gpu", None)
    assert pins.get("gpu") is None
    assert pins.get("other") is not None


def test_a_key_that_the_host_does_not_take(host: Host, pins: Pins, peer: Peer) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_public_key(peer.folder / "authorized_keys")
    peer.stop()
    peer.listen()
    for _ in range(3):  # a server that has just come up may drop a line
        with pytest.raises(HostError) as caught:
            run(host, pins, "true")
        if not isinstance(caught.value, HostUnreachable):
            break
    assert "accepts none of the keys" in str(caught.value)
    assert not isinstance(caught.value, HostUnreachable)  # trying again would not help


def test_a_port_where_nobody_listens(host: Host, pins: Pins, peer: Peer) -> None:
    peer.stop()
    with pytest.raises(HostUnreachable, match="refuses the connection"):
        run(host, pins, "true")
    peer.listen()


def test_a_name_that_does_not_resolve(host: Host, pins: Pins) -> None:
    with pytest.raises(HostUnreachable):
        run(replace(host, ssh="no-such-host.invalid"), pins, "true")


def test_a_host_that_takes_the_line_and_says_nothing_does_not_freeze_us(host: Host, pins: Pins) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(HostUnreachable):
            run(
                replace(host, ssh=f"127.0.0.1:{silent.getsockname()[1]}", ssh_config=""),
                pins,
                "true",
                connect_seconds=0.5,
            )
        assert time.monotonic() - began < 60


def test_a_full_disk_here_is_no_lost_line(host: Host, pins: Pins) -> None:
    async def go() -> None:
        async with SSHManager(host, pins) as manager, manager.process(["cat"]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        asyncio.run(go())


def test_a_host_is_called_reachable_only_after_a_connection(host: Host, tmp_path: Path, peer: Peer) -> None:
    async def names() -> list[tuple[str, str]]:
        return [(check.name, check.status) async for check in examine_host(host, Pins(tmp_path / "none"))]

    assert asyncio.run(names()) == [("host key", "missing")]


def test_persistently_goes_on_when_the_line_is_back(host: Host, pins: Pins, peer: Peer) -> None:
    lost: list[float] = []

    def on_lost(error: HostUnreachable, wait: float) -> None:
        lost.append(wait)
        if len(lost) == 2:
            peer.listen()

    async def go() -> int:
        async with SSHManager(host, pins) as manager:
            await manager.run(["true"])
            await asyncio.to_thread(peer.stop)
            done = await manager.persistently(lambda: manager.run(["true"]), on_lost, give_up=60)
            return done.code

    assert asyncio.run(go()) == 0
    assert lost[:2] == [1.0, 2.0]


def test_persistently_gives_up(host: Host, pins: Pins, peer: Peer) -> None:
    async def go() -> None:
        async with SSHManager(host, pins) as manager:
            await manager.persistently(lambda: manager.run(["true"]), lambda *_: None, give_up=1.5)

    peer.stop()
    with pytest.raises(HostUnreachable):
        asyncio.run(go())
    peer.listen()


class Losses:
    """A step whose line is lost after each of `seconds`, and holds then; the waits that its caller is told of."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)
        self.waits: list[float] = []

    async def step(self) -> str:
        if not self._seconds:
            return "done"
        await asyncio.sleep(self._seconds.pop(0))
        raise HostUnreachable("the connection broke")

    def on_lost(self, error: HostUnreachable, wait: float) -> None:
        assert str(error) == "the connection broke"
        self.waits.append(wait)


class Clock(selectors.DefaultSelector):
    """For an event loop whose time is what was slept: nobody waits, and a busy machine takes none of it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


def persist(step: Callable[[], Awaitable[T]], losses: Losses, give_up: float = 60.0) -> T:
    async def go() -> T:
        manager = SSHManager(Host("gpu", "there"), Pins(Path("none")))  # neither is asked
        return await manager.persistently(step, losses.on_lost, give_up=give_up)

    clock = Clock()
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(go())
    finally:
        loop.close()


def test_the_waits_double_to_the_longest_and_begin_anew_after_a_line_that_held() -> None:
    losses = Losses(0, 0, 0, 0, 0, 0, 31, 0)
    assert persist(losses.step, losses, give_up=100) == "done"
    assert losses.waits == [1, 2, 4, 8, 16, 30, 1, 2]


def test_the_time_to_give_up_begins_anew_after_a_line_that_held() -> None:
    losses = Losses(31, 0, 90, 0, 90)  # each held for half as long as it takes to give up, or longer
    assert persist(losses.step, losses) == "done"


@pytest.mark.parametrize(("give_up", "waits"), [(0.0, []), (2.5, [1.0])])
def test_no_wait_goes_beyond_the_time_to_give_up(give_up: float, waits: list[float]) -> None:
    losses = Losses(*[0] * 9)
    with pytest.raises(HostUnreachable, match="the connection broke"):
        persist(losses.step, losses, give_up)
    assert losses.waits == waits


def test_other_errors_are_not_tried_again() -> None:
    losses, tries = Losses(), 0

    async def full() -> None:
        nonlocal tries
        tries += 1
        raise HostFull("the disk is full")

    with pytest.raises(HostFull):
        persist(full, losses)
    assert (tries, losses.waits) == (1, [])


def test_writes_to_a_broken_line_print_nothing_by_themselves(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would warn of each one."""

    async def write() -> None:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        theirs.close()
        for _ in range(20):
            writer.write(b"x")
        logging.getLogger("asyncio").warning("something else")
        writer.transport.abort()

    asyncio.run(write())
    assert [record.getMessage() for record in caplog.records] == ["something else"]
