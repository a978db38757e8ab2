"""What the keys of an entry and the columns of a table mean, and the notes about unknown and repeated ones."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cosmos_workflow.errors import BadInputError

__all__ = ["Fields", "Keys", "Repeated", "entry_of", "load_json"]

ALIKE = 0.76  # difflib's ratio from which a key counts as a typing error; `negative_prompt` stays below it
LISTED = 8  # at most so many keys without a guess are listed in a note


class Repeated(dict[str, Any]):
    """An object or row that has a key more than once; `pairs` has every key and value."""

    pairs: list[tuple[str, Any]]


def entry_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys and values as a dict; where a key is repeated, a `Repeated`, which keeps all values."""
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeated = Repeated(plain)
    repeated.pairs = pairs
    return repeated


def load_json(text: str) -> Any:
    """`json.loads`, with objects as `entry_of` makes them. Raises ValueError, RecursionError."""
    return json.loads(text, object_pairs_hook=entry_of)


@dataclass(frozen=True, eq=False)
class Fields:
    """What an entry of a batch may have: the fields' names, other names for them, and which an entry `needs`.

    >>> fields = Fields(("id", "prompt", "video"), {"video_path": "video"}, needs=("video", "prompt"))
    >>> fields.meaning(" Prompt"), fields.meaning("VIDEO PATH"), fields.meaning("promt"), fields.guess("promt")
    ('prompt', 'video', '', 'prompt')
    """

    names: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    def meaning(self, key: str) -> str:
        """The field that a key means, whatever its case, spaces and dashes; empty for an unknown key."""
        return _meaning(self, key)

    def guess(self, key: str) -> str:
        """The known key that a mistyped one probably means; empty if none is similar."""
        alike = difflib.get_close_matches(_plain(key.strip()), (*self.names, *self.aliases), n=1, cutoff=ALIKE)
        return alike[0] if alike else ""

    @property
    def remedy(self) -> str:
        """What to do about an entry that cannot be used."""
        needed = " and ".join(f'"{name}"' for name in self.needs)
        return f"each entry needs {needed}; see docs/BATCHES.md" if needed else "see docs/BATCHES.md"

    def split(
        self, values: Mapping[str, Any], where: str = "", keys: Keys | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The known fields of an entry, and all its other keys unchanged; nulls are left out.

        `keys` counts unknown and repeated keys for the notes. Raises BadInputError if two keys give a field different
        values.
        """
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        twice: list[tuple[str, str, str]] = []
        pairs = values.pairs if isinstance(values, Repeated) else values.items()
        for key, value in pairs:
            if value is None:
                continue
            name = _meaning(self, key)
            group, place = (known, name) if name else (extra, key)
            if place in group:
                if group[place] != value:
                    raise _contradiction(spelled[place], key, place, where)
                twice.append((place, spelled[place], key))
            group[place], spelled[place] = value, key
        if keys is not None:
            keys.count(extra, twice)
        return known, extra


@lru_cache(4096)  # even millions of entries have only a few different keys
def _meaning(fields: Fields, key: str) -> str:
    plain = _plain(key.strip("\ufeff \t\r\n\xa0"))
    plain = fields.aliases.get(plain, plain)
    return plain if plain in fields.names else ""


def _plain(key: str) -> str:
    return re.sub(r"[\s_-]+", "_", key).casefold()


def _contradiction(first: str, second: str, name: str, where: str) -> BadInputError:
    what = f"the key {first!r} is given twice, with different values"
    if first != second:
        what = f"{first!r} and {second!r} both give the {name}, with different values"
    return BadInputError(what, where=where, remedy="keep one of them")


@dataclass
class Keys:
    """Counts, over a whole batch, the unknown keys and those that are given twice.

    >>> keys = Keys(Fields(("prompt", "video")))
    >>> _ = keys.fields.split({"promt": "dusk", "video": "clip.mp4"}, keys=keys)
    >>> keys.notes()
    ['promt is not known: did you mean prompt? Kept but not used, in 1 of 1 entries']
    """

    fields: Fields
    entries: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    twice: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def count(self, extra: Iterable[str], twice: Iterable[tuple[str, str, str]]) -> None:
        """Count one entry: its unknown keys, and (field, first key, second key) where both give the same value."""
        self.entries += 1
        self.unknown.update(list(extra))  # a list, as Counter would take a mapping's values for counts
        self.twice.update(twice)

    def columns(self, names: Iterable[str]) -> None:
        """Count the header of a table, so that two columns for the same field are noted even if one is always empty."""
        first: dict[str, str] = {}
        for name in names:
            place = self.fields.meaning(name) or name
            if place in first:
                self.twice[place, first[place], name] += 0
            first.setdefault(place, name)

    def add(self, other: Keys) -> None:
        """Add the counts of another part of the batch."""
        self.entries += other.entries
        self.unknown.update(other.unknown)
        self.twice.update(other.twice)

    def notes(self) -> list[str]:
        """Notes for the user, one line each."""
        notes = []
        others = []
        for key, times in self.unknown.items():
            if alike := self.fields.guess(key):
                kept = f"Kept but not used, in {times:,} of {self.entries:,} entries"
                notes.append(f"{_shown(key)} is not known: did you mean {alike}? {kept}")
            else:
                others.append(key)
        if others:
            more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
            times = max(self.unknown[key] for key in others)
            named = ", ".join(map(_shown, others[:LISTED]))
            notes.append(f"unknown keys, kept but not used, in {times:,} of {self.entries:,} entries: {named}{more}")
        for (name, first, second), times in self.twice.items():
            what = f"{_shown(first)} and {_shown(second)} both give the {name}"
            if first == second:
                what = f"{_shown(first)} is given twice"
            how = f", with the same value, in {times:,} of {self.entries:,} entries" if times else ""
            notes.append(f"{what}{how or '; an empty cell does not count'}")
        return notes


def _shown(key: str) -> str:
    """A key as a terminal may show it: shortened, and without control codes."""
    key = key if len(key) <= 60 else f"{key[:59]}…"
    return key if key.isidentifier() else repr(key)
