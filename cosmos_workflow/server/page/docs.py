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
        for method, operation in operations.items():
            entry = {
                "method": method.upper(), "path": path, "what": operation.get("description", ""),
                "parameters": [
                    (parameter["name"], parameter["in"], _kind(parameter["schema"]), parameter.get("description", ""))
                    for parameter in operation.get("parameters", [])
                ],
                "body": _body(operation.get("requestBody", {})), "answer": _body(_good(operation["responses"])),
            }  # fmt: skip
            groups.setdefault(operation["tags"][0], []).append(entry)
    shapes = {
        name: [(field, _kind(schema), schema.get("description", "")) for field, schema in shape["properties"].items()]
        for name, shape in sorted(document["components"]["schemas"].items())
        if "properties" in shape
    }
    return render(request, "docs.html", groups=groups, shapes=shapes)


def _good(responses: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = next((response for code, response in responses.items() if code.startswith("2")), {})
    return answer


def _body(body: dict[str, Any]) -> str:
    return ", ".join(
        _kind(content["schema"]) if "schema" in content else kind for kind, content in body.get("content", {}).items()
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_kind(part) for part in schema[key])
    if "enum" in schema:
        return " | ".join(str(value) or '""' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
