"""Logs in to a host as the user's own `ssh` would, and records what a failed attempt learned about it."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import HostError
from cosmos_workflow.ssh.faults import Attempt, login_error
from cosmos_workflow.ssh.hosts import Host
from cosmos_workflow.ssh.keys import KnownHosts, Matched, Pins

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Login"]

LOGIN_SECONDS = 30.0
KEEPALIVE_SECONDS = 10.0  # after three without an answer, the connection is lost
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")

Trust = Callable[[Matched], tuple[list[Any], list[Any], list[Any]]]  # keys, authorities, revoked ones


@dataclass
class Login:
    """The connection to a host, and those to the jump hosts before it; errors name the machine that they are about."""

    host: Host
    pins: Pins
    seconds: float
    _open: list[asyncssh.SSHClientConnection] = field(default_factory=list)

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Log in. Raises HostUnreachable, HostKeyError, or HostError if the host refuses the login."""
        pinned = self.pins.trusted(self.host.name)
        # Only the pinned key is accepted, and not even that if the user's known_hosts revokes it.
        return await self._connect(self._attempt(), lambda known: ([pinned], [], known.revoked), ())

    async def server_key(self) -> tuple[asyncssh.SSHKey | None, str]:
        """The key that the host shows now, and what the user's known_hosts says about it.

        That is `known`, `other` if it has another key for the host, `revoked`, or an empty string. Asking does not
        make the key trusted.
        """
        attempt, matched = self._attempt(), Matched()
        attempt.only_key = True

        def trust_none(known: Matched) -> tuple[list[Any], list[Any], list[Any]]:
            nonlocal matched
            matched = known
            return [], [], []

        try:
            await self._connect(attempt, trust_none, ())
        except HostError:
            if attempt.key is None:
                raise
        return attempt.key, matched.opinion(attempt.key)

    def close(self) -> None:
        """End every connection, the host's before those of its jump hosts."""
        for connection in reversed(self._open):
            connection.abort()  # closing politely would wait for a connection that may be dead
        self._open.clear()

    def _attempt(self) -> Attempt:
        user, name, port = self.host.destination
        return Attempt(self.host.name, f"{self.host.name} ({self.host.ssh})", user, name, port, self.host.ssh)

    async def _connect(self, attempt: Attempt, trust: Trust, before: Sequence[str]) -> asyncssh.SSHClientConnection:
        import asyncssh

        keys: list[Any] = []
        agent: asyncssh.SSHAgentClient | None = None
        try:
            target = self._target(attempt)
            # Read without keys, which we look up ourselves: asyncssh fails at the first key that it cannot read.
            options = asyncssh.SSHClientConnectionOptions(**target, known_hosts=None, client_keys=None)
            if not options.config.get("Ciphers"):
                # Processors have instructions for AES: three times as fast as asyncssh's first choice.
                target["encryption_algs"] = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
            attempt.address = (str(options.host), int(options.port))
            known = KnownHosts(options.config)
            if options.tunnel and isinstance(options.tunnel, str):
                target["tunnel"] = await self._jump(options.tunnel, (*before, attempt.name))
                attempt.direct = False
            elif options.proxy_command:
                attempt.proxy_command = list(options.proxy_command)
                attempt.direct = False
            if attempt.only_key:
                if not options.config.get("HostKeyAlgorithms"):
                    target["server_host_key_algs"] = "-*-cert-*"  # only a plain key can be pinned
            else:
                agent = await _agent(options.config)
                keys = await _keys(options.config, attempt, agent)
            connection = await asyncio.wait_for(
                asyncssh.connect(
                    **target,
                    known_hosts=lambda *host: trust(known.match(*host)),
                    client_factory=lambda: client_of(attempt, keys),
                    client_keys=None,  # `client_of` offers them
                ),
                self.seconds * 2,
            )
        except Exception as error:
            translated = await login_error(error, attempt, self.pins)
            if translated is None:
                raise
            raise translated from error
        finally:
            if agent is not None:
                agent.close()
        self._open.append(connection)
        return connection

    async def _jump(self, jumps: str, before: Sequence[str]) -> asyncssh.SSHClientConnection:
        """The last of the jump hosts, each reached through the one before; their keys must be known or pinned."""
        connection: asyncssh.SSHClientConnection | None = None
        for jump in jumps.split(","):
            user, name, port = _destination(jump.strip())
            if name in before:
                raise HostError(
                    f"its ProxyJump leads back to {name} through {before[-1]}",
                    where=f"{self.host.name} ({self.host.ssh})",
                    remedy=f"set `ProxyJump none` for {before[-1]} in ~/.ssh/config",
                )  # fmt: skip
            where = f"{self.host.name}, its jump host {jump.strip()}"
            attempt = Attempt("", where, user, name, port, jump.strip(), tunnel=connection)

            pin = self.pins.get(name)

            def trust(known: Matched, pin: asyncssh.SSHKey | None = pin) -> tuple[list[Any], list[Any], list[Any]]:
                return [*known.keys, *([pin] if pin else [])], known.authorities, known.revoked

            connection = await self._connect(attempt, trust, before)
        assert connection is not None
        return connection

    def _target(self, attempt: Attempt) -> dict[str, Any]:
        target: dict[str, Any] = {
            "host": attempt.name,
            "connect_timeout": self.seconds,
            "login_timeout": LOGIN_SECONDS,
            "keepalive_interval": KEEPALIVE_SECONDS,
            "keepalive_count_max": 3,
        }
        if attempt.user:
            target["username"] = attempt.user
        if attempt.port:
            target["port"] = attempt.port
        if attempt.tunnel:
            target["tunnel"] = attempt.tunnel
        if self.host.ssh_config:
            target["config"] = [self.host.ssh_config]
        return target


