"""What `cosmos hosts setup` does: shows each step, asks, runs it with its output, and looks whether it is done."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import click

from cosmos_workflow.cli.console import note, stderr, stdout
from cosmos_workflow.cli.visible import visible
from cosmos_workflow.config import known_keys_file, load_config
from cosmos_workflow.deciding import find_host, settings_for
from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.limits import TransferModel, get_transfer_model
from cosmos_workflow.setup import Here, Machine, OnHost, Step, asked_of, refusals, steps_for
from cosmos_workflow.ssh import Host, Pins, one_line

__all__ = ["set_up"]

SECRET = 8  # no shorter value of a secret is looked for in what is shown


def set_up(name: str, model_name: str, folder: str, *, dry_run: bool, yes: bool) -> None:
    """Run the open steps of a model's program on a host or here.

    Raises UsageError where nobody can be asked, HostError for what prevents the steps or a step that failed.
    """
    model = get_transfer_model(model_name)
    machine = _machine(name, model, folder)
    again = f"cosmos hosts setup {name} --model {model_name}" + (f" --model-path {folder}" if folder else "")
    with one_line():
        steps = _look(machine, model, show=True)
        if dry_run:
            return
        if not yes and not all(step.done for step in steps) and not sys.stdin.isatty():
            raise UsageError("nobody can be asked here", remedy=f"{again} --yes runs the steps that are shown")
        for number, step in enumerate(steps, 1):
            if not step.done and not _go_on(machine, model, step, f"{number} of {len(steps)}", again, yes):
                return
    stderr().print(f"{name} has what {model.name} needs to run; see the rest: cosmos doctor --on {name} --model"
                   f" {model.name} --engine program{f' --model-path {folder}' if folder else ''}")  # fmt: skip


def _machine(name: str, model: TransferModel, folder: str) -> Machine:
    """`host.engine` is the program's whatever else it does, as the steps are for it."""
    kind = get_kind("transfer")
    settings: Any = load_config() if name == "local" else find_host(name)
    own = settings_for(kind, settings)
    is_for_program = own.engine == "program"
    place = folder or (own.model_path if is_for_program else "") or "~"
    options = own.engine_options if is_for_program else {}
    if name == "local":
        return Here(Host("local", "local", engine="program", model_path=place, python=sys.executable,
                         engine_options=options, secrets=("HF_TOKEN",)))  # fmt: skip
    host = replace(settings, engine="program", model_path=place, engine_options=options)
    return OnHost(host, Pins(known_keys_file()))


def _look(machine: Machine, model: TransferModel, *, show: bool = False) -> list[Step]:
    """The steps as they are now; all are shown, then what prevents them is raised."""
    facts = machine.facts(asked_of(model, machine.host))
    steps = steps_for(model, machine.host, facts)
    if show:
        for number, step in enumerate(steps, 1):
            _show(step, f"{number} of {len(steps)}")
        refused = list(refusals(model, machine.host, facts))
        if refused:
            words = "; ".join(f"{finding.name}: {finding.detail}" for finding in refused)
            remedies = "; ".join(dict.fromkeys(finding.remedy for finding in refused))
            raise HostError(words, where=machine.host.name, remedy=remedies)
    return steps


def _show(step: Step, number: str) -> None:
    if step.done:
        stdout().print(f"{number}: {step.name}: there")
        return
    optional = ", optional" if step.optional else ""
    stdout().print(f"{number}: {step.name}{optional}: {step.why}\n  lacks: {step.lacks}")
    for command in step.commands:
        stdout().print(f"  $ {command}")
    stdout().print(f"  by hand: {step.note}" if not step.commands else f"  downloads: {step.downloads}")


def _go_on(machine: Machine, model: TransferModel, step: Step, number: str, again: str, yes: bool) -> bool:
    """As `_do`; an optional step that fails is told, and ends nothing."""
    try:
        return _do(machine, model, step, number, again, yes)
    except HostError as error:
        if not step.optional or isinstance(error, HostUnreachable):
            raise
        note(str(error))
        return True


def _do(machine: Machine, model: TransferModel, step: Step, number: str, again: str, yes: bool) -> bool:
    """Run one step; False where a person wants to stop. Raises HostError where it failed."""
    name, go_on = machine.host.name, f"go on afterwards with: {again}"
    if not step.commands:
        raise HostError(f"{step.name}: a person has to do this", where=name, remedy=f"{step.note}; {go_on}")
    if yes:
        stderr().print(f"{number}: {step.name}")
    else:
        _show(step, number)
        if not click.confirm("Run this?", default=True, err=True):
            if not step.optional:
                stderr().print(f"stopped; {go_on}")
            return step.optional
    for command in step.commands:
        stderr().print(f"$ {command}", style="dim")
        output = _Output(machine.host)
        try:
            code = machine.run(command, output.take)
        except CosmosError as error:
            error.remedy = f"{error.remedy}; {go_on}" if error.remedy else go_on
            raise
        finally:
            output.end()
        if code:
            raise HostError(f"{step.name}: `{command.words[0]}` ended with exit code {code}", where=name,
                            remedy=f"see its lines above; what is there is kept: {go_on}")  # fmt: skip
    now = {each.name: each for each in _look(machine, model)}[step.name]
    if not now.done:
        raise HostError(f"{step.name}: it ended without an error, but this is not there: {now.lacks}", where=name,
                        remedy=f"see its lines above; what is there is kept: {go_on}")  # fmt: skip
    return True


class _Output:
    """A command's output on stderr, line by line as it comes: without secrets, and nothing in it commands a terminal.

    Programs draw progress by going back to the begin of a line, which stays.
    """

    def __init__(self, host: Host) -> None:
        values = [os.environ.get(name, "") for name in (*host.secrets, "HF_TOKEN")]
        values.append(host.environment.get("HF_TOKEN", ""))
        self._secrets = [value.encode() for value in values if len(value) >= SECRET]
        self._rest = b""

    def take(self, data: bytes) -> None:
        self._rest += data
        end = max(self._rest.rfind(b"\n"), self._rest.rfind(b"\r")) + 1
        if end:
            lines, self._rest = self._rest[:end], self._rest[end:]
            self._print(lines)

    def end(self) -> None:
        self._print(self._rest + b"\n" if self._rest else b"")
        self._rest = b""

    def _print(self, data: bytes) -> None:
        for secret in self._secrets:
            data = data.replace(secret, b"***")
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        click.echo("\r".join(visible(part) for part in text.split("\r")), nl=False, err=True)
