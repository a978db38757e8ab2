from __future__ import annotations

import pytest

from cosmos_workflow.cli import cluster
from cosmos_workflow.cli.progress import bar


def test_a_run_has_one_bar_however_often_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    view = cluster.ClusterView(quiet=True)
    view._bar = shown = bar()
    numbers = {"total": 9, "failed": 0, "rate": 1.0, "tokens_per_s": 0, "gpu_hours": 0}
    for answered in range(3):
        view.listener().event({"event": "progress", "answered": answered, **numbers})
    assert [(task.completed, task.total) for task in shown.tasks] == [(2, 9)]
