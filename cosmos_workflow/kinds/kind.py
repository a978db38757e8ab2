"""What other rooms know of a kind of work: `Task`, `Outcome`, `Kind`, and the registry that finds a kind by its name.

A kind turns what a person asks (items of a batch) into tasks that an engine answers, and the outcomes into results.
It knows no machine, no database and no screen; runs, the store, the agent and the server know no kind but through here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading import Fields, Keys, read_batch
from cosmos_workflow.kinds.registry import KINDS, known_kinds
from cosmos_workflow.kinds.served import Served

__all__ = [
    "FIRST_KIND",
    "IDENTITY_KEY",
    "MARK_KEYS",
    "WINDOW",
    "Checked",
    "Files",
    "Kind",
    "Outcome",
    "Packed",
    "Result",
    "Task",
    "bytes_of",
    "get_kind",
    "is_known",
    "load_outcome",
    "load_result",
    "load_task",
    "load_tasks",
]

WINDOW = 256  # tasks whose files are in memory at once, unless a kind says otherwise

Files = Mapping[str, "bytes | Path"]
"""Input files by their SHA-256: in memory, or on this machine's disk."""


@dataclass(frozen=True)
class Task:
    """One item, checked and packed: all that an engine needs to answer it.

    `asks` is JSON in the kind's own words, `inputs` names the SHA-256 of each file that the engine reads, `needs` are
    the ids of tasks that must be done before.

    >>> Task("shot-1", "upsample", {"text": "a city"}, {"frame-0": "9f86d0…"}).kind
    'upsample'
    """

    id: str
    kind: str
    asks: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of the Task of the same id.

    `says` is the engine's answer as JSON in the kind's own words, `outputs` names the SHA-256 of each file that it
    made. `error` says why there is no answer, and `error_kind` which kind of failure that is; `seconds` is the time
    that the engine took.

    >>> Outcome("shot-1", error="the prompt is too long", error_kind="too_long").ok
    False
    """

    id: str
    says: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    error_kind: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.error


@dataclass(frozen=True)
class Packed:
    """A task, and the files that it names which are not yet where the engine is."""

    task: Task
    files: Files = field(default_factory=dict)


class Checked(Protocol):
    """An item with what is known of it before it runs."""

    @property
    def item(self) -> Any: ...
    @property
    def runs(self) -> bool:
        """Whether it may be sent to an engine."""

    @property
    def verdict(self) -> str:
        """One of the kind's `verdicts`."""

    @property
    def reason(self) -> str:
        """Why it has this verdict, where a person should know."""

    @property
    def remedy(self) -> str:
        """What to do so that it runs."""


