"""Translates what asyncssh and the system raise into our errors, each with its remedy."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import CosmosError, HostError, HostKeyError, HostUnreachable
from cosmos_workflow.ssh.keys import Pins

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Attempt", "is_of_this_machine", "login_error"]

GREETING_SECONDS = 2.0
# Errors of sockets; every other OSError is about this machine (a full disk, a file that may not be read).
LINE_ERRORS = {
    getattr(errno, name)
    for name in (
        *("EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "ENETRESET", "ETIMEDOUT", "EPIPE", "ENOTCONN"),
        *("ECONNRESET", "ECONNABORTED", "ECONNREFUSED", "ESHUTDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENOPROTOOPT"),
    )
    if hasattr(errno, name)
}
# Windows' own error numbers of overlapped calls, which asyncio makes there; CPython maps them all to EINVAL
# (https://learn.microsoft.com/windows/win32/debug/system-error-codes).
WINDOWS = {
    59: errno.ENETRESET,  # ERROR_UNEXP_NET_ERR
    64: errno.ECONNRESET,  # ERROR_NETNAME_DELETED
    121: errno.ETIMEDOUT,  # ERROR_SEM_TIMEOUT
    1225: errno.ECONNREFUSED,
    1229: errno.ENOTCONN,  # ERROR_CONNECTION_INVALID
    1231: errno.ENETUNREACH,
    1232: errno.EHOSTUNREACH,
    1233: errno.ENOPROTOOPT,  # ERROR_PROTOCOL_UNREACHABLE
    1234: errno.ECONNREFUSED,  # ERROR_PORT_UNREACHABLE
    1236: errno.ECONNABORTED,
}
NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, getattr(errno, "EHOSTDOWN", 0), errno.ENETDOWN}


@dataclass
class Attempt:
    """One login: where it goes (`pin` is a configured host, empty for a jump host), and what was learned on the way."""

    pin: str
    where: str
    user: str
    name: str
    port: int
    destination: str  # what a person would give to `ssh`
    tunnel: Any = None
    only_key: bool = False
    direct: bool = True
    address: tuple[str, int] = ("", 0)
    proxy_command: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    agent_keys: int = 0
    locked: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)  # of authentication, besides keys, that the host asked for
    key_rounds: int = 0  # 0: it accepts no keys; 1: it accepted a key, and wants more; 2: it accepted none of them
    banner: str = ""
    key: asyncssh.SSHKey | None = None
    connection: asyncssh.SSHClientConnection | None = None

    @property
    def answered(self) -> bool:
        """Whether an SSH server has answered."""
        return bool(self.connection and self.connection.get_extra_info("server_version"))


def is_of_this_machine(error: Exception) -> bool:
    """Whether an error is about this machine (a file, its disk, its limit of open files), not about a connection."""
    if not isinstance(error, OSError) or isinstance(error, socket.gaierror):
        return False
    if error.filename is not None:
        return True
    if isinstance(error, (ConnectionError, TimeoutError)):
        return False
    numbers = _numbers(error)  # empty for an error without a number, such as asyncio's for a name without an address
    return bool(numbers) and not LINE_ERRORS.intersection(numbers)


def _numbers(error: Exception) -> list[int]:
    """An error's errno. For a machine with several addresses, asyncio gives one for each, in the text only."""
    windows, number = getattr(error, "winerror", None), getattr(error, "errno", None)
    if windows in WINDOWS:
        return [WINDOWS[windows]]
    if number is not None:
        return [number]
    return [
        int(number) if kind == "Errno" else WINDOWS.get(int(number), int(number))
        for kind, number in re.findall(r"\[(Errno|WinError) (\d+)\]", str(error))
    ]


