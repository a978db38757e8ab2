"""What a server remembers of a decision, for the checks that a page asks as one types."""

from __future__ import annotations

from typing import Any

from cosmos_workflow.config import load_config
from cosmos_workflow.kinds.upsample import Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.server.server import Options, Server


def test_settings_with_a_list_are_decided_on_and_remembered() -> None:
    server = Server(load_config(), Options(works=False))

    def decided(words: Any) -> Any:
        return server.decided(UPSAMPLE, Settings(pick=words), "local", "describe")

    for _ in range(3):  # ten seconds may end between two
        first, again, other = decided(["first"]), decided(["first"]), decided(["spread"])
        if first is again:
            break
    assert first is again
    assert (first.settings.pick, other.settings.pick) == (["first"], ["spread"])