def _destination(jump: str) -> tuple[str, str, int]:
    """User, name and port of [ssh://][USER@]HOST[:PORT], as ProxyJump takes it."""
    match = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(\[.+\]|[^:]+)(?::(\d+))?/?", jump)
    if not match:
        raise HostError(f"{jump!r} is not a jump host", remedy="correct ProxyJump in ~/.ssh/config: [USER@]HOST[:PORT]")
    return match[1] or "", match[2].strip("[]"), int(match[3] or 0)


def client_of(attempt: Attempt, keys: list[Any]) -> Any:
    """An SSHClient that records what the host shows and asks for, and offers it nothing but keys."""
    import asyncssh

    class Client(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            attempt.connection = conn

        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            attempt.key = key
            return False

        def auth_banner_received(self, msg: str, lang: str) -> None:
            attempt.banner = (attempt.banner + msg)[-2000:]

        def public_key_auth_requested(self) -> list[Any] | None:
            attempt.key_rounds += 1
            return keys if keys and attempt.key_rounds == 1 else None

        def password_auth_requested(self) -> None:
            attempt.methods.append("a password")

        def kbdint_auth_requested(self) -> None:
            attempt.methods.append("typed answers (keyboard-interactive: a password or a second factor)")

    return Client()


async def _keys(config: Any, attempt: Attempt, agent: asyncssh.SSHAgentClient | None) -> list[Any]:
    """The keys to offer, in OpenSSH's order. Those that cannot be used are skipped, and recorded in `attempt`."""
    import asyncssh

    certificates = [path for path in _paths(config.get("CertificateFile")) if path.is_file()]
    named_files = _paths(config.get("IdentityFile"))
    files = named_files or [Path.home() / ".ssh" / name for name in DEFAULT_KEYS]
    pairs: list[Any] = []
    identities: dict[Path, bytes] = {}  # public keys of the files, to recognise them among the agent's
    locked: list[Path] = []
    for path in files:
        if public := _public_data(path):
            identities[path] = public
        try:
            loaded = asyncssh.load_keypairs(str(path), certlist=list(map(str, certificates)))
        except FileNotFoundError:
            if named_files:
                attempt.unusable.append(f"{path}: no such file")
        except OSError as error:
            attempt.unusable.append(f"{path}: {error.strerror or error}")
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            if "assphrase" in str(error):
                locked.append(path)
            else:
                damaged = path not in identities or b"PRIVATE KEY" in path.read_bytes()
                attempt.unusable.append(f"{path}: {'cannot be read as a key' if damaged else 'not a private key'}")
        else:
            pairs += loaded
            attempt.offered.append(str(path))
    only = bool(config.get("IdentitiesOnly"))
    held: list[Any] = []
    with suppress(OSError, ValueError, asyncssh.Error):
        held = list(await agent.get_keys()) if agent else []
    held = [pair for pair in held if not only or pair.public_data in identities.values()]
    attempt.agent_keys = len(held)
    data = {pair.public_data for pair in held}
    attempt.locked = [str(path) for path in locked if identities.get(path) not in data]
    # OpenSSH's order: the agent's keys that the config names, its other keys, then the files.
    held.sort(key=lambda pair: pair.public_data not in identities.values())
    return [*held, *(pair for pair in pairs if pair.public_data not in data)]


def _paths(value: Any) -> list[Path]:
    values: Iterable[str] = [value] if isinstance(value, str) else value or []
    return [Path(path).expanduser() for path in values if path.lower() != "none"]


def _public_data(path: Path) -> bytes:
    """A key file's public key: from the .pub file beside it, from itself, or from the header of an encrypted one."""
    import asyncssh

    for public in (path.with_name(f"{path.name}.pub"), path):
        with suppress(OSError, asyncssh.KeyImportError, ValueError):
            return bytes(asyncssh.read_public_key(str(public)).public_data)
    with suppress(OSError, ValueError, IndexError):
        # openssh-key-v1, NUL, cipher, kdf, its options, the number of keys, the first public key
        # (https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key).
        body = re.search(rb"BEGIN OPENSSH PRIVATE KEY-----(.+?)-----END", path.read_bytes(), re.DOTALL)
        data = base64.b64decode(body[1]) if body else b""
        at = len(b"openssh-key-v1\0")
        for _ in range(3):
            at += 4 + int.from_bytes(data[at : at + 4], "big")
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        return data[at + 8 : at + 8 + size]
    return b""


async def _agent(config: Any) -> asyncssh.SSHAgentClient | None:
    import asyncssh

    path = config.get("IdentityAgent", "")
    if path is None:  # the config says `none`
        return None
    try:
        return await asyncssh.connect_agent("" if path in ("", "SSH_AUTH_SOCK") else str(Path(path).expanduser()))
    except (OSError, asyncssh.Error):
        return None
