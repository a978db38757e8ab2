"""How the program ends: errors in one style with their exit codes; standard streams that are closed or full."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from pathlib import Path

import click

from cosmos_workflow.cli.visible import visible
from cosmos_workflow.errors import BadInputError, Conflict, CosmosError, NotFound, UsageError, from_system

__all__ = ["end_of_printing", "flushed", "is_of_printing", "open_streams", "say_error"]

GONE = (errno.EPIPE, errno.EINVAL)  # whoever read us has gone, as `| head` does; the second is what Windows says
PRINTERS = ("click.utils", "rich.console")  # all that is printed goes through them


def say_error(error: BaseException) -> int:
    """Tell a person what is wrong, on stderr; the exit code."""
    text, code, command = _described(error)
    lines = [f"error: {text}", *([f"usage: {command}"] if command else [])]
    with contextlib.suppress(OSError):
        click.echo(visible("\n".join(lines)), err=True)
    return code


def _described(error: BaseException) -> tuple[str, int, str]:
    """The words, the exit code, and for wrong usage the command that shows the right one."""
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        near = f"no such option {error.option_name!r}; did you mean {error.possibilities[0]}?"
        return near, 2, _help_on(error.ctx.command_path if error.ctx else "cosmos")
    if isinstance(error, click.UsageError):
        return _plain(error.format_message()), 2, _help_on(error.ctx.command_path if error.ctx else "cosmos")
    if isinstance(error, click.ClickException):
        return _plain(error.format_message()), 2, ""
    if isinstance(error, BadInputError):
        return f"bad input: {error}", error.exit_code, ""
    if isinstance(error, CosmosError):
        wrong_words = isinstance(error, UsageError) and not isinstance(error, (NotFound, Conflict))
        return str(error), error.exit_code, _help_on(getattr(error, "command", "cosmos")) if wrong_words else ""
    if isinstance(error, OSError):
        return str(from_system(error)), 1, ""
    return f"{type(error).__name__}: {error}; run it again with --debug and report it", 1, ""


def _help_on(path: str) -> str:
    program, _, command = path.partition(" ")
    return f"{program} help {command}".rstrip()


def _plain(message: str) -> str:
    """A sentence of click's in the style of ours: a small letter first, no full stop."""
    message = " ".join(message.split()).removesuffix(".")
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def open_streams() -> None:
    """Where a standard stream is closed, open one that drops everything: else the next file would take its number.

    What a console cannot show is replaced; files keep every character.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                _take(number)
            dropping = Path(os.devnull).open("w" if number else "r", encoding="utf-8")  # noqa: SIM115 - to our end
            setattr(sys, name, dropping)
        stream = getattr(sys, name)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _take(number: int) -> None:
    """Let a file descriptor that is closed drop everything."""
    try:
        os.fstat(number)
    except OSError:
        dropping = os.open(os.devnull, os.O_RDWR)
        if dropping != number:
            os.dup2(dropping, number)
            os.close(dropping)


def is_of_printing(error: BaseException) -> bool:
    """Whether an error came from writing to a standard stream, and not from any other file or line."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, OSError) and frames[-1].f_globals["__name__"] in PRINTERS


def end_of_printing(error: OSError) -> int:
    """The exit code where a standard stream takes no more: an error where it is full, not where its reader has gone."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop()
    if error.errno in GONE:
        return 0
    error.filename = "standard output"
    return say_error(error)


def flushed(code: int) -> int:
    """The exit code, once all is written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:  # noqa: PERF203 - closed by whoever calls us
            continue
        except OSError as error:
            code = (end_of_printing(error) or code) if stream is sys.stdout else code
    return code


def _drop() -> None:
    """Drop what is kept back for standard output, before Python tries to write it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        dropping = os.open(os.devnull, os.O_WRONLY)
        os.dup2(dropping, number)
        os.close(dropping)
