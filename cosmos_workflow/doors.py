"""The door of a room that imports what it offers when that is first used; every room may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["lazy_door"]


def lazy_door(room: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a room's `__init__`: `homes` says in which module of the room each name is.

    >>> lazy_door("cosmos_workflow", {"NotFound": "errors"})("NotFound").__name__
    'NotFound'
    """

    def get(name: str) -> object:
        if name in homes:
            return getattr(import_module(f"{room}.{homes[name]}"), name)
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    return get
