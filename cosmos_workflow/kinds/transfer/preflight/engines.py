"""What the chosen engine cannot honour, what a card cannot hold, and what servers make of a request."""

from __future__ import annotations

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.formats.values import named
from cosmos_workflow.kinds.transfer.preflight.inputs import Says, how_to_make
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.limits.memory import find_gpu
from cosmos_workflow.limits.video_cost import CAPABILITY
from cosmos_workflow.limits.video_plan import ARM_CARDS, plan_video

DIFFUSERS = "diffusers 0.42.1"
NIM_TIERS = ("720", "480", "512", "256")
LONGEST_CHUNK = 300  # frames of Cosmos 3, which come in fours after the first
BLACKWELL = 10.0  # the least compute capability of these cards
NIM_PIXELS = ("yuv420p",)  # yuvj420p, 10 bit and 4:4:4 are refused


def _asked(case: Case) -> dict[str, bool]:
    """What is asked for beyond a prompt and controls, and the model has, by its name for people."""
    controls, spec = case.controls.values(), case.spec
    return {
        "sigma_max": spec.sigma_max is not None and case.model.sigma_max is not None,
        "masks": case.family != "cosmos3" and any(control.mask or control.mask_prompt for control in controls),
        "style image": case.family == "transfer2.5" and bool(case.item.style_image or spec.style_frame is not None),
        "guided generation": case.family == "transfer2.5" and case.item.anchor_mask is not None,
        "first_overlap": case.family == "cosmos3" and bool(spec.first_overlap),
        "show_control": bool(spec.show_control),
        "show_input": bool(spec.show_input),
    }


PROGRAM = "NVIDIA's own program can: --engine program"


@statement("bad_input", "What the pipelines of diffusers cannot do",
           f"{DIFFUSERS}: Cosmos2_5_TransferPipeline, Cosmos3OmniModularPipeline")  # fmt: skip
def beyond_diffusers(case: Case) -> Says:
    if case.settings.engine != "diffusers":
        return
    program = PROGRAM
    if case.family == "transfer1" or case.model.name.endswith("distilled"):
        yield f"diffusers has no pipeline for {case.model.name}", program
        return
    for name in [name for name, asked in _asked(case).items() if asked]:
        yield f"the pipeline of diffusers for {case.model.family.title} takes no {name}", f"leave it out; {program}"
    if case.family == "transfer2.5" and len(case.hints) > 1:
        yield (f"the pipeline of diffusers takes one control, and {len(case.hints)} are asked for",
               f"keep one of them; {program}")  # fmt: skip
    if case.family == "cosmos3" and len(set(case.weights.values())) > 1:
        yield "the pipeline of diffusers weighs all controls of Cosmos 3 alike", f"leave the weights out; {program}"
    if case.chunk % 4 != 1 or case.chunk < 5:
        yield (f"a chunk of {case.chunk} frames: this pipeline makes them by four and one more",
               f"give --chunk {max(5, case.chunk // 4 * 4 + 1)}; {program}")  # fmt: skip
    for hint in case.hints:
        if hint in case.model.computes and hint not in ("edge", "vis") and getattr(case.item, hint) is None:
            yield f"diffusers computes no {hint}", how_to_make(case, hint)


@statement(
    "bad_input", "Frames that Transfer1's program makes all the same", "cosmos-transfer1 transfer.py: no such flag"
)
def beyond_program(case: Case) -> Says:
    whole = min((count for count in case.lengths.values() if count > 1), default=1)
    if case.settings.engine == "program" and case.family == "transfer1" and case.frames < whole:
        yield (f"NVIDIA's program makes all {whole} frames, and {case.frames} are asked for",
               f"cosmos prepare CLIP --last {case.frames - 1} writes a clip of these")  # fmt: skip


@statement("risky", "Keys of NVIDIA's program that diffusers and servers do not have", DIFFUSERS)
def program_keys(case: Case) -> Says:
    if case.settings.engine in ("diffusers", "http") and case.spec.program:
        yield (
            f"{case.settings.engine} does not look at {', '.join(map(named, case.spec.program))}",
            "remove what you do not need",
        )


@statement("risky", "Processors and cards without wheels",
           "cosmos-transfer1 issues 104, 185 and 208; cosmos-transfer2.5 issues 23, 30, 36 and 160; "
           "cosmos-transfer2.5 docs/setup.md")  # fmt: skip
def no_wheels(case: Case) -> Says:
    if not case.settings.gpu or case.family == "cosmos3" or case.settings.engine in ("diffusers", "http"):
        return
    gpu, _ = find_gpu(case.settings.gpu)
    if gpu in ARM_CARDS:
        yield (f"{gpu} has an ARM processor (aarch64): {case.model.aarch64}",
               "take an x86-64 machine, or build transformer-engine, natten and flash-attn yourself")  # fmt: skip
    if CAPABILITY[gpu] < BLACKWELL:
        return
    image = "docker/nightly.Dockerfile" if case.family == "transfer2.5" else "the Dockerfile"
    yield (f"{gpu} has compute capability {CAPABILITY[gpu]:.1f} (Blackwell), for which compiled wheels were missing",
           f"use NVIDIA's image of {image}")  # fmt: skip
    if "depth" in case.hints and case.item.depth is None and case.family == "transfer2.5":
        yield f"depth is computed with xformers, which ends where its wheel lacks {gpu}", how_to_make(case, "depth")


@statement("no_memory", "Memory that the card lacks",
           "docs/GPU_VIDEO.md (measured), and the pages of NVIDIA that `cosmos limits --model` names")  # fmt: skip
