"""What a prompt asks for: values of the scene, attributes of things, and things in the place of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Attribute", "Swap", "Wish"]


@dataclass(frozen=True)
class Attribute:
    """What the wish asks of things: `value` (a material, a colour, a number) in the user's `word`, of these `nouns`.

    No nouns stand for everything. `was` is the colour of the thing that is meant: `the red car is blue`. With `exact`,
    what is called so is meant, and no other of its kind; with `main` the first subject, as the prompt names none.
    """

    kind: str
    value: str | int
    word: str
    nouns: tuple[str, ...] = ()
    was: str = ""
    exact: bool = False
    main: bool = False


@dataclass(frozen=True)
class Swap:
    """A thing in the place of another; `new` is empty where the old one goes without another.

    With `exact`, what is called so is meant, and no other of its kind; with `every`, all of the kind (`no cars`). `on`
    is the thing that has what goes: `the text on the car`. `many` is whether there are several new ones.
    """

    old: str
    new: str = ""
    exact: bool = False
    every: bool = False
    on: str = ""
    many: bool = False


@dataclass(frozen=True)
class Wish:
    """What a prompt asks for. `own` has the user's own words for a value, by value and form.

    `implied` are those of the `values` that it only means: a sunny sky means day."""

    prompt: str
    values: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    own: Mapping[tuple[str, str], str] = field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()
    swaps: tuple[Swap, ...] = ()
    beings: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
