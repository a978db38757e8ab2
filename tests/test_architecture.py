"""The rooms, as a test: which may import which, and how large a module may be."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cosmos_workflow"

# Each room, and the rooms that it may import.
MAY_IMPORT = {
    "limits": set(),
    "media": set(),
    "prompts": {"limits", "media"},
    "engines": {"limits", "media"},
    "worker": {"media", "engines"},
    "connection": {"worker"},
    "execution": {"limits", "media", "prompts", "engines", "worker", "connection"},
    "store": {"prompts"},
    "jobs": {"engines", "worker", "connection", "execution", "prompts", "store"},
    "lab": {"limits", "media", "engines", "worker", "connection", "execution", "store"},
    "config": set(),
    "api": {"limits", "prompts", "engines", "connection", "execution", "store", "jobs", "lab", "config", "doctor"},
    "doctor": {"limits", "engines", "connection", "config"},
    "web": {
        *(
            "limits",
            "media",
            "prompts",
            "engines",
            "worker",
            "connection",
            "execution",
            "store",
            "jobs",
            "lab",
            "doctor",
        ),
        *("api", "config"),
    },
    "cli": {
        *("limits", "prompts", "engines", "connection", "execution", "store", "jobs", "lab", "doctor"),
        *("api", "config", "web"),
    },
}
HEAVY = {
    *("vllm", "torch", "ray", "transformers", "rich", "numpy", "av", "cv2", "mistral_common", "filelock"),
    *("asyncssh", "sqlalchemy", "alembic", "tomlkit", "matplotlib", "jinja2", "fsspec", "pyarrow"),
    *("fastapi", "starlette", "uvicorn", "httpx", "httpx2", "pydantic"),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "cosmos_workflow" and len(parts) > 1:
                rooms.add(parts[1])
    return rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__", "errors", "files", "version"):
        return
    rooms = imported_rooms(path) & set(MAY_IMPORT)
    assert rooms - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_can_be_held_in_ones_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "room",
    [
        *("", ".limits", ".media", ".prompts", ".engines", ".execution", ".execution.ray"),
        *(".worker", ".connection", ".store", ".jobs", ".lab", ".doctor", ".web"),
    ],
)
def test_a_rooms_door_holds_what_it_says(room: str) -> None:
    module = importlib.import_module(f"cosmos_workflow{room}")
    assert module.__doc__
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        _ = module.no_such_name


@pytest.mark.parametrize(
    "code", ["import cosmos_workflow.cli", "import cosmos_workflow.limits", "import cosmos_workflow"]
)
def test_starting_imports_nothing_heavy(code: str) -> None:
    show = f"{code}; import sys; print(*sorted(name for name in sys.modules if '.' not in name))"
    loaded = set(
        subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & HEAVY == set()


# What Windows does not have. The worker runs on hosts and engine processes on clusters, which have Linux.
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios", "killpg", "getpgid", "setsid", "fork", "geteuid", "SIGKILL"}


ON_LINUX = {*(PACKAGE / "worker").rglob("*.py"), PACKAGE / "execution" / "engine_process.py"}


@pytest.mark.parametrize("path", sorted({*modules()} - ON_LINUX), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_client_calls_nothing_that_windows_lacks(path: Path) -> None:
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            used.add(node.attr)
        elif isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {node.module or "", *(alias.name for alias in node.names)}
    assert used & POSIX_ONLY == set()
