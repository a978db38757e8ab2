"""Which kinds are taken: one that cannot be used is refused by name, before anything of it runs."""

from __future__ import annotations

from dataclasses import make_dataclass
from types import SimpleNamespace

import pytest

from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds import registry
from cosmos_workflow.kinds.kind import get_kind


@pytest.mark.parametrize("name", ["identity", "rating", "tags"])
def test_a_result_whose_field_is_a_key_of_every_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_dataclass("Result", ["id", name, "verdict"])
    monkeypatch.setattr(f"{__name__}.MADE", SimpleNamespace(result=result), raising=False)
    monkeypatch.setitem(registry.KINDS, "made", f"{__name__}:MADE")
    with pytest.raises(UsageError, match=f"'made' cannot have a field '{name}'.*another name"):
        get_kind("made")


def test_a_kind_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.KINDS, "gone", "not_installed.kind:GONE")
    with pytest.raises(UsageError, match="'gone' cannot be imported"):
        get_kind("gone")
