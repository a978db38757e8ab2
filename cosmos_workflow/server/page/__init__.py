"""The page: rendered here, made live by HTMX; nothing on it is more than the REST API can do."""

from __future__ import annotations

from fastapi import APIRouter

from cosmos_workflow.server.page import docs, hosts, limits, login, new, prepare, prompts, runs, transfer
from cosmos_workflow.server.page.captions import routes as captions
from cosmos_workflow.server.page.rendering import show_problem

__all__ = ["router", "show_problem"]

router = APIRouter(include_in_schema=False)
for module in (new, prepare, transfer, runs, prompts, captions, limits, hosts, login, docs):
    router.include_router(module.router)
