"""Pinned host keys: a host is accepted only with the key that a person has seen and pinned."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from cosmos_workflow.errors import HostKeyError
from cosmos_workflow.files import write_whole

if TYPE_CHECKING:
    import asyncssh

__all__ = ["KnownHosts", "Matched", "Pins"]


class Pins:
    """A file of lines `NAME KEYTYPE BASE64`: one key for each configured host."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> asyncssh.SSHKey | None:
        """The pinned key of a host, or None."""
        import asyncssh

        for line in self._lines():
            host, _, key = line.partition(" ")
            if host == name:
                return asyncssh.import_public_key(key)
        return None

    def pin(self, name: str, key: asyncssh.SSHKey | None) -> None:
        """Pin a key in place of an earlier one; None removes the pin."""
        self.path.parent.mkdir(parents=True, exist_ok=True)  # for the lock
        with FileLock(f"{self.path}.lock"):
            lines = [line for line in self._lines() if line.split(" ", 1)[0] != name]
            if key is not None:
                lines.append(f"{name} {key.export_public_key('openssh').decode().strip()}")
            write_whole(self.path, "".join(f"{line}\n" for line in lines).encode())

    def trusted(self, name: str) -> asyncssh.SSHKey:
        """The pinned key. Raises HostKeyError where nothing is pinned."""
        key = self.get(name)
        if key is None:
            raise HostKeyError(
                "its host key is not known here",
                where=name,
                remedy=f"compare its fingerprint and pin it: cosmos hosts trust {name}",
            )
        return key

    def changed(self, name: str, shown: asyncssh.SSHKey | None) -> HostKeyError:
        """The error for a host that shows another key than the pinned one."""
        pinned = self.get(name)
        return HostKeyError(
            "the host's key is not the one that was pinned"
            f" (pinned {pinned.get_fingerprint() if pinned else 'none'},"
            f" now {shown.get_fingerprint() if shown else 'unknown'})",
            where=name,
            remedy="if the machine was set up anew, compare the new fingerprint with the one its provider shows and run"
            f" cosmos hosts trust {name}; otherwise somebody may be intercepting the connection",
        )

    def _lines(self) -> list[str]:
        try:
            return [line for line in self.path.read_text(encoding="utf-8").split("\n") if line.strip()]
        except FileNotFoundError:
            return []


@dataclass
class Matched:
    """What the user's known_hosts files say about one host."""

    keys: list[Any] = field(default_factory=list)
    authorities: list[Any] = field(default_factory=list)
    revoked: list[Any] = field(default_factory=list)

    def opinion(self, key: asyncssh.SSHKey | None) -> str:
        """`revoked`, `known`, `other` if only other keys of the same type are known, or an empty string."""
        if key in self.revoked:
            return "revoked"
        if key in self.keys:
            return "known"
        same_type = [known for known in self.keys if key and known.get_algorithm() == key.get_algorithm()]
        return "other" if same_type else ""


class KnownHosts:
    """OpenSSH's known_hosts files. Jump hosts are checked against them; a key that they revoke is never accepted."""

    def __init__(self, config: Any) -> None:
        """Read the files that the SSH config names, or OpenSSH's defaults; unreadable files are left out."""
        ssh = Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "ssh" if os.name == "nt" else Path("/etc/ssh")
        user_files = config.get("UserKnownHostsFile", ())
        global_files = config.get("GlobalKnownHostsFile", ())
        paths = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"] if user_files == () else user_files or []
        defaults = [ssh / "ssh_known_hosts", ssh / "ssh_known_hosts2"]
        paths = [*paths, *(defaults if global_files == () else global_files or [])]
        self._texts: list[str] = []
        for path in paths:
            with suppress(OSError, RuntimeError):
                self._texts.append(Path(path).expanduser().read_text(encoding="utf-8", errors="replace"))

    def match(self, name: str, address: str, port: int) -> Matched:
        """The keys of a host. Malformed lines are skipped, as OpenSSH does."""
        import asyncssh

        matched = Matched()
        for text in self._texts:
            for part in _readable(text):
                keys, authorities, revoked, *_ = asyncssh.import_known_hosts(part).match(name, address, port)
                matched.keys += keys
                matched.authorities += authorities
                matched.revoked += revoked
        return matched


def _readable(text: str) -> list[str]:
    """The text as a whole if asyncssh can parse it; otherwise each of its lines that it can parse."""
    import asyncssh

    def parses(part: str) -> bool:
        try:
            asyncssh.import_known_hosts(part)
        except ValueError:
            return False
        return True

    return [text] if parses(text) else [line for line in text.splitlines() if parses(line)]
