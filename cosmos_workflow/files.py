"""Files that are always whole, below all rooms."""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write aside, sync, rename: readers see the old file or the whole new one, also after a crash.

    Without `sync` a power cut may leave an empty file. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of its own for each process and thread, and no longer than file systems take.
    aside = path.with_name(f"{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with aside.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
