"""Getting into a host as the user's own `ssh` would, and what an attempt that failed has come to know."""

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
from cosmos_workflow.ssh.faults import Attempt, named
from cosmos_workflow.ssh.hosts import Host
from cosmos_workflow.ssh.keys import KnownHosts, Matched, Pins

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Login"]

LOGIN_SECONDS = 30.0
KEEPALIVE_SECONDS = 10.0  # three without an answer, and the line is lost
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")

Trust = Callable[[Matched], tuple[list[Any], list[Any], list[Any]]]  # keys, authorities, revoked ones


@dataclass
class Login:
    """The way to a host: its own machine, and the jump hosts before it, each under its own name in errors."""

    host: Host
    pins: Pins
    seconds: float
    _open: list[asyncssh.SSHClientConnection] = field(default_factory=list)

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Log in. Raises HostUnreachable, HostKeyError, or HostError where it lets nobody in."""
        pinned = self.pins.trusted(self.host.name)
        # The pinned key and no other, unless the user's own known_hosts says that it is revoked.
        return await self._connect(self._attempt(), lambda known: ([pinned], [], known.revoked), ())

    async def server_key(self) -> tuple[asyncssh.SSHKey | None, str]:
        """The key that the host shows now, and what the user's known_hosts says of it; nothing is trusted by asking.

        That is `known`, `other` where it names another key for the host, `revoked`, or nothing.
        """
        attempt, matched = self._attempt(), Matched()
        attempt.only_key = True

        def nothing(known: Matched) -> tuple[list[Any], list[Any], list[Any]]:
            nonlocal matched
            matched = known
            return [], [], []

        try:
            await self._connect(attempt, nothing, ())
        except HostError:
            if attempt.key is None:
                raise
        return attempt.key, matched.opinion(attempt.key)

    def close(self) -> None:
        """End every line, the host's before those of its jump hosts."""
        for connection in reversed(self._open):
            connection.abort()  # a polite end waits for a line that may be dead
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
            # Read once without its keys, which are ours to find: asyncssh fails at the first that it cannot read.
            options = asyncssh.SSHClientConnectionOptions(**target, known_hosts=None, client_keys=None)
            if not options.config.get("Ciphers"):
                # Processors have instructions for it: three times as fast as asyncssh's own first choice.
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
                    target["server_host_key_algs"] = "-*-cert-*"  # a key is what can be pinned
            else:
                agent = await _agent(options.config)
                keys = await _keys(options.config, attempt, agent)
            connection = await asyncio.wait_for(
                asyncssh.connect(
                    **target,
                    known_hosts=lambda *host: trust(known.match(*host)),
                    client_factory=lambda: client_of(attempt, keys),
                    client_keys=None,  # the client gives them
                ),
                self.seconds * 2,
            )
        except Exception as error:
            trouble = await named(error, attempt, self.pins)
            if trouble is None:
                raise
            raise trouble from error
        finally:
            if agent is not None:
                agent.close()
        self._open.append(connection)
        return connection

    async def _jump(self, jumps: str, before: Sequence[str]) -> asyncssh.SSHClientConnection:
        """The last of the jump hosts, each reached by the one before. They are known by the user's known_hosts."""
        connection: asyncssh.SSHClientConnection | None = None
        for jump in jumps.split(","):
            user, name, port = _destination(jump.strip())
            if name in before:
                raise HostError(
                    f"its ProxyJump comes back to {name} by way of {before[-1]}",
                    where=f"{self.host.name} ({self.host.ssh})",
                    remedy=f"give {before[-1]} `ProxyJump none` in ~/.ssh/config",
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
    found = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(\[.+\]|[^:]+)(?::(\d+))?/?", jump)
    if not found:
        raise HostError(f"{jump!r} is no jump host", remedy="mend ProxyJump in ~/.ssh/config: [USER@]HOST[:PORT]")
    return found[1] or "", found[2].strip("[]"), int(found[3] or 0)


def client_of(attempt: Attempt, keys: list[Any]) -> Any:
    """An SSHClient that writes down what the host shows and asks for, and gives it nothing but keys."""
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
            attempt.wants.append("a password")

        def kbdint_auth_requested(self) -> None:
            attempt.wants.append("answers typed in (keyboard-interactive: a password or a second factor)")

    return Client()


async def _keys(config: Any, attempt: Attempt, agent: asyncssh.SSHAgentClient | None) -> list[Any]:
    """The keys to offer, as OpenSSH finds them: what cannot be used is passed over, and written down."""
    import asyncssh

    certificates = [path for path in _paths(config.get("CertificateFile")) if path.is_file()]
    named_files = _paths(config.get("IdentityFile"))
    files = named_files or [Path.home() / ".ssh" / name for name in DEFAULT_KEYS]
    pairs: list[Any] = []
    identities: dict[Path, bytes] = {}  # public keys, by which the agent's are known
    locked: list[Path] = []
    for path in files:
        if public := _public_data(path):
            identities[path] = public
        try:
            found = asyncssh.load_keypairs(str(path), certlist=[str(one) for one in certificates])
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
                attempt.unusable.append(f"{path}: {'cannot be read as a key' if damaged else 'no private key'}")
        else:
            pairs += found
            attempt.offered.append(str(path))
    only = bool(config.get("IdentitiesOnly"))
    held: list[Any] = []
    with suppress(OSError, ValueError, asyncssh.Error):
        held = list(await agent.get_keys()) if agent else []
    held = [pair for pair in held if not only or pair.public_data in identities.values()]
    attempt.agent_keys = len(held)
    data = {pair.public_data for pair in held}
    attempt.locked = [str(path) for path in locked if identities.get(path) not in data]
    # As OpenSSH: the agent's keys that the settings name, its others, then the files.
    held.sort(key=lambda pair: pair.public_data not in identities.values())
    return [*held, *(pair for pair in pairs if pair.public_data not in data)]


def _paths(value: Any) -> list[Path]:
    values: Iterable[str] = [value] if isinstance(value, str) else value or []
    return [Path(one).expanduser() for one in values if one.lower() != "none"]


def _public_data(path: Path) -> bytes:
    """The public half of a key file: from the .pub beside it, from itself, or from the head of a locked one."""
    import asyncssh

    for public in (path.with_name(f"{path.name}.pub"), path):
        with suppress(OSError, asyncssh.KeyImportError, ValueError):
            return bytes(asyncssh.read_public_key(str(public)).public_data)
    with suppress(OSError, ValueError, IndexError):
        # openssh-key-v1, NUL, cipher, kdf, its options, the number of keys, the first one's public half
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
    if path is None:  # none
        return None
    try:
        return await asyncssh.connect_agent("" if path in ("", "SSH_AUTH_SOCK") else str(Path(path).expanduser()))
    except (OSError, asyncssh.Error):
        return None
