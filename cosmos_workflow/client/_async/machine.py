"""The server's machine: its health, its models and their limits, its hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmos_workflow.client._async.transport import AsyncTransport
from cosmos_workflow.limits import Fit
from cosmos_workflow.server import shapes

__all__ = ["AsyncMachine"]


class AsyncMachine(AsyncTransport):
    """What a server knows and has."""

    async def health(self) -> shapes.Health:
        """The server's version. Raises HostUnreachable where none answers."""
        return await self._ask(shapes.Health, "GET", "/health")

    async def models(self) -> list[shapes.ModelFacts]:
        """The models whose limits are known."""
        return await self._ask(list[shapes.ModelFacts], "GET", "/models")

    async def limits(
        self, *, model: str | None = None, prompt: str = "", frames: int | None = None, max_tokens: int | None = None,
        max_model_len: int | None = None, gpu: str | None = None, memory_gib: float | None = None,
        fit: Fit = "auto", sizes: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """The largest frames (in pixels) by aspect ratio, and what fits which GPU: as `cosmos limits --json`.

        `model` is by default the server's; `max_tokens` and `max_model_len` are in tokens; `sizes` (as `1280x720`) are
        shown in place of the usual ones. Raises UsageError for a
        model or a GPU that is not known.
        """
        params = {
            "model": model, "prompt": prompt, "frames": frames, "max_tokens": max_tokens,
            "max_model_len": max_model_len, "gpu": gpu, "memory_gib": memory_gib, "fit": fit,
            "sizes": list(sizes) or None,
        }  # fmt: skip
        return await self._ask(dict[str, Any], "GET", "/limits", params=params)

    async def hosts(self) -> list[shapes.Host]:
        """The machines that a run can be sent to."""
        return await self._ask(list[shapes.Host], "GET", "/hosts")

    async def check_host(self, name: str, model: str = "") -> list[shapes.HostCheck]:
        """What a host has and lacks, for a model of that name; `local` is the server's machine.

        Raises NotFound, HostUnreachable, and UsageError for an unknown model.
        """
        params = {"model": model} if model else {}
        return await self._ask(list[shapes.HostCheck], "POST", f"/hosts/{name}/check", params=params)
