"""The tab *Hosts*: what each machine has and lacks."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.server.api.machine import check_host, hosts_of
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx

__all__ = ["router"]

router = APIRouter()


@router.get("/hosts")
def hosts(request: Request) -> HTMLResponse:
    return render(request, "hosts.html", hosts=hosts_of())


@router.post("/hosts/{name}/check")
def check(request: Request, ctx: Ctx, name: str) -> HTMLResponse:
    """Looks at the machine now."""
    try:
        return render(request, "_checks.html", checks=check_host(ctx, name), problem="")
    except CosmosError as error:
        return render(request, "_checks.html", checks=[], problem=str(error))
