"""A configuration of OpenColorIO as one file, with the tables that it names: known by its content, and easily sent."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cosmos_workflow.errors import UsageError, cannot_read

if TYPE_CHECKING:
    from cosmos_workflow.media.survey import Version

__all__ = ["ARCHIVE", "Archive", "archive_of"]

ARCHIVE = ".ocioz"  # OpenColorIO's own suffix: a ZIP file with config.ocio and its tables


class Archive(NamedTuple):
    """An archive that OpenColorIO opens, and its SHA-256: the same for the same content, whenever it is made."""

    data: bytes
    sha256: str


def archive_of(config: str) -> Archive | None:
    """The archive of a configuration that is a file; None for one that OpenColorIO has built in.

    Raises UsageError for one that names tables outside of its folder, BadInputError if a file cannot be read.
    """
    from cosmos_workflow.media.survey import version_of

    path = Path(config)
    if not config or not path.is_file():
        return None
    files = {"": path} if path.suffix.lower() == ARCHIVE else {"config.ocio": path} | _tables(path)
    try:
        return _archive(tuple((name, file, version_of(file)) for name, file in files.items()))
    except OSError as error:
        raise cannot_read(path, error) from error


@lru_cache(2)
def _archive(files: tuple[tuple[str, Path, Version], ...]) -> Archive:
    """The archive of files by their names in it; one file without a name is an archive already."""
    first, path, _ = files[0]
    data = path.read_bytes()
    if first:
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for name, file, _ in files:
                # Not compressed, and without the time: the bytes are those of the content alone.
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
        data = memory.getvalue()
    return Archive(data, hashlib.sha256(data).hexdigest())


def _tables(path: Path) -> dict[str, Path]:
    """The files that a configuration names, by their paths in its folder."""
    from cosmos_workflow.media.views import config_of

    config = config_of(str(path))
    if not config.isArchivable():
        raise UsageError(
            "this configuration of OpenColorIO names tables outside of its folder", where=str(path),
            remedy="put them beside it and make its search_path relative, or give an archive (ocioarchive)",
        )  # fmt: skip
    folders = list(config.getSearchPaths()) or [""]
    tables = {}
    for source in sorted(set(_sources(config))):
        for folder in folders:
            if (file := path.parent / folder / source).is_file():
                tables[Path(folder, source).as_posix()] = file
                break
    return tables


def _sources(config: Any) -> Iterator[str]:
    """What all transforms of a configuration read."""
    import PyOpenColorIO

    for space in config.getColorSpaces(PyOpenColorIO.SEARCH_REFERENCE_SPACE_ALL, PyOpenColorIO.COLORSPACE_ALL):
        for way in (PyOpenColorIO.COLORSPACE_DIR_TO_REFERENCE, PyOpenColorIO.COLORSPACE_DIR_FROM_REFERENCE):
            yield from _in_transform(space.getTransform(way))
    for view in config.getViewTransforms():
        for way in (PyOpenColorIO.VIEWTRANSFORM_DIR_TO_REFERENCE, PyOpenColorIO.VIEWTRANSFORM_DIR_FROM_REFERENCE):
            yield from _in_transform(view.getTransform(way))
    for look in config.getLooks():
        yield from _in_transform(look.getTransform())
        yield from _in_transform(look.getInverseTransform())
    for named in config.getNamedTransforms():
        for direction in (PyOpenColorIO.TRANSFORM_DIR_FORWARD, PyOpenColorIO.TRANSFORM_DIR_INVERSE):
            yield from _in_transform(named.getTransform(direction))


def _in_transform(transform: Any) -> Iterator[str]:
    import PyOpenColorIO

    if isinstance(transform, PyOpenColorIO.FileTransform):
        yield transform.getSrc()
    elif isinstance(transform, PyOpenColorIO.GroupTransform):
        for part in transform:
            yield from _in_transform(part)
