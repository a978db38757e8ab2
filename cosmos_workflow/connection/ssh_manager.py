"""One SSH connection to a host, opened when it is needed and opened anew when it was lost."""

from __future__ import annotations

import asyncio
import errno
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from cosmos_workflow.connection.hosts import Host
from cosmos_workflow.connection.keys import Pins
from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Completed", "SSHManager"]

CONNECT_SECONDS = 15.0
LOGIN_SECONDS = 30.0
KEEPALIVE_SECONDS = 10.0  # three without an answer, and the line is lost
LONGEST_WAIT = 30.0  # between two attempts to reach a host

T = TypeVar("T")


@dataclass(frozen=True)
class Completed:
    """A command that ended on the host."""

    code: int
    out: bytes
    err: bytes


class SSHManager:
    """`async with SSHManager(host, pins) as manager`. Commands are lists of arguments, quoted here and only here."""

    def __init__(self, host: Host, pins: Pins, *, connect_seconds: float = CONNECT_SECONDS) -> None:
        self.host = host
        self._pins = pins
        self._connect_seconds = connect_seconds
        self._connection: asyncssh.SSHClientConnection | None = None

    async def __aenter__(self) -> SSHManager:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; the next command opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()  # a polite end waits for a line that may be dead

    async def run(self, arguments: Sequence[str], data: bytes = b"", *, timeout: float = 60.0) -> Completed:
        """Run a command with `data` on its standard input. Raises HostUnreachable when the line breaks."""
        async with self.process(arguments) as process:
            with suppress(BrokenPipeError):  # it has ended without reading all of it
                process.stdin.write(data)
                process.stdin.write_eof()
            done = await asyncio.wait_for(process.communicate(), timeout)
            code = process.exit_status
            if code is None:
                raise HostUnreachable("the line broke", where=self.host.name, remedy=_CHECK)
        return Completed(code, bytes(done[0] or b""), bytes(done[1] or b""))

    @asynccontextmanager
    async def process(self, arguments: Sequence[str]) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        """A command whose streams are read and written as bytes while it runs."""
        with self._translated():
            connection = await self.connection()
            process = await connection.create_process(shlex.join(arguments), encoding=None)
            try:
                yield process
            finally:
                process.close()

    async def within(self, awaited: Awaitable[T], seconds: float) -> T:
        """What is awaited, if it comes in time; a host that is silent for longer is lost."""
        with self._translated():
            return await asyncio.wait_for(awaited, seconds)

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The open connection. Raises HostUnreachable, HostKeyError, or HostError where it lets nobody in."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        import asyncssh

        trusted = self._pins.trusted(self.host.name)
        with self._translated():
            try:
                self._connection = await asyncio.wait_for(
                    asyncssh.connect(**self._target(), known_hosts=lambda *_: trusted), self._connect_seconds * 2
                )
            except asyncssh.HostKeyNotVerifiable:
                raise self._pins.changed(self.host.name, await self.server_key()) from None
        return self._connection

    async def server_key(self) -> asyncssh.SSHKey | None:
        """The key that the host shows now, for a person to compare; nothing is trusted by asking."""
        import asyncssh

        target = self._target()
        with self._translated():
            wanted = {name: target[name] for name in ("host", "port", "config") if name in target}
            return await asyncio.wait_for(asyncssh.get_server_host_key(**wanted), self._connect_seconds * 2)

    async def persistently(
        self, step: Callable[[], Awaitable[T]], on_lost: Callable[[HostUnreachable, float], None], *, give_up: float
    ) -> T:
        """Do `step` until the line holds; `on_lost` hears of each failure and the seconds until the next try.

        Waits 1, 2, 4 … 30 s. Raises the last HostUnreachable after `give_up` seconds without a line.
        """
        loop = asyncio.get_running_loop()
        wait, lost_at = 1.0, None
        while True:
            began = loop.time()
            try:
                return await step()
            except HostUnreachable as error:
                await self.close()
                if loop.time() - began > LONGEST_WAIT:  # it held for a while: this is a new loss
                    wait, lost_at = 1.0, None
                lost_at = lost_at or (began if loop.time() - began <= LONGEST_WAIT else loop.time())
                if loop.time() - lost_at + wait > give_up:
                    raise
                on_lost(error, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _target(self) -> dict[str, Any]:
        user, name, port = self.host.destination
        target: dict[str, Any] = {
            "host": name,
            "connect_timeout": self._connect_seconds,
            "login_timeout": LOGIN_SECONDS,
            "keepalive_interval": KEEPALIVE_SECONDS,
            "keepalive_count_max": 3,
            # Processors have instructions for it: three times as fast as asyncssh's own first choice.
            "encryption_algs": "^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
        }
        if user:
            target["username"] = user
        if port:
            target["port"] = port
        if self.host.ssh_config:
            target["config"] = [self.host.ssh_config]
        return target

    def _translated(self) -> _Translated:
        return _Translated(self.host)


class _Translated:
    """Whatever asyncssh and the system raise becomes one of our errors, with its remedy."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncssh

        where = f"{self._host.name} ({self._host.ssh})"
        if error is None or isinstance(error, CosmosError):
            return
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _HERE):
            return  # a file of this machine, or its disk
        if isinstance(error, asyncssh.PermissionDenied):
            raise HostError(
                "the host lets nobody in with the keys offered",
                where=where,
                remedy=f"check the user name and the key: ssh {self._host.ssh}",
            ) from error
        if isinstance(error, (asyncssh.ConfigParseError, asyncssh.KeyImportError)):
            raise HostError(f"your SSH settings cannot be used ({error})", where=where, remedy="mend them") from error
        if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
            raise HostUnreachable("no answer in time", where=where, remedy=_CHECK) from error
        if isinstance(error, (asyncssh.Error, OSError, EOFError, asyncio.IncompleteReadError)):
            words = str(error) or type(error).__name__
            raise HostUnreachable(f"no connection ({words})", where=where, remedy=_CHECK) from error


# What no network says: a disk that is full or read-only, too many open files.
_HERE = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EFBIG", "EMFILE", "ENFILE") if name in dir(errno)
}
_CHECK = "check that the machine is on and its address and port are right: cosmos hosts check"
