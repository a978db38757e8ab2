"""Where steps run: a host by SSH, or this machine. Both tell their facts, and run a command with its output.

Variables, of which one may be the user's token, are handed over on standard input or by the environment: they stand in
no argument list.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cosmos_workflow.agent.inspecting import inspect
from cosmos_workflow.agent.paths import WORKDIR, HostPaths
from cosmos_workflow.doctor.host import inspect_host
from cosmos_workflow.errors import HostError
from cosmos_workflow.setup.steps import Command
from cosmos_workflow.ssh import Host, HostProgram, Pins, line_to, run_steps

__all__ = ["Here", "Machine", "OnHost"]

# Variables come as lines, up to an empty one; the command gets no input, and both of its outputs are one.
SCRIPT = """
while IFS= read -r line && [ -n "$line" ]; do export "$line"; done
cd "$1" && shift && exec "$@" 2>&1 </dev/null
"""
CHUNK = 1 << 16

OnOutput = Callable[[bytes], None]


class Machine(Protocol):
    """A machine that is set up; `host` has its settings."""

    @property
    def host(self) -> Host: ...

    def facts(self, survey: Mapping[str, Any]) -> dict[str, Any]:
        """Its facts (see `agent.inspecting`). Raises HostError."""

    def run(self, command: Command, on_output: OnOutput) -> int:
        """Run a command; its exit code. Raises HostUnreachable where the connection breaks."""


def _variables(host: Host, command: Command) -> dict[str, str]:
    secrets = {name: os.environ[name] for name in host.secrets if name in os.environ}
    return {**host.environment, **secrets, **command.environment}


@dataclass(frozen=True)
class OnHost:
    """A host of the settings."""

    host: Host
    pins: Pins

    def facts(self, survey: Mapping[str, Any]) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            async with line_to(self.host, self.pins) as manager:
                return await inspect_host(HostProgram(manager), (), survey)

        return run_steps(ask())

    def run(self, command: Command, on_output: OnOutput) -> int:
        lines = [f"{name}={value}" for name, value in _variables(self.host, command).items() if "\n" not in value]
        given = "\n".join([*lines, "", ""]).encode()

        async def follow() -> int:
            async with line_to(self.host, self.pins) as manager:
                arguments = ["sh", "-c", SCRIPT, "sh", command.folder, *command.words]
                async with manager.process(arguments, endless=True) as process:
                    process.stdin.write(given)
                    process.stdin.write_eof()
                    while data := await process.stdout.read(CHUNK):
                        on_output(data)
                    ended = await process.completed()
                    if ended is None:
                        raise HostError("the connection broke", where=self.host.name)
                    return ended.code

        return run_steps(follow())


@dataclass(frozen=True)
class Here:
    """This machine."""

    host: Host

    def facts(self, survey: Mapping[str, Any]) -> dict[str, Any]:
        asked = {
            "python": sys.executable,
            "runtime": [],
            "image": "",
            "model_path": "",
            "modules": [],
            "survey": survey,
        }
        return inspect(HostPaths(Path("~").expanduser() / WORKDIR), asked)

    def run(self, command: Command, on_output: OnOutput) -> int:
        environment = {**os.environ, **_variables(self.host, command)}
        try:
            process = subprocess.Popen(
                command.words, cwd=Path(command.folder).expanduser(), env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise HostError(f"{command.words[0]} cannot be started ({error.strerror})", where="local") from error
        with process:
            assert process.stdout is not None
            while data := os.read(process.stdout.fileno(), CHUNK):
                on_output(data)
        return process.returncode
