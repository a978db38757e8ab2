"""Sends files to a host, named by their content: only what it lacks, resuming where it stopped, each verified."""

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
OFFER_SECONDS = 600.0  # the host reads and verifies every file that it has


OnBytes = Callable[[int, int], None]


@dataclass(frozen=True)
class Sent:
    """What an upload did: the files and bytes that were sent, and the files that the host already had."""

    files: int
    bytes: int
    known: int


async def send_blobs(
    program: HostProgram, blobs: Mapping[str, Path], on_bytes: OnBytes = lambda received, total: None
) -> Sent:
    """Send files, keyed by the SHA-256 of their content; `on_bytes` gets the bytes that have arrived and their total.

    Raises OSError with its path if a file cannot be read, HostUnreachable if the connection breaks (another call
    resumes), HostFull for a full disk, HostError if a file arrives damaged twice.
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
        f"{len(lacking) - stored} files arrived damaged",
        where=program.host.name,
        remedy="check the host's disk and memory, then retry",
    )


async def _send(
    program: HostProgram, blobs: Mapping[str, Path], lacking: Mapping[str, int], on_bytes: OnBytes
) -> tuple[int, int]:
    """The bytes sent, and the number of files that the host has verified."""
    heads = [_head(sha256, blobs[sha256], have) for sha256, have in lacking.items()]
    total, sent = sum(head["size"] - head["offset"] for head in heads), 0
    on_bytes(0, total)
    async with program.manager.process(program.arguments("receive"), endless=True) as process:
        reading = asyncio.ensure_future(_answers(process.stdout, total, on_bytes))
        try:
            with suppress(BrokenPipeError):  # the agent has ended; its answers, read below, say why
                for head in heads:
                    sent += await _send_one(process.stdin, head, blobs[head["sha256"]])
                process.stdin.write_eof()
            answers = await reading
        finally:
            reading.cancel()
    for answer in answers:
        program.check(answer)
    if not any("received" in answer for answer in answers):
        raise HostUnreachable("the upload was interrupted", where=program.host.name)
    return sent, sum("stored" in answer for answer in answers)


def _head(sha256: str, path: Path, have: int) -> dict[str, Any]:
    """The header of a file's bytes. A part of full size that was not accepted is damaged, so all is sent again."""
    size = path.stat().st_size
    return {"sha256": sha256, "size": size, "offset": have if have < size else 0}


async def _send_one(stdin: asyncssh.SSHWriter[bytes], head: dict[str, Any], path: Path) -> int:
    """Send one file; the bytes sent."""
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
    """The host's answers about files, up to its last; its answers about bytes count those since the one before."""
    answers, received = [], 0
    async for line in stdout:
        if not line.startswith(b"{") or not line.endswith(b"\n"):
            break  # the line was cut
        answer = json.loads(line)
        if "came" in answer:
            received += answer["came"]
            with of_this_machine("what is printed here"):
                on_bytes(received, total)
        else:
            answers.append(answer)
        if "received" in answer:
            break
    return answers
