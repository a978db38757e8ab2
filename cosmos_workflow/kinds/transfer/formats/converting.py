"""Translates a spec into another program's form, and says in plain sentences what has no counterpart or is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.reading.encoding import decoded
from cosmos_workflow.kinds.transfer.formats import cosmos3, paths, transfer25
from cosmos_workflow.kinds.transfer.formats.exchange import is_caption, without_files
from cosmos_workflow.kinds.transfer.formats.loading import MODELS, Loaded, load_spec
from cosmos_workflow.kinds.transfer.formats.own import write_own
from cosmos_workflow.kinds.transfer.formats.recognising import PROGRAMS, Program
from cosmos_workflow.kinds.transfer.formats.text import parsed
from cosmos_workflow.kinds.transfer.formats.values import named, shown, text_of
from cosmos_workflow.kinds.transfer.spec import Hint, Spec, WeightMap
from cosmos_workflow.limits import VIDEO_MODELS

__all__ = ["DEFAULTS", "Converted", "convert", "prompt_in"]

# What counts in each program where the spec says nothing; None where it then does without. "weight" is a control's.
DEFAULTS: dict[Program, dict[str, Any]] = {
    # transfer.py 52-172
    "transfer1": {
        "seed": 1, "steps": 35, "guidance": 5, "sigma_max": 70, "fps": 24, "chunk": 121, "weight": 0.5,
    },
    # config.py 312-590
    "transfer2.5": {
        "seed": 2025, "steps": 35, "guidance": 3, "sigma_max": None, "fps": "the clip's", "chunk": 93, "weight": 1,
    },
    # inference/args.py, for one control of edge, blur or depth; the steps are those of NVIDIA's server
    "cosmos3": {
        "seed": "drawn", "steps": 50, "guidance": 3, "sigma_max": None, "fps": "the clip's", "chunk": 93, "weight": 1,
    },
}  # fmt: skip
NO_PROMPT: dict[Program, str] = {
    "transfer1": "Transfer1 takes a sentence of its own", "cosmos3": "Cosmos 3 takes an empty one",
}  # fmt: skip
LARGEST_PROMPT = 1 << 20  # bytes of a prompt's file
# The orders in which programs stack controls, whatever their order in the spec; Transfer1 takes the spec's.
ORDERS: dict[Program, tuple[Hint, ...]] = {"transfer2.5": transfer25.HINTS, "cosmos3": cosmos3.HINTS}


@dataclass(frozen=True)
class Converted:
    """A spec in a program's form, and what a person should know of it."""

    values: dict[str, Any]
    notes: tuple[str, ...]
    form: Program | Literal["own"]


def convert(
    source: Mapping[str, Any] | Spec | Loaded, target: str, *, where: str = "", folder: Path | None = None
) -> Converted:
    """A spec in the form of `target`: "transfer1", "transfer2.5", "cosmos3" or "own".

    `source` is a mapping of any of these forms, or a spec that was read. With `folder`, that of the spec, the files of
    prompts are read for a program that takes none. A spec that already has the wanted form stays as it is written.
    Raises UsageError for another target, and BadInputError for what is no spec.
    """
    if target != "own" and target not in PROGRAMS:
        raise UsageError(f"no such form: {shown(target)}", remedy=f"choose one of {', '.join(PROGRAMS)}, own")
    if isinstance(source, Spec):
        loaded = Loaded("own", source)
    else:
        loaded = source if isinstance(source, Loaded) else load_spec(source, where)
    if target == "own":
        return Converted(write_own(loaded.spec), loaded.notes, "own")
    program: Program = target  # type: ignore[assignment]  # looked at above
    if loaded.form == program and loaded.written is not None:
        return Converted(loaded.written.write(), loaded.notes, program)
    notes = list(loaded.notes)
    spec = loaded.spec if folder is None else _with_prompts(loaded.spec, folder, program, notes)
    written, sentences = MODELS[program].from_spec(spec)
    notes += sentences + _order(spec, loaded.form, program)
    if not spec.prompt and not spec.prompt_path and program in NO_PROMPT:
        notes.append(f"there is no prompt: {NO_PROMPT[program]}")
    kept = [named(key) for key in spec.extra if key in written.order] if loaded.form != "own" else []
    if kept:
        notes.append(f"kept, as {PROGRAMS[program]} has such a key too: {', '.join(kept)}")
    if spec.model not in ("", loaded.form, program):
        notes.append(f"model {shown(spec.model)} is not written, as a spec of {PROGRAMS[program]} names none")
    if loaded.form != "own":
        notes += _defaults(spec, loaded.form, program) + _scales(spec, loaded.form, program)
    before, after = paths.RULES[loaded.form], paths.RULES[program]
    if before != after and paths.has_relative_paths(spec):
        notes.append(f"relative paths started at {before}; now they start at {after}")
    return Converted(written.write(), tuple(dict.fromkeys(notes)), program)


