"""Requests and answers in the shapes of each installed kind of work, and of any of them.

A request without a `kind` is of the first kind there was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Discriminator, Field, Tag, create_model

from cosmos_workflow.kinds.kind import FIRST_KIND, Kind, get_kind
from cosmos_workflow.kinds.registry import known_kinds
from cosmos_workflow.kinds.shapes import title
from cosmos_workflow.server.shapes import Check, Checked, NewRun, Page, Prompt

__all__ = ["AnyCheck", "AnyChecked", "AnyNewRun", "AnyPrompt", "PromptPage", "check_of", "checked_of", "new_run_of"]

Base = TypeVar("Base", bound=BaseModel)


@lru_cache
def new_run_of(name: str) -> Any:
    """The shape of a new run of a kind. Raises UsageError for one that is not installed."""
    asked = _asked(get_kind(name), at_least=1, at_most=100_000)
    return create_model(f"New{title(name)}Run", __base__=NewRun, __doc__=NewRun.__doc__, **asked)


@lru_cache
def check_of(name: str) -> Any:
    """The shape of a check of a kind. Raises UsageError for one that is not installed."""
    kind = get_kind(name)
    asked = _asked(kind, at_least=0, at_most=1000)
    return create_model(f"Check{title(name)}", __base__=(Check, kind.check_shape()), __doc__=Check.__doc__, **asked)


@lru_cache
def checked_of(name: str) -> type[Checked]:
    """The shape of what a check of a kind answers. Raises UsageError for one that is not installed."""
    return _answer(Checked, name, plans=_list_of(get_kind(name).plan_shape()))


@lru_cache
def _prompt_of(name: str) -> type[Prompt]:
    return _answer(Prompt, name, result=get_kind(name).result)


def _answer(base: type[Base], kind: str, **types: Any) -> type[Base]:
    """A shape of answers in which some fields have the types of a kind."""
    typed: dict[str, Any] = {name: (type, ...) for name, type in types.items()}
    tag: Any = Literal[kind]
    return create_model(title(kind) + base.__name__, __base__=base, __doc__=base.__doc__, kind=(tag, ...), **typed)


def _asked(kind: Kind, *, at_least: int, at_most: int) -> dict[str, Any]:
    """The fields of a request that depend on its kind; it has from `at_least` to `at_most` items."""
    settings, engines = kind.settings_shape(), ("", "auto", *kind.engines)
    items = Field(min_length=at_least, max_length=at_most) if at_least else Field([], max_length=at_most)
    return {
        "kind": (Literal[kind.name], FIRST_KIND if kind.name == FIRST_KIND else ...),
        "engine": (Literal[engines], ""),
        "settings": (settings, Field(default_factory=settings)),
        "items": (_list_of(kind.item_shape()), items),
    }


def _list_of(shape: Any) -> Any:
    return list[shape]


def _of_any(shape_of: Callable[[str], type[BaseModel]], other: type[BaseModel] | None = None) -> Any:
    """A value of any installed kind, as its `kind` says; or, of another kind, of the shape `other`."""
    names = list(known_kinds())
    tagged = [Annotated[shape_of(name), Tag(name)] for name in names]
    if other:
        tagged.append(Annotated[other, Tag("")])
    if len(tagged) == 1:
        return shape_of(names[0])
    what = f"kind is none of {', '.join(sorted(names))}"

    def tag(value: Any) -> str:
        name = _kind_in(value)
        return "" if other and name not in names else name

    return Annotated[reduce(or_, tagged), Discriminator(tag, "no_such_kind", what)]


def _kind_in(value: Any) -> str:
    kind = value.get("kind", FIRST_KIND) if isinstance(value, dict) else getattr(value, "kind", FIRST_KIND)
    return kind if isinstance(kind, str) else ""


class UnknownPrompt(Prompt):
    """A prompt of a kind that is not installed any more, with what the store has of it."""

    kind: str = Field(json_schema_extra={"not": {"enum": list(known_kinds())}})
    result: dict[str, Any]


if TYPE_CHECKING:
    AnyCheck = Check
    AnyNewRun = NewRun
    AnyChecked = Checked
    AnyPrompt = Prompt
    PromptPage = Page[Prompt]
else:
    AnyCheck, AnyNewRun, AnyChecked = map(_of_any, (check_of, new_run_of, checked_of))
    AnyPrompt = _of_any(_prompt_of, UnknownPrompt)

    class PromptPage(Page[AnyPrompt]):
        """Some of many items, of any kinds; `next` is the cursor of the page behind, null at the end."""
