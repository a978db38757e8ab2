# Made of _async/runs.py by scripts/sync_client.py: change that file, then run `make format`.
"""Runs: checked before, put into the queue, followed, and their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cosmos_workflow.client._sync.uploads import Uploads
from cosmos_workflow.client.protocol import (
    Event,
    EventSource,
    Items,
    Settings,
    SSEError,
    checked,
    event_headers,
    event_of,
    httpx,
    no_events,
    refused,
    settings_in,
    unreachable,
)
from cosmos_workflow.errors import HostUnreachable, RunFailed
from cosmos_workflow.kinds.kind import FIRST_KIND, get_kind
from cosmos_workflow.kinds.upsample import Format, Pick, Result
from cosmos_workflow.limits import Fit
from cosmos_workflow.server import shapes
from cosmos_workflow.server.kind_shapes import check_of, checked_of, new_run_of

__all__ = ["Runs"]

RECONNECT_SECONDS, LONGEST_PAUSE = 1.0, 15.0
CHECKED_AT_ONCE = 1000  # items; the server takes no more


class Runs(Uploads):
    """A server's runs and their queue."""

    def check(
        self, items: Items, *, kind: str = FIRST_KIND, place: str = "local", engine: str = "",
        settings: Settings | None = None, model: str | None = None, fit: Fit | None = None, frames: int | None = None,
        pick: Pick | None = None, max_tokens: int | None = None, max_model_len: int | None = None,
        temperature: float | None = None, seed: int | None = None, format: Format | None = None,
        for_size: tuple[int, int] | None = None, for_fps: float | None = None, for_seconds: float | None = None,
    ) -> list[Any]:  # fmt: skip
        """The plan of each item, in their order, as if they ran at the place with the engine; nothing runs.

        A plan has the `identity` that the item's work would have: the same identity is the same work. `settings` are
        those of the kind; the other arguments are those of prompt upsampling, and go before them.
        Raises UsageError for wrong settings, BadInputError and NotFound for a file.
        """
        given = {
            "model": model, "fit": fit, "frames": frames, "pick": pick, "max_tokens": max_tokens,
            "max_model_len": max_model_len, "temperature": temperature, "seed": seed, "format": format,
            "for_size": for_size, "for_fps": for_fps, "for_seconds": for_seconds,
        }  # fmt: skip
        given = {name: value for name, value in given.items() if value is not None}
        asked = settings_in(get_kind(kind), {**dict(settings or {}), **given})
        entries = self._upload_inputs(get_kind(kind), items)
        answer = self.decide(kind=kind, place=place, engine=engine, settings=asked, entries=entries)
        return answer.plans

    def decide(
        self, *, kind: str = FIRST_KIND, place: str = "local", engine: str = "", settings: Settings | None = None,
        entries: Items = (), more: Mapping[str, Any] | None = None,
    ) -> shapes.Checked:  # fmt: skip
        """The engine that a run would get and why, and the plans of `entries`, whose files the server has already.

        `more` is what the kind can check besides, as a size without a video. Raises what `check` raises.
        """
        asked = settings_in(get_kind(kind), settings)
        answers = []
        for start in range(0, max(1, len(entries)), CHECKED_AT_ONCE):
            body = checked(
                check_of(kind), kind=kind, place=place, engine=engine, settings=asked,
                items=list(entries[start : start + CHECKED_AT_ONCE]), **({} if start else more or {}),
            )  # fmt: skip
            answers.append(self._ask(checked_of(kind), "POST", "/check", json=body.model_dump(exclude_none=True)))
        plans = [plan for answer in answers for plan in answer.plans]
        return answers[0].model_copy(update={"plans": plans})

    def run(
        self, items: Items, *, kind: str = FIRST_KIND, place: str = "local", engine: str = "",
        settings: Settings | None = None, name: str = "", priority: int = 0, held: bool = False,
        keep_warm: float = 600.0,
    ) -> shapes.Run:  # fmt: skip
        """Put a batch of a kind of work into the queue.

        `place` is `local` or a host; `engine` is by default the server's; `settings` are those of the kind. Higher
        `priority` goes first, `held` waits until it is let go, and the model stays loaded for `keep_warm` seconds.
        Raises UsageError for wrong values, NotFound for a place or a file, BadInputError for a file that is not of the
        kind's.
        """
        its_kind = get_kind(kind)
        body = checked(
            new_run_of(kind), kind=kind, place=place, engine=engine, settings=settings_in(its_kind, settings),
            items=self._upload_inputs(its_kind, items), name=name, priority=priority, held=held,
            keep_warm=keep_warm,
        )  # fmt: skip
        return self._ask(shapes.Run, "POST", "/runs", json=body.model_dump(exclude_none=True))

    def upsample(
        self, items: Items, *, on_event: Callable[[Event], None] | None = None, place: str = "local",
        engine: str = "", settings: Settings | None = None, name: str = "", priority: int = 0,
        held: bool = False, keep_warm: float = 600.0,
    ) -> list[Result]:  # fmt: skip
        """`run`, and its results when it has ended, in the items' order.

        `on_event` is called with each event until then. Raises what `run`, `events` and `results` raise.
        """
        run = self.run(
            items, place=place, engine=engine, settings=settings, name=name, priority=priority, held=held,
            keep_warm=keep_warm,
        )  # fmt: skip
        for event in self.events(run.id):
            if on_event:
                on_event(event)
        return self.results(run.id)

    def events(
        self, run: str, after: str = "", *, results: bool = False, patience: float = 0.0,
        on_lost: Callable[[HostUnreachable, float], None] | None = None,
    ) -> Iterator[Event]:  # fmt: skip
        """What happens in a run until its end, from its beginning or behind the event whose id is `after`.

        With `results`, a `result` has the whole `prompt` with its answer. A connection that breaks loses none: the
        stream goes on behind the last event; see `wait` for `patience` and `on_lost`. Raises NotFound,
        HostUnreachable where the server stays away, HostError where the answer is no stream of events.
        """
        path = f"/runs/{run}/events"
        while True:
            headers, params = event_headers(after), {"results": results}
            try:
                with self._http.stream("GET", path, headers=headers, params=params) as response:
                    if response.status_code >= 400:
                        raise refused(response.status_code, response.read(), self._url)
                    for message in EventSource(response):
                        if message.data:
                            after = message.id
                            yield event_of(message)
                return
            except SSEError as error:
                raise no_events(error, self._url) from error
            except httpx.TransportError as error:
                if on_lost:
                    on_lost(unreachable(error, self._url), RECONNECT_SECONDS)
                time.sleep(RECONNECT_SECONDS)
                self.wait(patience, on_lost)

    def wait(self, patience: float = 0.0, on_lost: Callable[[HostUnreachable, float], None] | None = None) -> None:
        """Wait until the server answers, `patience` seconds at most.

        `on_lost` is called with each failure and the seconds until the next try. Raises HostUnreachable.
        """
        waited, pause = 0.0, RECONNECT_SECONDS
        while True:
            try:
                self._request("GET", "/health")
                return
            except HostUnreachable as error:  # noqa: PERF203
                if waited >= patience:
                    raise
                if on_lost:
                    on_lost(error, pause)
                time.sleep(pause)
                waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)

    def results(self, run: str) -> list[Any]:
        """The results of a run, of its kind's own type, in the batch's order.

        Raises NotFound, RunFailed where answers are missing.
        """
        record = self.show(run)
        if record.state in ("failed", "cancelled"):
            raise RunFailed(record.error, kind=record.error_kind, where=record.id, remedy=record.remedy)
        return [prompt.result for prompt in self.entries(record.id)]

    def entries(self, run: str) -> list[shapes.Prompt]:
        """The items of a run in the batch's order, with the answers that there are. Raises NotFound."""
        prompts = self._pages(shapes.Page[shapes.Prompt], f"/runs/{run}/results")
        return prompts[::-1]

    def runs(self, *, state: Sequence[shapes.State] = (), place: str = "", most: int = 0) -> list[shapes.Run]:
        """All runs that are in one of the states and at the place, the newest first; with `most`, no more than so many.

        Raises UsageError.
        """
        params = {"state": list(state) or None, "place": place}
        return self._pages(shapes.Page[shapes.Run], "/runs", params, most=most)

    def show(self, run: str) -> shapes.Run:
        """A run as it is now. Raises NotFound."""
        return self._ask(shapes.Run, "GET", f"/runs/{run}")

    def log(self, run: str, *, start: int | None = None) -> bytes:
        """The end of the output of what answers a run, or as much as comes at once from the byte `start` on.

        Raises NotFound.
        """
        return self._request("GET", f"/runs/{run}/log", params={"start": start})

    def attempt(self, run: str) -> list[dict[str, Any]]:
        """What the engine of a run has told in its latest attempt, as JSON. Raises NotFound."""
        return self._ask(list[dict[str, Any]], "GET", f"/runs/{run}/attempt")

    def cancel(self, run: str, *, forget: bool = False) -> shapes.Run:
        """End a run wherever it is; what is answered stays. With `forget`, a host that is gone is not asked.

        Raises NotFound, HostUnreachable for the run's host, Conflict for a run that has ended.
        """
        return self._ask(shapes.Run, "POST", f"/runs/{run}/cancel", params={"forget": forget or None})

    def retry(self, run: str) -> shapes.Run:
        """Put a run into the queue again, for what has no answer. Raises NotFound, Conflict where it cannot be."""
        return self._ask(shapes.Run, "POST", f"/runs/{run}/retry")

    def remove(self, run: str, *, forget: bool = False) -> None:
        """Forget a run that has ended, with its prompts. With `forget`, a host that is gone is not asked.

        Raises NotFound, HostUnreachable for the run's host, Conflict for a run that has not ended.
        """
        self._request("DELETE", f"/runs/{run}", params={"forget": forget or None})

    def change(
        self, run: str, *, priority: int | None = None, held: bool | None = None, first: bool = False, before: str = ""
    ) -> shapes.Run:
        """Move a waiting run: before all others with `first`, right before the run `before`; hold it or let it go.

        Raises NotFound, Conflict for a run that does not wait, UsageError for a priority that is too large.
        """
        body = checked(shapes.RunChange, priority=priority, held=held, first=first, before=before)
        return self._ask(shapes.Run, "PATCH", f"/runs/{run}", json=body.model_dump(exclude_none=True))

    def queue(self) -> shapes.Queue:
        """What waits and runs, in the order in which it is taken."""
        return self._ask(shapes.Queue, "GET", "/queue")

    def pause(self, on: bool = True) -> shapes.Queue:
        """Begin no further run, or with False begin them again; what runs goes on."""
        return self._ask(shapes.Queue, "PATCH", "/queue", json={"paused": on})
