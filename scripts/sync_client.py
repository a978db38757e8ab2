"""Makes the sync client of the async one: cosmos_workflow/client/_async/*.py to _sync/*.py, word by word.

python scripts/sync_client.py            # writes them
python scripts/sync_client.py --check    # exits with 1 where one is not current
"""

from __future__ import annotations

import io
import subprocess
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "cosmos_workflow" / "client"

# Words of the code, not of comments and docstrings. Beside them, a name that begins with Async loses that; so do the
# quoted names of `__all__`.
WORDS = {
    "async": "",
    "await": "",
    "asyncio": "time",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "_async": "_sync",
}
HEADER = "# Made of _async/{name} by scripts/sync_client.py: change that file, then run `make format`.\n"


def sync_of(code: str) -> str:
    """The code of an async module without its async words, not yet formatted."""
    lines = code.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        if token.type == tokenize.STRING and token.string.startswith('"Async'):
            word = token.string.replace('"Async', '"')
        elif token.type == tokenize.NAME:
            word = WORDS.get(token.string, token.string.removeprefix("Async"))
        else:
            continue
        (row, start), (_, end) = token.start, token.end
        line = lines[row - 1]
        lines[row - 1] = line[:start] + word + (line[end:] if word else line[end:].lstrip(" "))
    return "".join(lines)


def formatted(code: str) -> str:
    for command in (["check", "--quiet", "--fix-only", "--select", "I"], ["format", "--quiet"]):
        whole = [sys.executable, "-m", "ruff", *command, "--config", "pyproject.toml", "-"]
        code = subprocess.run(
            whole, input=code, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True, cwd=ROOT
        ).stdout
    return code


def generated() -> dict[Path, str]:
    """The sync modules, with what they shall hold."""
    modules = {}
    for source in sorted((CLIENT / "_async").glob("[!_]*.py")):
        path = CLIENT / "_sync" / source.name
        code = sync_of(source.read_text(encoding="utf-8"))
        modules[path] = formatted(HEADER.format(name=source.name) + code)
    return modules


def main(arguments: list[str]) -> int:
    modules = generated()
    present = set((CLIENT / "_sync").glob("[!_]*.py"))
    old = sorted(
        path
        for path in {*modules, *present}
        if path not in modules or path not in present or path.read_text(encoding="utf-8") != modules[path]
    )
    for path in old:
        if "--check" in arguments:
            print(f"{path} is not current: python scripts/sync_client.py", file=sys.stderr)
        elif path in modules:
            path.write_text(modules[path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