async def login_error(error: Exception, attempt: Attempt, pins: Pins) -> CosmosError | None:
    """Why a login failed; None if the error is not about the connection."""
    import asyncssh

    where = attempt.where
    if isinstance(error, CosmosError):
        return error
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _key_error(error, attempt, pins)
    if isinstance(error, asyncssh.PermissionDenied):
        return _refused(attempt)
    if isinstance(error, (asyncssh.ConfigParseError, asyncssh.KeyImportError)):
        return HostError(f"your SSH config cannot be used ({error})", where=where, remedy="correct it")
    if isinstance(error, OSError) and attempt.proxy_command and error.filename:
        return _proxy_error(f"cannot be started ({error.strerror})", attempt)
    if is_of_this_machine(error):
        return None
    if server_error := _answer(error, attempt):
        return server_error
    if isinstance(error, (asyncssh.Error, OSError, EOFError, asyncio.TimeoutError, TimeoutError)):
        if attempt.proxy_command and not attempt.answered:
            return _proxy_error("ended, or did not connect to an SSH server", attempt)
        silent = attempt.connection is not None and attempt.direct and not attempt.answered
        if silent and (greeting := await _greeting(*attempt.address)):
            return _no_ssh(greeting, attempt)
        return _broken(error, attempt)
    return None


def _answer(error: Exception, attempt: Attempt) -> HostError | None:
    """The error for what an SSH server, or a jump host's, answered; None if it is another error."""
    import asyncssh

    if isinstance(error, asyncssh.KeyExchangeFailed):
        return _algorithms(error, attempt)
    if isinstance(error, asyncssh.DisconnectError) and "Too many authentication failures" in str(error):
        keys = attempt.agent_keys + len(attempt.offered)
        return HostError(
            f"the host disconnects after too many keys ({keys} to offer, {attempt.agent_keys} in your SSH agent)",
            where=attempt.where,
            remedy=f"name its key in ~/.ssh/config, with IdentitiesOnly: Host {attempt.name}, IdentityFile FILE,"
            " IdentitiesOnly yes",
        )  # fmt: skip
    if isinstance(error, asyncssh.ChannelOpenError):  # a jump host's answer
        return HostUnreachable(
            f"its jump host cannot reach {':'.join(map(str, attempt.address))} ({error.reason or error})",
            where=attempt.where,
            remedy="check that the jump host can reach this address, and allows forwarding (AllowTcpForwarding)",
        )  # fmt: skip
    return None


def _broken(error: Exception, attempt: Attempt) -> HostUnreachable:
    """The error for a connection that could not be made, or broke."""
    target = ":".join(map(str, attempt.address)) if attempt.address[0] else attempt.destination
    number = next((number for number in reversed(_numbers(error)) if number in LINE_ERRORS), None)
    remedy = _ON
    if isinstance(error, socket.gaierror):
        what = f"the host name {attempt.address[0] or attempt.name} cannot be resolved"
        remedy = "check its spelling, your network and VPN; a short name needs an entry in ~/.ssh/config"
    elif isinstance(error, ConnectionRefusedError) or number == errno.ECONNREFUSED:
        what, remedy = f"{target} refuses the connection", "check that its SSH server is running, and the port"
    elif number in NO_ROUTE:
        what, remedy = (
            f"there is no route to {target}",
            "check the address, your network and VPN, and that the machine is on",
        )
    elif isinstance(error, (asyncio.TimeoutError, TimeoutError)) or number == errno.ETIMEDOUT:
        what = f"no answer in time from {target}"
        if attempt.connection is not None and not attempt.answered:
            what, remedy = (
                f"{target} accepts the connection but sends nothing",
                "check the port: it may not be an SSH server's",
            )
    elif attempt.connection is not None:
        stage = "before the login" if attempt.answered else "before its greeting"
        what = f"{target} closes the connection {stage} ({str(error) or type(error).__name__})"
        remedy = (
            "it may have too many logins at once (MaxStartups), or have banned your address: wait, or ask its owner"
        )
    else:
        what = f"no connection ({str(error) or type(error).__name__})"
    return HostUnreachable(what, where=attempt.where, remedy=remedy)


def _key_error(error: Exception, attempt: Attempt, pins: Pins) -> HostKeyError:
    if "revoked" in str(error):
        return HostKeyError(
            "its host key is revoked in your known_hosts (@revoked)", where=attempt.where,
            remedy="do not connect: somebody else may have the key; ask the machine's owner for a new one",
        )  # fmt: skip
    if attempt.pin:
        return pins.changed(attempt.pin, attempt.key)
    shown = f" ({attempt.key.get_fingerprint()})" if attempt.key else ""
    return HostKeyError(
        f"the key of the jump host{shown} is not in your known_hosts, or differs from the one there",
        where=attempt.where,
        remedy=f"compare its fingerprint and accept it once by hand: ssh {attempt.destination}",
    )  # fmt: skip