class Result(Protocol):
    """An item's answer, or why there is none: a dataclass of the kind's, beginning with texts from `id` to `verdict`.

    Its fields are `str`, `int`, `float` or `bool`, annotated as text (`from __future__ import annotations`), and none
    is named `identity`, `rating` or `tags`. Where the kind makes files, it has besides `outputs: dict[str, str]`, empty
    by default: the SHA-256 of each file by its name.
    Results are what people keep: lines of a results file, rows of the store and of Parquet files.
    """

    @property
    def id(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def error_kind(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class Kind(Served, ABC):
    """One kind of work. There is one object of each kind: see `get_kind`.

    `version` is part of every identity: a kind whose answers mean something else from now on has a new one.
    `engines` names those that can do it, the preferred first; `hopeless` are the kinds of error that asking again
    cannot change; `changed` is that of an item whose input file is not what it was when the run was submitted.
    `fields` are what an entry of a batch may have, `inputs` the fields of an item and its Result that name files,
    `key_fields` those (besides `id`) that say what is asked, and `verdicts` what a check may say. `later_fields` of a
    Result are those that its first version did not have, and `old_after_verdict` what stood behind the verdict then.
    `modules` are the modules and packages that a host needs for its engines besides this package and the engine's own
    package; Ray's machines have them installed.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    engines: ClassVar[tuple[str, ...]]
    hopeless: ClassVar[tuple[str, ...]] = ("bad_input", "changed")
    fields: ClassVar[Fields] = Fields()
    inputs: ClassVar[tuple[str, ...]] = ()
    key_fields: ClassVar[tuple[str, ...]]
    verdicts: ClassVar[tuple[str, ...]]
    later_fields: ClassVar[frozenset[str]] = frozenset()
    old_after_verdict: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    item: Any
    settings: Any
    result: Any

    @property
    def makes_files(self) -> bool:
        """Whether its answers have output files: its Result then has a field `outputs`, and `-o` names a folder."""
        return "outputs" in self.result.__dataclass_fields__

    def read(self, path: str | Path, note: Callable[[str], None]) -> Iterator[Any]:
        """The items of a batch file of this machine, one by one; their files are taken from its folder.

        `note` gets what a person should know of the file. Raises BadInputError that names the entry which cannot be
        used.
        """
        path = at_home(Path(path))

        def item_of(values: Mapping[str, Any], where: str, keys: Keys) -> Any:
            item, written = self.entry(values, where, keys)
            given = [name for name, text in zip(self.inputs, written, strict=True) if text]
            return replace(item, **{name: path.parent / getattr(item, name) for name in given})

        return read_batch(path, self.fields, item_of, note)

    @abstractmethod
    def entry(self, values: Mapping[str, Any], where: str, keys: Keys | None = None) -> tuple[Any, tuple[str, ...]]:
        """The item of one entry of a batch, and its `inputs` as they are written there, which may be URLs.

        `keys` counts the keys that are not known. Raises BadInputError.
        """

    @abstractmethod
    def damaged(self, values: Any, id: str) -> Any:
        """An item that stands for an entry which cannot be used, with as much of it as can be read."""

    @abstractmethod
    def check(self, items: Iterable[Any], settings: Any) -> Iterator[Any]:
        """What is known of each item before it runs (`Checked`); one that cannot be used is told of, never raised."""

    def limited(self, settings: Any, max_model_len: int) -> Any:
        """Settings for an engine that states a context length, in tokens, where that means something to the kind."""
        return settings

    def for_engine(self, settings: Any, engine: str) -> Any:
        """Settings that know which engine was chosen, where its abilities mean something to the check."""
        return settings

    @abstractmethod
    def unusable(self, item: Any, error: BadInputError, settings: Any) -> Any:
        """An item that cannot be checked (`Checked`), as an entry or a file of it cannot be read."""

    @abstractmethod
    def asks(self, checked: Any, settings: Any) -> Mapping[str, Any]:
        """What decides the answer besides input files, engine and model: the same asks are the same work."""

    @abstractmethod
    def pack(self, checked: Any, settings: Any, wants: str) -> Packed:
        """The task of an item that runs, for an engine that `wants` its inputs so. Raises BadInputError."""

    @abstractmethod
    def begin(self, checked: Any, engine: Any, place: str) -> Any:
        """The Result of an item that has been checked and not answered yet."""

    def refusal(self, checked: Any) -> Outcome:
        """The outcome of an item that does not run: the reason, and what to do about it."""
        error = "; ".join(filter(None, (checked.reason, checked.remedy)))
        return Outcome(checked.item.id, error=error, error_kind=checked.verdict)

    @abstractmethod
    def finish(self, result: Any, outcome: Outcome) -> Any:
        """The Result with its answer."""

    def finished(self, result: Any, outcome: Outcome) -> Any:
        """As `finish`, with the output files of the outcome."""
        result = self.finish(result, outcome)
        return replace(result, outputs=dict(outcome.outputs)) if self.makes_files else result

    def facts(self, checked: Any) -> Mapping[str, Mapping[str, Any]]:
        """What the check knows of each input that has pictures: its `width`, `height`, `frames` and `duration`."""
        return {}

    def load_result(self, values: Mapping[str, Any]) -> Any:
        """A Result from its JSON; what only a later version knows is left out."""
        names = self.result.__dataclass_fields__
        return self.result(**{name: value for name, value in values.items() if name in names})

    def dump_item(self, item: Any) -> dict[str, Any]:
        """An item as JSON, from which `load_item` makes it again; files by their absolute paths."""
        return {**asdict(item), **{name: str(getattr(item, name).absolute()) for name in self.inputs}}

    def load_item(self, values: Mapping[str, Any]) -> Any:
        """An item from what `dump_item` wrote."""
        return self.item(**{**values, **{name: Path(values[name]) for name in self.inputs}})

    def answers(self, result: Any, item: Any) -> bool:
        """Whether a result without an identity, of the version before, answers an item of the same id.

        Of a file only the name counts: the same batch may be run from another folder.
        """
        names = [name for name in self.key_fields if name not in self.inputs]
        return all(getattr(result, name) == getattr(item, name) for name in names) and all(
            Path(getattr(result, name)).name == getattr(item, name).name for name in self.inputs
        )

    def dump_settings(self, settings: Any) -> dict[str, Any]:
        """Settings as JSON, from which `load_settings` makes them again."""
        return asdict(settings)

    def load_settings(self, values: Mapping[str, Any]) -> Any:
        """Settings from what `dump_settings` wrote."""
        return self.settings(**values)

    @abstractmethod
    def checked_again(self, item: Any, result: Any, settings: Any) -> Any:
        """An item as it was checked when its run began: what was decided then, kept in its Result, is not decided anew.

        One whose files cannot be read any more does not run.
        """

    @abstractmethod
    def texts(self, result: Any) -> tuple[str, str]:
        """What is searched: the text that was asked, and the text of the answer."""

    def window(self, wants: str) -> int:
        """How many tasks are in memory at once, and asked in one call, on this machine and on a host."""
        return WINDOW

    def piece(self, wants: str, settings: Any) -> int:
        """How many tasks one call of a cluster's engine has at most, and one part of its results."""
        return 128

    def old_task(self, values: Mapping[str, Any]) -> Task:
        """A task as it was packed before there were kinds."""
        raise NotImplementedError

    def old_outcome(self, values: Mapping[str, Any]) -> Outcome:
        """An outcome as a host told it before there were kinds."""
        raise NotImplementedError


# What every run was before there were kinds.
FIRST_KIND = "upsample"
# What stands beside the fields of a Result in a line: in a results file, and in an export of the history.
IDENTITY_KEY = "identity"
MARK_KEYS = frozenset({"rating", "tags"})
RESERVED = MARK_KEYS | {IDENTITY_KEY}


@lru_cache
def get_kind(name: str) -> Kind:
    """A kind by its name. Raises UsageError for one that is not installed, or cannot be used.

    >>> get_kind("upsample").version
    1
    """
    where = KINDS.get(name) or known_kinds().get(name)
    if where is None:
        raise UsageError(f"no kind of work named {name!r}", remedy=f"known are {', '.join(known_kinds())}")
    module, _, attribute = where.partition(":")
    try:
        kind: Kind = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the kind of work {name!r} cannot be imported ({error})", where=where,
            remedy="install its distribution again, or remove it",
        ) from error  # fmt: skip
    if taken := sorted(RESERVED & kind.result.__dataclass_fields__.keys()):
        raise UsageError(
            f"results of {name!r} cannot have a field {taken[0]!r}, as every line of results may", where=where,
            remedy="give the field another name",
        )  # fmt: skip
    return kind


def is_known(name: str) -> bool:
    """Whether a kind is installed."""
    return name in KINDS or name in known_kinds()


def load_result(kind: str, values: Mapping[str, Any]) -> Any:
    """A Result of a kind from its JSON; where the kind is not installed, the JSON itself."""
    return get_kind(kind).load_result(values) if is_known(kind) else dict(values)


def bytes_of(file: bytes | Path) -> bytes:
    """The content of an input file (see `Files`)."""
    return file if isinstance(file, bytes) else file.read_bytes()


def load_task(values: Mapping[str, Any]) -> Task:
    """A task from its JSON, also as the version before wrote it."""
    return Task(**values) if "kind" in values else get_kind(FIRST_KIND).old_task(values)


def load_tasks(batch: Mapping[str, Any]) -> Iterator[Task]:
    """The tasks of a batch as it travels to a host; the version before called them conversations."""
    return map(load_task, batch.get("tasks") or batch.get("conversations") or ())


def load_outcome(values: Mapping[str, Any]) -> Outcome:
    """An outcome from its JSON, also as the version before wrote it."""
    return Outcome(**values) if "says" in values else get_kind(FIRST_KIND).old_outcome(values)
