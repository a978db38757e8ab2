"""Lengths and rates: chunks, what is repeated or cut at the end, and fps that are not kept."""

from __future__ import annotations

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.item import CONTROLS
from cosmos_workflow.kinds.transfer.preflight.inputs import C3, T1, T25, Says
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.media.pieces import PIECE, pieces_of

MOST = 10**9  # frames, where nobody asks for fewer


@statement("bad_input", "A control that is shorter than the clip",
           f"{T25} inference_pipeline.py: “No input frames; cannot pad” (issue 17)")  # fmt: skip
def short_control(case: Case) -> Says:
    if case.family != "transfer2.5":
        return
    for name in CONTROLS:
        count = case.lengths.get(name, 1)
        if 1 < count < case.frames:
            yield (f"{name} has {count} frames, and {case.frames} are made",
                   f"give a longer one, or --frames {count}")  # fmt: skip


@statement("risky", "Files of different lengths, of which the shortest wins",
           f"{T1} “Making all control and input videos to be length of N frames”; {C3} transfer.py")  # fmt: skip
def shortest_wins(case: Case) -> Says:
    moving = {name: count for name, count in case.lengths.items() if count > 1}
    if case.family == "transfer2.5" and "video" in case.lengths:
        longer = {name: count for name, count in moving.items() if count > case.lengths["video"] == case.frames}
        if longer:
            listed = ", ".join(f"{name} ({count})" for name, count in longer.items())
            yield f"only the first {case.frames} frames count of {listed}", "give files of one length"
    elif moving and case.frames < min(max(moving.values()), case.spec.frames or MOST, case.model.family.most_frames):
        listed = ", ".join(f"{name} {count}" for name, count in moving.items())
        yield (f"the files have different lengths ({listed} frames): the video ends after {case.frames}",
               f"give files of one length, or --frames {case.frames}")  # fmt: skip


@statement("risky", "More frames than the program reads", f"{T1} inference_utils.py:66; {T25} config.py; {C3} args.py")
def frames_beyond_the_most(case: Case) -> Says:
    most = case.model.family.most_frames
    longest = max(case.lengths.values(), default=0)
    if case.frames == most < longest and (case.spec.frames or MOST) > most:
        yield f"only the first {most:,} of {longest:,} frames are read", "cut the clip into pieces"


@statement("risky", "A clip that is shorter than a chunk",
           "cosmos-transfer1 issue 211; cosmos-transfer2.5 inference_pipeline.py: played back and forth")  # fmt: skip
def short_clip(case: Case) -> Says:
    if case.first is None or case.frames >= case.chunk or (case.family == "transfer2.5" and case.frames == 1):
        return
    if case.model.family.short:
        yield (f"{case.frames} frames are less than a chunk of {case.chunk}: {case.model.family.short}",
               f"give a longer clip, or cosmos prepare CLIP --for {case.family} --length hold")  # fmt: skip


@statement("risky", "Frames and rates beside those that are advised",
           f"{C3} args.py: MIN_NUM_FRAMES, MAX_NUM_FRAMES; “outside the recommended range [10, 30]”")  # fmt: skip
def beside_advice(case: Case) -> Says:
    if case.family != "cosmos3" or case.first is None or not case.first.fps:
        return
    least, most = case.model.advised_frames[case.tier]
    made = min(case.frames, case.chunk)
    if made < least:
        yield f"{made} frames are fewer than the {least} that are advised", "give a longer clip"
    elif made > most:
        yield f"chunks of {made} frames are longer than the {most} that are advised at {case.tier}", "give --chunk 121"
    slowest, fastest = min(case.model.family.rates), max(case.model.family.rates)
    if not slowest <= case.fps <= fastest:
        yield (f"{case.fps:g} frames a second are beside the {slowest:g} to {fastest:g} that are advised",
               f"cosmos prepare CLIP --for cosmos3 --fps {min(max(case.fps, slowest), fastest):g}")  # fmt: skip


@statement("risky", "A last chunk that is filled up, and cut back",
           f"{T1} world_generation_pipeline.py:533-556; {T25} inference_pipeline.py")  # fmt: skip
def last_chunk(case: Case) -> Says:
    full = case.chunk + (case.chunks - 1) * max(1, case.chunk - case.overlap)
    if case.chunks > 1 and full > case.frames and "upscale" not in case.hints:  # the last piece begins earlier
        more = full - case.frames
        yield (f"the last of {case.chunks} chunks is filled up with {more} frames ({more / case.fps:.2f} s), which are"
               " made and cut off again",
               f"give --frames {full - max(1, case.chunk - case.overlap)}, or a clip of {full} frames")  # fmt: skip


