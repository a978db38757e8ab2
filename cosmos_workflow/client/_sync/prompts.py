# Made of _async/prompts.py by scripts/sync_client.py: change that file, then run `make format`.
"""The history: everything that was asked, of any kind of work, with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cosmos_workflow.client._sync.transport import Transport
from cosmos_workflow.client.protocol import checked
from cosmos_workflow.server import shapes

__all__ = ["Prompts"]


class Prompts(Transport):
    """The prompts of a server's runs."""

    def prompts(
        self, search: str = "", *, most: int = 0, run: str = "", ok: bool | None = None, place: str = "",
        engine: str = "", rating: int | None = None, tag: str = "", kind: str = "",
    ) -> list[shapes.Prompt]:  # fmt: skip
        """The prompts for which all that is given holds, the newest first; with `most`, no more than so many.

        `search` are words of the prompt or its answer, the last may be a beginning; `rating` is the least number of
        stars, from 1 to 5. Raises UsageError.
        """
        params = {
            "search": search, "run": run, "ok": ok, "place": place, "engine": engine, "rating": rating, "tag": tag,
            "kind": kind,
        }  # fmt: skip
        return self._pages(shapes.Page[shapes.Prompt], "/prompts", params, most=most)

    def prompt(self, number: int) -> shapes.Prompt:
        """A prompt with its answer. Raises NotFound."""
        return self._ask(shapes.Prompt, "GET", f"/prompts/{number}")

    def mark(
        self, number: int, *, rating: int | Literal["unchanged"] | None = "unchanged", tags: Sequence[str] | None = None
    ) -> shapes.Prompt:
        """Give a prompt a `rating` from 1 to 5, or None to take it away, and `tags` in place of those it has.

        Raises NotFound, UsageError for a rating or a tag that cannot be.
        """
        change = {} if rating == "unchanged" else {"rating": rating}
        body = checked(shapes.PromptChange, **change, tags=None if tags is None else list(tags))
        return self._ask(shapes.Prompt, "PATCH", f"/prompts/{number}", json=body.model_dump(include={*change, "tags"}))
