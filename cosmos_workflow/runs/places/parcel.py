"""A run as it travels: the conversations as JSON, their frames as files named by their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import sha256_of, write_json
from cosmos_workflow.files import write_whole
from cosmos_workflow.kinds.upsample.conversation import Conversation

__all__ = ["MIRRORED", "Parcel"]

MIRRORED = {"results": "results.jsonl", "events": "events.jsonl", "log": "worker.log"}


@dataclass(frozen=True)
class Parcel:
    """One attempt of a run, in a folder of this machine: what goes to the host, and copies of what comes back.

    `blobs` holds the frames; attempts of one run share it.
    """

    folder: Path
    blobs: Path

    @property
    def batch(self) -> Path:
        return self.folder / "batch.json"

    def mirror(self, file: str) -> Path:
        """The copy of one of the host's files: results, events or log."""
        return self.folder / MIRRORED[file]

    def pack(self, conversations: Iterable[Conversation]) -> None:
        """Write everything that the host needs, the batch file last."""
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.write(
            [
                {**asdict(replace(conversation, frames=())), "frames": self._put(conversation)}
                for conversation in conversations
            ]
        )

    def write(self, entries: list[dict[str, Any]]) -> None:
        write_json(self.batch, {"conversations": entries})

    def entries(self) -> list[dict[str, Any]]:
        """The conversations as they travel."""
        batch: dict[str, Any] = json.loads(self.batch.read_text(encoding="utf-8"))
        return list(batch["conversations"])

    def files(self) -> dict[str, Path]:
        """What travels, by its SHA-256: the batch, and the frames that its conversations need."""
        digests = {frame["sha256"] for entry in self.entries() for frame in entry["frames"]}
        return {self.batch_sha256(): self.batch} | {sha256: self.blobs / sha256 for sha256 in digests}

    def batch_sha256(self) -> str:
        return sha256_of(self.batch)

    def _put(self, conversation: Conversation) -> list[dict[str, Any]]:
        described = []
        for frame in conversation.frames:
            sha256 = hashlib.sha256(frame.png).hexdigest()
            path = self.blobs / sha256
            if not path.exists():
                write_whole(path, frame.png, sync=False)  # the host verifies what it gets
            size = {"width": frame.width, "height": frame.height, "seconds": frame.seconds}
            described.append({"sha256": sha256, **size})
        return described
