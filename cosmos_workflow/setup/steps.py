"""The documented steps for a model's program, from the facts of a machine: which are done, and what does the others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from cosmos_workflow.doctor import Finding
from cosmos_workflow.doctor.host import judge_for_video
from cosmos_workflow.doctor.models import SETUPS, Needs, needs_of
from cosmos_workflow.doctor.programs import SOURCES, python_of
from cosmos_workflow.doctor.video import survey_for
from cosmos_workflow.limits import TransferModel
from cosmos_workflow.ssh import Host

__all__ = ["Command", "Step", "asked_of", "refusals", "steps_for"]

BLACKWELL = 10.0  # the first compute capability of that generation
NOT_STATED = "its size is not published"
# What makes a setup impossible from the start; what else `doctor` calls missing is what a setup brings.
PREVENTS = ("disk", "container runtime", "system", "driver", "space for files")
TOOLS = {
    "git": "install it there (Debian, Ubuntu: apt install git git-lfs)",
    "hf": "pip install -U huggingface_hub there, so that `hf` is on the PATH of a command by SSH",
    "uv": "install it there (docs.astral.sh/uv), so that it is on the PATH of a command by SSH",
}


@dataclass(frozen=True)
class Command:
    """An argument list, the folder in which it runs, and variables beside those of the settings."""

    words: tuple[str, ...]
    folder: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The command as a line that a person could type there.

        >>> str(Command(("git", "lfs", "pull"), "/my clones/x"))
        "cd '/my clones/x' && git lfs pull"
        """
        variables = "".join(f"{name}={shlex.quote(value)} " for name, value in self.environment.items())
        place = "" if self.folder == "." else f"cd {shlex.quote(self.folder)} && "
        return f"{place}{variables}{shlex.join(self.words)}"


@dataclass(frozen=True)
class Step:
    """One documented step. Without `commands`, a person does it, as `note` says. `lacks` is what is not there yet."""

    name: str
    why: str
    commands: tuple[Command, ...]
    downloads: str
    lacks: str = ""
    note: str = ""
    optional: bool = False

    @property
    def done(self) -> bool:
        return not self.lacks


def asked_of(model: TransferModel, host: Host) -> dict[str, Any]:
    """What `survey` is asked for. `host` has the engine `program`, and the folder of programs as its `model_path`."""
    asked = survey_for(model, host)
    home = host.environment.get("HF_HOME", "~/.cache/huggingface")
    caches = [f"{home}/hub/models--{entry['repository'].replace('/', '--')}" for entry in asked["files"]]
    places = [place for entry in asked["files"] for place in entry["folders"]] or caches
    return {**asked, "commands": {**asked["commands"], "used": ["du", "-skc", *places]}}


