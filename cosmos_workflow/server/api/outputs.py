"""Files that items have made: listed, played and downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import FileResponse

from cosmos_workflow.media.types import media_type_of
from cosmos_workflow.server.api.prompts import Number
from cosmos_workflow.server.api.runs import RunId
from cosmos_workflow.server.paging import AFTER, Limit, page
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.shapes import OutputFile, Page, RunFile
from cosmos_workflow.store import ItemFile

__all__ = ["router"]

router = APIRouter(tags=["outputs"])

FileName = Annotated[str, Path(min_length=1, max_length=100, description="as the item's list has it")]
FileCursor = Annotated[str | None, Query(pattern=r"^[0-9]{1,15}~[^\x00-\x1f]{1,100}$", description=AFTER)]
# What a browser may show itself; all else is only downloaded.
SHOWN = ("video/", "image/", "text/plain")


@router.get("/runs/{id}/files")
def list_files_of_run(ctx: Ctx, id: RunId, limit: Limit = 50, cursor: FileCursor = None) -> Page[RunFile]:
    """The files that the items of a run have made, in the batch's order."""
    number, _, name = (cursor or "").partition("~")
    rows = ctx.store.files.of_run(ctx.store.get(id).id, after=(int(number), name) if cursor else None, most=limit + 1)

    def shapes(rows: Sequence[tuple[int, str, ItemFile]]) -> list[RunFile]:
        return [RunFile(number=at, item=item, **OutputFile.of(made).model_dump()) for at, item, made in rows]

    return page(rows, limit, lambda row: f"{row[0]}~{row[2].name}", shapes)


@router.get("/prompts/{number}/files")
def list_files(ctx: Ctx, number: Number) -> list[OutputFile]:
    """The files that an item has made."""
    ctx.store.history.get(number)
    return [OutputFile.of(made) for made in ctx.store.files.of_items([number]).get(number, []) if made.is_output]


@router.head("/prompts/{number}/files/{name:path}", include_in_schema=False)
@router.get(
    "/prompts/{number}/files/{name:path}",
    response_class=FileResponse,
    responses={206: {"description": "a part"}, 304: {"description": "the file is the one that the client has"}},
)
def show_file(
    ctx: Ctx, number: Number, name: FileName, if_none_match: Annotated[str | None, Header(max_length=1000)] = None
) -> Response:
    """The bytes of a file that an item has made, in ranges if asked for; its ETag is the SHA-256."""
    entry = ctx.store.history.get(number)
    made = ctx.store.files.output_of(number, name)
    tag = f'"{made.sha256}"'
    if {tag, "*"} & {known.strip().removeprefix("W/") for known in (if_none_match or "").split(",")}:
        return Response(status_code=304, headers={"etag": tag})
    # Where its kind is not installed, a result is a mapping.
    item: str = entry.result["id"] if isinstance(entry.result, dict) else entry.result.id
    path = ctx.runs.output_file(ctx.store.get(entry.run), item, name, made.sha256)
    media_type = media_type_of(path)  # an input of the same content may have been remembered by what its name says
    how = "inline" if media_type.startswith(SHOWN) else "attachment"
    return FileResponse(
        path, media_type=media_type, headers={"etag": tag}, filename=path.name, content_disposition_type=how
    )
