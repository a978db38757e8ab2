"""Captions in files: a caption's own, and what of NVIDIA's and ours holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError, cannot_read
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading.encoding import decoded
from cosmos_workflow.kinds.reading.opening import opened_as_text
from cosmos_workflow.kinds.upsample.caption.texts import TO_CONVERT, parsed, read_caption, written

__all__ = ["captions_in", "read_caption", "written"]

LINES = (".jsonl", ".ndjson")  # these and .json must be JSON and nothing else, as NVIDIA's programs read them
MARK = "\ufeff"
LARGEST = 16 << 20  # bytes of a file that is read as a whole, or of a line; a caption has 15 kB
# What only a caption has: specs of transfers have its resolution, aspect_ratio and fps too.
OWN_KEYS = {"subjects", "background_setting", "lighting", "cinematography", "actions", "segments", "temporal_caption"}
# Where others hold a caption: as a text, or in a file that is named.
TEXTS = ("prompt", "negative_prompt")
FILES = ("prompt_path", "negative_prompt_path", "negative_prompt_file")


def captions_in(path: str | Path) -> Iterator[tuple[str, Any]]:
    """The captions of a file, each with where it is: (`shots.jsonl, line 3`, caption).

    Read are a caption, NVIDIA's `{"prompt": "<caption>"}`, a spec of a transfer with its prompts and the files that it
    names, a line of our results, a list of these, and a .jsonl file with one of these on each line. An entry that
    cannot be read comes as its BadInputError, so that it does not stop the others.

    Raises BadInputError for a file that cannot be read or is empty, or that is no JSON as a whole.
    """
    path = at_home(Path(path))
    empty = True
    for where, entry in _entries(path):
        empty = False
        yield from _captions(entry, where, path.parent)
    if empty:
        raise BadInputError("there is no caption in it", where=str(path), remedy="write one, or one on each line")


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        if path.suffix.lower() not in LINES:
            value = parsed(_whole(path), str(path), path.suffix.lower() == ".json")
            for number, entry in enumerate(value if isinstance(value, list) else [value], 1):
                yield (f"{path}, entry {number}" if isinstance(value, list) else str(path)), entry
            return
        with opened_as_text(str(path)) as file:
            # Only line feeds end a line: str.splitlines would also cut captions at U+2028 and similar characters.
            for number, line in enumerate(iter(lambda: file.readline(LARGEST + 1), b""), 1):
                where = f"{path}, line {number}"
                if len(line) > LARGEST:
                    raise _too_long(where)
                text = decoded(line, where).lstrip(MARK).rstrip()
                if text.strip():
                    yield where, _or_error(text, where, line=number)
    except (OSError, ValueError) as error:  # a ValueError is a null byte in the path
        raise cannot_read(path, error) from error


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise _too_long(str(path))
    return decoded(data, str(path)).lstrip(MARK)


def _too_long(where: str) -> BadInputError:
    what = f"this is longer than {LARGEST >> 20} MiB, and no caption"
    return BadInputError(what, where=where, remedy="write each caption on a line of a .jsonl file")


def _captions(entry: Any, where: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """The captions that an entry of a file holds."""
    if isinstance(entry, str):
        yield where, _or_error(entry, where, caption=True)
    elif not isinstance(entry, Mapping) or OWN_KEYS & set(entry):
        yield where, entry
    elif "upsampled_prompt" in entry:  # a line of our results, whose prompt is the user's own
        yield where, _answer(entry, where)
    else:
        texts = [name for name in TEXTS if isinstance(entry.get(name), str | Mapping) and entry[name]]
        files = [name for name in FILES if isinstance(entry.get(name), str) and entry[name]]
        for name in texts:
            place = f"{where}, {name}"
            value = entry[name]
            yield place, _or_error(value, place, caption=True) if isinstance(value, str) else value
        for name in files:
            yield from _named(folder / at_home(Path(entry[name])), f"{where}, {name}")
        if not texts and not files:
            yield where, entry


def _named(path: Path, where: str) -> Iterator[tuple[str, Any]]:
    """The caption in a file that a spec names."""
    try:
        value = parsed(_whole(path), f"{where}: {path}", path.suffix.lower() == ".json")
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        yield where, BadInputError(f"{path} cannot be read ({reason})", where=where, remedy="correct the path")
    except BadInputError as error:
        yield where, error
    else:
        inner = value.get("prompt") if isinstance(value, Mapping) and not OWN_KEYS & set(value) else None
        yield where, _or_error(inner, where, caption=True) if isinstance(inner, str) else value


def _answer(entry: Mapping[str, Any], where: str) -> Any:
    answer = entry["upsampled_prompt"]
    if isinstance(answer, str) and answer.strip():
        return _or_error(answer, where, caption=True)
    why = str(entry.get("error") or entry.get("reason") or "it failed")
    return BadInputError(f"it has no answer: {why:.200}", where=where, remedy="run it again")


def _or_error(text: str, where: str, *, caption: bool = False, line: int = 1) -> Any:
    """What a text holds, or the BadInputError that says why it cannot be read."""
    try:
        if caption and not text.lstrip().startswith(("{", "`")):
            return BadInputError("the prompt is a paragraph, no structured caption", where=where, remedy=TO_CONVERT)
        return parsed(text, where, True, line)
    except BadInputError as error:
        return error
