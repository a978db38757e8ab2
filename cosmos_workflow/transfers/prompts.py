"""The upsampler before a transfer: it runs once, in a process of its own, and its answers are the transfers' prompts.

NVIDIA's two scripts differ in what the upsampler looks at: `upsampler_pipeline.py` at the clip, Transfer1's
`transfer.py --upsample_prompt` at a control.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from cosmos_workflow.api import fitting_model_len, run_items, tokens_needed
from cosmos_workflow.config import Config, load_config
from cosmos_workflow.deciding import Decision, decide, settings_for
from cosmos_workflow.engines import EngineSettings, engine_type
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.item import Item
from cosmos_workflow.kinds.upsample import Item as Prompt
from cosmos_workflow.kinds.upsample import Settings as PromptSettings
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.transfers.targets import runs_with_a_prompt, target_of

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.plan import Checked
    from cosmos_workflow.runs import Listener, Runs

__all__ = ["PROMPTS", "Asked", "LookAt", "Upsampled", "ask", "asked_of", "upsampler_at", "with_context"]

LookAt = Literal["clip", "control"]
PROMPTS = "prompts.jsonl"  # the upsampler's answers, in the folder of the videos
# transfer.py: the first of vis and edge, else the first of seg and depth; the other controls are never looked at.
ORDER = ("vis", "edge", "seg", "depth")
COMPUTED = ("vis", "edge")
FRAMES = 10  # of a control that is computed for it, as in transfer.py


@dataclass(frozen=True)
class Asked:
    """What the upsampler is asked: its `prompts`, each once; by a transfer's id, that of its prompt in `of`, and in
    words what is looked at in `looked_at`. A transfer that cannot run is in neither. For Cosmos 3 a prompt becomes a
    caption of the video that is made, for the others a paragraph.
    """

    prompts: tuple[Prompt, ...] = ()
    of: Mapping[str, str] = field(default_factory=dict)
    looked_at: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Upsampled:
    """Transfers with the prompts that the upsampler gave; `failed` says of the others, by id, why there is none."""

    items: list[Item]
    failed: Mapping[str, str]


def upsampler_at(place: str, config: Config | None = None) -> Decision:
    """The upsampler at the place of a transfer, by the settings. Raises UsageError for a cluster."""
    from cosmos_workflow.limits import DEFAULT_MODEL
    from cosmos_workflow.limits.folder import model_at

    if is_ray(place):
        raise UsageError(
            "on a cluster prompts are upsampled as a batch of their own", where=place,
            remedy="cosmos upsample BATCH --on ray; then write its answers into the specs",
        )  # fmt: skip
    kind = get_kind("upsample")
    config = settings_for(kind, config or load_config())
    limits = model_at(config.model_path, config.model or DEFAULT_MODEL)
    settings = EngineSettings(
        limits, config.model_path, config.server_url, config.server_model, options=config.engine_options
    )
    return decide(kind, PromptSettings(limits=limits), place=place, engine_settings=settings, config=config)


def asked_of(checked_items: Iterable[Checked], look_at: LookAt, folder: Path | None) -> Asked:
    """What the upsampler is asked for transfers that were checked; equal prompts of one file are asked once.

    A control that is computed is made for it in `folder`, its first frames; without a folder, for a plan, the clip
    stands for it.
    Raises UsageError where there is nothing to look at, BadInputError for a folder that holds something else than
    videos of ours.
    """
    if folder:
        with ResultsFile(folder, get_kind("transfer")):
            """Its results file makes the folder ours, before anything else is written there."""
    prompts: dict[str, Prompt] = {}
    of: dict[str, str] = {}
    looked_at: dict[str, str] = {}
    for checked in checked_items:
        if checked.case is None or not runs_with_a_prompt(checked):
            continue
        path, words = _looked_at(checked, look_at, folder)
        text = checked.case.spec.prompt
        # The same words for another size or rate are another caption, with an id of its own.
        form = {"format": "cosmos3", **target_of(checked)} if checked.case.family == "cosmos3" else {}
        prompt = Prompt.from_mapping({"video": str(path), "prompt": text, **form})
        prompts[prompt.id] = prompt
        of[checked.item.id], looked_at[checked.item.id] = prompt.id, words
    return Asked(tuple(prompts.values()), of, looked_at)


def ask(
    items: Sequence[Item], asked: Asked, decision: Decision, folder: Path, *, wait: float = 60.0, name: str = "",
    listener: Listener | None = None, runs: Runs | None = None,
) -> Upsampled:  # fmt: skip
    """Ask the upsampler, and put its answers into the items; those in `folder` already are not asked again.

    The model does not stay loaded: the card is the transfer's then. Raises as `upsample`.
    """
    if not asked.prompts:
        return Upsampled(list(items), {})
    answered = run_items(
        list(asked.prompts), with_context(asked.prompts, decision), out=folder / PROMPTS, keep_warm=0.0, wait=wait,
        name=name, listener=listener, runs=runs,
    )  # fmt: skip
    results = {result.id: result for result in answered}
    made, failed = [], {}
    for item in items:
        result = results.get(asked.of.get(item.id, ""))
        if item.id not in asked.of:
            made.append(item)  # it cannot run: its check says why
        elif result is None or not result.ok or not result.upsampled_prompt.strip():
            failed[item.id] = result.error if result and result.error else "the upsampler gave no answer"
        else:
            made.append(_with_prompt(item, result, asked.looked_at[item.id]))
    return Upsampled(made, failed)


def with_context(prompts: Sequence[Prompt], decision: Decision) -> Decision:
    """For captions, more context than the model's default where they need it and the memory at the place has it.

    The paragraphs that are asked with them have it too: of one run, all prompts are planned for the same model.
    """
    captioned = any(decision.settings.of(prompt).format != "text" for prompt in prompts)
    if not captioned or engine_type(decision.engine.name).needs != "model" or decision.engine.is_given:
        return decision
    settings = EngineSettings(**{**decision.engine.settings, "limits": decision.settings.model})
    needed = tokens_needed(prompts, decision.settings)
    length, _ = fitting_model_len(needed, decision.engine.name, settings, decision.place)
    return decision.with_length(length)


def _with_prompt(item: Item, result: Any, looked_at: str) -> Item:
    values = json.loads(item.asked)
    values.pop("prompt_path", None)
    values["prompt"] = result.upsampled_prompt
    kept = {
        "prompt": result.prompt, "upsampled_prompt": result.upsampled_prompt, "looked_at": looked_at,
        "engine": result.engine, "engine_model": result.engine_model,
    }  # fmt: skip
    return replace(item, asked=json.dumps(values, ensure_ascii=False), extra={**item.extra, "upsampled": kept})


def _looked_at(checked: Checked, look_at: LookAt, folder: Path | None) -> tuple[Path, str]:
    """The file that the upsampler sees, and which that is in words."""
    item, case = checked.item, checked.case
    assert case is not None
    if look_at == "clip":
        if item.video is None:
            raise UsageError("there is no clip to look at", where=item.id, remedy="give --look-at control")
        return item.video, "clip"
    for hint in ORDER:
        if hint not in case.hints:
            continue
        if path := cast("Path | None", getattr(item, hint)):
            return path, f"{hint}, as given"
        if hint in COMPUTED and item.video:
            return (_computed(checked, hint, folder) if folder else item.video), f"{hint}, computed"
    raise UsageError(
        f"there is no control to look at among {', '.join(ORDER)}", where=item.id,
        remedy="give --look-at clip, or the video of a control",
    )  # fmt: skip


def _computed(checked: Checked, hint: str, folder: Path) -> Path:
    """The first frames of a control that is computed of the clip, as a video; made once."""
    from cosmos_workflow.engines.films import control_frames, write_film
    from cosmos_workflow.files import aside
    from cosmos_workflow.kinds.transfer.plan import work_of
    from cosmos_workflow.media.video import sha256_of

    case, clip = checked.case, checked.item.video
    assert case is not None
    assert clip is not None
    work = work_of(case)
    work = replace(work, frames=min(work.frames, FRAMES))
    control = next(control for control in work.controls if control.hint == hint)
    facts = (sha256_of(clip), hint, control.preset, work.width, work.height, work.frames, work.fps, work.family)
    path = folder / ".prompts" / f"{hint}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:12]}.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = aside(path)
        try:
            write_film(control_frames(work, control, {"video": clip}), (work.width, work.height), work.fps, part, 1)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path
