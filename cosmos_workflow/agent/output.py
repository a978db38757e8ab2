"""What a command prints, as JSON can carry it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

__all__ = ["output_of"]


def output_of(command: list[str], timeout: float = 30.0) -> dict[str, Any]:
    """{missing, code, out, err}: `missing` where there is no program of that name; code 1 where it cannot be run, or
    does not end within `timeout` seconds. `err` is cut to its last 1,500 characters.
    """
    program = shutil.which(command[0], mode=os.F_OK)  # one that may not be run is there
    if program is None:
        return {"missing": True, "code": 127, "out": "", "err": f"no {command[0]}"}
    try:
        done = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return {"missing": False, "code": 1, "out": "", "err": str(error)}
    return {"missing": False, "code": done.returncode, "out": done.stdout.strip(), "err": done.stderr.strip()[-1500:]}
