"""Clients of a cosmos server: `Client` and `AsyncClient`, for scripts in Houdini, Blender, ComfyUI and notebooks.

with Client("http://127.0.0.1:8420") as cosmos:
    for result in cosmos.upsample([{"video": "clip.mp4", "prompt": "a city at night"}]):
        print(result.upsampled_prompt)

They need no more than the core install. `_async/` is written by hand; `scripts/sync_client.py` makes `_sync/` of it.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.client._async.client import AsyncClient
    from cosmos_workflow.client._sync.client import Client
    from cosmos_workflow.client.protocol import Event

__all__ = ["AsyncClient", "Client", "Event"]

# Imported when first used, as reading the server's shapes takes a moment.
__getattr__ = lazy_door(
    __name__,
    {"AsyncClient": "_async.client", "Client": "_sync.client", "Event": "protocol"},
)
