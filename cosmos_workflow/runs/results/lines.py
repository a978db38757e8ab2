"""The lines of a results file: a Result of a kind as JSON, with the identity of the work that it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from cosmos_workflow.kinds.kind import IDENTITY_KEY, MARK_KEYS, Kind

__all__ = ["Line", "Lines", "to_dict"]

TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "dict[str, str]": dict,
}  # fmt: skip
STRING = r'"(?:[^"\\]|\\.)*'


@dataclass(frozen=True)
class Line:
    """A result, the identity of its work (empty where the version before wrote it), and the line as it stands."""

    result: Any
    identity: str = ""
    text: bytes = b""


@dataclass(frozen=True)
class Lines:
    """How the lines of a kind's results are written, read and recognised."""

    kind: Kind

    @cached_property
    def fields(self) -> dict[str, type | tuple[type, ...]]:
        """The fields of a result, in their order, and the types of JSON that they have."""
        return {field.name: TYPES[str(field.type)] for field in fields(self.kind.result)}

    def is_result(self, values: Any, names: Iterable[str] = ()) -> bool:
        """Whether an object of a file or a table is a result of this program, judged by its fields in `names` (all)."""
        return (
            isinstance(values, dict)
            and all(
                self._is_field(values[name], name) if name in values else name in self.kind.later_fields
                for name in names or self.fields
            )
            and not MARK_KEYS & values.keys()
        )

    def _is_field(self, value: Any, name: str) -> bool:
        if name == "verdict":
            return value in self.kind.verdicts
        type = self.fields[name]
        return isinstance(value, type) and (type is bool or not isinstance(value, bool))

    def read(self, text: bytes) -> Line | None:
        """A line; None for what is not one."""
        try:
            values = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError):
            return None
        if not self.is_result(values):
            return None
        identity = values.get(IDENTITY_KEY)
        return Line(self.kind.load_result(values), identity if isinstance(identity, str) else "", text)

    def added(self, line: Line) -> list[str]:
        """The keys that somebody added to a line."""
        return sorted(json.loads(line.text).keys() - self.fields.keys() - {IDENTITY_KEY})

    def write(self, result: Any, identity: str = "", *, ascii: bool = False) -> str:
        """A line, with its end."""
        values = to_dict(result) | ({IDENTITY_KEY: identity} if identity else {})
        text = json.dumps(values, ensure_ascii=ascii) + "\n"
        try:
            text.encode()
        except UnicodeEncodeError:  # the bytes of a file's name are not UTF-8; escapes are read back unchanged
            return self.write(result, identity, ascii=True)
        return text

    def is_torn(self, text: bytes, *, follows: bool) -> bool:
        """Whether an incomplete line is the beginning of a result.

        It is if it reaches the verdict, which no batch has. A shorter one could be the beginning of any JSON, and
        counts as a result only if it `follows` other results.
        """
        # A power cut can leave zeros for what was not written yet, and can cut the last character between its bytes.
        rest = text.rstrip(b"\0").decode("utf-8", "ignore")
        with suppress(ValueError, RecursionError):
            json.JSONDecoder().raw_decode(rest)
            return False  # a complete object was not cut
        names = list(self.fields)
        for number, name in enumerate(names[: names.index("verdict") + 1]):
            key = f'{", " if number else "{"}"{name}": '
            if not rest.startswith(key):
                return follows and key.startswith(rest)
            rest = rest.removeprefix(key)
            if name == "verdict":
                return any(rest.startswith(head) or head.startswith(rest) for head in self._heads)
            value = re.match(STRING, rest)
            if value is None or not rest[value.end() :].startswith('"'):
                return follows and re.fullmatch(rf"(?:{STRING}\\?)?", rest) is not None
            rest = rest[value.end() + 1 :]
        return False

    @cached_property
    def _heads(self) -> list[str]:
        """How a line goes on from its verdict, in this version and in the first one."""
        names = list(self.fields)
        after = [names[names.index("verdict") + 1], *self.kind.old_after_verdict]
        return [f'"{verdict}", "{name}": ' for verdict in self.kind.verdicts for name in after]


def to_dict(result: Any) -> dict[str, Any]:
    """A Result as the JSON object that results files and `--json` contain."""
    return asdict(result)
