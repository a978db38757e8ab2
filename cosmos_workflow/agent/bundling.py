"""The agent as one file: a zipapp of the packages that it needs, the same bytes for the same code."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import lru_cache
from pathlib import Path

__all__ = ["bundle"]

PACKAGE = Path(__file__).parent.parent
ROOMS = ("limits", "media", "kinds", "engines", "agent")
MAIN = """import sys

from cosmos_workflow.agent.commands import main

if __name__ == "__main__":
    sys.exit(main())
"""


@lru_cache(maxsize=1)
def bundle() -> tuple[str, bytes]:
    """The SHA-256 of the zipapp, as hex, and its bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        sources = [
            PACKAGE / f"{name}.py" for name in ("__init__", "doors", "errors", "files", "private", "text", "version")
        ]
        sources += [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
        for path in sources:
            # One kind of line end, so that a checkout on Windows gives the same bytes.
            text = path.read_bytes().replace(b"\r\n", b"\n")
            _add(archive, path.relative_to(PACKAGE.parent).as_posix(), text)
    data = buffer.getvalue()
    return hashlib.sha256(data).hexdigest(), data


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
