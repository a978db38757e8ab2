"""Files on their way to a server, over connections that break."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from errno import ENOENT
from pathlib import Path
from typing import Any

from cosmos_workflow.client._async.transport import AsyncTransport
from cosmos_workflow.client.protocol import Items, item_in
from cosmos_workflow.errors import BadInputError, Conflict, HostUnreachable, NotFound, cannot_read
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.server import shapes
from cosmos_workflow.server.folders import Source, source_of

__all__ = ["AsyncUploads"]

PIECE_BYTES = 8 << 20
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # the waits after failures in a row; then the failure is raised


class AsyncUploads(AsyncTransport):
    """Uploads, and batches whose files are uploaded."""

    async def upload(self, path: str | Path, progress: Callable[[int], None] | None = None) -> shapes.Media:
        """Bring a file to the server in pieces, unless it has it; a connection that breaks is tried again.

        Numbered images, by their folder or by a pattern, are brought as one. `progress` is called with the number of
        bytes that the server has. Raises BadInputError for a file that cannot be read or is of no type that the server
        takes, HostUnreachable where the server stays away.
        """
        source = source_of(path := Path(path))
        if source is None:
            raise cannot_read(path, FileNotFoundError(ENOENT, os.strerror(ENOENT)))
        return await self._send(source, progress)

    async def _send(self, source: Source, progress: Callable[[int], None] | None) -> shapes.Media:
        try:
            return await self._ask(shapes.Media, "GET", f"/media/{source.sha256()}")
        except NotFound:
            pass
        note = {"name": source.name, "size": source.size}
        state = await self._ask(shapes.Upload, "POST", "/uploads", json=note)
        failures = 0
        while state.media is None:
            if progress:
                progress(state.offset)
            try:
                if failures:  # only the server knows what arrived
                    await asyncio.sleep(RETRY_SECONDS[failures - 1])
                    state = await self._ask(shapes.Upload, "GET", f"/uploads/{state.id}")
                if state.media is None:
                    state = await self._send_piece(state, source)
                failures = 0
            except (HostUnreachable, Conflict):
                failures += 1
                if failures > len(RETRY_SECONDS):
                    raise
        if progress:
            progress(source.size)
        return state.media

    async def _send_piece(self, state: shapes.Upload, source: Source) -> shapes.Upload:
        """The upload after the next piece of the file."""
        piece = source.read(state.offset, PIECE_BYTES)
        params = {"offset": state.offset}
        return await self._ask(shapes.Upload, "PATCH", f"/uploads/{state.id}", params=params, content=piece)

    async def _upload_items(
        self, kind: Kind, items: Items, sent: Callable[[int, int], None] | None
    ) -> tuple[dict[str, Any], dict[str, BadInputError]]:
        """Items with their files on this machine, as they are sent, by their ids; and why the others cannot be."""
        ready: dict[str, Any] = {}
        errors: dict[str, BadInputError] = {}
        uploaded: dict[Path, str | BadInputError] = {}
        for number, item in enumerate(items):
            files = {name: path for name in kind.inputs if (path := getattr(item, name)) is not None}
            for path in files.values():
                if path not in uploaded:
                    uploaded[path] = await self._uploaded(path, sent)
            ids = {name: uploaded[path] for name, path in files.items()}
            error = next((id for id in ids.values() if isinstance(id, BadInputError)), None)
            if error:
                errors[item.id] = error
            else:
                ready[item.id] = item_in(kind, item, number).model_copy(update=ids)
        return ready, errors

    async def _uploaded(self, path: Path, sent: Callable[[int, int], None] | None) -> str | BadInputError:
        """What the server calls a file or images, or why it does not take them."""
        try:
            if (source := source_of(path)) is None:
                raise cannot_read(path, FileNotFoundError(ENOENT, os.strerror(ENOENT)))
            media = await self._send(source, (lambda came: sent(came, source.size)) if sent else None)
            return f"{media.id}/{source.pattern}" if source.pattern else media.id
        except BadInputError as error:
            return error

    async def _upload_inputs(self, kind: Kind, items: Items) -> list[Any]:
        """The items as they are sent: an input that is a file or images on this machine is uploaded, once."""
        uploaded: dict[str, str] = {}  # the path on this machine, and what the server calls it
        ready = []
        for number, item in enumerate(items):
            entry = item_in(kind, item, number)
            files = {name: path for name in kind.inputs if (path := getattr(entry, name))}
            for path in files.values():
                if path not in uploaded and (source := source_of(Path(path))):
                    media = await self._send(source, None)
                    uploaded[path] = f"{media.id}/{source.pattern}" if source.pattern else media.id
            ready.append(entry.model_copy(update={name: uploaded.get(path, path) for name, path in files.items()}))
        return ready
