"""What `cosmos doctor` and `cosmos hosts check` show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

from rich.text import Text

from cosmos_workflow.cli.console import print_json, stdout, table
from cosmos_workflow.cli.target import client_of
from cosmos_workflow.doctor import Finding, examine
from cosmos_workflow.errors import UsageError

__all__ = ["check_place", "show_checks"]

STYLES = {"ok": "green", "optional": "yellow", "missing": "red", "unknown": "cyan"}


def check_place(name: str, model: str = "", model_path: str = "", engine: str = "") -> list[Finding]:
    """Look at a host of the settings, or at this machine (`local`); with a server, at its hosts or its machine.

    With a `model`, at what that needs, whose files are in the folder `model_path`, by default that of the settings, and
    for an `engine`, by default that of the settings.
    Raises UsageError where there is no host or model of that name.
    """
    if client := client_of():
        if model_path or engine:
            remedy = "leave out --model-path and --engine, or --server"
            raise UsageError("a server looks where its own settings say", remedy=remedy)
        return [Finding(**check.model_dump()) for check in client.check_host(name, model)]
    if name == "local":
        return list(examine(model, model_path, engine))
    from cosmos_workflow.api import find_host
    from cosmos_workflow.config import known_keys_file
    from cosmos_workflow.doctor import examine_host
    from cosmos_workflow.ssh import Pins, run_steps

    host = find_host(name)
    host = replace(host, model_path=model_path or host.model_path, engine=engine or host.engine)

    async def collect() -> list[Finding]:
        return [check async for check in examine_host(host, Pins(known_keys_file()), model)]

    return run_steps(collect())


def show_checks(checks: Iterable[Finding], as_json: bool) -> int:
    """The checks as a table or JSON Lines; 1 where something is missing, 3 where a host cannot be reached."""
    checks = list(checks)
    if as_json:
        for check in checks:
            print_json(asdict(check))
    else:
        rows = table("what", "state", "found", "remedy")
        for check in checks:
            rows.add_row(check.name, Text(check.status, style=STYLES[check.status]), check.detail, check.remedy)
        stdout().print(rows)
    missing = [check.name for check in checks if check.status == "missing"]
    return 3 if {"reachable", "host key"} & set(missing) else int(bool(missing))
