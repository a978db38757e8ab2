"""A model's files on a machine, those that are still to be downloaded, and whether that will be allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Any

from cosmos_workflow.doctor.finding import Finding, Status
from cosmos_workflow.doctor.models import SETUPS, Form, Needs, needs_of
from cosmos_workflow.limits import TransferModel

__all__ = ["form_of", "judge_files", "wanted_files"]

GIB = 1024**3
ENOUGH_DISK = 2 * GIB
# Where Transfer1's files are looked for, unless a folder is given: NVIDIA's script takes `checkpoints` of its clone.
ROOTS = ("checkpoints", "cosmos-transfer1/checkpoints")
LOG_IN = "hf auth login there, or set HF_TOKEN"


def form_of(model: TransferModel, folder: str, engine: str = "") -> Form:
    """How the files lie; without a folder those of Transfer2.5 and Cosmos 3 are looked for in Hugging Face's cache.

    So they are with the engine `program`, whose folder has NVIDIA's programs in it.
    """
    if model.family.name == "transfer1":
        return "checkpoints"
    in_folder = folder and engine != "program" and not model.name.endswith("distilled")
    return "diffusers" if in_folder else "cache"


def wanted_files(model: TransferModel, folder: str, engine: str = "") -> list[dict[str, Any]]:
    """What `survey` is asked for: an entry of `files` for each of the model's repositories."""
    form = form_of(model, folder, engine)
    return [
        {
            "repository": needs.repository,
            "folders": _folders(needs, form, folder)[:: -1 if engine == "program" else 1],  # its clone comes first
            "patterns": [*needs.files, *needs.by_hint.values()],
        }
        for needs in needs_of(model.name, form, engine)
    ]


def _folders(needs: Needs, form: Form, folder: str) -> list[str]:
    if needs.cached or form == "cache":
        return []
    if form == "diffusers":
        return [f"{folder}/{needs.place}", folder]
    roots = [_root(folder), *(f"{folder}/{root}" for root in ROOTS)] if folder else ROOTS
    return [f"{root}/{needs.repository}" for root in roots]


def _root(folder: str) -> str:
    """Transfer1's folder of all checkpoints, of which a host's settings may name the upsampler's alone.

    >>> _root("~/cosmos-transfer1/checkpoints/nvidia/Cosmos-UpsamplePrompt1-12B-Transfer")
    '~/cosmos-transfer1/checkpoints'
    """
    path = PurePosixPath(folder)
    return str(path.parents[1]) if path.parent.name == "nvidia" else folder


def judge_files(model: TransferModel, folder: str, facts: Mapping[str, Any], engine: str = "") -> Iterator[Finding]:
    """What the facts of `survey` mean: the files of each repository, access to those that lack some, and space."""
    form = form_of(model, folder, engine)
    all_needs = needs_of(model.name, form, engine)
    for needs, state in zip(all_needs, facts["files"], strict=True):
        yield _files(needs, state, _download(model, needs, form, folder, state))
    for needs in all_needs:
        if needs.repository in facts["access"]:
            yield _access(needs, facts)
    yield _space(model, all_needs, facts)


def _files(needs: Needs, state: Mapping[str, Any], remedy: str) -> Finding:
    name, missing = f"files of {needs.repository}", state["missing"]
    if not missing:
        count = len(needs.files) + len(needs.by_hint)
        return Finding(name, "ok", f"all {count} there, in {state['folder']}")
    if state["problem"]:
        remedy = "let this user read it, or name another folder: --model-path"
        return Finding(
            name, "optional" if needs.only_for else "missing", f"{state['folder']}: {state['problem']}", remedy
        )
    hints = {file: hint for hint, file in needs.by_hint.items()}
    words = [f"{_plain(file)} (for {hints[file]})" if file in hints else _plain(file) for file in missing]
    detail = f"not in {state['folder']}, or empty: {', '.join(words)}"
    if needs.only_for:
        return Finding(name, "optional", f"{detail}; only for {needs.only_for}", remedy)
    no_hint = bool(hints) and hints.keys() <= set(missing)
    needed = no_hint or any(file not in hints for file in missing)
    return Finding(name, "missing" if needed else "optional", detail, remedy)


def _plain(pattern: str) -> str:
    return pattern.replace("|", " or ")


