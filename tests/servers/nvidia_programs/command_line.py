"""Command lines as tyro reads them: --num-steps is --num_steps, a switch has a --no- form, unknown flags exit 2."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

__all__ = ["Flag", "parse"]


class Flag(NamedTuple):
    """`kind` bool is a switch; `many` takes several values; a `must` has no default."""

    kind: type
    default: Any = None
    choices: tuple[Any, ...] | None = None
    many: bool = False
    must: bool = False
    short: str = ""


def parse(program: str, flags: dict[str, Flag], overrides: dict[str, type], arguments: list[str]) -> dict[str, Any]:
    """The values of all flags, and of the `overrides` those that were given; a bool there takes True or False."""
    parser = argparse.ArgumentParser(program, allow_abbrev=False, add_help=True)
    parser.error = lambda message: _refuse(program, "Parsing error", message)  # type: ignore[method-assign]
    for name, flag in flags.items():
        names = [f"--{name.replace('_', '-')}", f"--{name}", *([flag.short] if flag.short else [])]
        names = list(dict.fromkeys(names))
        if flag.kind is bool:
            parser.add_argument(*names, dest=name, default=flag.default, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(
                *names, dest=name, type=flag.kind, default=flag.default, choices=flag.choices, required=flag.must,
                **({"nargs": "+"} if flag.many else {}),
            )  # fmt: skip
    for name, kind in overrides.items():
        names = list(dict.fromkeys([f"--{name.replace('_', '-')}", f"--{name}"]))
        parser.add_argument(*names, dest=name, type=_truth if kind is bool else kind, default=argparse.SUPPRESS)
    values, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(program, "Unrecognized options", f"Unrecognized options: {' '.join(unknown)}")
    return vars(values)


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def _refuse(program: str, title: str, message: str) -> None:
    last = f"For full helptext, run {program} --help"
    width = max(len(title) + 4, len(message), len(last)) + 2
    lines = [message, "─" * (width - 2), last]
    box = [f"╭─ {title} {'─' * (width - len(title) - 3)}╮", *(f"│ {line:{width - 2}} │" for line in lines)]
    sys.stderr.buffer.write("\n".join([*box, f"╰{'─' * width}╯", ""]).encode())
    sys.stderr.flush()
    sys.exit(2)
