"""What is asked beside files and controls: settings, numbers, weights and keys that a model or its program refuses."""

from __future__ import annotations

from collections.abc import Iterator

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.formats.values import named, shown
from cosmos_workflow.kinds.transfer.preflight.inputs import C3, T1, T25, Says
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.kinds.transfer.spec import WeightMap
from cosmos_workflow.limits.video_facts import LARGEST, Setting

# Which families have what not all of them have: fields of a Spec, and of a control.
ONLY = {
    "regions": ("transfer1",), "style_image": ("transfer2.5",), "style_frame": ("transfer2.5",),
    "anchor_mask": ("transfer2.5",), "anchor_step": ("transfer2.5",), "anchor_labels": ("transfer2.5",),
    "shift": ("cosmos3",), "show_control": ("transfer2.5", "cosmos3"), "show_input": ("transfer2.5", "cosmos3"),
}  # fmt: skip
ONLY_OF_CONTROL = {
    "mask": ("transfer2.5",), "mask_prompt": ("transfer2.5", "transfer1"), "prompt": ("transfer2.5", "transfer1"),
    "checkpoint": ("transfer1",),
}  # fmt: skip
NAMES = {
    "regions": "regional prompts", "style_image": "style image", "style_frame": "style image",
    "anchor_mask": "guided generation", "anchor_step": "guided generation", "anchor_labels": "guided generation",
    "mask": "masks", "mask_prompt": "masks", "prompt": "prompt of a control", "checkpoint": "ControlNet of one's own",
}  # fmt: skip
# Bounds of what no model limits: beyond them nothing that can be used comes out.
FRAMES, FPS, SEED = Setting(None, 1, whole=True), Setting(None, 1, 1000), Setting(None, 0, 2**63 - 1, whole=True)
SEED1 = Setting(None, 0, 2**32 - 1, whole=True)  # Transfer1's edges are drawn by NumPy's generator, which takes no more


@statement("bad_input", "A setting that the model does not have",
           f"{T1} transfer.py:52-172; {T25} config.py:312-590; {C3} args.py")  # fmt: skip
def beyond_model(case: Case) -> Says:
    for name, families in ONLY.items():
        if _is_asked(case, name) and case.family not in families:
            yield (f"{case.model.name} has no {NAMES.get(name, name)}",
                   f"leave it out, or take {' or '.join(families)}")  # fmt: skip
    for hint, control in case.controls.items():
        for name, families in ONLY_OF_CONTROL.items():
            if getattr(control, name) and case.family not in families:
                yield (f"{case.model.name} has no {NAMES[name]}, and {hint} has one",
                       f"leave it out, or take {' or '.join(families)}")  # fmt: skip
    if case.spec.keep_size and case.model.output != "input":
        yield f"{case.model.name} writes a size of its own, and keep_size is asked for", "give --restore size instead"
    if case.spec.distilled and not case.model.name.endswith("distilled"):
        yield f"there is no distilled model of {case.model.name}", "leave distilled out"
    if case.spec.av and case.family != "transfer1":
        yield f"{case.family} has no model for driving", "leave av out, or take transfer1-7b-av"


def _is_asked(case: Case, name: str) -> bool:
    value = getattr(case.spec, name)
    return bool(getattr(case.item, name, None)) or not (value is None or value is False or value in ("", ()))


@statement("bad_input", "A region without a place, or beside the picture",
           f"{T1} regional_prompting_utils.py: a region for each prompt: a box (0 to 1), a mask, words")  # fmt: skip
def bad_region(case: Case) -> Says:
    for number, region in enumerate(case.spec.regions, 1):
        if region.box is None and not region.mask and not region.mask_prompt:
            yield f"region {number} has no place", "give a box, a mask or a mask_prompt"
        elif region.box is not None:
            left, top, right, bottom = region.box
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                box = ", ".join(f"{side:g}" for side in region.box)
                yield (f"the box of region {number} is [{box}]",
                       "give left, top, right and bottom as shares of the picture, such as [0, 0, 0.5, 1]")  # fmt: skip
        if not region.prompt.strip():
            yield f"region {number} has no prompt", "say what shall be there"


@statement("bad_input", "A weight that the model does not take",
           f"{T1} inference_utils.py: “must be a valid non-negative float”; {T25} config.py: 0 to 1")  # fmt: skip
def bad_weight(case: Case) -> Says:
    for hint, control in case.controls.items():
        if isinstance(control.weight, WeightMap):
            if case.family != "transfer1":
                yield f"the weight of {hint} is a map, which only Transfer1 takes", "give a number, or a mask"
        elif control.weight is not None and (why := case.model.weight.refusal(control.weight)):
            yield f"the weight of {hint} is {control.weight:g}: {why}", "give a number from 0 to 1"
    if case.model.weights == "to_one" and case.hints and not sum(case.weights.values()) > 0:
        yield "all weights are 0", "give at least one control a weight"


@statement("bad_input", "A number beyond what the model takes",
           f"{T25} config.py:312-590: guidance is a whole number of 0 to 7; {T1} transfer.py; {C3} "
           "args.py")  # fmt: skip
