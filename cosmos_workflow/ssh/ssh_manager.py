"""One SSH connection to a host, opened when it is needed and reopened after it was lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable
from cosmos_workflow.ssh.faults import is_of_this_machine
from cosmos_workflow.ssh.hosts import Host
from cosmos_workflow.ssh.keys import Pins
from cosmos_workflow.ssh.login import Login
from cosmos_workflow.ssh.remote_process import SHELL_SECONDS, Completed, RemoteProcess

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Completed", "SSHManager"]

CONNECT_SECONDS = 15.0
FIRST_WAIT = 1.0  # before a lost connection is tried again; doubled each time
LONGEST_WAIT = 30.0  # between two attempts to reach a host
SESSION_WAITS = (0.2, 0.5, 1.0, 2.0, 3.0)  # seconds; an abandoned command ends when it next writes

# asyncio prints this for each write to a line that broke; whoever uses the line is told of it once, by an error.
logging.getLogger("asyncio").addFilter(lambda record: record.msg != "socket.send() raised exception.")

T = TypeVar("T")


class SSHManager:
    """`async with SSHManager(host, pins) as manager`. Commands are lists of arguments; only this module quotes them."""

    def __init__(
        self, host: Host, pins: Pins, *, connect_seconds: float = CONNECT_SECONDS, shell_seconds: float = SHELL_SECONDS
    ) -> None:
        self.host = host
        self._pins = pins
        self._connect_seconds = connect_seconds
        self._shell_seconds = shell_seconds
        self._login: Login | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sessions = 0  # opened on this connection

    async def __aenter__(self) -> SSHManager:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; the next command opens a new one."""
        login, self._login, self._connection, self._sessions = self._login, None, None, 0
        if login is not None:
            login.close()

    async def run(self, arguments: Sequence[str], data: bytes = b"", *, timeout: float = 60.0) -> Completed:
        """Run a command with `data` on its standard input. Raises HostUnreachable if the connection breaks."""
        async with self.process(arguments) as process:
            with suppress(BrokenPipeError):  # the command ended without reading all its input
                process.stdin.write(data)
                process.stdin.write_eof()
            completed = await asyncio.wait_for(process.completed(), timeout)
            if completed is None:
                raise HostUnreachable("the connection broke", where=self.host.name, remedy=_CHECK)
        return completed

    @asynccontextmanager
    async def process(self, arguments: Sequence[str], *, endless: bool = False) -> AsyncIterator[RemoteProcess]:
        """A command whose streams are read and written as bytes while it runs; an `endless` one is left running, not
        waited for.

        Raises HostError if the account's login shell does not run it.
        """
        remote = RemoteProcess(arguments, endless=endless)
        with self._translated():
            session = await self._session(remote.command_line)
            whole = False
            try:
                await remote.start(session, self._where, self.host.ssh, self._shell_seconds)
                yield remote
                whole = True
            finally:
                await remote.close(wait=whole)

    async def _session(self, command_line: str) -> asyncssh.SSHClientProcess[bytes]:
        import asyncssh

        connection = await self.connection()
        for wait in (*SESSION_WAITS, None):
            try:
                process = await connection.create_process(command_line, encoding=None, request_pty=False)
            except asyncssh.ChannelOpenError as error:
                if connection.is_closed() or "onnection" in str(error):  # it is closed or lost
                    raise
                if self._sessions and wait is not None:
                    await asyncio.sleep(wait)  # an abandoned session may still count towards MaxSessions
                    continue
                raise HostError(
                    f"the host accepts the login, but opens no session ({error.reason or error})", where=self._where,
                    remedy="its SSH server must allow commands: set MaxSessions to 1 or more, and use an account that"
                    " is not for forwarding only",
                ) from error  # fmt: skip
            self._sessions += 1
            return process
        raise AssertionError

    async def within(self, awaited: Awaitable[T], seconds: float) -> T:
        """Await something for up to `seconds`. Raises HostUnreachable if the host stays silent for longer."""
        with self._translated():
            return await asyncio.wait_for(awaited, seconds)

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The open connection. Raises HostUnreachable, HostKeyError, or HostError if it refuses the login."""
        if self._connection is None or self._connection.is_closed():
            await self.close()
            self._login = Login(self.host, self._pins, self._connect_seconds)
            try:
                self._connection = await self._login.connect()
            except BaseException:
                await self.close()
                raise
        return self._connection

    async def server_key(self) -> tuple[asyncssh.SSHKey | None, str]:
        """The key that the host shows now, for a person to compare, and what the user's known_hosts says about it:
        `known`, `other`, `revoked` or an empty string. Asking does not make the key trusted.
        """
        login = Login(self.host, self._pins, self._connect_seconds)
        try:
            return await login.server_key()
        finally:
            login.close()

    async def persistently(
        self, step: Callable[[], Awaitable[T]], on_lost: Callable[[HostUnreachable, float], None], *, give_up: float
    ) -> T:
        """Repeat `step` until it succeeds; `on_lost` gets each HostUnreachable and the seconds until the next attempt.

        Waits 1, 2, 4 … 30 s. Raises the last HostUnreachable after `give_up` seconds without a connection.
        """
        loop = asyncio.get_running_loop()
        wait, lost_at = FIRST_WAIT, None
        while True:
            began = loop.time()
            try:
                return await step()
            except HostUnreachable as error:
                await self.close()
                if loop.time() - began > LONGEST_WAIT:  # it lasted for a while: this is a new loss
                    wait, lost_at = FIRST_WAIT, None
                if lost_at is None:
                    lost_at = began if loop.time() - began <= LONGEST_WAIT else loop.time()
                if loop.time() - lost_at + wait > give_up:
                    raise
                on_lost(error, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    @property
    def _where(self) -> str:
        return f"{self.host.name} ({self.host.ssh})"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise HostUnreachable for a broken connection; an OSError about this machine's own files is left as it is."""
        import asyncssh

        try:
            yield
        except CosmosError:
            raise
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise HostUnreachable("no answer in time", where=self._where, remedy=_CHECK) from error
        except (asyncssh.Error, EOFError, OSError) as error:
            if is_of_this_machine(error):
                raise
            reason = str(error) or type(error).__name__
            if self._connection is not None and not self._sessions:
                raise HostUnreachable(
                    f"the host closes the connection right after the login ({reason})", where=self._where,
                    remedy=f"see what this prints: ssh {self.host.ssh} true",
                ) from error  # fmt: skip
            raise HostUnreachable(f"the connection broke ({reason})", where=self._where, remedy=_CHECK) from error


_CHECK = "check that the machine is on and its address and port are right: cosmos hosts check"
