"""Which of a model's files are there: in folders of Transfer1, of diffusers, and in Hugging Face's cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.agent import surveying
from cosmos_workflow.doctor import Finding
from cosmos_workflow.doctor.model_files import form_of, judge_files, wanted_files
from cosmos_workflow.doctor.models import FILES, SETUPS, Needs, needs_of
from cosmos_workflow.limits import TRANSFER_MODELS, get_transfer_model

GIB = 1024**3


def nobody(url: str, headers: Any, timeout: float) -> dict[str, Any]:
    return {"failed": "no connection"}


def survey(name: str, folder: str = "", **environment: str) -> dict[str, Any]:
    asked = {"files": wanted_files(get_transfer_model(name), folder), "environment": environment}
    return surveying.survey(asked, nobody)


def findings(
    name: str, folder: str = "", facts: dict[str, Any] | None = None, **environment: str
) -> dict[str, Finding]:
    facts = facts or survey(name, folder, **environment)
    return {finding.name: finding for finding in judge_files(get_transfer_model(name), folder, facts)}


def fill(folder: Path, needs: Needs, *, without: str = "") -> None:
    """Write what a repository needs, but for one pattern."""
    for pattern in (*needs.files, *needs.by_hint.values()):
        if pattern != without:
            path = folder / pattern.split("|")[0].replace("*", "model")
            path = path if path.suffix else path / "words.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")


def checkpoints(root: Path, model: str) -> Path:
    for needs in needs_of(model, "checkpoints"):
        fill(root / needs.repository, needs)
    return root


def cached(root: Path, needs: Needs, version: str = "abc") -> Path:
    folder = root / "hub" / f"models--{needs.repository.replace('/', '--')}" / "snapshots" / version
    folder.mkdir(parents=True)
    fill(folder, needs)
    return folder


def test_every_model_has_its_data() -> None:
    assert FILES.keys() == TRANSFER_MODELS.keys()
    for name, model in TRANSFER_MODELS.items():
        assert SETUPS[model.family.name].source
        for form, all_needs in FILES[name].items():
            first = all_needs[0]
            assert first.repository == model.repository, form
            assert set(first.by_hint) <= set(model.hints)
            assert len({needs.repository for needs in all_needs}) == len(all_needs)
            assert all(needs.source and (needs.files or needs.by_hint) for needs in all_needs)
    assert {name for name in TRANSFER_MODELS if "diffusers" in FILES[name]} == {
        "transfer2.5-2b", "cosmos3-nano", "cosmos3-super",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in TRANSFER_MODELS if name.startswith("transfer1")])
def test_transfer1_with_all_and_with_one_file_less(name: str, tmp_path: Path) -> None:
    root = checkpoints(tmp_path / "checkpoints", name)
    home = {"HF_HOME": str(tmp_path / "home")}
    whole = findings(name, str(root), **home)
    own = [needs for needs in needs_of(name, "checkpoints") if not needs.cached]
    assert {whole[f"files of {needs.repository}"].status for needs in own} == {"ok"}
    assert {whole[key].status for key in whole if key.startswith("access")} <= {"unknown"}  # of what computes hints
    assert whole["space for files"].detail == "nothing is left to download"
    # The folder above does as well, as in NVIDIA's clone.
    assert findings(name, str(tmp_path), **home)[f"files of {own[0].repository}"].status == "ok"
    # So does the upsampler's among them, which the settings of a host have (docs/REMOTE.md).
    upsampler = root / "nvidia" / "Cosmos-UpsamplePrompt1-12B-Transfer"
    assert findings(name, str(upsampler), **home)[f"files of {own[0].repository}"].status == "ok"
    for needs in own:
        for file in needs.files:
            path = root / needs.repository / file.replace("*", "model")
            path = path if path.is_file() else path / "words.txt"
            path.write_bytes(b"")  # what a download that broke may leave
            finding = findings(name, str(root), **home)[f"files of {needs.repository}"]
            assert finding.status == ("optional" if needs.only_for else "missing")
            assert file in finding.detail
            assert f"download_checkpoints.py --output_dir {root}" in finding.remedy
            path.write_bytes(b"x")


def test_a_control_that_is_not_there_matters_only_to_runs_with_it(tmp_path: Path) -> None:
    folder = checkpoints(tmp_path, "transfer1-7b") / "nvidia" / "Cosmos-Transfer1-7B"
    (folder / "edge_control.pt").unlink()
    finding = findings("transfer1-7b", str(tmp_path))["files of nvidia/Cosmos-Transfer1-7B"]
    assert (finding.status, "edge_control.pt (for edge)" in finding.detail) == ("optional", True)
    assert "vis_control" not in finding.detail
    for path in folder.glob("*_control.pt"):
        path.unlink()
    assert findings("transfer1-7b", str(tmp_path))["files of nvidia/Cosmos-Transfer1-7B"].status == "missing"


def test_transfer1_without_a_folder_is_looked_for_where_its_script_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints(tmp_path / "cosmos-transfer1" / "checkpoints", "transfer1-7b-av")
    result = findings("transfer1-7b-av")["files of nvidia/Cosmos-Transfer1-7B-Sample-AV"]
    assert (result.status, str(tmp_path) in result.detail) == ("ok", True)


@pytest.mark.parametrize("name", ["transfer2.5-2b", "cosmos3-nano", "cosmos3-super"])
def test_a_folder_of_diffusers(name: str, tmp_path: Path) -> None:
    needs, *others = needs_of(name, "diffusers")
    key = f"files of {needs.repository}"
    home = {"HF_HOME": str(tmp_path / "home")}
    empty = findings(name, str(tmp_path), **home)[key]
    assert (empty.status, f"--local-dir {tmp_path}/{name}" in empty.remedy) == ("missing", True)
    fill(tmp_path / name, needs)
    for other in others:
        cached(tmp_path / "home", other)
    for folder in (tmp_path, tmp_path / name):  # a folder of models, and that of one
        assert {finding.status for finding in findings(name, str(folder), **home).values()} == {"ok"}
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / name / "transformer" / "model.safetensors.index.json").write_text(json.dumps(index))
    lost = findings(name, str(tmp_path), **home)[key]
    assert (lost.status, "transformer/model-00002-of-00002.safetensors" in lost.detail) == ("missing", True)
    for broken in ("{", "[]", '{"weight_map": 1}', "{}"):
        (tmp_path / name / "transformer" / "model.safetensors.index.json").write_text(broken)
        assert "model.safetensors.index.json (cannot be read)" in findings(name, str(tmp_path), **home)[key].detail


def test_the_control_vis_is_called_blur_there(tmp_path: Path) -> None:
    needs = needs_of("transfer2.5-2b", "diffusers")[0]
    fill(tmp_path / "transfer2.5-2b", needs)
    folder = tmp_path / "transfer2.5-2b" / "controlnets"
    (folder / "vis").rename(folder / "blur")
    assert findings("transfer2.5-2b", str(tmp_path))[f"files of {needs.repository}"].status == "ok"
    (folder / "blur" / "model.safetensors").unlink()
    assert findings("transfer2.5-2b", str(tmp_path))[f"files of {needs.repository}"].status == "optional"


@pytest.mark.parametrize("name", [name for name in TRANSFER_MODELS if "cache" in FILES[name]])
def test_the_cache_of_hugging_face(name: str, tmp_path: Path) -> None:
    assert form_of(get_transfer_model(name), "") == "cache"
    for needs in needs_of(name, "cache"):
        assert findings(name, HF_HOME=str(tmp_path))[f"files of {needs.repository}"].status != "ok"
        folder = cached(tmp_path, needs)
        assert findings(name, HF_HOME=str(tmp_path))[f"files of {needs.repository}"].status == "ok"
        # The cache holds links; a file whose content is gone is not there.
        first = next(path for path in sorted(folder.rglob("*")) if path.is_file())
        first.unlink()
        first.symlink_to(tmp_path / "blobs" / "gone")
        finding = findings(name, HF_HOME=str(tmp_path))[f"files of {needs.repository}"]
        assert (finding.status, "hf download" in finding.remedy) != ("ok", False)
        assert finding.status != "ok"
        cached(tmp_path, needs, "def")  # another version has it
        assert findings(name, HF_HOME=str(tmp_path))[f"files of {needs.repository}"].status == "ok"


def test_the_distilled_model_has_no_folder_of_diffusers() -> None:
    assert form_of(get_transfer_model("transfer2.5-2b-distilled"), "/models") == "cache"


@pytest.mark.parametrize(
    ("name", "free", "status", "words"),
    [
        ("transfer1-7b", 400 * 10**9, "ok", "about 300 GB for all checkpoints together"),
        ("transfer1-7b", 100 * 10**9, "optional", "about 300 GB"),
        ("transfer1-7b", GIB, "missing", "1 GiB free"),
        ("transfer2.5-2b", 10**12, "unknown", "the sizes are not published"),
        ("cosmos3-nano", 200 * GIB, "ok", "150 GiB"),
        ("cosmos3-super", 100 * GIB, "optional", "Super is larger"),
    ],
)
def test_space(name: str, free: int, status: str, words: str, tmp_path: Path) -> None:
    facts = survey(name, "", HF_HOME=str(tmp_path))
    for state in facts["files"]:
        state["free"] = free
    finding = findings(name, "", facts)["space for files"]
    assert (finding.status, words in finding.detail) == (status, True)


@pytest.mark.parametrize("folder", ["x" * 300, "~nobody-of-that-name/models"])
def test_a_folder_that_cannot_be_read_or_is_nobodys(folder: str, tmp_path: Path) -> None:
    result = findings("cosmos3-nano", folder, HF_HOME=str(tmp_path))
    finding = result["files of nvidia/Cosmos3-Nano"]
    assert (finding.status, folder in finding.detail, bool(finding.remedy)) == ("missing", True, True)


def test_a_home_that_nobody_has_is_no_end(tmp_path: Path) -> None:
    assert survey("cosmos3-nano", HF_HOME="~nobody-of-that-name/hf")["cache"] == "~nobody-of-that-name/hf/hub"
