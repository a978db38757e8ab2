"""The rooms, as a test: which may import which, and how large a module may be."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cosmos_workflow"

# Each room, and the rooms that it may import.
MAY_IMPORT = {
    "limits": set(),
    "media": set(),
    "config": set(),
    "kinds": {"limits", "media"},
    "engines": {"limits", "media", "kinds"},
    "agent": {"media", "kinds", "engines"},
    "ssh": {"agent"},
    "store": {"kinds"},
    "runs": {"limits", "media", "kinds", "engines", "agent", "ssh", "store"},
    "lab": {"limits", "media", "kinds", "engines", "agent", "ssh", "runs", "store"},
    "deciding": {"limits", "kinds", "engines", "ssh", "runs", "config"},
    "doctor": {"limits", "kinds", "engines", "agent", "ssh", "config", "deciding"},
    "setup": {"limits", "kinds", "engines", "agent", "ssh", "config", "deciding", "doctor"},
    "api": {"limits", "media", "kinds", "engines", "ssh", "runs", "store", "lab", "config", "deciding", "doctor"},
    "transfers": {"limits", "media", "kinds", "engines", "runs", "config", "deciding", "api"},
    "client": {"limits", "kinds", "engines", "agent", "store", "runs", "server", "config"},
    "server": {
        *("limits", "media", "kinds", "engines", "agent", "ssh", "runs", "store", "lab", "doctor"),
        *("api", "config", "deciding"),
        "transfers",
    },
    "cli": {
        *("limits", "kinds", "engines", "ssh", "runs", "store", "lab", "doctor", "setup"),
        *("api", "config", "deciding", "transfers", "client", "server"),
    },
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a module imports from this package, as the parts of each name behind the package's."""
    imports = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "cosmos_workflow" and len(parts) > 1:
                imports.add(tuple(parts[1:]))
    return imports


# Each test goes through all modules: a test for each of them would cost more time than what it does.


def test_imports_go_one_way() -> None:
    wrong = []
    for path in modules():
        room = room_of(path)
        if room in ("__init__", "__main__", "doors", "errors", "files", "private", "text", "version"):
            continue
        rooms = {parts[0] for parts in imported(path)} & set(MAY_IMPORT)
        wrong += [(path, other) for other in rooms - {room} - MAY_IMPORT[room]]
    assert wrong == []


def test_reading_is_below_the_kinds() -> None:
    for path in (PACKAGE / "kinds" / "reading").glob("*.py"):
        assert {parts[1] for parts in imported(path) if parts[0] == "kinds"} <= {"reading"}, path


