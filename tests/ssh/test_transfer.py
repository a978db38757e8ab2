from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest
from servers.cutting_proxy import CuttingProxy
from servers.peers import Peer

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable
from cosmos_workflow.ssh import (
    Host,
    HostProgram,
    Pins,
    Sent,
    SSHManager,
    fetch_blobs,
    host_from,
    send_blobs,
    ssh_manager,
)
from cosmos_workflow.ssh.program import INSTALL

pytestmark = pytest.mark.slow


def blobs_in(folder: Path, *sizes: int) -> dict[str, Path]:
    folder.mkdir()
    blobs = {}
    for size in sizes:
        data = os.urandom(size)
        sha256 = hashlib.sha256(data).hexdigest()
        (folder / sha256).write_bytes(data)
        blobs[sha256] = folder / sha256
    return blobs


def send(host: Host, pins: Pins, blobs: dict[str, Path]) -> Sent:
    async def go() -> Sent:
        async with SSHManager(host, pins) as manager:
            return await send_blobs(HostProgram(manager), blobs)

    return asyncio.run(go())


def on_host(peer: Peer, host: Host, sha256: str) -> Path:
    return peer.home / host.workdir / "blobs" / sha256[:2] / sha256


def test_each_file_once_and_none_again(host: Host, pins: Pins, peer: Peer, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "b", 0, 1, 300_000, 1_000_000)
    assert send(host, pins, blobs) == Sent(4, 1_300_001, 0)
    for sha256, path in blobs.items():
        assert on_host(peer, host, sha256).read_bytes() == path.read_bytes()
    assert send(host, pins, blobs) == Sent(0, 0, 4)


def test_a_file_damaged_on_the_host_is_sent_again(host: Host, pins: Pins, peer: Peer, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "b", 1000, 2000)
    send(host, pins, blobs)
    sha256 = next(iter(blobs))
    on_host(peer, host, sha256).write_bytes(b"x" * 1000)
    assert send(host, pins, blobs) == Sent(1, 1000, 1)
    assert on_host(peer, host, sha256).read_bytes() == blobs[sha256].read_bytes()


def test_an_upload_that_is_cut_goes_on_where_it_stopped(
    host: Host, pins: Pins, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_manager, "FIRST_WAIT", 0.1)
    blobs = blobs_in(tmp_path / "b", *[600_000] * 5)
    lost = 0
    cuts = iter([400_000, 900_000, 1_300_000])

    async def go() -> Sent:
        nonlocal lost

        def on_lost(error: HostUnreachable, wait: float) -> None:
            nonlocal lost
            lost += 1

        async with SSHManager(host, pins) as manager:
            program = HostProgram(manager)
            return await manager.persistently(lambda: send_blobs(program, blobs), on_lost, give_up=60)

    with CuttingProxy(peer.port, cuts) as proxy:
        peer.config.write_text(peer.config.read_text().replace(str(peer.port), str(proxy.port)))
        asyncio.run(go())
    assert lost == 3
    for sha256, path in blobs.items():
        assert on_host(peer, host, sha256).read_bytes() == path.read_bytes()


def test_the_rest_of_a_file_is_all_that_the_next_line_carries(
    host: Host, pins: Pins, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_manager, "FIRST_WAIT", 0.1)
    blobs = blobs_in(tmp_path / "b", 40_000_000)

    async def go() -> Sent:
        async with SSHManager(host, pins) as manager:
            program = HostProgram(manager)
            return await manager.persistently(lambda: send_blobs(program, blobs), lambda *_: None, give_up=60)

    with CuttingProxy(peer.port, iter([36_000_000])) as proxy:
        peer.config.write_text(peer.config.read_text().replace(str(peer.port), str(proxy.port)))
        asyncio.run(go())
        first, second = proxy.carried
    assert first > 30_000_000
    # What is lost with a line is what buffers of sockets and of SSH held: a few MB.
    assert second < 20_000_000


