"""The REST API, one module a kind of thing; every error is a Problem."""

from __future__ import annotations

from fastapi import APIRouter

from cosmos_workflow.server.api import events, machine, media, outputs, prompts, runs

__all__ = ["PREFIX", "router"]

PREFIX = "/api/v1"

router = APIRouter(prefix=PREFIX)
for module in (machine, runs, events, prompts, outputs, media):
    router.include_router(module.router)
