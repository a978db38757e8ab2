"""The agent's program on a host: installed when it is first needed, called over SSH."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.errors import HostError, HostFull
from cosmos_workflow.ssh.containers import container_trouble
from cosmos_workflow.ssh.ssh_manager import SSHManager

__all__ = ["HostProgram"]

MINIMUM_PYTHON = (3, 10)

# `cat` works without SFTP on the host. The file is written under another name and then renamed, so that no other
# client sees half of it; its bytes are counted, as a broken connection looks to `cat` like the end of its input.
INSTALL = """
umask 077
trap 'rm -f "$2.$$"' EXIT
mkdir -p "$1" && cat > "$2.$$" && test "$(wc -c < "$2.$$")" -eq "$3" && mv -f "$2.$$" "$2"
"""


class HostProgram:
    """Calls the agent's program on a host, and installs it there by the first call.

    The program is stored under the hash of its content: an update is another file, and a run keeps the version that
    it was started with. `modules` are those that it has besides our own, for the kind of work that it does.
    """

    def __init__(self, manager: SSHManager, modules: tuple[str, ...] = ()) -> None:
        self.manager = manager
        self.host = manager.host
        self.sha256, self._data = bundle(modules)
        self.on_bytes: Callable[[int, int], None] = lambda received, total: None  # progress of the install
        self._installed = False

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.host.folder) / "program" / f"{self.sha256}.pyz"

    def arguments(self, command: str, *words: str) -> list[str]:
        """The command line of one of the program's commands."""
        return [self.host.control_python, str(self.path), command, self.host.folder, *words]

    async def ask(self, command: str, *words: str, data: Any = None, timeout: float = 60.0) -> list[dict[str, Any]]:
        """Run a command; its answers, one for each line. Raises HostError if it fails, HostFull for a full disk."""
        await self.install()
        sent = b"" if data is None else json.dumps(data).encode()
        done = await self.manager.run(self.arguments(command, *words), sent, timeout=timeout)
        answers = [json.loads(line) for line in done.out.splitlines() if line.startswith(b"{")]
        if done.code == 0:
            return answers
        self.check(answers[-1] if answers else {})
        errors = done.err.decode("utf-8", "replace").strip().splitlines()
        raise HostError(
            f"`{command}` failed on the host ({errors[-1] if errors else f'exit code {done.code}'})",
            where=self.host.name,
            remedy=f"see what is missing: cosmos hosts check {self.host.name}",
        )

    def check(self, answer: dict[str, Any]) -> None:
        """Raise the error that an answer reports, if any."""
        if answer.get("errno") in ("ENOSPC", "EDQUOT"):
            raise HostFull(
                "the disk is full", where=f"{self.host.name}:{answer['path']}", remedy="free space there, then retry"
            )
        if "failed" in answer:
            what = f"{answer['failed']} {answer.get('path', '')}".strip()
            _, remedy = container_trouble(what) if self.host.container else ("", "")
            check = f"see what is missing: cosmos hosts check {self.host.name}"
            raise HostError(what, where=self.host.name, remedy=f"{remedy}; {check}" if remedy else check)

    async def install(self) -> None:
        """Install the program unless it is there, and check that it is complete and starts."""
        if self._installed:
            return
        if await self._starts():
            self._installed = True
            return
        await self.check_python()
        folder, size = str(self.path.parent), str(len(self._data))
        self.on_bytes(0, len(self._data))
        done = await self.manager.run(["sh", "-c", INSTALL, "sh", folder, str(self.path), size], self._data)
        self.on_bytes(len(self._data), len(self._data))
        if done.code or not await self._starts():
            errors = done.err.decode("utf-8", "replace").strip()
            if "No space left" in errors:
                raise HostFull("the disk is full", where=f"{self.host.name}:{folder}", remedy="free space there")
            raise HostError(
                f"the agent cannot be installed in {folder} ({errors or 'it does not start'})",
                where=self.host.name,
                remedy="choose another workdir for this host",
            )
        self._installed = True

    async def check_python(self) -> str:
        """The version of the host's Python. Raises HostError if there is none, or it is too old."""
        code = "import sys; print(*sys.version_info[:3])"
        done = await self.manager.run([self.host.control_python, "-c", code])
        try:
            version = tuple(map(int, done.out.split()))
        except ValueError:
            version = ()
        if version < MINIMUM_PYTHON:
            present = ".".join(map(str, version)) or "none"
            if not version:
                path = await self.manager.run(["sh", "-c", 'printf %s "$PATH"'])
                present += f" (PATH is {path.out.decode('utf-8', 'replace')})"
            raise HostError(
                f"Python 3.10 or newer is needed as {self.host.control_python}, found {present}",
                where=self.host.name,
                remedy="install it there (Debian, Ubuntu: apt install python3), or set python for this host",
            )
        return ".".join(map(str, version))

    async def _starts(self) -> bool:
        done = await self.manager.run(self.arguments("offer"), b"[]")
        if done.code:
            return False
        try:
            answer = json.loads(done.out.splitlines()[-1])
        except (ValueError, IndexError):
            return False
        return bool(answer.get("program") == self.sha256)