def test_a_module_can_be_held_in_ones_head() -> None:
    assert [path for path in modules() if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


@pytest.mark.parametrize(
    "room",
    [
        *("", ".limits", ".media", ".kinds", ".kinds.reading", ".kinds.upsample", ".kinds.prepare", ".engines"),
        *(".agent", ".ssh", ".store", ".runs", ".runs.places", ".runs.places.ray", ".lab", ".doctor", ".server"),
        *(".client", ".transfers", ".setup"),
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


# The libraries outside Python's own that may be loaded by then; each further one is felt at every start.
PRINTING = {"click", "platformdirs", "rich"}


@pytest.mark.parametrize(
    ("code", "libraries"),
    [
        ("import cosmos_workflow", set()),
        ("import cosmos_workflow.limits", set()),
        ("import cosmos_workflow.cli", {"click"}),
        *(
            (f"from cosmos_workflow.cli import main; main({arguments.split()})", libraries)
            for arguments, libraries in {
                "--help": {"click"},
                "upsample --help": PRINTING,
                "check --size 960x540 --fit auto": PRINTING,
                "check --size 960x540 -p city --fit off": PRINTING | {"kitoken"},
                "limits": PRINTING,
                "hosts list": PRINTING | {"filelock"},
            }.items()
        ),
    ],
)
def test_starting_loads_only_what_is_needed(code: str, libraries: set[str]) -> None:
    show = f"{code}; import sys; print('loaded', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    shown = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout
    # Names with an underscore are those of Python's own start, as of an editable install.
    loaded = {name for name in shown.splitlines()[-1].split()[1:] if not name.startswith("_")}
    assert loaded - sys.stdlib_module_names - {"cosmos_workflow", "colorama", "sitecustomize"} <= libraries


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["runs", "list"], ["runs", "list", "--json"], ["upsample", "--help"]])
def test_commands_that_open_no_video_load_neither_opencv_nor_numpy(arguments: list[str]) -> None:
    code = f"import sys; from cosmos_workflow.cli import main; main({arguments})"
    show = f"{code}; print('loaded', *{{'cv2', 'numpy', 'av', 'ray', 'PIL', 'kitoken'}} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1].split() == ["loaded"]


# What Windows does not have. The worker runs on hosts and engine processes on clusters, which have Linux.
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios", "killpg", "getpgid", "setsid", "fork", "geteuid", "SIGKILL"}


ON_LINUX = {
    *(PACKAGE / "agent").rglob("*.py"),
    *(PACKAGE / name for name in ("private.py", "engines/machine.py", "engines/process.py")),
}


def test_the_client_calls_nothing_that_windows_lacks() -> None:
    for path in {*modules()} - ON_LINUX:
        used = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used |= {node.module or "", *(alias.name for alias in node.names)}
        assert used & POSIX_ONLY == set(), path


MEDIA = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mxf", ".ogv", ".flv", ".wmv", ".y4m"),
    *(".png", ".apng", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".heic", ".jxl", ".jp2", ".j2k", ".bmp", ".qoi"),
    *(".tif", ".tiff", ".exr", ".dpx", ".cin", ".hdr", ".pfm", ".ppm", ".pgm", ".pnm", ".tga", ".sgi", ".pcx", ".ivf"),
    *(".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".h264", ".h265", ".hevc", ".obu", ".yuv", ".m2ts", ".3gp"),
}


def names_from_the_package(code: str) -> list[tuple[str, str]]:
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom) and node.module]
    return [
        (node.module, alias.name)
        for node in nodes
        if node.module and node.module.split(".")[0] == PACKAGE.name
        for alias in node.names
    ]


@pytest.mark.parametrize("folder", ["benchmarks", "scripts", "docs"])
def test_what_is_not_run_here_imports_what_there_is(folder: str) -> None:
    root = PACKAGE.parent / folder
    codes = [path.read_text(encoding="utf-8") for path in root.rglob("*.py")]
    for page in root.glob("*.md"):
        codes += re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names = {name for code in codes for name in names_from_the_package(code)}
    assert names
    for module, name in names:
        assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")


def test_git_holds_no_media_but_the_pictures_of_the_docs() -> None:
    """Tests make their clips themselves, in folders of their own."""
    root = PACKAGE.parent
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    files = [Path(name) for name in listed.decode().split("\0") if name]
    assert [str(file) for file in files if file.suffix.lower() in MEDIA and file.parts[0] != "docs"] == []


# Rooms that carry any kind of work: they name none, and import none but through `kinds/kind.py`.
CARRYING = ("runs", "store", "agent", "ssh", "server/api", "kinds/reading")
BLIND = [path for room in CARRYING for path in (PACKAGE / room).rglob("*.py")]
KINDS = sorted(path.parent.name for path in (PACKAGE / "kinds").glob("*/kind.py"))
# Words that these rooms use for other things: only the kind's name and room are looked for.
ORDINARY = {"prepare", "transfer"}


def names_kind(text: str, kind: str) -> bool:
    """Whether a module's text names a kind."""
    if kind not in ORDINARY:
        return kind in text.lower()
    text = re.sub(r"__all__ = \[.*?\]", "", text, flags=re.DOTALL)  # what a module offers has names of its own
    return re.search(rf"""["'`]{kind}["'`]|kinds[./]{kind}|\b{kind.capitalize()}\b""", text) is not None


def test_rooms_that_carry_work_name_no_kind() -> None:
    assert KINDS
    # Migrations tell what stood in the tables of their time.
    naming = {
        path.relative_to(PACKAGE).as_posix()
        for path in BLIND
        if "migrations" not in path.parts and any(names_kind(path.read_text(encoding="utf-8"), kind) for kind in KINDS)
    }
    assert naming == set()


def test_the_package_does_not_know_the_second_kind() -> None:
    """It lives in `tests/plugins` alone; its own name is an ordinary word, so what it consists of is looked for."""
    names = ("words_drawing", "words.kind", "words.counter", "CounterEngine", "text_file", "most_frequent")
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert [name for name in names if name in text] == [], path