def _with_prompts(spec: Spec, folder: Path, target: Program, notes: list[str]) -> Spec:
    """The spec with the texts of those prompt files that the program does not take, where there are such files."""
    files = {"transfer1": ("prompt", "negative_prompt"), "transfer2.5": ("negative_prompt",), "cosmos3": ()}[target]
    spec, sentences = without_files(spec, *files) if files else (spec, [])
    notes += sentences
    for name in files:
        path = getattr(spec, f"{name}_path")
        if not path or paths.is_url(path):
            continue
        try:
            text: str | None = prompt_in(Path(paths.located(path, folder, "own")))
        except BadInputError as error:
            notes.append(f"{name}_path ({shown(path)}) cannot be read here: {error}")
            continue
        if name == "negative_prompt" and is_caption(text or ""):
            notes.append(f"the structured caption in {shown(path)} is left out: the negative prompt of"
                         f" {PROGRAMS[target]} counts")  # fmt: skip
            text = None
        else:
            notes.append(f"the text of {shown(path)} is written as {name}, as {PROGRAMS[target]} takes no file for it")
        spec = spec.model_copy(update={f"{name}_path": "", **({} if text is None else {name: text})})
    return spec


def prompt_in(path: Path, where: str = "") -> str:
    """The prompt in a file: a text, a structured caption, or an object with the key prompt. Raises BadInputError."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")
        with path.open("rb") as file:
            data = file.read(LARGEST_PROMPT + 1)
        if len(data) > LARGEST_PROMPT:
            raise OSError(f"it is longer than {LARGEST_PROMPT >> 20} MiB")
        text = decoded(data, str(path)).replace("\r\n", "\n").strip()
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise BadInputError(
            f"the prompt's file {shown(str(path))} cannot be read ({why})", where=where, remedy="correct the path"
        ) from error
    if path.suffix.lower() != ".json":
        return text
    values, _ = parsed(text, str(path))
    if isinstance(values, dict) and isinstance(values.get("prompt"), str):
        return str(values["prompt"])
    return json.dumps(values, ensure_ascii=False)


def _order(spec: Spec, source: str, target: Program) -> list[str]:
    wanted = [hint for hint in spec.controls if hint in ORDERS.get(target, ())]
    actual = [hint for hint in ORDERS.get(target, ()) if hint in wanted]
    if wanted == actual or source in ORDERS:
        return []
    return [f"{PROGRAMS[target]} stacks the controls in its own order: {', '.join(actual)}"]


def _defaults(spec: Spec, source: Program, target: Program) -> list[str]:
    """What the spec leaves open, where the two programs make something else of it."""
    before, after = DEFAULTS[source], DEFAULTS[target]
    different = [
        f"{name} {_words(after[name])} ({PROGRAMS[source]}: {_words(before[name])})"
        for name in before
        if name != "weight" and before[name] != after[name] and getattr(spec, name) is None
    ]
    weightless = [hint for hint, control in spec.controls.items() if control.weight is None]
    if weightless and before["weight"] != after["weight"]:
        weights = f"{_words(after['weight'])} ({PROGRAMS[source]}: {_words(before['weight'])})"
        different.append(f"the weight of {', '.join(weightless)} {weights}")
    return [f"not given, so that the values of {PROGRAMS[target]} count: {', '.join(different)}"] if different else []


def _words(value: Any) -> str:
    return "none" if value is None else text_of(value) if isinstance(value, int | float) else str(value)


def _scales(spec: Spec, source: Program, target: Program) -> list[str]:
    """What is the same and means something else."""
    notes = []
    tier = spec.size or VIDEO_MODELS[source].tier
    before, after = VIDEO_MODELS[source].sizes.get(tier), VIDEO_MODELS[target].sizes.get(tier)
    if before and after and before != after:
        sizes = [f"{width}x{height} and the like in {PROGRAMS[program]}"
                 for program, ((width, height), *_) in ((source, before), (target, after))]  # fmt: skip
        notes.append(f"size {tier} is {', and '.join(sizes)}")
    if spec.keep_size is None and "transfer2.5" in (source, target):
        other = PROGRAMS[source if target == "transfer2.5" else target]
        notes.append(f"Transfer2.5 brings the output to the clip's size, and {other} leaves it in the model's")
    if spec.sigma_max is not None and target == "transfer2.5":
        notes.append("sigma_max has another scale: Transfer1 leaves the clip out from 80 on, Transfer2.5 only at 200")
    if spec.sigma_max is not None and target == "transfer1":
        notes.append("sigma_max has another scale: Transfer2.5 leaves the clip out only at 200, Transfer1 from 80 on")
    weights = [control.weight for control in spec.controls.values()]
    given = [weight for weight in weights if weight is not None and not isinstance(weight, WeightMap)]
    if given and len(given) == len(weights) and "cosmos3" in (source, target) and 0 < sum(given) < 1:
        other = PROGRAMS[source if target == "cosmos3" else target]
        notes.append(
            f"Cosmos 3 scales weights to a sum of 1, also up: together these have {sum(given):g}, which {other} leaves"
            " as it is"
        )
    return notes
