"""A TCP proxy between a client and a server that cuts its lines after so many bytes, or when told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """`cuts` are byte counts, of client and server together: the n-th line is cut after the n-th of them."""

    def __init__(self, port: int, cuts: Iterator[int] | None = None) -> None:
        self._target = port
        self._cuts = cuts or iter(())
        self._lines: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.carried: list[int] = []  # bytes that each line carried to the server

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> int:
        """Cut every open line now; how many there were."""
        open_ones = sum(pair[0].fileno() >= 0 for pair in self._lines)
        for pair in self._lines:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._lines.clear()
        return open_ones

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # the server is away
                client.close()
                continue
            number = len(self.carried)
            self.carried.append(0)
            left = [next(self._cuts, 1 << 62)]
            pair = (client, server)
            self._lines.append(pair)
            for source, target in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, target, left, pair, number), daemon=True).start()

    def _pump(
        self, source: socket.socket, target: socket.socket, left: list[int],
        pair: tuple[socket.socket, socket.socket], number: int,
    ) -> None:  # fmt: skip
        with suppress(OSError):
            while data := source.recv(65536):
                left[0] -= len(data)
                if left[0] < 0:
                    break
                target.sendall(data)
                if source is pair[0]:
                    self.carried[number] += len(data)
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
