"""A machine that runs can go to: the table `[hosts.NAME]` in cosmos.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cosmos_workflow.agent.paths import WORKDIR
from cosmos_workflow.errors import UsageError

__all__ = ["RUNTIMES", "Host", "host_from"]

RUNTIMES = ("none", "docker", "podman")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Host:
    """A host's entry.

    `ssh` is a destination, [USER@]HOST[:PORT], or an alias of the user's OpenSSH config. `workdir` is our folder on
    the host, relative to the home folder (which may be written `~` or `~/…`) unless absolute. With a `runtime` other
    than none, the engine runs in a container of `image`; `runtime_command` (by default the runtime's name) and
    `run_options` go before the image. `environment` is set for the engine; `secrets` are names of variables that are
    taken from this machine's environment when a run starts, and never written to disk. `gpu` is an index, empty for
    all GPUs, or "none". `price` is what the machine costs, in US dollars an hour.
    """

    name: str
    ssh: str
    workdir: str = WORKDIR
    runtime: str = "none"
    image: str = ""
    runtime_command: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ("--ipc=host",)
    engine: str = ""
    model_path: str = ""
    python: str = "python3"
    gpu: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    ssh_config: str = ""
    price: str = ""

    @property
    def folder(self) -> str:
        """`workdir` as commands name it: an SSH session begins in the home folder, and no shell expands `~` in it.

        >>> [Host("h", "h", workdir=name).folder for name in ("~", "~/our work", "here", "/data/x")]
        ['.', 'our work', 'here', '/data/x']
        """
        return _from_home(self.workdir)

    @property
    def container(self) -> tuple[str, ...]:
        """The command of the container runtime; empty without one."""
        return () if self.runtime == "none" else self.runtime_command or (self.runtime,)

    @property
    def control_python(self) -> str:
        """The Python that runs the agent on the host itself; the engine's Python may be inside an image."""
        if self.container:
            return "python3"
        return f"./{_from_home(self.python)}" if self.python.startswith("~/") else self.python

    @property
    def destination(self) -> tuple[str, str, int]:
        """User, host name and port; an empty user and port 0 mean what the OpenSSH config says."""
        match = re.fullmatch(r"(?:([^@\s]+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^@\s:\[\]]+)(?::(\d{1,5}))?", self.ssh)
        if not match or self.ssh.startswith("-") or not 0 < int(match[3] or 22) < 65536:
            raise UsageError(
                f"{self.ssh!r} is not an SSH destination",
                where=f"hosts.{self.name}",
                remedy="give [USER@]HOST[:PORT] with a port from 1 to 65535, or an alias of ~/.ssh/config",
            )
        return match[1] or "", match[2].strip("[]"), int(match[3] or 0)


def host_from(name: str, values: Mapping[str, Any]) -> Host:
    """A Host from a table of cosmos.toml. Raises UsageError, which names the setting that is wrong.

    >>> host_from("gpu", {"ssh": "ubuntu@203.0.113.7"}).destination
    ('ubuntu', '203.0.113.7', 0)
    """
    where = f"hosts.{name}"
    if not NAME.fullmatch(name) or name in ("local", "ray"):
        raise UsageError(f"{name!r} cannot name a host", remedy="use letters, digits, - and _, but not local or ray")
    known = {field.name: field for field in fields(Host) if field.name != "name"}
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"no setting named {key!r}", where=where, remedy=f"the settings are {', '.join(known)}")
        given[key] = _value(key, value, str(known[key].type), where)
    if not given.get("ssh"):
        raise UsageError("the SSH destination is missing", where=where, remedy='give ssh = "[USER@]HOST[:PORT]"')
    host = Host(name, **given)
    if re.match(r"~[^/]|-", host.workdir) or "\0" in host.workdir or not host.workdir.strip():
        raise UsageError(
            f"workdir {host.workdir!r} cannot be used", where=where,
            remedy="give an absolute path, or one in the home folder (~/NAME)",
        )  # fmt: skip
    _ = host.destination  # raises if it is malformed
    if host.runtime not in RUNTIMES:
        raise UsageError(
            f"unknown runtime {host.runtime!r}", where=where, remedy=f"choose one of {', '.join(RUNTIMES)}"
        )
    if host.container and not host.image:
        raise UsageError("a container needs an image", where=where, remedy='give image = "REPOSITORY@sha256:…"')
    return host


def _from_home(path: str) -> str:
    """A path on the host, relative to the home folder, where sessions begin, if it starts with `~`."""
    return path[2:].lstrip("/") or "." if path == "~" or path.startswith("~/") else path


def _value(key: str, value: Any, kind: str, where: str) -> Any:
    if kind == "str" and isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    if kind.startswith("tuple") and isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return tuple(value)
    if kind.startswith("Mapping") and isinstance(value, Mapping):
        # Environment variables are text; an engine's options keep their types.
        return {str(k): str(v) if key == "environment" else v for k, v in value.items()}
    raise UsageError(f"{key} cannot be {value!r}", where=where, remedy="see docs/REMOTE.md")
