"""Pinned host keys: a host is known by the key that a person has seen, and by no other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from cosmos_workflow.errors import HostKeyError
from cosmos_workflow.files import write_whole

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Pins"]


class Pins:
    """A file of lines `NAME KEYTYPE BASE64`: one host key for each host of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> asyncssh.SSHKey | None:
        """The pinned key of a host, or None."""
        import asyncssh

        for line in self._lines():
            who, _, key = line.partition(" ")
            if who == name:
                return asyncssh.import_public_key(key)
        return None

    def pin(self, name: str, key: asyncssh.SSHKey | None) -> None:
        """Pin a key, in place of an earlier one; None forgets it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)  # for the lock
        with FileLock(f"{self.path}.lock"):
            lines = [line for line in self._lines() if line.split(" ", 1)[0] != name]
            if key is not None:
                lines.append(f"{name} {key.export_public_key('openssh').decode().strip()}")
            write_whole(self.path, "".join(f"{line}\n" for line in lines).encode())

    def trusted(self, name: str) -> Any:
        """What asyncssh takes for `known_hosts`. Raises HostKeyError where nothing is pinned."""
        key = self.get(name)
        if key is None:
            raise HostKeyError(
                "its host key is not known here", where=name, remedy=f"see and pin it: cosmos hosts trust {name}"
            )
        return [key], [], []

    def changed(self, name: str, seen: asyncssh.SSHKey | None) -> HostKeyError:
        """The error for a host that shows another key than the pinned one."""
        pinned = self.get(name)
        return HostKeyError(
            "the host's key is not the one that was pinned"
            f" (pinned {pinned.get_fingerprint() if pinned else 'none'},"
            f" now {seen.get_fingerprint() if seen else 'unknown'})",
            where=name,
            remedy="if the machine was made anew, check the new fingerprint with its provider and run"
            f" cosmos hosts trust {name}; else somebody may be between you and it",
        )

    def _lines(self) -> list[str]:
        try:
            return [line for line in self.path.read_text(encoding="utf-8").split("\n") if line.strip()]
        except FileNotFoundError:
            return []
