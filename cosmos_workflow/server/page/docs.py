"""The reference of the REST API, rendered from its own OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cosmos_workflow.server.page.rendering import render

__all__ = ["router"]

router = APIRouter()


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    document: dict[str, Any] = request.app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            shown = {
                "method": method.upper(), "path": path, "what": one.get("description", ""),
                "parameters": [
                    (told["name"], told["in"], _kind(told["schema"]), told.get("description", ""))
                    for told in one.get("parameters", [])
                ],
                "body": _body(one.get("requestBody", {})), "answer": _body(_good(one["responses"])),
            }  # fmt: skip
            groups.setdefault(one["tags"][0], []).append(shown)
    shapes = {
        name: [(field, _kind(schema), schema.get("description", "")) for field, schema in one["properties"].items()]
        for name, one in sorted(document["components"]["schemas"].items())
        if "properties" in one
    }
    return render(request, "docs.html", groups=groups, shapes=shapes)


def _good(responses: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next((one for code, one in responses.items() if code.startswith("2")), {})
    return found


def _body(one: dict[str, Any]) -> str:
    return ", ".join(
        _kind(content["schema"]) if "schema" in content else kind for kind, content in one.get("content", {}).items()
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for many in ("anyOf", "oneOf"):
        if many in schema:
            return " or ".join(_kind(one) for one in schema[many])
    if "enum" in schema:
        return " | ".join(str(value) or '""' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
