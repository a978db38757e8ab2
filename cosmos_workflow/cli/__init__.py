"""The command line: one module a command group, thin; every command calls the functions that scripts call.

The exit codes are `EXIT_CODES`, in `help.py`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cosmos_workflow.cli.ending import end_of_printing, flushed, is_of_printing, open_streams, say_error
from cosmos_workflow.cli.help import EXIT_CODES, Group
from cosmos_workflow.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["cosmos", "main"]

# Help for `cosmos --help` stands here, so that it needs no command's imports.
COMMANDS = {
    "upsample": "Turn short prompts and their videos into long, detailed prompts.",
    "prepare": "Turn renders and clips into the control videos that a video model takes.",
    "transfer": "Make a photoreal video of a clip, its controls and a prompt.",
    "upscale": "Make videos three times as wide and as high, long ones in pieces.",
    "check": "Check whether prompts and videos fit the model; nothing runs.",
    "limits": "Show the largest frame sizes by aspect ratio, and what fits on a GPU.",
    "probe": "Measure an engine's real limits, and compare them with the predicted ones.",
    "bench": "Measure how long each mode takes: offload, stay loaded, batch, warm.",
    "report": "Write up what was measured: TESTING_RESULTS.md, a page with plots, tables.",
    "prompts": "List, search, show, rate, tag and export earlier prompts; check and convert captions.",
    "hosts": "Add, trust and check the GPU machines that batches can run on.",
    "runs": "List, show, follow, cancel, retry and export runs.",
    "serve": "Start the web page, the REST API and the queue.",
    "worker": "Take runs from the queue and drive them, in addition to the server.",
    "doctor": "Show what is missing on this machine or on a host, and how to fix it.",
    "completion": "Print a shell's completion script.",
    "help": "Show the help of a command.",
}


def all_commands() -> dict[str, str]:
    """The commands, and what each does: ours, then one for each kind of work of another distribution."""
    from cosmos_workflow.kinds.registry import summaries

    others = {name: summary or "Do a batch of this kind of work." for name, summary in summaries().items()}
    return COMMANDS | {name: summary for name, summary in others.items() if name not in COMMANDS}


class LazyGroup(Group):
    """Imports a command's module when it is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(all_commands())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's, without the import of every command."""
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=help) for name, help in all_commands().items() if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS and cmd_name not in all_commands():
            return None
        if cmd_name not in COMMANDS:
            from cosmos_workflow.cli.kinds import command_of

            return command_of(cmd_name, all_commands()[cmd_name])
        module = importlib.import_module(f"cosmos_workflow.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(all_commands().items()))
        with formatter.section("Exit codes"):
            formatter.write_dl(list(EXIT_CODES.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cosmos")
@click.option("--server", metavar="URL", envvar="COSMOS_SERVER", help="Let this cosmos server do it.")
@click.option("--debug", is_flag=True, help="Show a traceback when an error occurs.")
@click.pass_context
def cosmos(context: click.Context, server: str | None, debug: bool) -> None:
    """Prompt upsampling for NVIDIA Cosmos-Transfer1, with limits known before anything runs.

    \b
    cosmos check clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample prompts.jsonl -o upsampled.jsonl
    cosmos serve
    """
    if not server and context.invoked_subcommand not in ("runs", "prompts", "serve", "worker", "completion", "help"):
        from cosmos_workflow.cli.unfinished import tell_of_unfinished

        tell_of_unfinished()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `cosmos`; returns the exit code. Errors are one line on stderr, a traceback only with --debug."""
    open_streams()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments or bool(os.environ.get("COSMOS_DEBUG"))
    # --debug may stand anywhere, as people add it to the end of a failing command.
    arguments = [argument for argument in arguments if argument != "--debug"]
    code = 0
    try:
        if instruction := os.environ.get("_COSMOS_COMPLETE"):
            from cosmos_workflow.cli.completion import complete

            return complete(instruction)
        # Not click's own `main`, which takes every pipe that breaks for standard output's.
        with cosmos.make_context("cosmos", arguments) as context:
            returned = cosmos.invoke(context)
        code = returned if isinstance(returned, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("interrupted", err=True)
        code = 130
    except Exception as error:
        if isinstance(error, OSError) and is_of_printing(error):
            code = end_of_printing(error)
        elif debug and not isinstance(error, click.ClickException):
            raise
        else:
            code = say_error(error)
    return flushed(code)
