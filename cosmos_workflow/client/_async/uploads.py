"""Files on their way to a server, over connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.client._async.transport import AsyncTransport
from cosmos_workflow.client.protocol import Items, item_in, shortened
from cosmos_workflow.errors import BadInputError, Conflict, HostUnreachable, NotFound, cannot_read
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.server import shapes

__all__ = ["AsyncUploads"]

PIECE_BYTES = 8 << 20
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # the waits after failures in a row; then the failure is raised


class AsyncUploads(AsyncTransport):
    """Uploads, and batches whose files are uploaded."""

    async def upload(self, path: str | Path, progress: Callable[[int], None] | None = None) -> shapes.Media:
        """Bring a file to the server in pieces, unless it has it; a connection that breaks is tried again.

        `progress` is called with the number of bytes that the server has. Raises BadInputError for a file that cannot
        be read or is of no type that the server takes, HostUnreachable where the server stays away.
        """
        path = Path(path)
        try:
            size, digest = path.stat().st_size, sha256_of(path)
        except OSError as error:
            raise cannot_read(path, error) from error
        try:
            return await self._ask(shapes.Media, "GET", f"/media/{digest}")
        except NotFound:
            pass
        state = await self._ask(shapes.Upload, "POST", "/uploads", json={"name": path.name, "size": size})
        failures = 0
        while state.media is None:
            if progress:
                progress(state.offset)
            try:
                if failures:  # only the server knows what arrived
                    await asyncio.sleep(RETRY_SECONDS[failures - 1])
                    state = await self._ask(shapes.Upload, "GET", f"/uploads/{state.id}")
                if state.media is None:
                    state = await self._send_piece(state, path)
                failures = 0
            except (HostUnreachable, Conflict):
                failures += 1
                if failures > len(RETRY_SECONDS):
                    raise
        if progress:
            progress(size)
        return state.media

    async def _send_piece(self, state: shapes.Upload, path: Path) -> shapes.Upload:
        """The upload after the next piece of the file."""
        try:
            with path.open("rb") as file:
                file.seek(state.offset)
                piece = file.read(PIECE_BYTES)
        except OSError as error:
            raise cannot_read(path, error) from error
        if not piece:
            raise shortened(path)
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
            files = {name: getattr(item, name) for name in kind.inputs}
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
        """The id of a file, or why the server does not take it."""
        try:
            size = path.stat().st_size if path.is_file() else 0
            media = await self.upload(path, (lambda came: sent(came, size)) if sent else None)
            return media.id
        except BadInputError as error:
            return error

    async def _upload_inputs(self, kind: Kind, items: Items) -> list[Any]:
        """The items as they are sent: an input that is a file on this machine is uploaded, once."""
        uploaded: dict[str, str] = {}  # the file on this machine, and its id at the server
        ready = []
        for number, item in enumerate(items):
            entry = item_in(kind, item, number)
            files = {name: getattr(entry, name) for name in kind.inputs}
            for path in files.values():
                if path not in uploaded and Path(path).is_file():
                    media = await self.upload(path)
                    uploaded[path] = media.id
            ready.append(entry.model_copy(update={name: uploaded.get(path, path) for name, path in files.items()}))
        return ready
