"""Clips: uploaded in pieces, looked at frame by frame."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from cosmos_workflow.errors import NotFound
from cosmos_workflow.media import probe, read_frames
from cosmos_workflow.server.paging import Limit, MomentCursor, moment_and_id, page
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.shapes import MEDIA_ID, Media, Page, Upload, UploadIn

__all__ = ["router"]

router = APIRouter(tags=["media"])

MediaId = Annotated[str, Path(pattern=f"^{MEDIA_ID}$", description="the SHA-256 of the clip")]
UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Side = Annotated[int | None, Query(ge=1, le=4096, description="pixels")]

COUNTED_FRAMES = 4  # the first ones are counted, as the model gets them, also where the rate varies

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # the id says what the bytes are


@router.post("/uploads", status_code=201)
def begin_upload(ctx: Ctx, body: UploadIn, response: Response) -> Upload:
    """Begin an upload; its bytes then come in pieces of any size."""
    upload = ctx.uploads.begin(body.name, body.size)
    response.headers["location"] = f"/api/v1/uploads/{upload.id}"
    return upload


@router.get("/uploads/{id}")
def show_upload(ctx: Ctx, id: UploadId) -> Upload:
    """How far an upload is, and so where its next piece begins, for example after a broken connection."""
    return ctx.uploads.get(id)


@router.patch(
    "/uploads/{id}",
    openapi_extra={
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def continue_upload(
    ctx: Ctx, id: UploadId, offset: Annotated[int, Query(ge=0, lt=2**50)], request: Request
) -> Upload:
    """Send the bytes from `offset` on. The last response has the clip; what is not a clip is refused then."""
    with ctx.uploads.piece(id, offset) as put:
        async for data in request.stream():
            put(data)
    upload = ctx.uploads.get(id)
    return await run_in_threadpool(ctx.uploads.finish, id) if upload.offset == upload.size else upload


@router.delete("/uploads/{id}", status_code=204)
def drop_upload(ctx: Ctx, id: UploadId) -> None:
    """Forget an upload that is not whole."""
    ctx.uploads.drop(id)


@router.get("/media")
def list_media(ctx: Ctx, limit: Limit = 50, cursor: MomentCursor = None) -> Page[Media]:
    """Uploaded clips, the newest first."""
    records = ctx.store.files.all(most=limit + 1, before=moment_and_id(cursor))
    return page(
        records,
        limit,
        lambda record: f"{record.created}~{record.sha256}",
        lambda rows: [Media.of(record) for record in rows],
    )


@router.get("/shared")
def list_shared(ctx: Ctx) -> list[str]:
    """Files in the folder that the server was started with, which some kind of work takes, by their paths there.

    An item may name its files so. Numbered images are listed as their pattern.
    """
    return ctx.library.shared()


SharedPath = Annotated[str, Query(min_length=1, max_length=1000, description="as `/shared` lists it")]


@router.get("/shared/content", response_class=FileResponse, responses={206: {"description": "a part"}})
def show_shared_content(ctx: Ctx, path: SharedPath) -> FileResponse:
    """The bytes of a file in the shared folder, in ranges if asked for."""
    file = ctx.library.find(path)
    if not file.is_file():
        raise NotFound("images, which have no bytes of one file", where=path, remedy="name one of them")
    return FileResponse(file, media_type=ctx.library.media_type(file))


@router.get("/shared/thumbnail", response_class=Response, responses=PNG)
def show_shared_thumbnail(ctx: Ctx, path: SharedPath) -> Response:
    """A small picture of its first frame."""
    return Response(ctx.library.thumbnail(ctx.library.find(path)), media_type="image/png")


@router.get("/media/{id}")
def show_media(ctx: Ctx, id: MediaId) -> Media:
    """What is known of a clip."""
    return Media.of(ctx.store.files.get(id))


@router.delete("/media/{id}", status_code=204)
def remove_media(ctx: Ctx, id: MediaId) -> None:
    """Forget a clip; prompts that used it stay."""
    ctx.library.remove(id)


@router.get("/media/{id}/content", response_class=FileResponse, responses={206: {"description": "a part"}})
def show_content(ctx: Ctx, id: MediaId) -> FileResponse:
    """The clip's own bytes, in ranges if asked for."""
    path = ctx.library.path(id)
    return FileResponse(path, media_type=ctx.library.media_type(path), headers=FOREVER)


@router.get("/media/{id}/thumbnail", response_class=Response, responses=PNG)
def show_media_thumbnail(ctx: Ctx, id: MediaId) -> Response:
    """A small picture of the first frame."""
    return Response(ctx.library.thumbnail(ctx.library.find(id)), media_type="image/png", headers=FOREVER)


@router.get("/media/{id}/frames/{index}", response_class=Response, responses=PNG)
def show_frame(
    ctx: Ctx, id: MediaId, index: Annotated[int, Path(ge=0, le=999)], width: Side = None, height: Side = None
) -> Response:
    """One of the first frames, as the model gets it: at the size that a plan says, else at its own."""
    clip = probe(ctx.library.find(id))
    size = (width or clip.width, height or clip.height) if width or height else None
    if index < COUNTED_FRAMES or not clip.fps:
        frames = read_frames(clip, index + 1, size=size)[index:]
    else:  # found by its time: decoding and encoding all before it would take seconds
        frames = read_frames(clip, 1, pick=[(index + 0.5) / clip.fps], size=size) if index < clip.frames else []
    if not frames:
        raise NotFound(f"the clip has {clip.frames} frames", where=id, remedy="give a smaller index")
    return Response(frames[0].png, media_type="image/png", headers=FOREVER)
