"""The agent as one file: a zipapp of the packages that it needs, the same bytes for the same code.

What a kind of work from another distribution needs on a host is put beside our own packages.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from cosmos_workflow.errors import UsageError

__all__ = ["bundle"]

PACKAGE = Path(__file__).parent.parent
ROOMS = ("limits", "media", "kinds", "engines", "agent")
MAIN = """import sys

from cosmos_workflow.agent.commands import main

if __name__ == "__main__":
    sys.exit(main())
"""


@lru_cache
def bundle(modules: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """The SHA-256 of the zipapp, as hex, and its bytes.

    `modules` are the names of modules and packages that it has besides ours. Raises UsageError for one that is not
    installed, or not written in Python.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        sources = [
            PACKAGE / f"{name}.py" for name in ("__init__", "doors", "errors", "files", "private", "text", "version")
        ]
        sources += [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
        named = [(path.relative_to(PACKAGE.parent).as_posix(), path) for path in sources]
        for name, path in [*named, *(entry for module in sorted(set(modules)) for entry in _files_of(module))]:
            # One kind of line end, so that a checkout on Windows gives the same bytes.
            _add(archive, name, path.read_bytes().replace(b"\r\n", b"\n"))
    data = buffer.getvalue()
    return hashlib.sha256(data).hexdigest(), data


def _files_of(module: str) -> Iterator[tuple[str, Path]]:
    """The Python files of a module or package that is installed here, each with its name in the zipapp."""
    if "." in module:
        raise UsageError(f"{module} is part of a package", remedy="name the whole package")
    spec = find_spec(module)
    if spec is None:
        raise UsageError(f"the module {module}, which a host needs, is not installed", remedy="install it here")
    if not (spec.origin or "").endswith(".py"):
        raise UsageError(
            f"the module {module} cannot be sent to a host", where=str(spec.origin),
            remedy="only modules and packages of Python files can be",
        )  # fmt: skip
    if spec.submodule_search_locations is None:
        yield f"{module}.py", Path(str(spec.origin))
        return
    folder = Path(str(spec.origin)).parent
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder.parent).as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
