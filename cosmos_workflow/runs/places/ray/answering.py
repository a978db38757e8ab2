"""From entries to results: what Ray's tasks and actors do with one piece of a batch, with no word of Ray in it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import BadInputError, EngineError, EngineUnavailable
from cosmos_workflow.kinds.upsample import Result, Settings, check_items
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver, Wants
from cosmos_workflow.kinds.upsample.preparing import Preparer, finished, pending, refusal
from cosmos_workflow.media import probe
from cosmos_workflow.runs.places.ray.batches import Entry, Piece, local_copy, read

__all__ = ["JobEngine", "Prepared", "answer_all", "prepare"]

STRIKES = 2  # alone with the engine, before an item is taken for what ends it
DEAD_IN_A_ROW = 8  # items that end it, with no answer in between: then it is the engine
FATAL = "ends_engine"


@dataclass(frozen=True)
class JobEngine:
    """What a result says of the engine that answers (see `preparing.Answering`)."""

    name: str
    model: str
    wants: Wants


@dataclass(frozen=True)
class Prepared:
    """A piece ready for the engine: results that are final already, and those that wait for their conversation.

    `name` is the same for the same items, so that work done twice is written once.
    """

    name: str
    refused: tuple[Result, ...]
    waiting: tuple[Result, ...]
    conversations: tuple[Conversation, ...]


def prepare(piece: Piece, engine: JobEngine, settings: Settings, place: str) -> Prepared:
    """Read, plan, decode and fit the frames of a piece; an item that cannot be asked becomes a result with an error."""
    refused: list[Result] = []
    waiting: list[Result] = []
    conversations: list[Conversation] = []
    hashed = hashlib.blake2b(digest_size=12)
    preparer = _preparer(engine.wants, settings)
    # By their videos, so that each is decoded once.
    for entry in sorted(read(piece), key=lambda entry: entry.video):
        hashed.update(entry.key)
        if entry.error:
            refused.append(_unusable(entry, entry.error, engine, place))
            continue
        try:
            item = replace(entry.item, video=local_copy(entry.video, _cache()))
            (checked,) = check_items([item], settings, probed=_probed)
            result = replace(pending(checked, engine, place), video=entry.video)
            if not checked.plan.runs:
                refused.append(finished(result, refusal(checked.plan)))
                continue
            conversations.append(preparer.prepare(checked))
            waiting.append(result)
        except BadInputError as error:
            refused.append(_unusable(entry, error, engine, place))
    return Prepared(hashed.hexdigest(), tuple(refused), tuple(waiting), tuple(conversations))


def answer_all(engine: EngineProcess, prepared: Prepared) -> list[Result]:
    """A result for each item; one that ends the engine each time it is asked alone becomes an error.

    Raises EngineUnavailable or OutOfMemory where the engine cannot be loaded, EngineError where it ends
    whatever it is asked.
    """
    waiting = {result.id: result for result in prepared.waiting}
    results = list(prepared.refused)
    in_a_row = 0

    def deliver(answer: Answer) -> None:
        nonlocal in_a_row
        in_a_row = in_a_row + 1 if answer.error_kind == FATAL else 0
        if in_a_row >= DEAD_IN_A_ROW:
            raise EngineError(answer.error, where=f"{in_a_row} items in a row", remedy="see the engine's output")
        results.append(finished(waiting.pop(answer.id), answer))

    if prepared.conversations:
        _ask(engine, prepared.conversations, deliver, STRIKES)
    return results


def _ask(engine: EngineProcess, group: Sequence[Conversation], deliver: Deliver, tries: int) -> None:
    """Halve what the engine ended on, until the item that ends it is alone."""
    unanswered = {conversation.id: conversation for conversation in group}

    def keep(answer: Answer) -> None:
        del unanswered[answer.id]
        deliver(answer)

    engine.load()  # where that fails, no item is to blame
    try:
        engine.answer(group, keep)
    except EngineUnavailable:
        raise
    except EngineError as error:
        cause = error.what
    rest = tuple(unanswered.values())
    if len(rest) > 1:
        _ask(engine, rest[: len(rest) // 2], deliver, STRIKES)
        _ask(engine, rest[len(rest) // 2 :], deliver, STRIKES)
    elif rest and tries > 1:
        _ask(engine, rest, deliver, tries - 1)
    elif rest:
        deliver(Answer(rest[0].id, error=f"it ends the engine each time: {cause}", error_kind=FATAL))


def _unusable(entry: Entry, error: BadInputError, engine: JobEngine, place: str) -> Result:
    item = entry.item
    return Result(
        item.id, item.prompt, entry.video, "bad_input", engine=engine.name, engine_model=engine.model, place=place,
        reason=error.what, remedy=error.remedy, error=str(error), error_kind="bad_input",
    )  # fmt: skip


@lru_cache(1)
def _preparer(wants: Wants, settings: Settings) -> Preparer:
    """One a process, as it keeps the frames of clips that many prompts share."""
    return Preparer(wants, settings)


_probed = lru_cache(4096)(probe)


@lru_cache(1)
def _cache() -> Path:
    return Path(tempfile.mkdtemp(prefix="cosmos-videos-"))
