"""A command on the host behind whatever login shell there is, with whatever it prints of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
import string
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmos_workflow.errors import HostError, HostUnreachable

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Completed", "RemoteProcess", "shell_word"]

SHELL_SECONDS = 30.0  # a home folder on a slow disk, a version manager in .bashrc
LAST_SECONDS = 5.0  # what a shell does when its input has ended
KEPT_BYTES = 1 << 16  # of what is printed on standard error
PLAIN = frozenset(f"{string.ascii_letters}{string.digits} _./:=+,@-".encode())
CONTROLS = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Completed:
    """A command that ended on the host."""

    code: int
    out: bytes
    err: bytes


def shell_word(script: str) -> str:
    """A script of POSIX sh as a command line that every login shell passes on as it is.

    csh takes no newline inside quotes and reads `!` in them, fish reads `\\'`: so all that is not plain stands as
    an octal number, which `sh` itself turns back. POSIX has `%b` of printf for it.

    >>> shell_word("echo 'hi!'")
    'sh -c \\'eval "$(printf %b "echo \\\\0047hi\\\\0041\\\\0047")"\\''
    """
    data = script.encode("utf-8", "surrogateescape")
    octal = "".join(chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in data)
    return f"""sh -c 'eval "$(printf %b "{octal}")"'"""


class RemoteProcess:
    """`stdin` and `stdout` are the command's own: what the login shell printed before it is left out.

    A random line is printed before the command, so that its output is found behind a banner, and another one with
    the exit code after it, unless it is `endless` and says itself where its output ends. Nothing is written to the
    command before the first has come: a shell that stands in its place (`exec zsh` in .bashrc) would take our data
    for commands.
    """

    def __init__(self, arguments: Sequence[str], *, endless: bool = False) -> None:
        self._mark = f"cosmos-{secrets.token_hex(16)}"
        self._noise: list[bytes] = []
        self._err = bytearray()
        mark, command = self._mark, shlex.join(arguments)
        begin = f"printf '\\n%s\\n' {mark}"
        command = f"exec {command}" if endless else f"{command}; printf '\\n%s %s\\n' {mark} $?"
        self.command_line = shell_word(f"{begin}; {begin} >&2; {command}")

    async def start(
        self, process: asyncssh.SSHClientProcess[bytes], where: str, destination: str, seconds: float
    ) -> None:
        """Wait for the command to begin. Raises HostError where the login shell does not come to it."""
        self._process = process
        self.stdin, self.stdout = process.stdin, process.stdout
        self._listening = asyncio.ensure_future(self._listen())
        remedy = (
            f"`ssh {destination} true` must end by itself: see what stands in ~/.bashrc, ~/.profile and the like there"
            " (read, exec, exit), and whether the account has a shell and the key no command of its own (ForceCommand)"
        )
        try:
            began = await asyncio.wait_for(self._await_begin(), seconds)
        except (asyncio.TimeoutError, TimeoutError):
            # Is it slow, or does it wait for input? It gets the end of it, and nothing that it could run.
            self.stdin.write_eof()
            try:
                began = await asyncio.wait_for(self._await_begin(), LAST_SECONDS)
            except (asyncio.TimeoutError, TimeoutError):
                with suppress(asyncio.TimeoutError, TimeoutError):
                    self._noise.append(await asyncio.wait_for(self.stdout.read(KEPT_BYTES), 0.1))
                what = f"the login shell does not come to our command within {seconds:.0f} s"
                kind = HostError if self._line() else HostUnreachable
                raise kind(f"{what}{self._line()}", where=where, remedy=remedy) from None
            what = "waits for input before it runs" if began else "takes its own input for commands instead of running"
            raise HostError(f"the login shell {what} our command{self._line()}", where=where, remedy=remedy) from None
        if began:
            return
        await self._ended()
        code, signal = process.exit_status, process.exit_signal
        if code is None:
            raise HostUnreachable("the line broke", where=where, remedy="retry")
        how = f"was killed by {signal[0]}" if signal else f"ended with exit code {code}"
        raise HostError(f"the login shell {how} before our command{self._line()}", where=where, remedy=remedy)

    async def completed(self) -> Completed | None:
        """The rest of the output when the command has ended; None where the line broke before."""
        out = await self.stdout.read()
        await self._ended()
        err = bytes(self._err)
        err = (
            err[err.rfind(f"\n{self._mark}\n".encode()) + len(self._mark) + 2 :] if self._mark.encode() in err else err
        )
        end = out.rfind(f"\n{self._mark} ".encode())
        if end >= 0:
            return Completed(int(out[end:].split()[1]), out[:end], err)
        code = self._process.exit_status
        return None if code is None else Completed(code, out, err)

    async def close(self, *, wait: bool) -> None:
        """End it; with `wait`, until the host has ended its session (it may allow only one at a time)."""
        self._process.close()
        if wait:
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._process.wait_closed(), LAST_SECONDS)
        self._listening.cancel()

    async def _await_begin(self) -> bool:
        """Whether the command has begun; False where the output ends before."""
        while line := await self.stdout.readline():
            if line.strip() == self._mark.encode():
                return True
            self._noise = [*self._noise[-3:], line[-1000:]]
        return False

    async def _ended(self) -> None:
        await self._process.wait_closed()
        await self._listening

    async def _listen(self) -> None:
        # What nobody reads would stop the whole line.
        while data := await self._process.stderr.read(KEPT_BYTES):
            self._err = (self._err + data)[-KEPT_BYTES:]

    def _line(self) -> str:
        """The last line that came instead of our command's."""
        texts = [CONTROLS.sub(b"", part).decode("utf-8", "replace") for part in (self._err, b"".join(self._noise))]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        lines = [line for line in lines if line not in ("", self._mark)]
        return f", and prints: {lines[-1][:200]}" if lines else ""
