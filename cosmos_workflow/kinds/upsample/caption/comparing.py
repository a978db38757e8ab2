"""What changed between two captions, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MISSING", "Change", "difference"]


class _Missing:
    """Stands for a field that one of the captions does not have; null is a value of its own."""

    def __repr__(self) -> str:
        return "(missing)"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


@dataclass(frozen=True)
class Change:
    """A field (`actions[1].time`) with its value in either caption; `MISSING` where a caption does not have it."""

    field: str
    before: Any
    after: Any

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the values that are there.

        >>> Change("fps", MISSING, 30).to_dict()
        {'field': 'fps', 'after': 30}
        """
        sides = {"before": self.before, "after": self.after}
        return {"field": self.field} | {name: value for name, value in sides.items() if value is not MISSING}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The leaves in which two captions differ, in the order of `before`, then what only `after` has.

    Lists are compared by index: an action that is put first changes all that follow. An object or list that one of them
    lacks is given leaf by leaf as well, and as a whole where it is empty or where the other has another type.

    >>> difference({"fps": 30, "duration": "4s"}, {"fps": 24, "duration": "4s"})
    [Change(field='fps', before=30, after=24)]
    """
    return list(_changes("", before, after))


def _changes(field: str, before: Any, after: Any) -> Iterator[Change]:
    sides = [side for side in (before, after) if side is not MISSING]
    if all(isinstance(side, Mapping) for side in sides) and any(sides):
        names = dict.fromkeys(name for side in sides for name in side)
        for name in names:
            inner = f"{field}.{name}" if field else str(name)
            yield from _changes(inner, _of(before, name), _of(after, name))
    elif all(isinstance(side, list | tuple) for side in sides) and any(sides):
        for index in range(max(map(len, sides))):
            yield from _changes(f"{field}[{index}]", _at(before, index), _at(after, index))
    elif _differ(before, after):
        yield Change(field, before, after)


def _of(side: Any, name: str) -> Any:
    return MISSING if side is MISSING else side.get(name, MISSING)


def _at(side: Any, index: int) -> Any:
    return MISSING if side is MISSING or index >= len(side) else side[index]


def _differ(before: Any, after: Any) -> bool:
    # Python takes True for 1; 30 and 30.0 are the same number in JSON.
    return isinstance(before, bool) is not isinstance(after, bool) or bool(before != after)