def _download(model: TransferModel, needs: Needs, form: Form, folder: str, state: Mapping[str, Any]) -> str:
    """The documented way to the files."""
    if form == "checkpoints" and not needs.cached:
        return (
            f"in a clone of cosmos-transfer1: PYTHONPATH=$(pwd) python scripts/download_checkpoints.py --output_dir"
            f" {_root(folder) if folder else ROOTS[0]}"
        )
    if form == "diffusers" and needs.place:
        begun = needs.files[0] not in state["missing"] or PurePath(folder).name == needs.place
        place = state["folder"] if begun else f"{folder}/{needs.place}"
        if model.family.name == "transfer2.5":
            return (
                f"hf download {needs.repository} --revision diffusers/general --local-dir {place}; each control: hf"
                f" download {needs.repository} --revision diffusers/controlnet/general/HINT --local-dir"
                f" {place}/controlnets/HINT (vis is called blur there)"
            )
        return f"hf download {needs.repository} --local-dir {place}"
    return f"the first run downloads it; before that: hf download {needs.repository}"


def _access(needs: Needs, facts: Mapping[str, Any]) -> Finding:
    """What the hub answered for a repository. No network and no token is nothing that the machine lacks."""
    name, answer = f"access to {needs.repository}", facts["access"][needs.repository]
    page = f"{facts['endpoint']}/{needs.repository}"
    terms = f"accept its terms at {page}, with the account of the token"
    denied: Status = "optional" if needs.only_for else "missing"
    gated = "; its terms must be accepted first" if needs.gated else ""
    if "failed" in answer:
        return Finding(
            name, "unknown", f"{facts['endpoint']} could not be asked: {answer['failed']}{gated}",
            f"see yourself: {page}",
        )  # fmt: skip
    status = answer["status"]
    if status == 200:
        return Finding(name, "ok", f"the token of {facts['token_from']} has it" if facts["token"] else "open to all")
    if status in (401, 403) and not facts["token"]:
        return Finding(name, "unknown", f"no token: neither HF_TOKEN nor {facts['token_from']}{gated}", LOG_IN)
    if status == 403 and answer["fine_grained"]:
        return Finding(
            name, denied, f"the token of {facts['token_from']} has no right to gated repositories",
            f"give it that right at {facts['endpoint']}/settings/tokens",
        )  # fmt: skip
    if status == 403 or (status == 401 and answer["code"] == "GatedRepo"):
        return Finding(
            name, denied, f"the account of the token of {facts['token_from']} has none",
            f"{terms} (its Files page, “Expand and get access”)",
        )  # fmt: skip
    if status == 401:
        return Finding(
            name, denied, f"the hub does not accept the token of {facts['token_from']}",
            f"make another at {facts['endpoint']}/settings/tokens, then: {LOG_IN}",
        )  # fmt: skip
    if status == 404 and answer["code"] == "RepoNotFound":  # a mirror may not know the question
        return Finding(
            name, denied, "not there under this name, or hidden from this account", f"look at {page}: it may have moved"
        )
    return Finding(name, "unknown", f"{facts['endpoint']} answers {status}{gated}", "try again later")


def _space(model: TransferModel, all_needs: Sequence[Needs], facts: Mapping[str, Any]) -> Finding:
    """Whether there is room for what is still to be downloaded, as far as sizes are published."""
    name, setup = "space for files", SETUPS[model.family.name]
    states = enumerate(zip(all_needs, facts["files"], strict=True))
    lacking = [number for number, (needs, state) in states if state["missing"] and not needs.only_for]
    if not lacking:
        return Finding(name, "ok", "nothing is left to download")
    number = lacking[0]
    free, folder = facts["files"][number]["free"], facts["files"][number]["folder"]
    if free is None:
        return Finding(name, "unknown", f"{folder} cannot be read; {setup.about_space}", "name another: --model-path")
    detail = f"{free / GIB:.0f} GiB free for {folder}; {setup.about_space}"
    remedy = "free space there, or choose another folder (--model-path; HF_HOME for the cache)"
    if free < ENOUGH_DISK:
        return Finding(name, "missing", detail, remedy)
    if setup.space is None:
        return Finding(name, "unknown", detail, f"see their sizes at {facts['endpoint']}/{model.repository}/tree/main")
    return Finding(name, "ok", detail) if free >= setup.space else Finding(name, "optional", detail, remedy)
