"""Which kinds of work there are; no code of a kind is imported for it, as `cosmos --help` asks."""

from __future__ import annotations

from importlib.metadata import entry_points

__all__ = ["KINDS", "known_kinds", "summaries"]

# The kinds of this package; others come with distributions of their own, as entry points of this group.
KINDS = {
    "upsample": "cosmos_workflow.kinds.upsample.kind:UPSAMPLE",
    "prepare": "cosmos_workflow.kinds.prepare.kind:PREPARE",
    "transfer": "cosmos_workflow.kinds.transfer.kind:TRANSFER",
    "upscale": "cosmos_workflow.kinds.upscale.kind:UPSCALE",
}
GROUP = "cosmos_workflow.kinds"


def known_kinds() -> dict[str, str]:
    """The kinds that are installed: each name, and where its object is (`module:object`)."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)} | KINDS


def summaries() -> dict[str, str]:
    """The kinds of other distributions, each with the summary of its distribution; no code of theirs is imported."""
    others = [entry for entry in entry_points(group=GROUP) if entry.name not in KINDS]
    return {entry.name: (entry.dist and entry.dist.metadata["Summary"]) or "" for entry in others}