def _refused(attempt: Attempt) -> HostError:
    methods = " and ".join(dict.fromkeys(attempt.methods))
    skipped = f"; not usable: {', '.join(attempt.unusable)}" if attempt.unusable else ""
    last = [line.strip() for line in attempt.banner.splitlines() if line.strip()][-1:]
    banner = f"; its banner: {last[0][:200]}" if last else ""
    keys = [*attempt.offered, *([f"{attempt.agent_keys} in your SSH agent"] if attempt.agent_keys else [])]
    copy = f"copy your key to the host (ssh-copy-id {attempt.destination})"
    instead = f"; it would accept {methods}" if methods else ""
    if attempt.key_rounds == 0 and methods:
        what = f"the host accepts no keys, but wants {methods}"
        remedy = "ask its owner to allow keys (PubkeyAuthentication)"
    elif attempt.key_rounds == 1 and keys and methods:
        what = f"the host wants {methods} in addition to the key"
        remedy = "ask its owner to accept a key alone for this account (AuthenticationMethods publickey)"
    elif attempt.locked:
        what = f"the key {', '.join(attempt.locked)} is protected by a passphrase, and no SSH agent holds it"
        remedy = f"add it to your SSH agent: ssh-add {attempt.locked[0]}"
    elif keys:
        what = f"the host accepts none of the keys offered ({', '.join(keys)}){instead}"
        remedy = f"check the user name and the key (ssh {attempt.destination}), or {copy}"
    else:
        what = f"there is no key to offer{instead}"
        remedy = f"make one (ssh-keygen) and {copy}, or ssh-add the one that the host accepts"
    return HostError(f"{what}{skipped}{banner}", where=attempt.where, remedy=remedy)


def _algorithms(error: Exception, attempt: Attempt) -> HostError:
    match = re.search(r"No matching (.+?) algorithm found.* received (.*)", str(error))
    kind, offered = (match[1], match[2]) if match else ("", str(error))
    option = {"encryption": "Ciphers", "MAC": "MACs", "server host key": "HostKeyAlgorithms"}.get(kind)
    option = option or ("KexAlgorithms" if "key exchange" in kind or not kind else "HostKeyAlgorithms")
    names = ",".join(name for name in offered.split(",") if "kex-strict" not in name)
    return HostError(
        f"the host's SSH server supports only old algorithms ({kind or 'key exchange'}: {names[:200]})",
        where=attempt.where,
        remedy=f"update it; or, if you must, allow one in ~/.ssh/config: Host {attempt.name},"
        f" {option} +{names.split(',')[0]}",
    )  # fmt: skip


def _proxy_error(how: str, attempt: Attempt) -> HostUnreachable:
    return HostUnreachable(
        f"the ProxyCommand {attempt.proxy_command[0]} {how}", where=attempt.where,
        remedy=f"install it, or correct ProxyCommand in ~/.ssh/config: ssh {attempt.destination} must work",
    )  # fmt: skip


def _no_ssh(greeting: str, attempt: Attempt) -> HostError:
    if re.search("MaxStartups|Not allowed at this time", greeting):
        return HostUnreachable(
            f"the host accepts no more logins now ({greeting})", where=attempt.where, remedy="wait, and try again"
        )
    return HostError(
        f"no SSH server answers at {':'.join(map(str, attempt.address))}: it sends {greeting}", where=attempt.where,
        remedy="check the port: the provider's page shows the port of SSH",
    )  # fmt: skip


async def _greeting(host: str, port: int) -> str:
    """The first line of a server that is not an SSH server; empty for an SSH server, or one that sends nothing."""
    with suppress(OSError, asyncio.TimeoutError, TimeoutError, EOFError, ValueError):
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), GREETING_SECONDS)
        try:
            writer.write(b"SSH-2.0-cosmos\r\n\r\n")
            line = await asyncio.wait_for(reader.readline(), GREETING_SECONDS)
        finally:
            writer.close()
        text = "".join(char for char in line.decode("utf-8", "replace").strip() if char.isprintable())
        return "" if text.startswith("SSH-") else text[:100]
    return ""


_ON = "check that the machine is on and its address and port are right: cosmos hosts check"
