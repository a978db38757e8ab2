"""What an agent's file holds of other distributions."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.errors import UsageError


def names(modules: tuple[str, ...] = ()) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(bundle(modules)[1])).namelist())


def test_modules_and_packages_of_others_stand_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "ours_package" / "inner").mkdir(parents=True)
    for file in ("ours_package/__init__.py", "ours_package/inner/deep.py", "ours_module.py"):
        (tmp_path / file).write_text("value = 1\n")
    (tmp_path / "ours_package" / "notes.txt").write_text("stays at home")
    added = names(("ours_package", "ours_module")) - names()
    assert added == {"ours_package/__init__.py", "ours_package/inner/deep.py", "ours_module.py"}
    assert bundle(("ours_package", "ours_module")) == bundle(("ours_module", "ours_package"))
    assert bundle(("ours_module",))[0] != bundle()[0]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("no_such_module", "not installed"),
        ("sys", "cannot be sent to a host"),
        ("numpy.linalg", "part of a package"),
    ],
)
def test_what_cannot_travel_is_refused(module: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        bundle((module,))
