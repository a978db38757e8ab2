"""The user's settings: from the environment first, then the project's `cosmos.toml`, then the user's own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import write_whole

__all__ = ["Config", "config_files", "data_folder", "known_keys_file", "load_config", "price_of", "set_host"]


@dataclass(frozen=True)
class Config:
    """Settings by their names in `cosmos.toml`; in the environment, COSMOS_ENGINE and so on override them.

    `engine_options` are further arguments of the engine's own library, such as
    `{"tensor_parallel_size": 2}` for vLLM. `hosts` are the machines that a batch can run on, by name.
    `store_url` is the database of runs, by default a SQLite file in the user's data folder. `price` is what this
    machine costs, in US dollars an hour. `format` is that of upsampled prompts (see
    `kinds.upsample.Format`).
    """

    engine: str = ""
    model: str = ""
    model_path: str = ""
    server_url: str = ""
    server_model: str = ""
    store_url: str = ""
    price: str = ""
    format: str = ""
    engine_options: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, Any] = field(default_factory=dict)


def config_files() -> list[Path]:
    """The files that settings are read from, by priority: ./cosmos.toml, then the one in the user's folder."""
    import platformdirs

    return [Path("cosmos.toml"), Path(platformdirs.user_config_dir("cosmos-workflow")) / "cosmos.toml"]


def load_config() -> Config:
    """The settings that apply. Raises BadInputError that names the file and the unknown or invalid setting."""
    values: dict[str, Any] = {}
    for path in reversed(config_files()):
        if path.is_file():
            file_values = _read(path)
            hosts = values.get("hosts", {}) | file_values.get("hosts", {})
            values |= file_values | ({"hosts": hosts} if hosts else {})
    for setting in fields(Config):
        variable = f"COSMOS_{setting.name.upper()}"
        if setting.type == "str" and os.environ.get(variable):
            values[setting.name] = os.environ[variable]
    return Config(**values)


def data_folder() -> Path:
    """The folder of runs and their files; COSMOS_DATA in the environment names another one."""
    import platformdirs

    return Path(os.environ.get("COSMOS_DATA") or platformdirs.user_data_dir("cosmos-workflow"))


def known_keys_file() -> Path:
    """The file of pinned host keys."""
    return config_files()[-1].with_name("known_hosts")


def price_of(text: str, where: str) -> float:
    """US dollars an hour, from a setting; 0 for an empty one. Raises BadInputError."""
    try:
        price = float(text.strip().lstrip("$") or 0)
    except ValueError:
        price = -1.0
    if not 0 <= price < 1e6:
        raise BadInputError(f"{text!r} is not a price", where=where, remedy="give US dollars an hour, such as 2.10")
    return price


def set_host(name: str, values: dict[str, Any] | None, *, project: bool = False) -> Path:
    """Write a host's entry into the user's settings (or ./cosmos.toml), or remove it; the rest stays as it is."""
    import tomlkit

    path = config_files()[0 if project else -1]
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.is_file() else tomlkit.document()
    hosts = document.setdefault("hosts", tomlkit.table(is_super_table=True))
    if values is None:
        hosts.pop(name, None)
    else:
        hosts[name] = values
    write_whole(path, tomlkit.dumps(document).encode())
    return path


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"cannot be read ({error})", where=str(path), remedy="correct or remove it") from error
    known = {field.name: field.type for field in fields(Config)}
    for name, value in values.items():
        if name not in known:
            remedy = f"choose one of {', '.join(known)}"
            raise BadInputError(f"unknown setting {name!r}", where=str(path), remedy=remedy)
        if not isinstance(value, str if known[name] == "str" else dict):
            wanted = "text" if known[name] == "str" else "a table"
            what = f"{name} is {value!r}, but must be {wanted}"
            raise BadInputError(what, where=str(path), remedy="see docs/CONFIGURATION.md")
    return values
