"""`cosmos transfer --upsample`: the upsampler runs before the transfers, and the plan says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.cli.console import note, stderr, stdout_for_results
from cosmos_workflow.cli.progress import say_lost

if TYPE_CHECKING:
    from cosmos_workflow.config import Config
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.kinds.transfer.item import Item
    from cosmos_workflow.transfers.prompts import Asked, LookAt

__all__ = ["planned", "upsampled"]


def planned(items: list[Item], decision: Decision, look_at: LookAt, config: Config) -> tuple[list[Item], list[str]]:
    """Say what the upsampler would be asked; the items as they are then checked, and what would be loaded for it."""
    from cosmos_workflow.engines import engine_type
    from cosmos_workflow.transfers.prompts import PROMPTS, asked_of

    checked_items = list(decision.kind.check(items, decision.settings))
    upsampler = _upsampler(decision, config)
    asked = asked_of(checked_items, look_at, None)
    stderr().print(f"{_words(asked)} would be asked; what {PROMPTS} answers already is not asked again", style="dim")
    loading = asked.prompts and engine_type(upsampler.engine.name).needs == "model"
    loads = [f"upsampler {upsampler.engine.name}"] if loading else []
    return [_with_any_prompt(item) if item.id in asked.of else item for item in items], loads


def upsampled(
    items: list[Item], decision: Decision, look_at: LookAt, config: Config, folder: Path, *, wait: float, source: str
) -> tuple[list[Item], int]:
    """Ask the upsampler; the items with its prompts, and how many have none and are left out."""
    from cosmos_workflow.runs import Listener
    from cosmos_workflow.transfers.prompts import PROMPTS, ask, asked_of

    upsampler = _upsampler(decision, config)
    asked = asked_of(decision.kind.check(items, decision.settings), look_at, folder)
    if not asked.prompts:
        return items, 0
    listener = Listener(
        warning=note, lost=lambda error, wait: say_lost(error, wait, submitted=False),
        result=lambda result: note(result.note) if result.note else None,
    )  # fmt: skip
    here = upsampler.engine.name if upsampler.place == "local" else ""
    with stdout_for_results(here):
        made = ask(items, asked, upsampler, folder, wait=wait, name=f"prompts of {source}", listener=listener)
    stderr().print(f"{_words(asked)} upsampled: {folder / PROMPTS}", style="dim")
    for id, error in made.failed.items():
        stderr().print(f"{id}: no prompt, so no video is made: {error}", style="red", markup=False)
    return made.items, len(made.failed)


def _upsampler(decision: Decision, config: Config) -> Decision:
    """The upsampler by the settings, not by those options that are for the videos."""
    from cosmos_workflow.config import load_config
    from cosmos_workflow.transfers.prompts import upsampler_at

    own = replace(load_config(), server_url=config.server_url, server_model=config.server_model)
    upsampler = upsampler_at(decision.place, own)
    stderr().print(f"upsampler: {upsampler.engine.name} ({upsampler.engine.why})", style="dim")
    for text in upsampler.notes:
        note(text)
    return upsampler


def _words(asked: Asked) -> str:
    count = len(asked.prompts)
    parts = ", ".join(dict.fromkeys(asked.looked_at.values())) or "nothing"
    return f"{count} {'prompt' if count == 1 else 'prompts'} (looked at: {parts})"


def _with_any_prompt(item: Item) -> Item:
    """For a check, an item that gets its prompt only when the upsampler has run."""
    values: dict[str, Any] = json.loads(item.asked)
    if values.get("prompt"):
        return item
    return replace(item, asked=json.dumps({**values, "prompt": "(upsampled)"}, ensure_ascii=False))
