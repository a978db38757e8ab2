"""The command line: one module a command group, thin; every command calls the functions that scripts call.

Exit codes: 0 all good, 1 some item failed, 2 bad usage or input, 3 the host or engine cannot be reached,
130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import click

from cosmos_workflow.errors import CosmosError, UsageError, from_system
from cosmos_workflow.version import __version__

__all__ = ["cosmos", "main"]

# Help for `cosmos --help` stands here, so that it needs no command's imports.
COMMANDS = {
    "upsample": "Turn short prompts and their videos into long, detailed prompts.",
    "check": "Tell whether the model can take them; nothing runs.",
    "limits": "Show the largest sizes by aspect ratio, and what fits a GPU.",
    "probe": "Find where an engine's limits really are, beside where they are predicted.",
    "bench": "Time what the modes cost: offload, stay loaded, batch, warm.",
    "report": "Write what was measured: TESTING_RESULTS.md, a page with plots, tables.",
    "hosts": "The GPU machines that a batch can run on: add, trust, check.",
    "runs": "Batches on hosts: list, show, logs, attach, cancel, retry.",
    "serve": "Start the page, the REST API and the queue.",
    "worker": "Drive runs of the queue beside the server.",
    "doctor": "Show what is missing on this machine or a host, and its remedy.",
    "completion": "Print the completion script of a shell.",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if server := ctx.params.get("server"):
            from cosmos_workflow.cli.served import COMMANDS as SERVED

            if cmd_name in SERVED:
                return SERVED[cmd_name]
            if cmd_name != "completion":
                remedy = f"there are {', '.join(SERVED)}; or leave --server (COSMOS_SERVER) out"
                raise UsageError(f"{cmd_name} is not done by a server", where=server, remedy=remedy)
        module = importlib.import_module(f"cosmos_workflow.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cosmos")
@click.option("--server", metavar="URL", envvar="COSMOS_SERVER", help="A cosmos server that does it.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cosmos(context: click.Context, server: str | None, debug: bool) -> None:
    """Prompt upsampling for NVIDIA Cosmos-Transfer1, with limits known before anything runs.

    \b
    cosmos check clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample prompts.jsonl -o upsampled.jsonl
    cosmos serve
    """
    if not server and context.invoked_subcommand not in ("runs", "serve", "worker", "completion"):
        from cosmos_workflow.cli.unfinished import tell_of_unfinished

        tell_of_unfinished()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `cosmos`; returns the exit code. Errors are one line on stderr, a traceback only with --debug."""
    _never_break_the_console()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments or bool(os.environ.get("COSMOS_DEBUG"))
    # --debug may stand anywhere, as people add it to the end of a failing command.
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = cosmos.main(arguments, prog_name="cosmos", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read us has gone (`| head`); nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        error.show()
        return 2
    except CosmosError as error:
        if debug:
            raise
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        click.echo(f"error: {from_system(error)}", err=True)
        return 1
    except Exception as error:
        if debug:
            raise
        if "database or disk is full" in str(error):  # SQLite's own words
            from cosmos_workflow.config import data_folder

            full = OSError(errno.ENOSPC, "the disk is full", str(data_folder()))
            click.echo(f"error: {from_system(full, 'run it again')}", err=True)
            return 1
        click.echo(f"error: {type(error).__name__}: {error}; run it again with --debug and report it", err=True)
        return 1


def _never_break_the_console() -> None:
    """What a console cannot show is replaced; files keep every character."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