def number_out_of_range(case: Case) -> Says:
    asked: dict[str, tuple[float | None, Setting | None]] = {
        "guidance": (case.spec.guidance, case.model.guidance),
        "steps": (case.spec.steps, case.model.steps),
        "control_guidance": (case.spec.control_guidance, case.model.control_guidance),
        "sigma_max": (case.spec.sigma_max, case.model.sigma_max),
        "chunk": (case.spec.chunk, case.model.chunk),
        "frames": (case.spec.frames, FRAMES),
        "fps": (case.spec.fps, FPS),
        "seed": (case.spec.seed, SEED1 if case.family == "transfer1" else SEED),
    }
    for name, (value, setting) in asked.items():
        if value is None:
            continue
        if setting is None:
            yield f"{case.model.name} has no {name}", "leave it out"
        elif why := setting.refusal(value):
            default = "" if setting.default is None else f" (NVIDIA's default is {setting.default:g})"
            yield f"{name} is {_shown(value)}: {why}", f"give another number{default}"
    if case.spec.shift is not None and not 0 < case.spec.shift < 1000:
        yield f"shift is {_shown(case.spec.shift)}", "give a number above 0 (NVIDIA's default is 10)"
    frame = case.spec.style_frame
    if frame is not None and not 0 < frame < (case.video.frames if case.video else frame + 1):
        count = f", and the clip has {case.video.frames} frames" if case.video else ""
        yield f"style_frame is {_shown(frame)}{count}", "give the number of a frame of the clip, from 1"
    for name, given, allowed in (
        ("overlap", case.spec.overlap, case.model.overlaps), ("first_overlap", case.spec.first_overlap,
                                                              case.model.first_overlaps),
    ):  # fmt: skip
        if given is None:
            continue
        if allowed is not None and given not in allowed:
            yield f"{name} is {_shown(given)}", f"choose one of {', '.join(map(str, allowed))}"
        elif allowed is None and not 0 <= given < case.chunk:
            yield (
                f"{name} is {_shown(given)}, in chunks of {case.chunk} frames",
                "give 0 or more, and less than the chunk",
            )
    if case.chunks > 1 and case.overlap >= case.chunk:
        yield (f"chunks of {case.chunk} frames that repeat {case.overlap} have no new ones",
               f"give --chunk {case.model.family.chunk}, or --overlap 0")  # fmt: skip
    if case.spec.first_overlap and case.model.first_overlaps is None and not case.item.video:
        yield f"first_overlap takes {case.spec.first_overlap} frames of the clip, and there is none", "give the video"


def _shown(value: float) -> str:
    return f"{value:,}" if abs(value) < LARGEST else "a number of many digits"


@statement("bad_input", "Keys that the program refuses",
           f"{T25} config.py: extra=forbid; {C3} args.py; {T1} inference_utils.py:1209: “Invalid hint_key”; the NIM "
           "answers 422")  # fmt: skip
def refused_key(case: Case) -> Says:
    for place, key in _unknown(case, refused=True):
        yield f"{case.model.name} knows no {named(key)}{place}, and its program refuses the whole spec", "remove it"


@statement("risky", "Keys that the program ignores",
           f"{T1} transfer.py:176-187: any key is accepted; {T25} config.py: unknown keys of a control")  # fmt: skip
def ignored_key(case: Case) -> Says:
    for place, key in _unknown(case, refused=False):
        yield f"{case.model.name} ignores {named(key)}{place}", "correct the name, or remove it"


def _unknown(case: Case, *, refused: bool) -> Iterator[tuple[str, str]]:
    """Each key that the program does not know, behind where it stands, and at which it stops or not."""
    for key, value in case.spec.extra.items():
        if refused == (case.family != "transfer1" or isinstance(value, dict)):
            yield "", key
    for hint, control in case.controls.items():
        if refused == (case.family == "cosmos3"):
            yield from ((f" in {hint}", key) for key in control.extra)
    for number, region in enumerate(case.spec.regions, 1):
        if not refused:
            yield from ((f" in region {number}", key) for key in region.extra)


@statement("bad_input", "vis beside a style image",
           f"{T25} config.py: “vis control and image_context_path are both used to transfer style”")  # fmt: skip
def vis_with_style(case: Case) -> Says:
    style = case.item.style_image or case.spec.style_frame is not None
    if "vis" in case.hints and style and case.family == "transfer2.5":
        yield (
            "vis and a style image both give the style, and Transfer2.5 refuses them together",
            "leave one of them out",
        )


@statement("bad_input", "A batch of more than one, where there is none",
           f"{T1} transfer.py:291: 1 for the upscaler; {C3} transfer.py: a batch of transfers is refused")  # fmt: skip
def batch_size(case: Case) -> Says:
    size = {**case.spec.extra, **case.spec.program}.get("batch_size", 1)
    if size not in (1, "1") and (case.family == "cosmos3" or "upscale" in case.hints):
        yield (
            f"batch_size is {shown(size)}, and {case.model.name} makes one video at a time",
            "leave batch_size out; several specs of one call load the model once",
        )


@statement("bad_input", "The distilled model with more than one control",
           f"{T1} “Distilled model only supports single control input”")  # fmt: skip
def distilled_alone(case: Case) -> Says:
    if case.model.name.endswith("distilled") and len(case.hints) > 1:
        yield f"{case.model.name} takes one control, and {len(case.hints)} are asked for", "give edge alone"
