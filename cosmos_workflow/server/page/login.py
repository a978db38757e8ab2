"""Logging in: the token, given once, begins a session; scripts cannot read its cookie, other sites cannot send it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from cosmos_workflow.server.guard import COOKIE, session_cookie, with_retry_after
from cosmos_workflow.server.page.rendering import render
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.sessions import SESSION_SECONDS

__all__ = ["router"]

router = APIRouter()


@router.get("/login")
def ask(request: Request) -> Response:
    return render(request, "login.html", problem="")


@router.post("/login")
def log_in(request: Request, ctx: Ctx, token: Annotated[str, Form(max_length=1000)] = "") -> Response:
    """Begin a session. After too many wrong tokens, further tries have to wait."""
    if not ctx.guard.is_token(token.strip()):
        client = request.client.host if request.client else ""
        if wait := ctx.guard.may_try(client):
            page = render(request, "login.html", 429, problem=f"too many wrong tokens: wait {wait:.0f} s")
            return with_retry_after(page, wait)
        ctx.guard.was_wrong(client)
        return render(request, "login.html", 403, problem="wrong token")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, ctx.guard.sessions.begin(), max_age=SESSION_SECONDS, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.post("/logout")
def log_out(request: Request, ctx: Ctx) -> Response:
    """End the session on the server too, so that a copy of its cookie is worth nothing from now on."""
    ctx.guard.sessions.end(session_cookie(request.headers))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
