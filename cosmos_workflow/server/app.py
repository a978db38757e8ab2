"""The application: routes, errors as Problems, ETags, metrics; and starting it."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from cosmos_workflow.errors import (
    BadInputError,
    Conflict,
    CosmosError,
    EngineError,
    HostError,
    NotFound,
    StoreError,
    UsageError,
)
from cosmos_workflow.limits import get_model
from cosmos_workflow.server import page
from cosmos_workflow.server.api import router
from cosmos_workflow.server.etags import ETagMiddleware
from cosmos_workflow.server.guard import GuardMiddleware
from cosmos_workflow.server.head import HeadMiddleware
from cosmos_workflow.server.metrics import MetricsMiddleware, metrics_route
from cosmos_workflow.server.server import Server
from cosmos_workflow.server.shapes import Problem
from cosmos_workflow.version import __version__

__all__ = ["make_app"]

log = logging.getLogger("cosmos_workflow.server")

DESCRIPTION = "Prompt upsampling for NVIDIA Cosmos-Transfer1: checks before anything runs, a queue, every prompt kept."

# The first that fits counts.
STATUS: tuple[tuple[type[CosmosError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (UsageError, 409),
    (BadInputError, 422),
    (HostError, 503),
    (EngineError, 503),
    (CosmosError, 409),
)

PROBLEMS = {
    400: "not valid JSON", 401: "the token is missing or wrong", 403: "not allowed", 404: "not found",
    405: "the method is not allowed",
    409: "not possible in the current state", 413: "too large",
    422: "not valid, or not a clip", 429: "too many wrong tokens",
    503: "the store, a host or an engine does not answer",
}  # fmt: skip


def make_app(server: Server) -> FastAPI:
    """The application of one server; while it is up, the server's worker takes runs from the queue."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        get_model(server.model().name).text.count("a warm tokenizer")  # else the first check would load its table
        if server.worker:
            server.worker.start()
        yield
        if server.worker:
            await run_in_threadpool(server.worker.stop)

    app = FastAPI(
        title="cosmos-workflow", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_url="/openapi.json",
    )  # fmt: skip
    app.state.server = server
    app.openapi = lambda: _reference(app)  # type: ignore[method-assign]
    app.include_router(router)
    app.include_router(page.router)
    app.add_api_route("/metrics", metrics_route, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    for kind in (CosmosError, RequestValidationError, HTTPException, SQLAlchemyError):
        app.add_exception_handler(kind, _problem)
    # The last one added is the first one asked.
    app.add_middleware(ETagMiddleware)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(MetricsMiddleware, server=server)
    app.add_middleware(GuardMiddleware, guard=server.guard)
    return app


async def _problem(request: Request, error: Exception) -> Response:
    """Any error as a Problem: JSON for programs, a page for a browser that asked for one."""
    status, problem, headers = _described(request, error)
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/"):
        return page.show_problem(request, status, problem, headers)
    return JSONResponse(problem.model_dump(), status, headers)


def _described(request: Request, error: Exception) -> tuple[int, Problem, dict[str, str]]:
    """The status, what is wrong, and further headers."""
    if isinstance(error, (StoreError, SQLAlchemyError)):
        log.error("%s", error)
        return 503, Problem(kind="Store", what="the store does not answer", remedy="see the server's log"), {}
    if isinstance(error, CosmosError):
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        problem = Problem(kind=type(error).__name__, what=error.what, where=error.where, remedy=error.remedy)
        return status, problem, {}
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return 422, Problem(kind="Invalid", what=str(first["msg"]), where=where, remedy="see /docs"), {}
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # Starlette names the methods of the first route that has the path, not those of all.
        headers["allow"] = ", ".join(sorted(_methods(request))) or headers.get("allow", "")
    problem = Problem(kind="HTTP", what=str(error.detail), where=request.url.path, remedy="see /docs")
    return error.status_code, problem, headers


def _reference(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, in which every operation may answer with a Problem."""
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"] |= {
                    str(code): {"description": what, "content": problem} for code, what in PROBLEMS.items()
                }
        app.openapi_schema = _exact(document)
    return app.openapi_schema


def _exact(value: Any) -> Any:
    """Bounds in digits: FastAPI makes floats of them, and 9.223372036854776e+18 is more than 2^63 to some readers."""
    if isinstance(value, dict):
        return {key: _exact(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_exact(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _methods(request: Request) -> set[str]:
    """What the reference says can be done at a path."""
    methods: set[str] = set()
    for template, operations in request.app.openapi()["paths"].items():
        pattern = "[^/]+".join(map(re.escape, re.split(r"\{[^}]*\}", template)))
        if re.fullmatch(pattern, request.url.path):
            methods |= {method.upper() for method in operations}
    return methods
