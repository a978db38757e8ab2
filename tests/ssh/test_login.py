"""Getting in as OpenSSH does, against asyncssh's own server; `test_odd_hosts.py` has a real sshd."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from servers.peers import make_peer
from servers.ssh_peer import SSHPeer

from cosmos_workflow.errors import CosmosError, HostError, HostKeyError, HostUnreachable
from cosmos_workflow.ssh import Host, Pins, SSHManager


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SSHPeer]:
    with make_peer("asyncssh", tmp_path / "peer") as server:
        yield server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No keys of the developer's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def works(host: Host, pins: Pins) -> bool:
    async def go() -> int:
        async with SSHManager(host, pins, connect_seconds=60.0) as manager:
            return (await manager.run(["true"])).code

    return asyncio.run(go()) == 0


def settings(peer: SSHPeer, *lines: str, more: str = "") -> None:
    there = ["HostName 127.0.0.1", f"Port {peer.port}", "User somebody", *lines]
    peer.config.write_text("Host there\n" + "".join(f"  {line}\n" for line in there) + more)


def test_keys_that_cannot_be_used_are_passed_over(peer: SSHPeer, host: Host, pins: Pins, home: Path) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(
        home / "locked", "pkcs8-pem", passphrase="a long secret"
    )
    (home / "corrupt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    names = [home / "gone", home / "locked", home / "corrupt", home, peer.folder / "user_key"]
    settings(peer, *(f"IdentityFile {name}" for name in names), f"CertificateFile {home / 'gone-cert.pub'}")
    assert works(host, pins)


def test_a_default_key_is_found_beside_a_damaged_one(peer: SSHPeer, host: Host, pins: Pins, home: Path) -> None:
    (home / ".ssh" / "id_ed25519").write_text("nonsense")
    (home / ".ssh" / "id_rsa").write_bytes((peer.folder / "user_key").read_bytes())
    settings(peer)
    assert works(host, pins)


@pytest.mark.parametrize(
    ("key", "words", "remedy"),
    [
        ("locked", "locked is protected by a passphrase", "ssh-add .*locked"),
        ("gone", "no key to offer; not usable: .*gone: no such file", "ssh-keygen"),
        ("corrupt", "corrupt: cannot be read as a key", "ssh-keygen"),
        ("other", "accepts none of the keys offered", "ssh there"),
    ],
)
def test_a_key_that_does_not_open_is_named(
    peer: SSHPeer, host: Host, pins: Pins, home: Path, key: str, words: str, remedy: str
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    other.write_private_key(home / "other")
    other.write_private_key(home / "locked", "pkcs8-pem", passphrase="a long secret")
    (home / "corrupt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    settings(peer, f"IdentityFile {home / key}", "IdentitiesOnly yes")
    with pytest.raises(HostError, match=words) as caught:
        works(host, pins)
    assert type(caught.value) is HostError
    assert re.search(remedy, caught.value.remedy)


@pytest.mark.parametrize(("asks", "words"), [("password", "a password"), ("keyboard-interactive", "typed answers")])
def test_a_host_without_keys_is_named_as_what_it_is(
    peer: SSHPeer, host: Host, pins: Pins, asks: str, words: str
) -> None:
    peer.stop()
    peer.asks = asks
    peer.listen()
    with pytest.raises(HostError, match=f"accepts no keys, but wants {words}"):
        works(host, pins)


def test_what_known_hosts_calls_revoked_is_trusted_by_nobody(peer: SSHPeer, host: Host, pins: Pins, home: Path) -> None:
    key = peer.host_key.export_public_key().decode()
    (home / ".ssh" / "known_hosts").write_text(f"damaged line\ngpu ssh-ed25519 AAAA\n@revoked * {key}")
    with pytest.raises(HostKeyError, match="revoked"):
        works(host, pins)
    assert asyncio.run(SSHManager(host, pins).server_key())[1] == "revoked"
    (home / ".ssh" / "known_hosts").write_text(f"damaged line\n[127.0.0.1]:{peer.port} {key}")
    assert works(host, pins)
    assert asyncio.run(SSHManager(host, pins).server_key())[1] == "known"


@pytest.mark.parametrize(
    ("bastion", "words", "error"),
    [
        ("HostName 127.0.0.1\n  Port {port}", "key of the jump host .* not in your known_hosts", HostKeyError),
        ("HostName 127.0.0.1\n  Port 1", "refuses the connection", HostUnreachable),
        ("HostName gone.invalid", "the host name gone.invalid cannot be resolved", HostUnreachable),
        ("ProxyJump there", "leads back to there", HostError),
    ],
)
def test_trouble_with_a_jump_host_is_told_of_the_jump_host(
    peer: SSHPeer, host: Host, pins: Pins, bastion: str, words: str, error: type[CosmosError]
) -> None:
    key = f"IdentityFile {peer.folder / 'user_key'}"
    settings(peer, key, "ProxyJump bastion", more=f"Host bastion\n  {key}\n  {bastion.format(port=peer.port)}\n")
    with pytest.raises(error, match=words) as caught:
        works(host, pins)
    assert "bastion" in str(caught.value)
    assert "bastion" in caught.value.remedy or "jump host bastion" in caught.value.where


def test_a_jump_host_that_known_hosts_or_a_pin_vouches_for(peer: SSHPeer, host: Host, pins: Pins, home: Path) -> None:
    key = f"IdentityFile {peer.folder / 'user_key'}"
    more = f"Host bastion\n  HostName 127.0.0.1\n  Port {peer.port}\n  User somebody\n  {key}\n"
    settings(peer, key, "ProxyJump bastion", more=more)
    pins.pin("bastion", peer.host_key)
    assert works(host, pins)
    pins.pin("bastion", None)
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{peer.port} {peer.host_key.export_public_key().decode()}")
    assert works(host, pins)
    assert peer.logins == 4


def test_a_proxy_command_that_is_not_there(peer: SSHPeer, host: Host, pins: Pins) -> None:
    settings(peer, "ProxyCommand no-such-proxy %h %p")
    with pytest.raises(HostUnreachable, match="ProxyCommand no-such-proxy cannot be started"):
        works(host, pins)
