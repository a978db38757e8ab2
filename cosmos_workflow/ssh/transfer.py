"""Files to a host and from it, named by their content: only what is lacking, from where it stopped, each verified."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cosmos_workflow.errors import HostError, HostUnreachable
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.ssh.program import HostProgram

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Sent", "fetch_blobs", "send_blobs"]

PIECE = 1 << 18
OFFER_SECONDS = 600.0  # the host reads and verifies every file that it has
SILENT_SECONDS = 60.0  # without a byte of a file that is fetched


OnBytes = Callable[[int, int], None]
OnFile = Callable[[str, bool], None]


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
    heads = [_upload_head(sha256, blobs[sha256], have) for sha256, have in lacking.items()]
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


def _upload_head(sha256: str, path: Path, have: int) -> dict[str, Any]:
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


async def fetch_blobs(
    program: HostProgram, wanted: Mapping[str, Path], on_file: OnFile,
    on_bytes: OnBytes = lambda received, total: None,
) -> None:  # fmt: skip
    """Fetch files by their SHA-256, each to its path: written to PATH.part, verified, synced and renamed.

    `on_file` gets each as it is there, or False where the host has it no more, or only damaged; `on_bytes` the bytes
    that have come and their total. Pieces of a few hundred kilobytes are in memory.
    Raises HostUnreachable if the connection breaks: another call goes on where this one stopped. Raises OSError with
    its path where this machine's disk takes nothing.
    """
    damaged = await _fetch(program, wanted, on_file, on_bytes, verify=False)
    if damaged:  # here, on the way, or there: the host looks at its own first
        again = {sha256: wanted[sha256] for sha256 in damaged}
        for sha256 in await _fetch(program, again, on_file, on_bytes, verify=True):
            on_file(sha256, False)


async def _fetch(
    program: HostProgram, wanted: Mapping[str, Path], on_file: OnFile, on_bytes: OnBytes, *, verify: bool
) -> list[str]:
    """The files that came with another content than their names say."""
    await program.install()
    have = {sha256: _have(path) for sha256, path in wanted.items()}
    asked = [{"sha256": sha256, "offset": offset, "verify": verify} for sha256, offset in have.items()]
    damaged: list[str] = []
    async with program.manager.process(program.arguments("send")) as process:
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.write_eof()
        sizes: dict[str, int] = (await _head(program, process.stdout))["sizes"]
        received, total = sum(min(offset, sizes[sha256]) for sha256, offset in have.items()), sum(sizes.values())
        while "sent" not in (head := await _head(program, process.stdout)):
            if "gone" in head:
                _part(wanted[head["gone"]]).unlink(missing_ok=True)
                on_file(head["gone"], False)
                continue
            path = wanted[head["sha256"]]
            with of_this_machine(path):
                digest = await _fetch_one(program, process.stdout, head, _part(path), on_bytes, received, total)
            received += head["size"] - head["offset"]
            if digest == head["sha256"]:
                _part(path).replace(path)
                on_file(head["sha256"], True)
            else:
                _part(path).unlink()
                damaged.append(head["sha256"])
    return damaged


async def _fetch_one(
    program: HostProgram, stdout: asyncssh.SSHReader[bytes], head: dict[str, Any], part: Path, on_bytes: OnBytes,
    received: int, total: int,
) -> str:  # fmt: skip
    """Bring the rest of a file into its part; the SHA-256 of the whole."""
    part.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), head["size"] - head["offset"]
    with part.open("r+b" if part.exists() else "w+b", buffering=0) as file:
        await asyncio.to_thread(_read_into, digest, file, head["offset"])
        file.truncate(head["offset"])
        file.seek(head["offset"])
        while left:
            piece = await program.manager.within(stdout.read(min(PIECE, left)), SILENT_SECONDS)
            if not piece:
                raise HostUnreachable("the download was interrupted", where=program.host.name)
            digest.update(piece)
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
            left, received = left - len(piece), received + len(piece)
            with of_this_machine("what is printed here"):
                on_bytes(received, total)
        await asyncio.to_thread(os.fsync, file.fileno())
    return digest.hexdigest()


def _read_into(digest: Any, file: BinaryIO, most: int) -> None:
    while most and (piece := file.read(min(1 << 20, most))):
        digest.update(piece)
        most -= len(piece)


async def _head(program: HostProgram, stdout: asyncssh.SSHReader[bytes]) -> dict[str, Any]:
    """The next line of the host's answer; empty ones are signs of life."""
    while True:
        line = await program.manager.within(stdout.readline(), SILENT_SECONDS)
        if line == b"\n":
            continue
        try:
            head = json.loads(line) if line.endswith(b"\n") else {}
        except ValueError:
            head = {}
        program.check(head)
        if not head:
            raise HostUnreachable("the download was interrupted", where=program.host.name)
        return dict(head)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _have(path: Path) -> int:
    try:
        return _part(path).stat().st_size
    except FileNotFoundError:
        return 0
