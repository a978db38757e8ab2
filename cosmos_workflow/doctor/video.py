"""A video model on this machine or on a host: what is asked there, and the order in which the answers are judged."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cosmos_workflow.agent.hub import answer_of, failure_of
from cosmos_workflow.agent.surveying import survey
from cosmos_workflow.deciding import AnySettings, settings_for
from cosmos_workflow.doctor.finding import Finding
from cosmos_workflow.doctor.gpus import chosen_gpus
from cosmos_workflow.doctor.model_files import form_of, judge_files, wanted_files
from cosmos_workflow.doctor.model_machine import DIFFUSERS, judge_cards, judge_libraries, judge_shared, judge_system
from cosmos_workflow.doctor.models import SETUPS
from cosmos_workflow.doctor.programs import judge_program, program_survey, python_of
from cosmos_workflow.engines.gpus import ask_driver, gpus_in
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.limits import OF_FAMILY, TRANSFER_MODELS, TransferModel, get_transfer_model
from cosmos_workflow.ssh import Host

__all__ = [
    "examine_video",
    "fetch_here",
    "folder_for",
    "image_for",
    "judge_video",
    "modules_for",
    "survey_for",
    "video_model",
]

# Variables of Hugging Face's library, which a host's settings may give to the engine.
OF_HUB = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_", "XDG_CACHE_HOME")


def video_model(name: object) -> TransferModel | None:
    """The video model of that name, or that a family's name stands for; None where it is another model's."""
    if isinstance(name, str) and (name in TRANSFER_MODELS or name in OF_FAMILY):
        return get_transfer_model(name)
    return None


def folder_for(model: TransferModel, settings: AnySettings) -> str:
    """The folder of the settings in which the model's files are looked for; empty where it is that of another model.

    Transfer1 keeps its upsampler among its own files, so that a folder of either leads to the other.
    """
    if model.family.name == "transfer1":
        return settings.model_path
    return settings_for(get_kind("transfer"), settings).model_path


def examine_video(
    model: TransferModel, folder: str, engine: str = "", options: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """Look at this machine for a model, whose files are in `folder`, if any; nothing is changed or downloaded.

    With the engine `program` also for NVIDIA's program there, under the engine's options.
    """
    form = form_of(model, folder, engine)
    asked = {"files": wanted_files(model, folder, engine), "environment": {}}
    own_python = str((options or {}).get("python") or sys.executable)
    asked |= program_survey(model, folder, own_python) if engine == "program" else {}
    facts = survey(asked, fetch_here)
    yield from judge_system(model, facts, form)
    answer = ask_driver()
    yield from judge_cards(model, facts, gpus_in(answer), answer)
    yield judge_shared(facts["shared"])
    if engine == "program":
        yield from judge_program(model, facts, "local", own_python)
    else:
        modules = [name for name in modules_for(model) if importlib.util.find_spec(name)]
        yield judge_libraries(model, form, "this Python", modules)
    yield from judge_files(model, folder, facts, engine)


def survey_for(model: TransferModel, host: Host) -> dict[str, Any]:
    """What a host's agent is asked; the user's token goes there only where its `secrets` name it."""
    given = {name: os.environ[name] for name in host.secrets if name in os.environ}
    given = {**host.environment, **given}
    asked = {
        "files": wanted_files(model, host.model_path, host.engine),
        "environment": {name: value for name, value in given.items() if name.startswith(OF_HUB)},
    }
    return asked | (program_survey(model, host.model_path, python_of(host)) if host.engine == "program" else {})


def judge_video(model: TransferModel, host: Host, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What a host's facts (see `agent.inspecting`, with its survey) mean for the model."""
    form, machine = form_of(model, host.model_path, host.engine), facts["survey"]
    container = bool(host.container)
    yield from judge_system(model, {**machine, "glibc": ""} if container else machine, form)
    gpus, wrong = chosen_gpus(gpus_in(facts["nvidia_smi"]), host.gpu)
    if wrong:
        yield Finding("gpu", "missing", wrong, f"cosmos hosts add {host.name} … --gpu with one of these")
    else:
        yield from judge_cards(model, machine, gpus, facts["nvidia_smi"])
    yield judge_shared(machine["shared"], host.run_options if container else (), container=container)
    if host.engine == "program":
        yield from judge_program(model, machine, host.name, "" if container else python_of(host))
    elif not container:
        yield judge_libraries(model, form, host.python, facts["modules"]["out"].split())
    yield from judge_files(model, host.model_path, machine, host.engine)


def image_for(model: TransferModel) -> str:
    """What NVIDIA documents of an image for the model."""
    setup = SETUPS[model.family.name]
    return f"NVIDIA's own: {setup.image} ({setup.source})"


def modules_for(model: TransferModel) -> Iterable[str]:
    """The modules that a Python is asked for."""
    return dict.fromkeys([*DIFFUSERS, *SETUPS[model.family.name].modules])


def fetch_here(url: str, headers: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """Ask for a page as the rest of this program does: with its certificates, and a token for one server alone."""
    from cosmos_workflow.engines.connection import http_library

    try:
        with http_library().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
            return answer_of(answer.status_code, answer.headers)
    except Exception as error:
        return failure_of(error)
