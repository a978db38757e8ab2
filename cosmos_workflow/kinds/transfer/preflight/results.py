"""What runs, and whose result disappoints: weights, mixtures of controls, faces."""

from __future__ import annotations

import re

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.preflight.inputs import C3, T1, T25, Says
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.kinds.transfer.spec import WeightMap
from cosmos_workflow.media.sound import has_sound

COOKBOOK = "cosmos-cookbook, control_modalities/overview.md"
HIGH_VIS = 0.6  # the cookbook's upper end
LOADED_CONTROLS = 4
PEOPLE = re.compile(
    r"\b(?:person|people|human|humans|(?:wo)?m[ae]n|child(?:ren)?|kids?|boys?|girls?|bab(?:y|ies)|crowds?|faces?|"
    r"portraits?|pedestrians?|cyclists?|drivers?|workers?|passengers?|actors?|dancers?|soldiers?)\b",
    re.IGNORECASE,
)


@statement("risky", "Weights that the model scales",
           f"{T1} inference_utils.py:1050-1115: by their sum where it exceeds 1; {T25} alike; {C3}: "
           "always to 1")  # fmt: skip
def scaled_weights(case: Case) -> Says:
    maps = any(isinstance(control.weight, WeightMap) for control in case.controls.values())
    changed = {hint: share for hint, share in case.shares.items() if abs(share - case.weights[hint]) > 0.0005}
    given = any(control.weight is not None for control in case.controls.values())
    if changed and given and not maps:
        listed = ", ".join(f"{hint} {case.weights[hint]:g} to {share:.3g}" for hint, share in changed.items())
        yield f"the weights are scaled: {listed}", "only their proportion counts; give weights whose sum is 1"


@statement("risky", "A weight of 0",
           f"{T1} transfer_pipeline.py:266 loads its ControlNet; inference_utils.py:1066: it counts "
           "as 1 beside a map")  # fmt: skip
def zero_weight(case: Case) -> Says:
    maps = any(isinstance(control.weight, WeightMap) for control in case.controls.values())
    for hint, control in case.controls.items():
        if control.weight == 0 and len(case.hints) == 1 and case.family != "cosmos3":
            yield f"{hint} has no weight, so that nothing controls the video", f"give {hint} a weight"
        elif control.weight == 0 and len(case.hints) > 1:
            if maps and case.family == "transfer1":
                yield (
                    f"the weight 0 of {hint} counts as 1, as another control has a map of weights",
                    f"leave {hint} out",
                )
            else:
                loaded = "it takes time and memory" if case.family == "cosmos3" else "its ControlNet is loaded"
                yield f"{hint} has no weight, and {loaded} all the same", f"leave {hint} out"


@statement("risky", "Segmentation alone", COOKBOOK)
def seg_alone(case: Case) -> Says:
    if case.hints == ["seg"]:
        yield "segmentation alone keeps shapes and nothing inside them", "add edge or depth"


@statement("risky", "So much vis that the clip comes back",
           f"{COOKBOOK}: 0.4 to 0.6; cosmos-transfer2.5 issues 3, 11 and 32")  # fmt: skip
def high_vis(case: Case) -> Says:
    share = case.shares.get("vis", 0.0)
    if "vis" in case.hints and share > HIGH_VIS:
        yield (
            f"vis counts {share:.2g}: it carries the clip's colours and shapes, so the clip comes back",
            ("give vis 0.4 to 0.6, beside edge"),
        )


@statement("risky", "Four controls at full weight", "cosmos-transfer2.5 issue 3: no freedom is left to the prompt")
def four_full_controls(case: Case) -> Says:
    full = [hint for hint, weight in case.weights.items() if weight >= 1]
    if len(full) >= LOADED_CONTROLS:
        yield f"{len(full)} controls at 1.0 leave the prompt no freedom", "lower those that matter less"


@statement("note", "Two controls or more, which load all four",
           f"{T25} inference.py: “Loading the multicontrol model”")  # fmt: skip
def loads_all_controls(case: Case) -> Says:
    if case.family == "transfer2.5" and len(case.hints) > 1 and case.settings.engine != "diffusers":
        yield "with two controls or more Transfer2.5 loads all four ControlNets", "one control needs less memory"


@statement("bad_input", "A clip to be restored that is not given", "cosmos transfer --restore takes it from the clip")
def restored_without_clip(case: Case) -> Says:
    if case.spec.restore and case.item.video is None:
        yield f"{', '.join(case.spec.restore)} of the clip cannot be restored: there is no clip", "leave --restore out"


@statement("note", "A clip that lacks what shall be restored", "cosmos transfer --restore takes it from the clip")
def nothing_to_restore(case: Case) -> Says:
    if case.video is None:
        return
    if "fps" in case.spec.restore and case.video.is_image:
        yield "the clip is a picture, which has no rate to restore", "leave fps out of --restore"
    if "audio" in case.spec.restore and not has_sound(case.video.path):
        yield "the clip has no sound, so there is none to restore", "leave audio out of --restore"


@statement("risky", "People, whose faces are pixelated",
           f"{T1} guardrail: RetinaFace, “cannot be disabled”; {T25}; {C3} (cosmos-transfer1 issue 37)")  # fmt: skip
def pixelated_faces(case: Case) -> Says:
    if case.settings.engine == "preview":
        return
    words = dict.fromkeys(match[0].lower() for match in PEOPLE.finditer(case.spec.prompt))
    people = ["keypoint"] if "keypoint" in case.hints else list(words)[:3]
    if people:
        yield (f"there are people ({', '.join(people)}): the safety checker pixelates every face",
               "nothing switches it off; show them from afar, or from behind")  # fmt: skip


@statement("note", "What looks like a face is pixelated", f"{T1} guardrail: RetinaFace; {T25}; {C3}")
def face_filter(case: Case) -> Says:
    if case.settings.engine != "preview" and not PEOPLE.search(case.spec.prompt) and "keypoint" not in case.hints:
        yield "the safety checker pixelates what it takes for faces", "nothing can be done about it"
