"""`cosmos hosts`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import print_json, stderr, stdout, table
from cosmos_workflow.cli.help import Group
from cosmos_workflow.cli.target import client_of
from cosmos_workflow.cli.values import DURATION, NumberRange
from cosmos_workflow.config import known_keys_file, load_config, set_host
from cosmos_workflow.errors import HostError, HostKeyError, UsageError

__all__ = ["command"]


@click.group("hosts", cls=Group)
def command() -> None:
    """The GPU machines that a batch can run on, reached by SSH.

    \b
    cosmos hosts add gpu ubuntu@203.0.113.7 --model-path /data/checkpoints/Cosmos-UpsamplePrompt1-12B-Transfer
    cosmos hosts trust gpu
    cosmos hosts check gpu
    cosmos upsample prompts.jsonl --on gpu
    """


@command.command("add")
@click.argument("name")
@click.argument("ssh", metavar="[USER@]HOST[:PORT]")
@click.option("--workdir", help="Folder for our files on the host.  [.cosmos-workflow]")
@click.option("--runtime", type=click.Choice(["none", "docker", "podman"]), help="Container runtime.  [none]")
@click.option("--image", help="Container image, preferably by its digest.")
@click.option(
    "--run-option",
    "run_options",
    multiple=True,
    help="Option of the runtime's `run` command; repeatable.  [--ipc=host]",
)
@click.option(
    "--engine",
    shell_complete=completion.engines,
    help="vllm, server, transformers or describe.  [vllm, if there is a model]",
)
@click.option("--model-path", help="The model's folder on the host.")
@click.option("--python", help="Python on the host that has the engine installed.  [python3]")
@click.option("--gpu", help='Index of the GPU, or "none".  [all]')
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="Variable for the engine; repeatable.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME",
    help="Variable for the engine, taken from this machine at each run; repeatable.",
)
@click.option(
    "--ssh-config",
    type=click.Path(exists=True, resolve_path=True),
    help="SSH settings to use instead of ~/.ssh/config.",
)
@click.option("--price", type=NumberRange(0), metavar="USD", help="What the machine costs, in US dollars an hour.")
@click.option("--project", is_flag=True, help="Write to ./cosmos.toml instead of your own settings.")
def add(name: str, project: bool, environment: tuple[str, ...], **options: Any) -> None:
    """Add or change a host. Nothing connects to it yet."""
    from cosmos_workflow.ssh import host_from

    values = {
        key: list(value) if isinstance(value, tuple) else str(value) if key == "price" else value
        for key, value in options.items()
        if value
    }
    if environment:
        pairs = [entry.partition("=") for entry in environment]
        if not all(key and sign for key, sign, _ in pairs):
            raise UsageError("--env needs NAME=VALUE", remedy="for a secret, give --secret NAME")
        values["environment"] = {key: value for key, _, value in pairs}
    host_from(name, values)
    stderr().print(f"{name} is in {set_host(name, values, project=project)}; next: cosmos hosts trust {name}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_hosts(as_json: bool) -> None:
    """List the hosts."""
    from cosmos_workflow.ssh import Pins, host_from

    if client := client_of():
        hosts: Sequence[Any] = client.hosts()
        trusted = {host.name: host.trusted for host in hosts}
    else:
        hosts, pins = [host_from(name, values) for name, values in load_config().hosts.items()], Pins(known_keys_file())
        trusted = {host.name: pins.get(host.name) is not None for host in hosts}
    if as_json:
        for host in hosts:
            print_json({**vars(host), "trusted": trusted[host.name]})
        return
    if not hosts:
        stderr().print("no hosts yet: cosmos hosts add NAME [USER@]HOST[:PORT]")
        return
    rows = table("host", "destination", "key", "runtime", "model folder")
    for host in hosts:
        key = "pinned" if trusted[host.name] else f"cosmos hosts trust {host.name}"
        runtime = host.runtime if not host.image else f"{host.runtime}: {host.image}"
        rows.add_row(host.name, host.ssh, key, runtime, host.model_path or "-")
    stdout().print(rows)


@command.command("trust")
@click.argument("name", shell_complete=completion.hosts)
@click.option("--fingerprint", help="Pin only the key with this fingerprint (SHA256:…), without asking.")
def trust(name: str, fingerprint: str | None) -> None:
    """Show a host's SSH key, and pin it if you trust it."""
    from cosmos_workflow.api import find_host
    from cosmos_workflow.ssh import Pins, SSHManager

    host, pins = find_host(name), Pins(known_keys_file())
    key, status = asyncio.run(SSHManager(host, pins).server_key())
    if key is None:
        raise HostError("the host shows no key", where=name, remedy="check that it is an SSH server")
    if status == "revoked":
        raise HostKeyError(
            "its key is revoked in your known_hosts (@revoked)",
            where=name,
            remedy="ask the machine's owner for a new one",
        )
    actual, pinned = key.get_fingerprint(), pins.get(name)
    if fingerprint and fingerprint != actual:
        raise HostKeyError(
            f"the host's key is {actual}, not {fingerprint}", where=name, remedy="check the address and the fingerprint"
        )
    stderr().print(f"{host.ssh} shows {key.get_algorithm()} {actual}")
    if status == "known":
        stderr().print("your own known_hosts has this key too", style="dim")
    elif status == "other":
        stderr().print("your own known_hosts has another key for it", style="yellow")
    if pinned and pinned.get_fingerprint() != actual:
        stderr().print(f"pinned until now: {pinned.get_fingerprint()}", style="yellow")
    if not fingerprint:
        click.confirm("Is that the fingerprint that the machine's provider shows?", abort=True, err=True)
    pins.pin(name, key)
    stderr().print(f"pinned; next: cosmos hosts check {name}")


