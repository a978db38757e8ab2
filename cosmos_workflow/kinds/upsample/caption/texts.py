"""A caption as text: what a model answered or a person wrote, read as JSON with each fault named, and written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading.fields import Repeated, entry_of

__all__ = ["TO_CONVERT", "parsed", "read_caption", "written"]

TO_CONVERT = "`cosmos prompts convert FILE --to cosmos3` makes one of a paragraph"


def read_caption(text: str, where: str = "") -> dict[str, Any]:
    """The caption in a text: one JSON object, with or without a fence of backticks or words around it.

    What a reasoning model thought (up to `</think>`) is passed over, and control characters inside texts are taken as
    they are, since constrained decoding lets them pass (xgrammar, where lengths are bounded). Whether the object is a
    valid caption is for `problems_of`.

    >>> read_caption('Here it is:\\n```json\\n{"fps": 30}\\n```')
    {'fps': 30}

    Raises BadInputError that names line and column: no object, a second one, no valid JSON, a text that ends too early,
    a key given twice with different values, half of a character.
    """
    begin = _begin(text, where)
    try:
        value, end = DECODER.raw_decode(text, begin)
        _refuse_repeated(value, where)
    except json.JSONDecodeError as error:
        raise _not_json(text, error, where) from error
    except (ValueError, RecursionError) as error:
        raise _not_at_all(error, where) from error
    if second := OBJECT.search(text, end):
        at = _place(text, second.start())
        raise BadInputError(f"there is a second object at {at}", where=where, remedy="give one caption")
    if "\\ud" in text.lower() or not text.isascii():
        _refuse_halves(value, where)
    return dict(value)


def written(caption: Mapping[str, Any], *, ascii: bool = True) -> str:
    """A caption as one line of JSON, keys in their order; with `ascii`, other characters as escapes (\\u00e9).

    It has a space behind each comma and colon, as all captions that Cosmos 3 was trained on: they were written by
    Python's json.dumps (NVIDIA/cosmos-framework, `caption_json_to_prompt` and prompt_upsampling.py, which escapes
    unless JSON_ENSURE_ASCII=0). Raises ValueError for NaN and infinity, which JSON does not have.
    """
    return json.dumps(caption, ensure_ascii=ascii, allow_nan=False)


def parsed(text: str, where: str, strict: bool, line: int = 1) -> Any:
    """What a text holds: any JSON, or without `strict` one object with something around it.

    `line` is the number of its first line. Raises BadInputError.
    """
    try:
        value = json.loads(text, object_pairs_hook=entry_of, parse_constant=_no_number)
        _refuse_repeated(value, where)
    except json.JSONDecodeError as error:
        if not strict:
            return read_caption(text, where)
        raise _not_json(text, error, where, line) from error
    except (ValueError, RecursionError) as error:
        raise _not_at_all(error, where) from error
    _refuse_halves(value, where)
    return value


def _begin(text: str, where: str) -> int:
    """The index at which the object begins."""
    thought = not text.lstrip().startswith(("{", "`"))
    after = text.rfind("</think>") + 1 if thought else 0
    match = OBJECT.search(text, after)
    begin = match.start() if match else text.find("{", after)
    if begin < 0:
        what = "there is no JSON object in it" if text.strip() else "it is empty"
        raise BadInputError(what, where=where, remedy=f"write a caption as JSON; {TO_CONVERT}")
    if text[after:begin].rstrip().endswith("["):
        raise BadInputError("a list, where one caption is wanted", where=where, remedy="take the brackets away")
    return begin


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


OBJECT = re.compile(r'\{\s*["}]')  # braces of a prose around it are followed by other things
DECODER = json.JSONDecoder(object_pairs_hook=entry_of, parse_constant=_no_number, strict=False)


def _not_json(text: str, error: json.JSONDecodeError, where: str, line: int = 1) -> BadInputError:
    if not text.strip():
        return BadInputError("it is empty", where=where, remedy="write a caption as JSON")
    if error.msg.startswith("Unterminated string") or not text[error.pos :].strip().strip("`"):
        what, remedy, at = (
            "the text ends before the caption does",
            "give it whole, or more tokens to the model",
            len(text),
        )
    else:
        what, remedy, at = f"not valid JSON ({error.msg})", "correct it", error.pos
    return BadInputError(f"{what}, at {_place(text, at, line)}", where=where, remedy=remedy)


def _not_at_all(error: Exception, where: str) -> BadInputError:
    """For NaN, a number of thousands of digits, objects in objects without end: they have no place of their own."""
    return BadInputError(f"not valid JSON ({error})", where=where, remedy="correct it")


def _place(text: str, at: int, line: int = 1) -> str:
    return f"line {text.count(chr(10), 0, at) + line}, column {at - text.rfind(chr(10), 0, at)}"


def _refuse_repeated(value: Any, where: str) -> None:
    """Raise BadInputError for a key that is given twice with different values: one of them would be lost."""
    if isinstance(value, Repeated):
        for key, inner in value.pairs:
            if inner != value[key]:
                raise BadInputError(
                    f"the key {key!r:.60} is given twice, with different values", where=where, remedy="keep one of them"
                )
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_repeated(inner, where)


def _refuse_halves(value: Any, where: str) -> None:
    """Raise BadInputError for half of a character, such as \\ud83d alone: no file and no model takes it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])[1:-1]
        raise BadInputError(
            f"a text has only half of a character ({half})", where=where, remedy="write the character again"
        ) from error