@statement("risky", "Seams between chunks", "cosmos-transfer1 issues 113, 157; cosmos-transfer2.5 issue 94")
def chunk_seams(case: Case) -> Says:
    if case.chunks < 2 or case.chunk < 1 or "upscale" in case.hints:  # refused, or pieces that fade into each other
        return
    stride = max(1, case.chunk - case.overlap)
    seams = [case.chunk + number * stride for number in range(case.chunks - 1)]
    listed = ", ".join(f"{frame / case.out_fps:.1f} s" for frame in seams[:4]) + (", …" if len(seams) > 4 else "")
    count = "the seam is" if len(seams) == 1 else f"{len(seams)} seams are"
    yield f"{case.chunks} chunks: {count} at {listed}", "look there first; a shorter clip has none"


@statement("risky", "A clip with several chunks, and an overlap of 0 or 2 frames",
           "cosmos-transfer2.5 issue 76: inconsistent from the second chunk on")  # fmt: skip
def drifting_overlap(case: Case) -> Says:
    if case.family == "transfer2.5" and case.chunks > 1 and case.overlap in (0, 2):
        yield f"with an overlap of {case.overlap}, later chunks drift away", "leave it at 1"


@statement("risky", "A rate that the output will not have",
           f"{T1} transfer.py: --fps (24) is written, whatever the clip has; {T25}: without its fraction")  # fmt: skip
def other_rate(case: Case) -> Says:
    if case.first is None or not case.first.fps or case.first.frames == 1:
        return
    own = case.first.fps
    if case.family == "transfer2.5":
        if case.spec.fps and abs(case.spec.fps - own) > 0.01:
            yield (
                f"Transfer2.5 keeps the clip's {own:g} frames a second, and {case.spec.fps:g} are asked for",
                (f"cosmos prepare CLIP --fps {case.spec.fps:g} makes a clip of that rate"),
            )
        elif case.settings.engine != "diffusers" and abs(own - int(own)) > 0.001:
            yield (f"{own:g} frames a second are written as {int(own)}: sound and picture drift apart",
                   f"cosmos prepare CLIP --fps {round(own)}")  # fmt: skip
    elif abs(case.out_fps - own) > 0.01:
        seconds = case.frames / case.out_fps
        yield (f"{own:g} frames a second are played at {case.out_fps:g}: {case.frames / own:.2f} s become"
               f" {seconds:.2f} s",
               f"give --restore fps, or --fps {own:g}, or cosmos prepare CLIP --fps {case.fps:g}")  # fmt: skip


@statement("risky", "A long upscaling",
           "cosmos-transfer1 issues 131, 134 and 150: it ends in the second chunk, after more than "
           "three hours")  # fmt: skip
def long_upscale(case: Case) -> Says:
    if "upscale" in case.hints and case.frames > PIECE:
        pieces = len(pieces_of(case.frames))
        yield (f"{case.frames} frames are upscaled in {pieces} pieces of {PIECE}, which are joined; a piece takes long",
               "upscale only the part that is needed")  # fmt: skip


@statement("risky", "A clip that is longer than the distilled model was made for",
           "cosmos-transfer2.5 docs/inference.md: 93 frames, strictly")  # fmt: skip
def long_distilled(case: Case) -> Says:
    longest = case.model.longest
    if longest and case.frames > longest and "upscale" not in case.model.hints:
        yield (f"{case.frames} frames are more than the {longest} that {case.model.name} was made for",
               f"give --frames {longest}, or take transfer2.5-2b")  # fmt: skip


@statement("risky", "Regional prompts on a clip that is shorter than a chunk",
           "cosmos-transfer1 issue 180: “Temporal dimension 24 is not divisible by chunk_length 121”, changed on "
           "2025-09-02 (1e3066a)")  # fmt: skip
def short_regions(case: Case) -> Says:
    if case.spec.regions and case.family == "transfer1" and case.frames < case.model.family.chunk:
        yield (f"regional prompts need {case.model.family.chunk} frames, and there are {case.frames}: Transfer1 of"
               " before 2025-09-02 ends with an error, after all models are loaded",
               "cosmos prepare CLIP --for transfer1 --length hold")  # fmt: skip


@statement("risky", "Regional prompts that are dropped", f"{T1} transfer.py: the distilled model drops them")
def dropped_regions(case: Case) -> Says:
    if case.spec.regions and case.family == "transfer1" and case.model.name.endswith("distilled"):
        yield f"{case.model.name} drops the {len(case.spec.regions)} regional prompts", "take transfer1-7b"