def refusals(model: TransferModel, host: Host, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What prevents the steps, each with its remedy: findings of `doctor`, and tools that the open steps call for."""
    steps = [step for step in steps_for(model, host, facts) if not step.done]
    findings = list(judge_for_video(model, host, dict(facts)))
    yield from (finding for finding in findings if finding.status == "missing" and finding.name in PREVENTS)
    if steps:
        yield from _lacking_space(model, facts["survey"])
    if any(step.name.startswith("checkpoints") and not step.optional for step in steps):
        yield from _denied(model, findings, facts["survey"])
    called = {command.words[0] for step in steps if not step.optional for command in step.commands}
    for name in sorted(called & TOOLS.keys()):
        if facts["survey"]["commands"][name]["code"]:
            yield Finding(name, "missing", f"{name} is not there, or does not run", TOOLS[name])


def _lacking_space(model: TransferModel, survey: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether what is published of sizes fits beside what is there already."""
    setup = SETUPS[model.family.name]
    lacking = [state for state in survey["files"] if state["missing"] and state["free"] is not None]
    if not lacking or setup.space is None:
        return
    total = survey["commands"]["used"]["out"].splitlines()[-1:] or ["0"]
    used, free = int(total[0].split()[0]) * 1024, lacking[0]["free"]
    begun = any(not state["missing"] for state in survey["files"])
    if not begun and free + used < setup.space:
        yield Finding(
            "space for files", "missing",
            f"{free / 1e9:.0f} GB free for {lacking[0]['folder']}, {used / 1e9:.0f} GB there; {setup.about_space}",
            "free space there, or name a folder of a larger disk: --model-path (for Hugging Face's cache: --env HF_HOME"
            " of `cosmos hosts add`)",
        )  # fmt: skip


def _denied(model: TransferModel, findings: Sequence[Finding], survey: Mapping[str, Any]) -> Iterator[Finding]:
    """Repositories that the hub refuses to the user's token, before hundreds of GB are downloaded for nothing."""
    for needs in needs_of(model.name, "cache", "program"):
        status = survey["access"].get(needs.repository, {}).get("status")
        name, refused = f"access to {needs.repository}", status in (401, 403)
        if not needs.only_for:
            yield from (f for f in findings if f.name == name and (refused or f.status == "missing"))


def steps_for(model: TransferModel, host: Host, facts: Mapping[str, Any]) -> list[Step]:
    """The steps in their order, for a machine with these facts (see `agent.inspecting`, with `asked_of`)."""
    survey = facts["survey"]
    name = PurePosixPath(SOURCES[model.family.name].url).name
    root, entry = survey["programs"][0]["folder"], survey["programs"][1]
    clone = entry["folder"] if not entry["missing"] else f"{root}/{name}"
    image = _image(model, host, clone, facts) if host.container else ()
    environment = () if host.container else _environment(model, host, clone, survey)
    files = _checkpoints(model, host, clone, survey)
    # Transfer1's script needs the environment; `hf` does not, and a person may do that part last.
    middle = [*image, *environment, *files] if model.family.name == "transfer1" else [*image, *files, *environment]
    return [*_clone(model, clone, survey), *middle]


def _clone(model: TransferModel, clone: str, survey: Mapping[str, Any]) -> Iterator[Step]:
    source, head = SOURCES[model.family.name], survey["commands"]["head"]["out"]
    entry, begun = survey["programs"][1], not survey["programs"][2]["missing"]
    lacks = entry["missing"][0] if entry["missing"] else ""
    if not lacks and head and not head.startswith(source.commit):
        lacks = f"it is at {head[:7]}"
    first = (
        Command(("git", "-C", clone, "fetch", "origin"))
        if begun
        else Command(("git", "clone", f"{source.url}.git", clone))
    )
    yield Step(
        "repository", f"the program itself, at {source.commit}, for which this version of cosmos-workflow was written",
        (first, Command(("git", "-C", clone, "checkout", source.commit))), NOT_STATED, lacks,
    )  # fmt: skip
    if source.large_files and (begun or lacks):
        large = survey["commands"]["large"]
        unfetched = sum(1 for line in large["out"].splitlines() if " - " in line)
        lacks = f"{unfetched} files" if unfetched else "the files" if entry["missing"] or large["code"] else ""
        yield Step(
            "large files", "its examples are kept by Git LFS (docs/setup.md)",
            (Command(("git", "lfs", "pull"), clone),), NOT_STATED, lacks,
        )  # fmt: skip


def _image(model: TransferModel, host: Host, clone: str, facts: Mapping[str, Any]) -> Iterator[Step]:
    source, runtime = SOURCES[model.family.name], host.container
    lacks = f"{host.image} is not there" if facts.get("image", {"code": 1})["code"] else ""
    if not source.dockerfile or "@sha256:" in host.image:
        yield Step(
            "image", f"what the engine runs in; documented: {SETUPS[model.family.name].image}",
            (Command((*runtime, "pull", host.image)),), NOT_STATED, lacks,
        )  # fmt: skip
        return
    capabilities = [line.rpartition(",")[2].strip() for line in facts["survey"]["capability"]["out"].splitlines()]
    new = source.new_cards and any(float(word) >= BLACKWELL for word in capabilities if _is_number(word))
    file = source.new_cards if new else source.dockerfile
    yield Step(
        "image", f"what the engine runs in, from its clone{', for Blackwell cards' if new else ''}",
        (Command((*runtime, "build", "-f", file, ".", "-t", host.image), clone),), NOT_STATED, lacks,
    )  # fmt: skip


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def _environment(model: TransferModel, host: Host, clone: str, survey: Mapping[str, Any]) -> Iterator[Step]:
    source, python = SOURCES[model.family.name], python_of(host)
    ready = any(not state["missing"] for state in survey["programs"][3:])
    ready = ready or ("/" not in python and bool(survey["commands"]["torchrun"]["out"]))
    arm = survey["machine"].lower() in ("aarch64", "arm64")
    words = source.arm_environment if arm else source.environment
    setting = "[engine_options], python" if host.name == "local" else f"[hosts.{host.name}], python"
    yield Step(
        "environment", "the program's Python and libraries, and torchrun",
        (Command(words, clone),) if words else (), NOT_STATED, "" if ready else "torchrun beside its Python",
        note="" if words else f"its commands are in the clone, {source.about_environment}; which are needed is not"
        f" known, so none is run for you; then name its Python in cosmos.toml: {setting} = PATH",
    )  # fmt: skip


def _checkpoints(model: TransferModel, host: Host, clone: str, survey: Mapping[str, Any]) -> Iterator[Step]:
    source = SOURCES[model.family.name]
    wanted = needs_of(model.name, "cache", "program")
    states = list(zip(wanted, survey["files"], strict=True))
    if source.download_script:
        own = [(needs, state) for needs, state in states if not needs.cached and not needs.only_for]
        lacks = [f"{needs.repository}/{file}" for needs, state in own for file in state["missing"]]
        kind = "7b_av" if model.name.endswith("-av") else "7b"
        words = ("python", source.download_script, "--output_dir", "./checkpoints", "--model", kind)
        command = (
            _in_container(host, clone, survey, words)
            if host.container
            else Command((_python(host, survey), *words[1:]), clone, {"PYTHONPATH": clone})
        )
        yield Step(
            "checkpoints", "NVIDIA's script downloads them and compares their MD5; it ends without an error even where"
            " a download fails, so the files are looked at after it",
            (command,), SETUPS[model.family.name].about_space, _listed(lacks),
        )  # fmt: skip
        states = [(needs, state) for needs, state in states if needs.cached]
    for needs, state in states:
        yield Step(
            f"checkpoints of {needs.repository}",
            f"only for {needs.only_for}" if needs.only_for else f"what the program loads ({needs.source})",
            (Command(("hf", "download", needs.repository, *_names(needs))),), NOT_STATED, _listed(state["missing"]),
            optional=bool(needs.only_for),
        )  # fmt: skip


def _python(host: Host, survey: Mapping[str, Any]) -> str:
    """The program's Python, as a command can name it: no shell expands `~` in its words."""
    python = python_of(host)
    return f"{survey['programs'][3]['folder']}/{PurePosixPath(python).name}" if python.startswith("~") else python


def _in_container(host: Host, clone: str, survey: Mapping[str, Any], words: Sequence[str]) -> Command:
    """In the image, with the clone as its workspace, and Hugging Face's folder, where a token may be."""
    home = PurePosixPath(survey["cache"]).parent
    mounts = ("-v", f"{clone}:/workspace", "-v", f"{home}:/root/.cache/huggingface", "-w", "/workspace")
    # By its name alone a variable is taken from the runtime's own environment: no value stands in an argument.
    named = ("-e", "HF_TOKEN", "-e", "PYTHONPATH=/workspace")
    return Command((*host.container, "run", "--rm", *mounts, *named, host.image, *words))


def _names(needs: Needs) -> tuple[str, ...]:
    """The files, where all are named; else the whole repository is downloaded."""
    files = (*needs.files, *needs.by_hint.values())
    plain = all(PurePosixPath(file).suffix and not set(file) & set("*|") for file in files)
    return files if plain else ()


def _listed(names: Sequence[str], most: int = 4) -> str:
    """
    >>> _listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}".replace("|", " or ")
