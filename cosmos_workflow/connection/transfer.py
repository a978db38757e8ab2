"""Files to a host by their content: what it has is not sent, what was cut off goes on, each is verified there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cosmos_workflow.connection.program import HostProgram
from cosmos_workflow.errors import HostError, HostUnreachable

__all__ = ["Sent", "send_blobs"]

PIECE = 1 << 18
OFFER_SECONDS = 600.0  # the host reads and verifies everything that it has


@dataclass(frozen=True)
class Sent:
    """What an upload did: files and bytes that went over the line, and files that the host had."""

    files: int
    bytes: int
    known: int


async def send_blobs(
    program: HostProgram, blobs: Mapping[str, Path], on_bytes: Callable[[int], None] = lambda count: None
) -> Sent:
    """Send files, each by the SHA-256 of its content; `on_bytes` hears how many bytes have gone.

    Raises HostUnreachable when the line breaks (call it again, and it goes on), HostFull for a full disk,
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
    program: HostProgram, blobs: Mapping[str, Path], lacking: Mapping[str, int], on_bytes: Callable[[int], None]
) -> tuple[int, int]:
    """Bytes sent, and files that the host has verified."""
    sent = 0
    async with program.manager.process(program.arguments("receive")) as process:
        try:
            for sha256, have in lacking.items():
                size = blobs[sha256].stat().st_size
                offset = have if have < size else 0  # a whole part that is not in place is a damaged one
                head = {"sha256": sha256, "size": size, "offset": offset}
                process.stdin.write(json.dumps(head).encode() + b"\n")
                with blobs[sha256].open("rb") as file:
                    file.seek(offset)
                    while piece := file.read(PIECE):
                        process.stdin.write(piece)
                        await process.stdin.drain()
                        sent += len(piece)
                        on_bytes(len(piece))
            process.stdin.write_eof()
        except BrokenPipeError:
            pass  # it has ended, and says below why
        completed = await process.completed()
    answers = [json.loads(line) for line in completed.out.splitlines()] if completed else []
    for answer in answers:
        program.check(answer)
    if completed is None or completed.code != 0:
        raise HostUnreachable("the upload broke off", where=program.host.name)
    return sent, sum("stored" in answer for answer in answers)
