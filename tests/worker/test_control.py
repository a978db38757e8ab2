from __future__ import annotations

from pathlib import Path

import pytest

from cosmos_workflow.worker.control import _absolute


def test_a_model_folder_is_named_as_a_container_can_mount_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for written in ("~/checkpoints", "checkpoints", str(tmp_path / "checkpoints")):
        assert _absolute(written) == str(tmp_path / "checkpoints")
    for kept in ("", "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer", "~/none"):
        assert _absolute(kept) == kept
