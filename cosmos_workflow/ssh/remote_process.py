"""A command on the host, run through any login shell, whatever that shell prints itself."""

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
LAST_SECONDS = 5.0  # for a shell to end once its input has
KEPT_BYTES = 1 << 16  # the most that is kept of standard error
PLAIN = frozenset(f"{string.ascii_letters}{string.digits} _./:=+,@-".encode())
CONTROLS = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Completed:
    """A command that has ended on the host: exit code, standard output, standard error."""

    code: int
    out: bytes
    err: bytes


def shell_word(script: str) -> str:
    """A script of POSIX sh as a command line that every login shell passes to sh unchanged.

    Inside quotes, csh accepts no newline and expands `!`, and fish interprets `\\'`. So every character that is not
    plain is written as an octal number, which `sh` decodes with `%b` of POSIX printf.

    >>> shell_word("echo 'hi!'")
    'sh -c \\'eval "$(printf %b "echo \\\\0047hi\\\\0041\\\\0047")"\\''
    """
    data = script.encode("utf-8", "surrogateescape")
    octal = "".join(chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in data)
    return f"""sh -c 'eval "$(printf %b "{octal}")"'"""


class RemoteProcess:
    """`stdin` and `stdout` belong to the command alone: what the login shell prints before it is left out.

    A line with a random mark is printed before the command, so that its output is recognised after a banner. Another
    one with the exit code follows it, unless the command is `endless`, which marks the end of its output itself.
    Nothing is written to the command before the first mark has arrived: a shell that has taken its place (`exec zsh`
    in .bashrc) would run our data as commands.
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
        """Wait up to `seconds` for the command to begin. Raises HostError if the login shell does not run it."""
        self._process = process
        self.stdin, self.stdout = process.stdin, process.stdout
        self._listening = asyncio.ensure_future(self._listen())
        remedy = (
            f"`ssh {destination} true` must end by itself: look for read, exec and exit in ~/.bashrc, ~/.profile and"
            " the like on the host, and check that the account has a shell and that no command is forced (ForceCommand)"
        )
        try:
            began = await asyncio.wait_for(self._await_begin(), seconds)
        except (asyncio.TimeoutError, TimeoutError):
            # It may be slow, or wait for input. Ending the input tells which, and gives it nothing to run.
            self.stdin.write_eof()
            try:
                began = await asyncio.wait_for(self._await_begin(), LAST_SECONDS)
            except (asyncio.TimeoutError, TimeoutError):
                with suppress(asyncio.TimeoutError, TimeoutError):
                    self._noise.append(await asyncio.wait_for(self.stdout.read(KEPT_BYTES), 0.1))
                what = f"the login shell did not run our command within {seconds:.0f} s"
                kind = HostError if self._line() else HostUnreachable
                raise kind(f"{what}{self._line()}", where=where, remedy=remedy) from None
            what = "waits for input before it runs" if began else "reads its input as commands instead of running"
            raise HostError(f"the login shell {what} our command{self._line()}", where=where, remedy=remedy) from None
        if began:
            return
        await self._ended()
        code, signal = process.exit_status, process.exit_signal
        if code is None:
            raise HostUnreachable("the connection broke", where=where, remedy="retry")
        how = f"was killed by {signal[0]}" if signal else f"ended with exit code {code}"
        raise HostError(f"the login shell {how} before our command{self._line()}", where=where, remedy=remedy)

    async def completed(self) -> Completed | None:
        """The rest of the output, once the command has ended; None if the connection broke before."""
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
        """End the command; with `wait`, wait for the host to end the session, as it may allow only one at a time."""
        self._process.close()
        if wait:
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._process.wait_closed(), LAST_SECONDS)
        self._listening.cancel()

    async def _await_begin(self) -> bool:
        """Wait for the command to begin; False if the output ends before."""
        while line := await self.stdout.readline():
            if line.strip() == self._mark.encode():
                return True
            self._noise = [*self._noise[-3:], line[-1000:]]
        return False

    async def _ended(self) -> None:
        await self._process.wait_closed()
        await self._listening

    async def _listen(self) -> None:
        # Unread standard error would block the whole connection.
        while data := await self._process.stderr.read(KEPT_BYTES):
            self._err = (self._err + data)[-KEPT_BYTES:]

    def _line(self) -> str:
        """The last line that the login shell printed, as the end of an error's message."""
        texts = [CONTROLS.sub(b"", part).decode("utf-8", "replace") for part in (self._err, b"".join(self._noise))]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        lines = [line for line in lines if line not in ("", self._mark)]
        return f", and prints: {lines[-1][:200]}" if lines else ""
