"""Files that runs have made, on their way from a server, over connections that break."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from cosmos_workflow.client._async.runs import AsyncRuns
from cosmos_workflow.client._async.uploads import RETRY_SECONDS
from cosmos_workflow.client.protocol import httpx, refused, unreachable
from cosmos_workflow.errors import BadInputError, FileDamaged, HostUnreachable, NotFound
from cosmos_workflow.runs.results import alone_in
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.server import shapes

__all__ = ["AsyncDownloads"]


class AsyncDownloads(AsyncRuns):
    """Downloads of the files that the items of a run have made."""

    async def files(self, run: str) -> list[shapes.RunFile]:
        """The files that the items of a run have made, in the batch's order. Raises NotFound."""
        return await self._pages(shapes.Page[shapes.RunFile], f"/runs/{run}/files")

    async def download(
        self, run: str, folder: str | Path, progress: Callable[[int], None] | None = None
    ) -> dict[str, dict[str, Path]]:
        """Bring the files of a run into FOLDER/ID/NAME; their paths by the items' ids and the files' names.

        A file that is there already is not fetched again; one that was cut off goes on where it stopped; each is
        verified, written aside and renamed. `progress` is called with the bytes that have come. Raises NotFound,
        also for a file that the server has no more, BadInputError where another file has its name, UsageError where
        somebody else writes into the folder, FileDamaged, HostUnreachable where the server stays away.
        """
        paths: dict[str, dict[str, Path]] = {}
        outputs, came = OutputFolder(Path(folder)), 0

        def count(piece: int) -> None:
            nonlocal came
            came += piece
            if progress:
                progress(came)

        with alone_in(Path(folder)):
            for each in await self.files(run):
                path = outputs.path(each.item, each.name)
                if path.exists() and outputs.differing(each.item, {each.name: each.sha256}):
                    raise BadInputError("another file is there", where=str(path), remedy="choose another folder")
                await self._bring(each.number, each.item, each, outputs, count)
                outputs.place(each.item, {each.name: each.sha256})
                paths.setdefault(each.item, {})[each.name] = path
            outputs.clear()
        return paths

    async def fetch_outputs(
        self, number: int, item: str, outputs: Mapping[str, str], files: Iterable[shapes.OutputFile],
        folder: OutputFolder,
    ) -> None:  # fmt: skip
        """Take the output files of an item into a folder, from where `ResultsFile.place` puts them in their places.

        `number` is the item's in the history, `outputs` are those of its result, and `files` what the server has of
        it. Raises as `download`.
        """
        known = {each.name: each for each in files}
        for name, sha256 in outputs.items():
            if name not in known or known[name].sha256 != sha256:
                raise NotFound("the server has this file no more", where=f"{item}/{name}"[:300])
            await self._bring(number, item, known[name], folder, _nothing)

    async def _bring(
        self, number: int, item: str, made: shapes.OutputFile, outputs: OutputFolder, count: Callable[[int], None]
    ) -> None:
        """Take in one file of an item, by its number in the history; `count` gets the bytes of pieces."""
        if not outputs.has(item, made.name, made.sha256):
            url = f"/prompts/{number}/files/{quote(made.name)}"
            await self._fetch(url, made, outputs.blob(made.sha256), count)

    async def _fetch(self, url: str, made: shapes.OutputFile, path: Path, count: Callable[[int], None]) -> None:
        failures = damaged = 0
        part = path.with_name(f"{path.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                digest = await self._fetch_rest(url, made, part, count)
            except HostUnreachable:
                # What has come stays: only a connection that brings nothing is given up.
                failures = 1 if part.exists() and part.stat().st_size > before else failures + 1
                if failures > len(RETRY_SECONDS):
                    raise
                await asyncio.sleep(RETRY_SECONDS[failures - 1])
                continue
            if digest == made.sha256:
                part.replace(path)
                return
            part.unlink()
            damaged += 1
            if damaged > 1:
                raise FileDamaged("it arrived damaged twice", where=made.name, remedy="check the server's disk")

    async def _fetch_rest(
        self, url: str, made: shapes.OutputFile, part: Path, count: Callable[[int], None]
    ) -> str:  # fmt: skip
        """Bring the bytes that are missing; the SHA-256 of the whole."""
        digest = hashlib.sha256()
        with part.open("r+b" if part.exists() else "w+b") as file:
            have = min(os.fstat(file.fileno()).st_size, made.size)
            headers = {"range": f"bytes={have}-", "if-range": f'"{made.sha256}"', "accept-encoding": "identity"}
            if have < made.size or not made.size:
                try:
                    async with self._http.stream("GET", url, headers=headers if have else {}) as response:
                        if response.status_code >= 400:
                            raise refused(response.status_code, await response.aread(), self._url)
                        have = have if response.status_code == 206 else 0
                        file.truncate(have)
                        _read_into(digest, file, have)
                        async for piece in response.aiter_bytes():
                            file.write(piece)
                            digest.update(piece)
                            count(len(piece))
                except httpx.TransportError as error:
                    raise unreachable(error, self._url) from error
            else:
                file.truncate(have)
                _read_into(digest, file, have)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()


def _nothing(piece: int) -> None:
    """Takes the bytes where nobody wants to know."""


def _read_into(digest: Any, file: BinaryIO, most: int) -> None:
    """Hash what has come already; the file is then at its end."""
    file.seek(0)
    while most and (piece := file.read(min(1 << 20, most))):
        digest.update(piece)
        most -= len(piece)
