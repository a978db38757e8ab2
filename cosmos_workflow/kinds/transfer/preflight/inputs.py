"""The files and the controls that are asked for. NVIDIA's programs look at them when all models are loaded."""

from __future__ import annotations

from collections.abc import Iterator

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.item import CONTROLS
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.media.sequence import is_sequence

Says = Iterator[tuple[str, str]]
T1, T25, C3 = "cosmos-transfer1 5005e82", "cosmos-transfer2.5 2ff49d0", "NVIDIA/cosmos-framework"


def how_to_make(case: Case, hint: str) -> str:
    """How a person comes to the video of a control that is not computed."""
    if hint in ("depth", "seg"):
        return f"render it, then cosmos prepare CLIP --for {case.family} --{hint} PATTERN, and give --{hint} VIDEO"
    return f"give its video: --{hint} VIDEO"


@statement("bad_input", "A file that is named is not there, or cannot be read",
           f"{T1} preprocessors.py: looked at after all models are loaded")  # fmt: skip
def missing_file(case: Case) -> Says:
    for name, error in case.broken.items():
        where = f"{error.where}: " if error.where else ""
        yield f"{name.replace('_', ' ')}: {where}{error.what}", error.remedy or "correct the path"
    for name in ("prompt", "negative_prompt"):
        if not getattr(case.spec, name) and (path := getattr(case.spec, f"{name}_path")):
            yield f"the file of the {name.replace('_', ' ')} cannot be read: {path}", "correct the path"


@statement("bad_input", "Numbered images as a clip or a control",
           f"{T1} inference_utils.py; {T25} config.py: videos alone, or one picture")  # fmt: skip
def numbered_images(case: Case) -> Says:
    for name, path in case.item.files.items():
        if name in case.clips and is_sequence(path):
            yield f"{name} is a sequence of images, and models take videos", f"cosmos prepare {path} makes one of them"


@statement("bad_input", "No control is asked for",
           f"{T25} config.py: “No controls provided”; {C3} transfer.py; {T1} inference_utils.py")  # fmt: skip
def no_control(case: Case) -> Says:
    if not case.hints:
        hints = ", ".join(f"--{hint}" for hint in case.model.hints)
        yield "no control is asked for", f"give one of {hints}"


@statement("bad_input", "A hint that the model does not have",
           f"{T1} inference_utils.py:1194; {T25} config.py; {C3} args.py")  # fmt: skip
def unknown_hint(case: Case) -> Says:
    for hint in case.hints:
        if hint in case.model.hints or (hint in ("hdmap", "lidar") and case.family == "transfer1"):
            continue
        yield f"{case.model.name} has no control {hint}", f"its controls are {', '.join(case.model.hints)}"


@statement("bad_input", "hdmap or lidar without the model for them",
           f"{T1} transfer.py: --is_av_sample chooses their base model")  # fmt: skip
def needs_av_model(case: Case) -> Says:
    for hint in case.hints:
        if hint in ("hdmap", "lidar") and case.family == "transfer1" and hint not in case.model.hints:
            yield f"{hint} needs the model for driving", "give --model transfer1-7b-av"


@statement("bad_input", "A name that is given twice",
           f"{T25} config.py: “Inference samplename X is not unique”, at which it stops")  # fmt: skip
def name_twice(case: Case) -> Says:
    if name := case.item.extra.get("namesake"):
        yield f"another transfer is named {name} too, and both would write the same files", "give each its own name"


@statement("bad_input", "A control that nothing can be computed from",
           f"{C3} transfer.py; {T1} inference_utils.py:1216-1278; {T25} config.py")  # fmt: skip
def control_without_source(case: Case) -> Says:
    if "upscale" in case.hints and not case.item.video:
        yield "upscaling needs a clip", "give the video"
    for hint in case.hints:
        if hint not in CONTROLS or getattr(case.item, hint) or hint not in case.model.hints:
            continue
        if hint not in case.model.computes:
            yield f"{case.model.name} computes no {hint}, and its video is not given", how_to_make(case, hint)
        elif not case.item.video:
            yield f"{hint} would be computed of the clip, and there is none", f"give the video, or that of {hint}"


@statement("bad_input", "No clip, where the model needs one",
           f"{T25} config.py: video_path is required; {T1} inference_utils.py: sigma_max < 80 needs "
           "the clip")  # fmt: skip
def no_video(case: Case) -> Says:
    if case.item.video:
        return
    enough = case.model.sigma_without_video
    if enough is None:
        if case.settings.engine != "diffusers":  # whose pipeline takes no clip
            yield f"{case.model.name} needs the clip, even where it looks at controls alone", "give the video"
        return
    sigma = case.spec.sigma_max
    if sigma is None and case.model.sigma_max:
        sigma = case.model.sigma_max.default
    if sigma is not None and sigma < enough:
        yield (
            f"without a clip the noise must be {enough:g} at least, and sigma_max is {sigma:g}",
            (f"give the video, or --sigma-max {enough:g}"),
        )
