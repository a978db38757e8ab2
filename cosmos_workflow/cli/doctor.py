"""`cosmos doctor`."""

from __future__ import annotations

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.checks import check_place, show_checks
from cosmos_workflow.limits import MODELS, OF_FAMILY, TRANSFER_MODELS

__all__ = ["command"]


@click.command("doctor")
@click.option(
    "--on",
    "place",
    shell_complete=completion.places,
    default="local",
    metavar="HOST",
    help="Check this host instead of this machine.",
)
@click.option(
    "--model",
    type=click.Choice([*OF_FAMILY, *TRANSFER_MODELS, *MODELS]),
    metavar="NAME",
    help="Check what this model needs: its files, access to download them, driver, card, space.",
)
@click.option("--model-path", default="", metavar="FOLDER", help="Where its files are, if not as the settings say.")
@click.option(
    "--engine",
    type=click.Choice(["diffusers", "program"]),
    help="With --model: for this engine. program: NVIDIA's own program too.  [that of the settings]",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def command(place: str, model: str | None, model_path: str, engine: str | None, as_json: bool) -> int:
    """Show what is missing on this machine or on a host, and how to fix it.

    With --model, what that model needs. Nothing is downloaded; Hugging Face is asked whether your token (HF_TOKEN, or
    that of `hf auth login`) has access to what is missing.
    """
    return show_checks(check_place(place, model or "", model_path, engine or ""), as_json)
