"""The kind: a text file and a size become a count and a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import Kind, Outcome, Packed, Task
from cosmos_workflow.kinds.reading import Fields

__all__ = ["WORDS"]


@dataclass(frozen=True)
class Item:
    """One text; a bar of its picture is `size` pixels high."""

    id: str
    text_file: Path
    size: int = 4


@dataclass(frozen=True)
class Settings:
    """How words are told apart."""

    ignore_case: bool = True


@dataclass(frozen=True)
class Checked:
    """An item with its text, or with the reason why there is none."""

    item: Item
    text: str = ""
    verdict: str = "fits"
    reason: str = ""
    remedy: str = ""

    @property
    def runs(self) -> bool:
        return self.verdict == "fits"


@dataclass(frozen=True)
class Result:
    """The picture is `picture.png` of its `outputs`."""

    id: str
    text_file: str
    text: str
    verdict: str
    size: int
    count: int = 0
    most_frequent: str = ""
    engine: str = ""
    place: str = ""
    seconds: float = 0.0
    error: str = ""
    error_kind: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.error


class Words(Kind):
    """Texts become counts and pictures."""

    name = "words"
    engines = ("counter",)
    fields = Fields(("id", "text_file", "size"), needs=("text_file",))
    inputs = ("text_file",)
    key_fields = ("text_file", "size")
    verdicts = ("fits", "bad_input")
    modules = ("words_drawing",)
    media_types = ("text/",)
    item, settings, result = Item, Settings, Result

    def entry(self, values: Mapping[str, Any], where: str, keys: Any = None) -> tuple[Item, tuple[str, ...]]:
        file, size = values.get("text_file"), values.get("size", 4)
        if not isinstance(file, str):
            raise BadInputError("no text file is given", where=where, remedy='give "text_file": "PATH"')
        if not isinstance(size, int) or not 1 <= size <= 64:
            raise BadInputError(f"size is {size!r}", where=where, remedy="give a whole number from 1 to 64")
        return Item(str(values.get("id") or Path(file).stem), Path(file), size), (file,)

    def damaged(self, values: Any, id: str) -> Item:
        named = values if isinstance(values, dict) else {}
        return Item(str(named.get("id") or id), Path())

    def check(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        return (self._checked(item, settings) for item in items)

    def _checked(self, item: Item, settings: Settings) -> Checked:
        try:
            return Checked(item, item.text_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            return self.unusable(item, BadInputError(f"cannot be read ({error})", where=str(item.text_file)), settings)

    def unusable(self, item: Item, error: BadInputError, settings: Settings) -> Checked:
        return Checked(item, "", "bad_input", f"{error.where}: {error.what}", error.remedy)

    def checked_again(self, item: Item, result: Result, settings: Settings) -> Checked:
        return self._checked(item, settings)

    def asks(self, checked: Checked, settings: Settings) -> dict[str, Any]:
        return {"size": checked.item.size, "ignore_case": settings.ignore_case}

    def pack(self, checked: Checked, settings: Settings, wants: str) -> Packed:
        data = checked.text.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        task = Task(checked.item.id, self.name, self.asks(checked, settings), {"text": sha256})
        return Packed(task, {sha256: data})

    def begin(self, checked: Checked, engine: Any, place: str) -> Result:
        item = checked.item
        return Result(
            item.id, str(item.text_file), checked.text, checked.verdict, item.size, engine=engine.name, place=place
        )

    def finish(self, result: Result, outcome: Outcome) -> Result:
        state = {"seconds": outcome.seconds, "error": outcome.error, "error_kind": outcome.error_kind}
        return replace(result, **state, **outcome.says)

    def texts(self, result: Result) -> tuple[str, str]:
        return result.text, f"{result.count} words, most of all {result.most_frequent!r}" if result.outputs else ""


WORDS = Words()