@command.command("check")
@click.argument("name", shell_complete=completion.hosts)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def check(name: str, as_json: bool) -> int:
    """Show what a host has and what is missing, and how to fix it."""
    from cosmos_workflow.cli.checks import check_place, show_checks

    return show_checks(check_place(name), as_json)


@command.command("setup")
@click.argument("name", shell_complete=completion.places)
@click.option("--model", required=True, metavar="NAME", help="The model whose program is set up: transfer2.5-2b, …")
@click.option("--model-path", default="", metavar="FOLDER", help="Where the program's clone goes.  [the host's, or ~]")
@click.option("--dry-run", is_flag=True, help="Show the steps and what is done of them; run none.")
@click.option("--yes", is_flag=True, help="Do not ask before each step.")
def setup(name: str, model: str, model_path: str, dry_run: bool, yes: bool) -> None:
    """Install NVIDIA's own program for a model on a host, or here (`local`), by its documented steps.

    Each step is shown before it runs: its command, why, and how much it downloads as far as that is published. What is
    there already is skipped, so after a step that failed or a line that broke the same command goes on. A token of
    Hugging Face goes to the host as HF_TOKEN where its settings name it (--secret HF_TOKEN of `cosmos hosts add`).
    """
    from cosmos_workflow.cli.setup import set_up

    set_up(name, model, model_path, dry_run=dry_run, yes=yes)


@command.command("prune")
@click.argument("name", shell_complete=completion.hosts)
@click.option("--older-than", type=DURATION, default="7d", help="What nobody has used for longer than this.  [7d]")
@click.option("--most", type=NumberRange(0), metavar="GB", help="And the oldest, beyond so many GB together.")
@click.option("--yes", is_flag=True, help="Do not ask before they are removed.")
def prune(name: str, older_than: float, most: float | None, yes: bool) -> None:
    """Remove old files of runs from a host's workdir; what a run there still needs stays."""
    from cosmos_workflow.api import find_host
    from cosmos_workflow.runs.places.host_steps import prune as prune_there
    from cosmos_workflow.ssh import HostProgram, Pins, line_to, run_steps

    host, limit = find_host(name), None if most is None else int(most * 1e9)

    async def asked(remove: bool) -> dict[str, int]:
        async with line_to(host, Pins(known_keys_file())) as manager:
            return await prune_there(HostProgram(manager), older_than, limit, remove=remove)

    old = run_steps(asked(False))
    if not old["files"]:
        stderr().print("no files to remove")
        return

    def words(files: dict[str, int]) -> str:
        return f"{files['files']:,} files with {files['bytes'] / 1e6:,.1f} MB"

    if not yes:
        click.confirm(f"Remove {words(old)} from {name}?", abort=True, err=True)
    stderr().print(f"removed {words(run_steps(asked(True)))}")


@command.command("remove")
@click.argument("name", shell_complete=completion.hosts)
@click.option("--project", is_flag=True, help="Remove it from ./cosmos.toml instead of your own settings.")
def remove(name: str, project: bool) -> None:
    """Forget a host and its key. Nothing changes on the host."""
    from cosmos_workflow.api import find_host
    from cosmos_workflow.ssh import Pins

    find_host(name)
    path = set_host(name, None, project=project)
    Pins(known_keys_file()).pin(name, None)
    stderr().print(f"{name} is no longer in {path}")
