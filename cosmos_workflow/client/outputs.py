"""What this machine knows of its batches at servers: the results file of each run, and how its lines are written.

So the same command goes on with its run even where it was killed, and `runs attach` and `runs retry` find the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosmos_workflow.client.protocol import settings_in
from cosmos_workflow.config import data_folder
from cosmos_workflow.errors import BadInputError, HostUnreachable
from cosmos_workflow.files import write_whole
from cosmos_workflow.kinds.kind import Kind, get_kind
from cosmos_workflow.runs import Listener
from cosmos_workflow.server import shapes
from cosmos_workflow.store import RunRecord

__all__ = ["Output", "Outputs", "local_names", "named", "record_of", "tell", "unusable"]


@dataclass(frozen=True)
class Output:
    """Where the results of a run go; with `again`, in place of earlier answers to the same work.

    `whole` is whether all that the run has answered has come; `refused` are results of items that could not be sent.
    """

    run: str
    path: str
    again: bool = False
    whole: bool = False
    refused: Sequence[dict[str, Any]] = ()


class Outputs:
    """The outputs of one server's runs."""

    def __init__(self, url: str) -> None:
        self._folder = data_folder() / "outputs" / _hash(url.rstrip("/"))

    def of_file(self, path: Path) -> Output | None:
        file = self._file(path.absolute())
        return _read(file) if file.exists() else None

    def of_run(self, run: str) -> Output | None:
        files = self._folder.glob("?" * HASHED)
        return next((output for output in map(_read, files) if output.run == run), None)

    def remember(self, output: Output) -> None:
        """From now on the results of this run go to its file, and those of no other."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(Path(output.path)), json.dumps(vars(output)).encode())

    def forget(self, output: Output) -> None:
        self._file(Path(output.path)).unlink(missing_ok=True)

    def _file(self, path: Path) -> Path:
        return self._folder / _hash(str(path))


HASHED = 32


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASHED]


def _read(file: Path) -> Output:
    return Output(**json.loads(file.read_bytes()))


def record_of(run: shapes.Run, output: Output | None = None) -> RunRecord:
    """A server's run as this machine's are; `out` is here, and empty where it is not known."""
    fields = {name: value for name, value in run if name in RunRecord.__dataclass_fields__}
    return RunRecord(**fields, out=output.path if output else "")


def named(prompt: shapes.Prompt, files: Mapping[str, Mapping[str, str]]) -> Any:
    """A result with its files as they are called here (by its id), or else as they were called when they came."""
    names = files.get(prompt.result.id) or dict.fromkeys(get_kind(prompt.kind).inputs[:1], prompt.clip)
    return replace(prompt.result, **names)


def local_names(kind: str, items: Iterable[Any]) -> dict[str, dict[str, str]]:
    """What the files of items of a kind are called on this machine, by the items' ids."""
    inputs = get_kind(kind).inputs
    return {item.id: {name: str(getattr(item, name) or "") for name in inputs} for item in items}


def unusable(
    kind: Kind, items: Iterable[Any], errors: Mapping[str, BadInputError], settings: Any, engine: str
) -> Iterator[Any]:
    """Items that cannot be sent, as they are checked on this machine: this one may know better what is wrong."""
    values = settings_in(kind, settings).model_dump()
    known = kind.for_engine(kind.settings_from(values, "", ""), engine)
    for checked in kind.check(items, known):
        yield kind.unusable(checked.item, errors[checked.item.id], known) if checked.runs else checked


def tell(listener: Listener, name: str, data: Mapping[str, Any], place: str) -> None:
    """Tell a listener of an event of a server's run; of results it is told when they are kept."""
    if name == "state":
        listener.state(data["state"])
    elif name == "lost":
        listener.lost(HostUnreachable(data["error"], where=place), data["seconds"])
    elif name != "result":
        listener.event({"event": name, **data})
