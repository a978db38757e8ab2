"""The captions that the history holds: as the answer of a prompt, or as the prompt of a video."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from cosmos_workflow.kinds.kind import FIRST_KIND
from cosmos_workflow.kinds.upsample.caption import MISSING
from cosmos_workflow.kinds.upsample.caption.problems import is_negative, problems_of
from cosmos_workflow.kinds.upsample.captioning import caption_in
from cosmos_workflow.server.shapes import Prompt

__all__ = ["caption_of", "kind_of", "outline", "said", "story_of", "text_of", "words_of"]


# An answer that is an object with any of these was meant as a caption, though it may be none.
OWN = ("temporal_caption", "subjects", "cinematography", "segments")


def text_of(prompt: Prompt) -> str:
    """The text in which a caption may be: the answer of an upsampling, the prompt that a video was made with."""
    if prompt.kind == FIRST_KIND:
        return prompt.answer if prompt.ok else ""
    return str(getattr(prompt.result, "prompt", ""))


def caption_of(prompt: Prompt) -> dict[str, Any] | None:
    """The caption of an entry, None where its text is prose. It is shared: whoever changes it copies it first."""
    return _read(text_of(prompt))


@lru_cache(256)
def _read(text: str) -> dict[str, Any] | None:
    return caption_in(text, OWN)


def outline(prompt: Prompt) -> str:
    """An answer as it is set beside another one: a caption field by field, a line each, and prose as it is."""
    caption = caption_of(prompt)
    return prompt.answer if caption is None else "\n".join(_lines(caption, ""))


def _lines(value: Any, field: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _lines(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lines(inner, f"{field}[{index}]")
    elif value != "":
        yield f"{field}: {value}"


def kind_of(caption: Mapping[str, Any]) -> str:
    """What a caption is called on the page."""
    return "Negative caption" if is_negative(caption) else "Caption"


def story_of(caption: Mapping[str, Any]) -> str:
    """What happens in a caption; empty where it does not say so, as any object may stand for a caption."""
    texts = (caption.get(name) for name in ("temporal_caption", "context"))
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def words_of(caption: Mapping[str, Any]) -> str:
    """A caption as a paragraph, for models that take one; empty for a wrong one and for a negative one."""
    from cosmos_workflow.kinds.upsample.caption import paragraph_of

    return "" if is_negative(caption) or problems_of(caption) else paragraph_of(caption)


def said(value: Any) -> str:
    """A value of a caption in a table of changes."""
    if value is MISSING:
        return "(missing)"
    return (value or "(empty)") if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
