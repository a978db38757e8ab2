"""Names of input files: NVIDIA's programs tell what a file is by its extension, and on a host none has one."""

from __future__ import annotations

from pathlib import Path

from cosmos_workflow.media.types import UNKNOWN, media_type_of
from cosmos_workflow.private import make_folder

__all__ = ["with_extension"]

# Extensions that all programs take, in small letters as Transfer2.5 wants them; all else is opened as a video.
EXTENSIONS = {
    "image/png": ".png", "image/jpeg": ".jpg", "video/quicktime": ".mov", "video/webm": ".webm",
    "video/x-msvideo": ".avi",
}  # fmt: skip


def with_extension(path: Path, role: str, folder: Path) -> Path:
    """A file under a name with the extension that belongs to what is in it; a link in `folder` where it has another."""
    media_type = media_type_of(path)
    extension = EXTENSIONS.get(media_type, ".mp4")
    if role.endswith("_weights"):
        extension = ".pt"
    elif role == "anchor_mask" and media_type == UNKNOWN:
        extension = ".npz"
    if path.suffix == extension:
        return path
    link = folder / f"{path.stem}{extension}"
    if not link.is_symlink():
        make_folder(folder)
        link.symlink_to(path.absolute())
    return link
