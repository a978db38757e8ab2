"""The Item that travels through every room, and the Result that comes back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError

__all__ = ["Item", "Result"]

# Other tools' words for the same things: NVIDIA's batch files, controlnet specs.
ALIASES = {"name": "id", "text": "prompt", "video_path": "video", "input_video_path": "video"}


@dataclass(frozen=True)
class Item:
    """One prompt with its video.

    `frames`, `seed`, `temperature` and `max_tokens` override the run's settings where given; `extra`
    keeps whatever else the batch file said of it.
    """

    id: str
    prompt: str
    video: Path
    frames: int | None = None
    seed: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, folder: Path = Path(), where: str = "") -> Item:
        """An Item from a batch entry; a relative `video` is taken from `folder`.

        An entry without an id gets one from its content, so that it stays the same when the batch is
        sorted or grows. Raises BadInputError that names the field.
        """
        named = {ALIASES.get(key, key): value for key, value in values.items() if value is not None}
        video = named.pop("video", None)
        if not isinstance(video, str) or not video.strip():
            raise BadInputError("no video", where=where, remedy='give "video": "PATH"')
        prompt = named.pop("prompt", "")
        if not isinstance(prompt, str):
            raise BadInputError(f"the prompt is not a text: {prompt!r}", where=where, remedy="quote it")
        # JSON can carry half a surrogate pair, which no file and no engine can take.
        prompt = prompt.encode("utf-8", "replace").decode("utf-8") if prompt.strip() else ""
        numbers: dict[str, Any] = {
            name: _number(named.pop(name), name, kind, low, where)
            for name, kind, low in _NUMBERS
            if named.get(name) not in (None, "")
        }
        name = str(named.pop("id", "")).strip()
        path = Path(video)
        return cls(
            id=name or _content_id(video, prompt, numbers),
            prompt=prompt,
            video=path if path.is_absolute() else folder / path,
            extra={key: value for key, value in named.items() if key not in numbers},
            **numbers,
        )


_NUMBERS: tuple[tuple[str, Callable[[Any], float], float], ...] = (
    ("frames", int, 1),
    ("seed", int, -math.inf),
    ("temperature", float, 0),
    ("max_tokens", int, 1),
)


def _number(value: Any, name: str, kind: Callable[[Any], float], low: float, where: str) -> float:
    try:
        number = kind(value)
        if isinstance(value, bool) or number < low or not math.isfinite(number) or number != float(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        least = "" if low == -math.inf else f" of at least {low:g}"
        what = "a whole number" if kind is int else "a number"
        raise BadInputError(
            f"{name} is {value!r}", where=where, remedy=f"give {what}{least}, or leave it out"
        ) from None
    return number


def _content_id(video: str, prompt: str, numbers: Mapping[str, Any]) -> str:
    content = repr((video, prompt, sorted(numbers.items())))
    stem = Path(video).stem.encode("utf-8", "replace").decode()
    return f"{stem}-{hashlib.sha256(content.encode('utf-8', 'replace')).hexdigest()[:8]}"


@dataclass(frozen=True)
class Result:
    """An Item's answer, or why there is none, beside what its Plan said.

    `prompt_tokens` and `completion_tokens` are the engine's own count where it tells one, else the plan's;
    `seconds` is the time from the engine's start on the call that held the item to its answer.
    `truncated` says that the answer was cut short; `note` says what a reader should know, such as resized
    frames or that no model was used; `engine_model` is what the engine calls the model that answered.
    """

    id: str
    prompt: str
    video: str
    verdict: str
    model: str = ""
    frame_width: int = 0
    frame_height: int = 0
    source_width: int = 0
    source_height: int = 0
    frames: int = 0
    text_tokens: int = 0
    image_tokens: int = 0
    prompt_tokens: int = 0
    max_tokens: int = 0
    max_model_len: int = 0
    room: int = 0
    reason: str = ""
    remedy: str = ""
    upsampled_prompt: str = ""
    finish_reason: str = ""
    truncated: bool = False
    completion_tokens: int = 0
    seconds: float = 0.0
    engine: str = ""
    engine_model: str = ""
    place: str = "local"
    note: str = ""
    error: str = ""
    error_kind: str = ""

    @property
    def ok(self) -> bool:
        return not self.error
