"""Files to a host by their content: what it has is not sent, what was cut off goes on, each is verified there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import HostError, HostUnreachable
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.ssh.program import HostProgram

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Sent", "send_blobs"]

PIECE = 1 << 18
OFFER_SECONDS = 600.0  # the host reads and verifies everything that it has


OnBytes = Callable[[int, int], None]


@dataclass(frozen=True)
class Sent:
    """What an upload did: files and bytes that went over the line, and files that the host had."""

    files: int
    bytes: int
    known: int


async def send_blobs(
    program: HostProgram, blobs: Mapping[str, Path], on_bytes: OnBytes = lambda came, total: None
) -> Sent:
    """Send files, each by the SHA-256 of its content; `on_bytes` hears how many bytes have arrived, of how many.

    Raises OSError with its path where a file cannot be read, HostUnreachable when the line breaks (call it again, and
    it goes on), HostFull for a full disk,
    HostError where a file arrives damaged twice.
    """
    if not blobs:
        return Sent(0, 0, 0)
    files = sent = known = 0
    for attempt in range(2):
        (answer,) = await program.ask("offer", data=sorted(blobs), timeout=OFFER_SECONDS)
        lacking: dict[str, int] = answer["lacking"]
        if attempt == 0:
            known = len(blobs) - len(lacking)
        if lacking:
            more, stored = await _send(program, blobs, lacking, on_bytes)
            files, sent = files + stored, sent + more
        if not lacking or stored == len(lacking):
            return Sent(files, sent, known)
    raise HostError(
        f"{len(lacking) - stored} files arrive damaged",
        where=program.host.name,
        remedy="check the host's disk and memory, then retry",
    )


async def _send(
    program: HostProgram, blobs: Mapping[str, Path], lacking: Mapping[str, int], on_bytes: OnBytes
) -> tuple[int, int]:
    """Bytes sent, and files that the host has verified."""
    heads = [_head(sha256, blobs[sha256], have) for sha256, have in lacking.items()]
    total, sent = sum(head["size"] - head["offset"] for head in heads), 0
    on_bytes(0, total)
    async with program.manager.process(program.arguments("receive"), endless=True) as process:
        hearing = asyncio.ensure_future(_answers(process.stdout, total, on_bytes))
        try:
            with suppress(BrokenPipeError):  # it has ended, and says below why
                for head in heads:
                    sent += await _send_one(process.stdin, head, blobs[head["sha256"]])
                process.stdin.write_eof()
            answers = await hearing
        finally:
            hearing.cancel()
    for answer in answers:
        program.check(answer)
    if not any("received" in answer for answer in answers):
        raise HostUnreachable("the upload broke off", where=program.host.name)
    return sent, sum("stored" in answer for answer in answers)


def _head(sha256: str, path: Path, have: int) -> dict[str, Any]:
    """What goes before a file's bytes; a whole part that is not in place is a damaged one, and sent anew."""
    size = path.stat().st_size
    return {"sha256": sha256, "size": size, "offset": have if have < size else 0}


async def _send_one(stdin: asyncssh.SSHWriter[bytes], head: dict[str, Any], path: Path) -> int:
    """Bytes sent of one file."""
    sent = 0
    stdin.write(json.dumps(head).encode() + b"\n")
    with path.open("rb") as file:
        file.seek(head["offset"])
        while True:
            with of_this_machine(path):
                piece = file.read(PIECE)
            if not piece:
                return sent
            stdin.write(piece)
            await stdin.drain()
            sent += len(piece)


async def _answers(stdout: asyncssh.SSHReader[bytes], total: int, on_bytes: OnBytes) -> list[dict[str, Any]]:
    """What the host says of files, to its last word; of bytes it says how many have come since it said so last."""
    answers, came = [], 0
    async for line in stdout:
        if not line.startswith(b"{") or not line.endswith(b"\n"):
            break  # the line was cut
        answer = json.loads(line)
        if "came" in answer:
            came += answer["came"]
            with of_this_machine("what is printed here"):
                on_bytes(came, total)
        else:
            answers.append(answer)
        if "received" in answer:
            break
    return answers
