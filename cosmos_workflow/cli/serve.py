"""`cosmos serve`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import stderr
from cosmos_workflow.cli.options import merged_config
from cosmos_workflow.cli.values import NumberRange
from cosmos_workflow.cli.working import logged
from cosmos_workflow.config import data_folder
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import MODELS

__all__ = ["command"]

TOKEN_LENGTH = 16


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8420,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False),
    help="File with the access token that clients must send.",
)
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="Name by which clients reach the server; repeatable."
)
@click.option(
    "--behind-proxy",
    "behind",
    multiple=True,
    metavar="ADDRESS",
    help="Address or network of a proxy whose X-Forwarded-For and -Proto are believed; repeatable.",
)
@click.option("--media", type=click.Path(exists=True, file_okay=False), help="Folder of clips that the server offers.")
@click.option("--upload-gib", type=NumberRange(0, min_open=True), default=8.0, help="Largest upload, in GiB.  [8]")
@click.option("--no-worker", is_flag=True, help="Drive no runs here; leave them to `cosmos worker`.")
@click.option("--paused", is_flag=True, help="Start with the queue paused.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--engine",
    shell_complete=completion.engines,
    default="",
    metavar="NAME",
    help="Engine of runs on this machine that name none.  [automatic]",
)
@click.option("--model", type=click.Choice(list(MODELS)), help="The model whose limits are used.")
@click.option("--model-path", metavar="FOLDER", help="The model's folder.")
@click.option("--server-url", default="", help="URL of an OpenAI-compatible server, for the server engine.")
@click.option("--server-model", default="", help="The model's name on that server.  [its first model]")
def command(
    host: str, port: int, token_file: str | None, names: tuple[str, ...], behind: tuple[str, ...],
    media: str | None, upload_gib: float,
    no_worker: bool, paused: bool, opens: bool, **words: Any,
) -> None:  # fmt: skip
    """Start the web page, the REST API and the queue, until Ctrl-C. The next start continues unfinished runs.

    \b
    cosmos serve
    cosmos serve --host 0.0.0.0 --token-file token.txt --name studio.example.com
    """
    try:
        from cosmos_workflow.server.guard import Guard, is_loopback
        from cosmos_workflow.server.server import Options, Server
        from cosmos_workflow.server.serving import serve
    except ImportError as error:
        remedy = "pip install 'cosmos-workflow[serve]'"
        raise UsageError(f"the server's libraries are not installed ({error})", remedy=remedy) from error
    token = read_token(token_file) if token_file else ""
    if not token and not is_loopback(host):
        raise UsageError(f"{host} can be reached by others, and there is no token", remedy="give --token-file FILE")
    if behind and not token:
        raise UsageError("a proxy lets others in, and there is no token", remedy="give --token-file FILE")
    ended = data_folder() / "ended-sessions"
    guard = Guard(token, frozenset(name.lower() for name in names), ended)
    options = Options(Path(media) if media else None, int(upload_gib * 2**30), guard, works=not no_worker)
    logged()
    server = Server(merged_config("", **words), options)
    if paused:
        server.store.queue.pause()

    def ready(url: str) -> None:
        stderr().print(f"cosmos is at {url}  (Ctrl-C ends it)")
        if opens:
            click.launch(url)

    serve(server, host, port, ready, behind=[read_network(address) for address in behind])


def read_network(address: str) -> str:
    """An address or network such as 10.0.0.0/8. Raises UsageError for anything else."""
    try:
        return str(ipaddress.ip_network(address))
    except ValueError as error:
        raise UsageError(f"not an address: {address!r}", remedy="give the proxy's IP address") from error


def read_token(file: str) -> str:
    """The token in a file. Raises UsageError for one that can be guessed."""
    token = Path(file).read_text(encoding="utf-8").strip()
    if len(token) < TOKEN_LENGTH:
        remedy = f"give {TOKEN_LENGTH} characters or more, such as: openssl rand -hex 24"
        raise UsageError("the token is too short", where=file, remedy=remedy)
    return token
