"""Ports of loopback that stay ours while nobody listens there: no other program of this machine can be given one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["closed_port", "reserved"]


def reserved() -> socket.socket:
    """A socket that has a port and does not listen; whoever listens there with SO_REUSEADDR may, all others may not.

    The port is ours until the socket is closed.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


@contextmanager
def closed_port() -> Iterator[int]:
    """A port where nobody listens, and nobody will."""
    with reserved() as holder:
        yield int(holder.getsockname()[1])
