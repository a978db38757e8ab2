"""What a server refuses to everybody, whatever is asked of it: access, and an address that is not its own."""

from __future__ import annotations

from cosmos_workflow.engines.connection import proxy_wants_password, shown
from cosmos_workflow.engines.replies import Fault, Reply
from cosmos_workflow.errors import EngineUnavailable

__all__ = ["GATEWAY", "KEY_REMEDY", "stop_at"]

KEY_REMEDY = "set COSMOS_API_KEY to a key that the server takes"
GATEWAY = {502, 503, 504}  # sent by a proxy that cannot reach the server behind it


def stop_at(reply: Reply, fault: Fault, where: str, *, proxy: str, answered: bool) -> None:
    """Raise EngineUnavailable for a fault that every request would have; `answered` if a request had an answer."""
    if fault.status == 407:
        raise proxy_wants_password(where, proxy)
    if fault.status == 401 or (fault.of_access and not answered):
        raise EngineUnavailable(fault.what, where=where, remedy=KEY_REMEDY)
    if 300 <= reply.status < 400:
        target = shown(reply.headers.get("location", "")) or "an unknown address"
        what = f"the server answers {reply.status}: it redirects to {target}"
        raise EngineUnavailable(what, where=where, remedy="give --server-url the address of the API itself")
