"""The SSH server that a test talks to: asyncssh's own on any laptop, and a real sshd in `make test-all`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from servers.ssh_peer import SSHPeer
from servers.sshd import SSHD

__all__ = ["PEERS", "Peer", "host_settings", "make_peer"]

Peer = SSHPeer | SSHD
PEERS = ["asyncssh", pytest.param("sshd", marks=pytest.mark.host)]


def host_settings(peer: Peer) -> dict[str, str]:
    """The peer as an entry of a user's hosts."""
    folder = str(peer.home / "ours")
    return {"ssh": "there", "workdir": folder, "python": sys.executable, "ssh_config": str(peer.config)}


def make_peer(kind: str, folder: Path) -> Peer:
    return SSHD(folder) if kind == "sshd" else SSHPeer(folder)
