"""Opens batch files on this machine's disk and, by their fsspec URLs, in object stores."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading.encoding import decoding, encoding_of

__all__ = ["filesystem", "opened", "opened_as_text"]


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """A file's bytes, at any position; a pipe is read into memory. Raises OSError, BadInputError."""
    if "://" in url:
        fs, path = filesystem(url)
        source = fs.open(path, "rb")
    else:
        source = at_home(Path(url)).open("rb")
    with source as file:
        yield file if file.seekable() else io.BytesIO(file.read())


@contextmanager
def opened_as_text(url: str) -> Iterator[Any]:
    """A file's bytes, as UTF-8. What is UTF-16 is copied as UTF-8 into a temporary file, whose positions hold.

    Raises as `opened`, and BadInputError for UTF-16 that cannot be read.
    """
    with opened(url) as file:
        head = file.read(4)
        file.seek(0)
        encoding, mark = encoding_of(head)
        if encoding == "utf-8" and (mark or 0 not in head[:2]):
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            for text in decoding(file, url):
                copy.write(text.encode())
            copy.seek(0)
            yield copy


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's filesystem for a URL or path, and the path on it. Raises BadInputError for a kind not installed."""
    try:
        import fsspec

        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInputError(
            f"cannot be read ({error})", where=url, remedy="install the fsspec package for such URLs, or give a path"
        ) from error
    return fs, str(path)
