"""How much context the upsampler gets for captions that are written before a transfer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import clips
import pytest

from cosmos_workflow.deciding import decide
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.transfers.prompts import with_context


def test_captions_get_the_context_that_they_need_and_the_memory_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, settings = get_kind("upsample"), Settings(format="cosmos3", for_size=(1280, 720), for_fps=30.0, for_seconds=4)
    clips.textured(tmp_path / "a.mp4", 1280, 720)
    item = Item("a", "a city", tmp_path / "a.mp4")
    (tmp_path / "model").mkdir()
    given = EngineSettings(model_path=str(tmp_path / "model"))
    decision = decide(kind, settings, engine="vllm", engine_settings=given, runs=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no GPU is found
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "4")
    decided = with_context([item], decision)
    (checked,) = kind.check([item], decided.settings)
    assert checked.verdict == "fits", checked.reason
    assert decided.engine.settings["max_model_len"] == decided.settings.max_model_len > 4096
    # Where the memory has no more, the plan says so.
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")
    (checked,) = kind.check([item], with_context([item], decision).settings)
    assert checked.verdict == "too_long"
    # Rules take no context.
    described = replace(decision, engine=replace(decision.engine, name="describe"))
    assert with_context([item], described) is described
