"""`cosmos completion`, and what Tab offers: hosts, engines, GPUs, runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

from cosmos_workflow.cli.target import client_of
from cosmos_workflow.errors import CosmosError

__all__ = ["command", "complete", "engines", "experiments", "gpus", "hosts", "places", "runs"]

VARIABLE = "_COSMOS_COMPLETE"
RUNS_SHOWN = 50  # the latest

POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = $commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition }
    $env:COMP_WORDS = ($before | ForEach-Object { if ($_.Value) { $_.Value } else { $_.Extent.Text } }) -join "`n"
    $env:COMP_CWORD = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    try {
        & %(prog_name)s | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq "plain") {
                [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
            } else {
                [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
            }
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s
    }
}
"""


class PowerShellComplete(ShellComplete):
    """PowerShell 5.1 and later. The words come one a line, as paths there have backslashes."""

    name = "powershell"
    source_template = POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        return os.environ["COMP_WORDS"].split("\n")[1:], os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        # A tooltip may not be empty.
        return f"{item.type}\t{item.value}\t{item.help or item.value}"


add_completion_class(PowerShellComplete)


def complete(instruction: str) -> int:
    """What a shell's script asks for: `bash_complete`, `bash_source`, ….; the exit code."""
    from click.shell_completion import shell_complete

    from cosmos_workflow.cli import cosmos

    try:
        return shell_complete(cosmos, {}, "cosmos", VARIABLE, instruction)
    except (click.ClickException, CosmosError):  # where the line so far is not valid, Tab offers nothing
        return 1


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(values: Callable[[click.Context], Iterable[tuple[str, str]]]) -> Completer:
    """Offers values with their explanations; nothing, silently, where they cannot be had."""

    def offered(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            choices = list(values(ctx))
        except Exception:  # a person is in the middle of a line: no error may come between
            return []
        return [CompletionItem(value, help=help) for value, help in choices if value.startswith(incomplete)]

    return offered


def _engines(ctx: click.Context) -> Iterable[tuple[str, str]]:
    from cosmos_workflow.engines import ENGINES

    return [(name, "") for name in ENGINES]


def _gpus(ctx: click.Context) -> Iterable[tuple[str, str]]:
    from cosmos_workflow.limits import GPUS

    # With no space, which a shell would take for two words.
    return [(name.replace(" ", "-"), f"{gib:g} GiB") for name, gib in GPUS.items()]


def _hosts(ctx: click.Context) -> Iterable[tuple[str, str]]:
    if client := client_of(ctx):
        return [(host.name, "") for host in client.hosts()]
    from cosmos_workflow.config import load_config

    return [(name, str(values.get("ssh", ""))) for name, values in load_config().hosts.items()]


def _places(ctx: click.Context) -> Iterable[tuple[str, str]]:
    choices = [("local", "this machine"), *_hosts(ctx)]
    return choices if ctx.find_root().params.get("server") else [*choices, ("ray", "a Ray cluster")]


def _runs(ctx: click.Context) -> Iterable[tuple[str, str]]:
    if client := client_of(ctx):
        return [(run.id, f"{run.state}, {run.source}") for run in client.runs(most=RUNS_SHOWN)]
    from cosmos_workflow.api import open_store

    return [(run.id, f"{run.state}, {run.source}") for run in open_store().runs(most=RUNS_SHOWN)]


def _experiments(ctx: click.Context) -> Iterable[tuple[str, str]]:
    from cosmos_workflow.api import open_store
    from cosmos_workflow.lab import studies

    return [(study.experiment.id, study.experiment.kind) for study in studies(open_store().experiments, ())]


engines = _completer(_engines)
gpus = _completer(_gpus)
hosts = _completer(_hosts)
places = _completer(_places)
runs = _completer(_runs)
experiments = _completer(_experiments)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def command(shell: str) -> None:
    """Print a shell's completion script.

    \b
    cosmos completion bash >> ~/.bashrc
    cosmos completion zsh >> ~/.zshrc
    cosmos completion fish > ~/.config/fish/completions/cosmos.fish
    cosmos completion powershell >> $PROFILE
    """
    from cosmos_workflow.cli import cosmos

    completion = get_completion_class(shell)
    assert completion is not None  # there is a class for each choice
    click.echo(completion(cosmos, {}, "cosmos", VARIABLE).source())
