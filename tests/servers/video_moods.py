"""What befalls a request for a video at a stand-in (`video_server`), and the film that it is answered with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["BLOCKED", "OOM", "Film", "Mood", "colour_of"]

OOM = "CUDA out of memory. Tried to allocate 12.50 GiB. GPU 0 has a total capacity of 79.11 GiB"
BLOCKED = "Input was blocked by Cosmos3 guardrails."


@dataclass(frozen=True)
class Film:
    """What a request is answered with."""

    width: int
    height: int
    frames: int
    fps: float
    seed: int


def colour_of(seed: int) -> tuple[int, int, int]:
    """The colour of a seed's film, by which it can be told from others."""
    return 60 + 40 * (seed % 4), 90, 200 - 30 * (seed // 4 % 4)


@dataclass(frozen=True)
class Mood:
    """What befalls a request: a `status` with a text, a line that is `dropped` before or (`halved`) within the answer,
    a wait, or another film.
    """

    status: int = 0
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False
    halved: bool = False
    waits: threading.Event | None = None
    film: Callable[[Film], Film] = lambda film: film
    black: bool = False
    body: bytes = b""
