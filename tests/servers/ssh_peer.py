"""asyncssh's own server on loopback, in a thread: an SSH peer for laptops without an sshd.

It runs the commands that it is sent through the system's shell, as an sshd does.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh

from .ports import reserved

__all__ = ["SSHPeer"]


class SSHPeer:
    """`config` is an OpenSSH client config that reaches it as `there`.

    `profile` is what its shell does before a command, as a .bashrc; `asks` is what it wants instead of keys from
    the next `listen` on: "password" or "keyboard-interactive". `logins` counts the lines that it had, and
    `sessions` are those that it opened.
    """

    profile = ""
    asks = ""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.new_host_key()
        user = asyncssh.generate_private_key("ssh-ed25519")
        user.write_private_key(folder / "user_key")
        user.write_public_key(folder / "authorized_keys")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._reserved = reserved()
        self.port = int(self._reserved.getsockname()[1])
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.logins = 0
        self.sessions: list[asyncssh.SSHServerProcess[bytes]] = []

    def __enter__(self) -> SSHPeer:
        self._thread.start()
        self.listen()
        self.config = self.folder / "ssh_config"
        self.config.write_text(
            f"Host there\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {self.folder / 'user_key'}\n"
            "  IdentitiesOnly yes\n  User somebody\n"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

        async def settle() -> None:
            # What still runs for a line that is gone ends when it next writes.
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.1)

        asyncio.run_coroutine_threadsafe(settle(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._reserved.close()

    def new_host_key(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")

    def listen(self) -> None:
        peer = self

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                peer.connections.add(conn)
                peer.logins += 1

            def connection_lost(self, exc: Exception | None) -> None:
                peer.connections.discard(self.connection)

            def public_key_auth_supported(self) -> bool:
                return not peer.asks

            def password_auth_supported(self) -> bool:
                return peer.asks == "password"

            def kbdint_auth_supported(self) -> bool:
                return peer.asks == "keyboard-interactive"

            def connection_requested(self, *_: object) -> bool:
                return True  # it may be a jump host

        keys = None if self.asks else str(self.folder / "authorized_keys")

        async def listen() -> None:
            self._server = await asyncssh.listen(
                "127.0.0.1", self.port, server_factory=Server, server_host_keys=[self.host_key],
                authorized_client_keys=keys, process_factory=self._serve,
                encoding=None, reuse_address=True,
            )  # fmt: skip

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(60)

    def stop(self) -> None:
        """Stop listening and drop every line."""

        async def stop() -> None:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()
            await self._server.wait_closed()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(60)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.sessions.append(process)
        script = "\n".join(filter(None, [self.profile, process.command or "true"]))
        there = await asyncio.create_subprocess_shell(
            script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, cwd=self.home,
        )  # fmt: skip
        pumps = [
            asyncio.create_task(_pump(process.stdin, there.stdin)),
            asyncio.create_task(_pump(there.stdout, process.stdout)),
            asyncio.create_task(_pump(there.stderr, process.stderr)),
        ]
        outputs = asyncio.create_task(asyncio.wait(pumps[1:]))
        closed = asyncio.create_task(process.channel.wait_closed())
        await asyncio.wait([outputs, closed], return_when=asyncio.FIRST_COMPLETED)
        for task in (*pumps, outputs, closed):
            task.cancel()
        # As an sshd does: whoever still writes to a line that is gone ends by it, also in the middle of a write.
        for stream in (there.stdout, there.stderr):
            stream._transport.close()  # type: ignore[union-attr]
        if process.channel.is_closing() and there.returncode is None:
            there.kill()
        code = await there.wait()
        if not process.channel.is_closing():
            process.exit(code)


async def _pump(source: Any, target: Any) -> None:
    with suppress(asyncssh.Error, OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    if isinstance(target, asyncio.StreamWriter):
        target.close()
