"""Sizes and shapes: a bucket is all that a model knows, and NVIDIA's code stretches every file to one."""

from __future__ import annotations

from cosmos_workflow.kinds.transfer.case import Case, shape_of_aspect
from cosmos_workflow.kinds.transfer.item import CONTROLS
from cosmos_workflow.kinds.transfer.preflight.inputs import C3, T1, T25, Says
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.media.video import Clip

ASPECTS = ("16:9", "4:3", "1:1", "3:4", "9:16")
STRETCH = 0.005  # of a shape, which nobody sees


@statement("bad_input", "A control of another bucket than the clip",
           f"{T1} inference_utils.py:339: each file gets the bucket of its own shape, and the "
           "tensors do not match")  # fmt: skip
def other_bucket(case: Case) -> Says:
    if case.first is None or case.family == "cosmos3":
        return
    for name in CONTROLS:
        clip = case.clips.get(name)
        if clip is None:
            continue
        bucket, wanted = _bucket(case, clip), _bucket(case, case.first)
        if bucket != wanted:
            yield (f"{name} is {clip.width}x{clip.height}, which becomes {bucket[0]}x{bucket[1]}, and the clip becomes"
           f" {wanted[0]}x{wanted[1]}", f"cosmos prepare CLIP --for {case.family} makes them "
           "alike")  # fmt: skip


@statement("bad_input", "A size that the model does not have",
           "NVIDIA/cosmos-framework docs/inference.md; cosmos-transfer2.5 datasets/utils.py:44; "
           "NVIDIA/cosmos issue 84")  # fmt: skip
def size_of_no_bucket(case: Case) -> Says:
    size, family, aspect = case.spec.size, case.model.family, case.spec.aspect
    if aspect and shape_of_aspect(aspect) is None:
        yield f"the aspect {aspect!r:.60} is no ratio", f"choose one of {', '.join(ASPECTS)}"
    elif aspect and case.family == "cosmos3" and aspect.replace(",", ":") not in ASPECTS:
        yield f"{family.title} has no sizes of {aspect}", f"choose one of {', '.join(ASPECTS)}"
    if not size or size in family.sizes:
        return
    known = {f"{width}x{height}" for sizes in family.sizes.values() for width, height in sizes}
    if size not in known:
        yield f"{family.title} has no size {size:.60}", f"choose one of {', '.join([*family.sizes, *sorted(known)])}"


@statement("risky", "A picture that is stretched",
           f"{T1} inference_utils.py:595; {T25} datasets/utils.py; {C3} transfer.py")  # fmt: skip
def stretched(case: Case) -> Says:
    if case.first is None or not case.bucket[0]:
        return
    wide, high = case.bucket
    factor = (wide / high) / (case.first.width / case.first.height)
    if abs(factor - 1) > STRETCH:
        how = f"{abs(factor - 1):.1%} {'wider' if factor > 1 else 'narrower'}"
        back = "; the output is brought back to the clip's shape" if case.out_size != case.bucket else ""
        yield (f"{case.first.width}x{case.first.height} is stretched to {wide}x{high}, {how}{back}",
               f"cosmos prepare CLIP --for {case.family} --crop cuts off what does not fit instead")  # fmt: skip


@statement("risky", "A control of another shape than the clip",
           f"{T1} inference_utils.py:595; {T25} datasets/utils.py; {C3} transfer.py: each file alone")  # fmt: skip
def other_shape(case: Case) -> Says:
    if case.first is None:
        return
    shape = case.first.width / case.first.height
    for name in CONTROLS:
        clip = case.clips.get(name)
        if (
            clip
            and abs(clip.width / clip.height / shape - 1) > STRETCH
            and _bucket(case, clip) == _bucket(case, case.first)
        ):
            yield (f"{name} is {clip.width}x{clip.height}, and the clip {case.first.width}x{case.first.height}: each is"
                   " stretched by itself, so that they do not lie on each other",
                   f"render {name} in the clip's shape, or crop both: cosmos prepare --for {case.family}")  # fmt: skip


def _bucket(case: Case, clip: Clip) -> tuple[int, int]:
    return case.model.family.size_for(clip.width, clip.height, case.tier)


@statement("risky", "An upscaling that begins by making the clip smaller",
           f"{T1} world_generation_pipeline.py:374-408: the input is resized to its bucket first")  # fmt: skip
def upscale_shrinks(case: Case) -> Says:
    if "upscale" not in case.hints or case.video is None or not case.bucket[0]:
        return
    wide, high = case.bucket
    if case.video.width > wide or case.video.height > high:
        yield (f"{case.video.width}x{case.video.height} is first made {wide}x{high}, and then"
               f" {3 * wide}x{3 * high}", "upscale a clip of a bucket's size, such as what the model made")  # fmt: skip
