"""`cosmos completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    cosmos completion bash >> ~/.bashrc
    cosmos completion zsh >> ~/.zshrc
    cosmos completion fish > ~/.config/fish/completions/cosmos.fish
    """
    from cosmos_workflow.cli import cosmos

    completion = get_completion_class(shell)
    assert completion is not None  # click has a class for each choice
    click.echo(completion(cosmos, {}, "cosmos", "_COSMOS_COMPLETE").source())
