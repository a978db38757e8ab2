"""The REST API, one module a kind of thing; every error is a Problem."""

from __future__ import annotations

from fastapi import APIRouter

from cosmos_workflow.web.routes import events, machine, media, prompts, runs
from cosmos_workflow.web.shapes import Problem

__all__ = ["PREFIX", "router"]

PREFIX = "/api/v1"

router = APIRouter(
    prefix=PREFIX,
    responses={code: {"model": Problem} for code in (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)},
)
for one in (machine, runs, events, prompts, media):
    router.include_router(one.router)
