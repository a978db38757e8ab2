from __future__ import annotations

import asyncio
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.peers import make_peer
from servers.ssh_peer import SSHPeer

from cosmos_workflow.errors import HostError
from cosmos_workflow.ssh import Completed, Host, Pins, SSHManager, remote_process
from cosmos_workflow.ssh.remote_process import shell_word

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./:=+,@-\\$()%\"'")
LOOKALIKE = r"""printf '{"state": "done"}\n\0\377'; echo cosmos-0000 0; printf no-end-of-line"""


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SSHPeer]:
    with make_peer("asyncssh", tmp_path / "peer") as server:
        yield server


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=4))
def test_a_script_is_the_same_for_every_shell(words: list[str]) -> None:
    line = shell_word(f"printf '%s\\0' {shlex.join(['', *words])}")
    assert line.startswith("sh -c 'eval")
    assert line[6:].count("'") == 2
    assert set(line) <= PLAIN  # no `!` and no end of line, which csh reads inside quotes
    assert "\\'" not in line and "\\\\" not in line  # which fish reads inside quotes
    out = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout
    assert out.decode().split("\0") == ["", *words, ""]


def run(
    peer: SSHPeer, host: Host, pins: Pins, profile: str, data: bytes = b"", shell_seconds: float = 60.0
) -> Completed:  # fmt: skip
    peer.profile = profile

    async def go() -> Completed:
        async with SSHManager(host, pins, shell_seconds=shell_seconds) as manager:
            return await manager.run(["sh", "-c", "cat; echo oh >&2; exit 7"], data)

    return asyncio.run(go())


@pytest.mark.parametrize(
    "profile",
    [
        "printf Welcome", "echo; echo; stty sane", r"printf '\033[2J\033[1mhi\r\n'", "trap 'echo logout; exit 0' EXIT",
        "for n in $(seq 3000); do echo $n; echo $n >&2; done", LOOKALIKE,
    ],
)  # fmt: skip
def test_noise_around_the_output_is_left_out(peer: SSHPeer, host: Host, pins: Pins, profile: str) -> None:
    data = b"\n{\0\xffcosmos-\n"
    assert run(peer, host, pins, profile, data) == Completed(7, data, b"oh\n")


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("echo see you; exit 0", "ended with exit code 0 before our command, and prints: see you"),
        ("exit 3", "ended with exit code 3 before our command; "),
        ("echo no such account >&2; exec false", "exit code 1 before our command, and prints: no such account"),
        (r"printf '\033[31mred\033[0m\n'; kill -9 $$", "before our command, and prints: red;"),
        ("echo 'Accept? [y/n]'; read answer", "waits for input before it runs our command, and prints: Accept"),
        ("echo a shell; exec sh", "reads its input as commands instead of running our command.*a shell"),
    ],
)
def test_a_shell_that_does_not_come_to_our_command_is_named_with_its_line(
    peer: SSHPeer, host: Host, pins: Pins, monkeypatch: pytest.MonkeyPatch, profile: str, words: str
) -> None:
    monkeypatch.setattr(remote_process, "LAST_SECONDS", 60.0)
    shell_seconds = 0.5 if "input" in words else 60.0  # a shell that waits is only known by waiting
    with pytest.raises(HostError, match=words) as caught:
        run(peer, host, pins, profile, b"touch pwned\n", shell_seconds)
    assert type(caught.value) is HostError  # trying again would not help
    assert "ssh there true" in caught.value.remedy
    assert not list(peer.home.iterdir())  # no shell took our data for commands
