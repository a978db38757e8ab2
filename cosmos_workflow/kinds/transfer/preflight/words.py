"""Prompts: what is cut off silently, and what is read by nobody."""

from __future__ import annotations

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.formats.exchange import is_caption
from cosmos_workflow.kinds.transfer.preflight.inputs import C3, T1, T25, Says
from cosmos_workflow.kinds.transfer.preflight.statement import statement
from cosmos_workflow.limits.captions import server_tokens

BYTES_A_TOKEN = 4.0  # of English prose, about, in the tokenizer of T5


@statement("bad_input", "No prompt",
           f"{T1} guardrail: “Input is empty” is unsafe; {T25} config.py: prompt or prompt_path is "
           "required")  # fmt: skip
def no_prompt(case: Case) -> Says:
    if not case.spec.prompt.strip() and not case.spec.prompt_path and "upscale" not in case.hints:
        yield "there is no prompt", "give -p TEXT, or `prompt` in the spec"


@statement("risky", "A prompt that is longer than the model reads",
           f"{T1} t5_text_encoder.py: 512 tokens; {T25} text_encoder.py: 512; vllm-omni 0.30: 4,096, "
           "512 in early ones")  # fmt: skip
def long_prompt(case: Case) -> Says:
    limit, (tokens, said) = case.model.prompt, _tokens(case)
    if tokens > limit.tokens:
        yield (f"the prompt has {said}, and what is beyond {limit.tokens:,} is cut off silently",
               "say the most important first, or say less")  # fmt: skip
    elif limit.early and tokens > limit.early:
        yield (f"the prompt has {said}, and early servers cut it after {limit.early:,}",
               "use a server of today, or say the most important first")  # fmt: skip


def _tokens(case: Case) -> tuple[float, str]:
    """The tokens of the prompt, and how to say so: exact for Cosmos 3, an estimate for the others."""
    prompt = case.spec.prompt
    if case.family == "cosmos3":
        # A short prompt is within every limit, whatever is added: the table is not needed to know it.
        limit = case.model.prompt
        if len(prompt.encode("utf-8", "replace")) < (limit.early or limit.tokens) // 4:
            return 0, ""
        return (tokens := server_tokens(prompt)), f"{tokens:,} tokens with what the server adds"
    about = len(prompt.encode("utf-8", "replace")) / BYTES_A_TOKEN
    return about, f"about {about:,.0f} tokens"


@statement("risky", "A paragraph, where the model wants a structured caption",
           "NVIDIA/cosmos docs/prompt_upsampling.md: Cosmos 3 was trained on JSON captions")  # fmt: skip
def paragraph_for_cosmos3(case: Case) -> Says:
    prompt = case.spec.prompt
    if case.family == "cosmos3" and prompt.strip() and not is_caption(prompt):
        yield ("the prompt is no structured caption, which Cosmos 3 was trained on",
               "let a model write one: cosmos upsample --format cosmos3; or give one as JSON, as in NVIDIA's"
               " samples")  # fmt: skip


@statement("risky", "A mask prompt, or a prompt of a control, that nobody reads",
           f"{T1} preprocessors.py:72: since 2025-08-13 acted on for seg alone; {T25}: mask_path wins")  # fmt: skip
def ignored_mask_prompt(case: Case) -> Says:
    for hint, control in case.controls.items():
        if case.family == "transfer1" and control.mask_prompt and hint != "seg":
            yield (f"control_weight_prompt of {hint} is ignored: Transfer1 acts on it for seg alone",
                   "give a weight map (.pt), or leave it out")  # fmt: skip
        if control.mask and control.mask_prompt and case.family == "transfer2.5":
            yield f"the mask_prompt of {hint} is ignored, as there is a mask", "leave one of them out"
        if control.prompt and (hint != "seg" or case.item.seg):
            yield f"the prompt of {hint} is ignored: a segmentation alone is computed by one", "leave it out"


@statement("risky", "A preset that is ignored",
           f"{T1} edge_control.py: random thresholds since 2025-08-13, by the seed; {C3}: given "
           "controls are used as they are")  # fmt: skip
def ignored_preset(case: Case) -> Says:
    for hint, control in case.controls.items():
        computed_here = hint == "edge" and case.settings.engine == "program"
        if not control.preset:
            continue
        if case.family == "transfer1" and hint == "edge" and not case.item.edge and not computed_here:
            yield (f"Transfer1 of today ignores the preset {control.preset} of edge and draws thresholds by the seed",
                   f"make the edges: cosmos prepare CLIP --for transfer1 --edge {control.preset}")  # fmt: skip
        elif hint not in ("edge", "vis"):
            yield f"{hint} has no presets: {control.preset} is ignored", "leave it out"
        elif getattr(case.item, hint):
            yield f"the video of {hint} is given, so its preset {control.preset} is ignored", "leave one of them out"


@statement("risky", "Options of NVIDIA's command line that lose against the spec",
           f"{T1} transfer.py:176-187: a key of the spec wins, unless --key stands alone")  # fmt: skip
def spec_beats_options(case: Case) -> Says:
    given = [name for name in ("seed", "steps", "guidance", "sigma_max", "fps")
             if getattr(case.spec, name) is not None]  # fmt: skip
    if case.family == "transfer1" and given and case.settings.engine != "program":
        yield (f"with NVIDIA's own command line, the spec's {', '.join(given)} win against --key=VALUE",
               "write --key VALUE there")  # fmt: skip