def too_little_memory(case: Case) -> Says:
    controls = len([hint for hint in case.hints if hint in case.model.hints])
    if not case.settings.gpu or not case.bucket[0] or not controls:
        return
    plan = plan_video(
        case.model, gpu=case.settings.gpu, size=case.bucket, tier=case.tier, frames=case.frames, controls=controls,
        way="diffusers" if case.settings.engine == "diffusers" else "",
    )  # fmt: skip
    if plan.fits is False:
        yield f"{case.settings.gpu} has too little memory: {plan.reason}", plan.remedy


@statement("bad_input", "What no server can do",
           "NIM cosmos-transfer2.5-2b 1.0.0; NVIDIA/cosmos nim/transfer.md; vllm-omni 0.30")  # fmt: skip
def beyond_http(case: Case) -> Says:
    if case.settings.engine != "http":
        return
    program = PROGRAM
    if case.family == "transfer1" or case.model.name.endswith("distilled"):
        yield f"no server makes videos with {case.model.name}", program
        return
    of_nim = case.family == "transfer2.5"
    can = {"sigma_max", "style image"} if of_nim else {"first_overlap"}
    for name in [name for name, asked in _asked(case).items() if asked and name not in can]:
        yield f"the servers for {case.model.family.title} take no {name}", f"leave it out; {program}"
    for hint in case.hints:
        if (clip := case.clips.get(hint)) and clip.is_image:
            yield (
                f"{hint} is a picture, and servers take a video for a control",
                "make a video of it, as long as the clip",
            )
    if not of_nim:
        return
    if case.spec.style_frame is not None:
        yield "the service takes a style image as a file alone", "save the frame, and give it as the style image"
    if case.tier not in NIM_TIERS:
        yield f"the service has no sizes {case.tier}", f"give --size, one of {', '.join(NIM_TIERS)}"
    if case.chunk != case.model.family.chunk:
        yield f"the service makes chunks of {case.model.family.chunk} frames alone", "leave out --chunk"
    if "video" in case.lengths and case.frames != case.lengths["video"]:
        yield (f"the service makes all {case.lengths['video']} frames of the clip, and {case.frames} are asked for",
               f"cosmos prepare CLIP --last {case.frames - 1} writes a clip of these")  # fmt: skip
    for hint, control in case.controls.items():
        if control.preset not in (None, "medium") and case.item.files.get(hint) is None:
            yield (f"the service computes {hint} in its own way, and takes no preset",
                   how_to_make(case, hint))  # fmt: skip


@statement("risky", "What only one of Cosmos 3's servers can do",
           "vllm-omni 0.30, entrypoints/openai/video/generation/helpers.py; NVIDIA/cosmos nim/transfer.md")  # fmt: skip
def one_server_only(case: Case) -> Says:
    if case.settings.engine != "http" or case.family != "cosmos3":
        return
    weights = set(case.shares.values())
    given = [hint for hint in case.hints if hint in case.item.files]
    if len(weights) > 1:
        yield (
            "the NIM weighs all controls of Cosmos 3 alike; vLLM-Omni takes weights",
            "ask vLLM-Omni, or leave them out",
        )
    if len(given) > 1:
        yield (f"vLLM-Omni takes the video of one control, and {len(given)} are given; the NIM takes them",
               "ask a NIM, or let edge and vis be computed")  # fmt: skip
    if case.first and case.bucket != case.model.family.size_for(case.first.width, case.first.height, case.tier):
        yield (f"vLLM-Omni takes the shape of the clip, and not {case.bucket[0]}x{case.bucket[1]}; the NIM takes it",
               "leave out the aspect, or ask a NIM")  # fmt: skip


@statement("bad_input", "A length that NVIDIA's service refuses", "NIM cosmos-transfer2.5-2b 1.0.0: 93 to 480 frames")
def nim_length(case: Case) -> Says:
    span = case.model.service_frames
    if case.settings.engine == "http" and span and case.first and not span[0] <= case.frames <= span[1]:
        yield (f"the service takes {span[0]} to {span[1]} frames, and there are {case.frames}",
               f"give --frames {span[1]}" if case.frames > span[1] else "cosmos prepare CLIP --for transfer2.5"
               " --length hold makes a longer one")  # fmt: skip


@statement("bad_input", "A pixel format that NVIDIA's service refuses",
           "NVIDIA/paidf-augmentation nim.py: “UnsupportedVideoFormat” for yuvj420p; NVDEC")  # fmt: skip
def nim_pixels(case: Case) -> Says:
    if case.settings.engine != "http" or not case.model.service_frames:
        return
    for name, clip in case.clips.items():
        if not clip.is_image and (clip.codec != "h264" or clip.pixel_format not in NIM_PIXELS):
            yield (f"{name} is {clip.codec}, {clip.pixel_format}: the service reads H.264 in yuv420p",
                   "cosmos prepare CLIP writes that")  # fmt: skip


@statement("risky", "Numbers that make vLLM-Omni stall",
           "NVIDIA/paidf-augmentation: keep num_frames, max_frames and the chunk equal")  # fmt: skip
def unequal_frames(case: Case) -> Says:
    if case.settings.engine == "http" and case.family == "cosmos3" and case.first and case.frames != case.chunk:
        whole = case.frames - (case.frames - 1) % 4 if case.frames <= LONGEST_CHUNK else case.chunk
        yield (f"{case.frames} frames in chunks of {case.chunk}: vLLM-Omni stalls where they differ",
               f"give --frames {whole} --chunk {whole}")  # fmt: skip