def test_a_program_damaged_on_the_host_is_put_there_anew(host: Host, pins: Pins, peer: Peer, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "b", 10)
    send(host, pins, blobs)
    (program,) = (peer.home / host.workdir / "program").iterdir()
    whole = program.read_bytes()
    program.write_bytes(whole[: len(whole) // 2])
    assert send(host, pins, blobs).known == 1
    assert program.read_bytes() == whole
    assert list(program.parent.iterdir()) == [program]


def test_a_line_that_breaks_while_the_program_is_sent_leaves_the_whole_one(host: Host, pins: Pins, peer: Peer) -> None:
    async def go() -> int:
        async with SSHManager(host, pins) as manager:
            program = HostProgram(manager)
            await program.install()
            words = ["sh", "-c", INSTALL, "sh", str(program.path.parent), str(program.path), str(len(bundle()[1]))]
            return (await manager.run(words, b"half of it")).code  # the end of the input is all that `cat` sees

    assert asyncio.run(go()) != 0
    (program,) = (peer.home / host.workdir / "program").iterdir()
    assert program.read_bytes() == bundle()[1]


def test_a_host_without_python_is_said_so(host: Host, pins: Pins, tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(HostError, match=r"Python 3\.10 or newer is needed as python-none, found none"):
        send(replace(host, python="python-none"), pins, blobs_in(tmp_path / "b", 10))


@pytest.mark.parametrize("peer", ["asyncssh"], indirect=True)  # a real sshd's home is the account's own
@pytest.mark.parametrize("workdir", ['~/it\'s "ours" 日本 🤖', "~", "rel ative", "$HOME `x` *", "a\nb"])
def test_a_workdir_of_any_name(
    host: Host, pins: Pins, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workdir: str
) -> None:
    """Sessions of this peer begin in a folder that stands for the home."""
    monkeypatch.setenv("HOME", str(peer.home))
    there = host_from("gpu", {**host_values(host), "workdir": workdir})
    blobs = blobs_in(tmp_path / "b", 10)
    assert send(there, pins, blobs).files == 1
    folder = peer.home if workdir == "~" else peer.home / workdir.removeprefix("~/")
    assert len(list((folder / "program").iterdir())) == 1
    assert len(list((folder / "blobs").glob("*/*"))) == 1
    assert {path.name for path in peer.home.iterdir()} == (
        {"program", "blobs"} if workdir == "~" else {workdir.removeprefix("~/")}
    )


def host_values(host: Host) -> dict[str, str]:
    return {"ssh": host.ssh, "python": host.python, "ssh_config": host.ssh_config}


def test_what_arrives_is_told_by_the_host(host: Host, pins: Pins, tmp_path: Path) -> None:
    blobs, told = blobs_in(tmp_path / "b", 300_000, 500_000), []

    async def go() -> Sent:
        async with SSHManager(host, pins) as manager:
            return await send_blobs(HostProgram(manager), blobs, lambda came, total: told.append((came, total)))

    assert asyncio.run(go()).bytes == 800_000
    assert told[0] == (0, 800_000)
    assert told[-1] == (800_000, 800_000)
    assert told == sorted(told)


def test_a_file_that_cannot_be_read_here_is_no_line_that_broke(host: Host, pins: Pins, tmp_path: Path) -> None:
    """A folder under a file's name: opening it is refused whoever we are."""
    with pytest.raises(OSError, match="none") as caught:
        send(host, pins, {"0" * 64: tmp_path / "none"})
    assert not isinstance(caught.value, CosmosError)
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as other:
        send(host, pins, {"1" * 64: tmp_path / "folder"})
    assert other.value.filename == str(tmp_path / "folder")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EPIPE])
def test_whoever_listens_here_and_fails_is_no_line_that_broke(
    host: Host, pins: Pins, tmp_path: Path, number: int
) -> None:
    blobs = blobs_in(tmp_path / "b", 100_000)

    async def go() -> Sent:
        def broken(came: int, total: int) -> None:
            if came:
                raise OSError(number, os.strerror(number))

        async with SSHManager(host, pins) as manager:
            return await send_blobs(HostProgram(manager), blobs, broken)

    with pytest.raises(OSError, match="printed here") as caught:
        asyncio.run(go())
    assert caught.value.errno == number


def fetch(host: Host, pins: Pins, wanted: dict[str, Path]) -> dict[str, bool]:
    came: dict[str, bool] = {}

    async def go() -> None:
        async with SSHManager(host, pins) as manager:
            await fetch_blobs(HostProgram(manager), wanted, came.__setitem__)

    asyncio.run(go())
    return came


def test_files_are_fetched_and_those_that_are_gone_or_damaged_are_told(
    host: Host, pins: Pins, peer: Peer, tmp_path: Path
) -> None:
    blobs = blobs_in(tmp_path / "b", 0, 1, 300_000, 1_000_000, 2000)
    send(host, pins, blobs)
    *_, damaged = blobs
    on_host(peer, host, damaged).write_bytes(b"x" * 2000)
    wanted = {sha256: tmp_path / "home" / sha256 for sha256 in [*blobs, "0" * 64]}
    came = fetch(host, pins, wanted)
    assert came == dict.fromkeys(blobs, True) | {damaged: False, "0" * 64: False}
    for sha256 in blobs.keys() - {damaged}:
        assert wanted[sha256].read_bytes() == blobs[sha256].read_bytes()
    assert {path.name for path in (tmp_path / "home").iterdir()} == blobs.keys() - {damaged}
    assert not on_host(peer, host, damaged).exists()


def test_a_part_that_is_damaged_here_is_fetched_again(host: Host, pins: Pins, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "b", 300_000, 1000)
    send(host, pins, blobs)
    wanted = {sha256: tmp_path / "home" / sha256 for sha256 in blobs}
    (tmp_path / "home").mkdir()
    for sha256 in blobs:  # longer than the second file, as what another crash left
        (tmp_path / "home" / f"{sha256}.part").write_bytes(b"x" * 5000)
    assert fetch(host, pins, wanted) == dict.fromkeys(blobs, True)
    for sha256, path in blobs.items():
        assert wanted[sha256].read_bytes() == path.read_bytes()


def test_a_download_that_is_cut_goes_on_where_it_stopped(
    host: Host, pins: Pins, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_manager, "FIRST_WAIT", 0.1)
    blobs = blobs_in(tmp_path / "b", *[3_000_000] * 2)
    send(host, pins, blobs)
    wanted = {sha256: tmp_path / "home" / sha256 for sha256 in blobs}
    came: dict[str, bool] = {}
    sent: list[int] = []  # bytes that have come, line by line

    async def go() -> None:
        async with SSHManager(host, pins) as manager:
            program = HostProgram(manager)

            async def step() -> None:
                lacking = {sha256: path for sha256, path in wanted.items() if not came.get(sha256)}
                here = sum(path.stat().st_size for path in (tmp_path / "home").glob("*.part"))
                sent.append(0)

                def count(received: int, total: int) -> None:
                    sent[-1] = received - here

                await fetch_blobs(program, lacking, came.__setitem__, count)

            await manager.persistently(step, lambda error, wait: None, give_up=60)

    with CuttingProxy(peer.port, iter([400_000, 1_900_000, 1_300_000])) as proxy:
        peer.config.write_text(peer.config.read_text().replace(str(peer.port), str(proxy.port)))
        asyncio.run(go())
        assert len(proxy.carried) == 4
    assert sum(sent) == 6_000_000  # nothing of what had come was sent twice
    assert came == dict.fromkeys(blobs, True)
    for sha256, path in blobs.items():
        assert wanted[sha256].read_bytes() == path.read_bytes()
