"""NVIDIA's safety checker, which the models' licence asks for, around the pipelines that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cosmos_workflow.engines.failures import readable
from cosmos_workflow.errors import CosmosError, EngineUnavailable

__all__ = ["Blocked", "Checker"]


class Blocked(CosmosError):
    """The safety checker does not let a prompt or a video pass."""


class Checker:
    """NVIDIA's safety checker, and what it has refused: some pipelines give black frames then, without an error.

    Read in cosmos_guardrail 0.3.2: it refuses prompts, and pixelates faces. Its filter that would refuse whole videos
    is switched off there; other versions return None for a video that they refuse.
    """

    def __init__(self) -> None:
        """Load it. Raises EngineUnavailable."""
        try:
            from cosmos_guardrail import CosmosSafetyChecker
        except ImportError as error:
            raise EngineUnavailable(
                f"NVIDIA's safety checker cannot be imported ({readable(error)}), and the models' licence asks for it",
                remedy="pip install cosmos_guardrail",
            ) from error
        try:
            self.checker = CosmosSafetyChecker()
        except Exception as error:
            raise EngineUnavailable(
                f"NVIDIA's safety checker cannot be loaded ({readable(error)})",
                remedy="it downloads nvidia/Cosmos-1.0-Guardrail and Qwen/Qwen3Guard-Gen-0.6B: accept their terms at"
                " Hugging Face where it asks for that, then: hf auth login",
            ) from error
        self._refused = ""
        check_text, check_video = self.checker.check_text_safety, self.checker.check_video_safety

        def watched_text(prompt: str) -> bool:
            safe = bool(check_text(prompt))
            self._refused = self._refused if safe else "prompt"
            return safe

        def watched_video(frames: Any) -> Any:
            checked = check_video(frames)
            self._refused = self._refused if checked is not None else "video"
            return checked

        self.checker.check_text_safety, self.checker.check_video_safety = watched_text, watched_video

    @contextmanager
    def watching(self, prompt: str) -> Iterator[None]:
        """Raises Blocked where a pipeline asks inside, and the prompt or the video that was made is refused."""
        self._refused = ""
        try:
            yield
        except ValueError:  # pipelines raise it for what is refused, but not always
            if not self._refused:
                raise
        if self._refused == "prompt":
            raise Blocked("the safety checker refuses the prompt", where=prompt[:80], remedy="say it in other words")
        if self._refused:
            raise Blocked(
                "the safety checker refuses the video that was made",
                remedy="change the prompt or the seed, and look at the clip",
            )
