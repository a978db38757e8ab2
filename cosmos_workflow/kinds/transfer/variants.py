"""Several videos of one transfer: other seeds, weights and prompts, for one load of the model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.transfer.formats.values import text_of
from cosmos_workflow.kinds.transfer.spec import HINTS, Spec

__all__ = ["MOST", "numbers_of", "variants"]

MOST = 1000  # videos of one call


def numbers_of(text: str) -> list[int]:
    """The numbers of a list such as "1-4,7". Raises UsageError.

    >>> numbers_of("1-3,7")
    [1, 2, 3, 7]
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MOST:
            raise UsageError(f"these are no seeds: {text!r}", remedy="give numbers, such as 1-4 or 1,5,9")
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers))


def variants(
    spec: Spec, *, prompts: Sequence[str] = (), seeds: Sequence[int] = (),
    weights: Mapping[str, Sequence[float]] | None = None,
) -> Iterator[tuple[str, Spec]]:  # fmt: skip
    """Every combination of prompts, seeds and weights, each with what tells it from the others.

    `weights` are the values to try for a control; a value that is given twice counts once. Raises UsageError for a
    control that the spec does not have, for what is no weight, and for more than MOST combinations.

    >>> spec = Spec(controls={"edge": {}})
    >>> [name for name, _ in variants(spec, seeds=[1, 2], weights={"edge": [0.3, 0.6]})]
    ['edge0.3-seed1', 'edge0.3-seed2', 'edge0.6-seed1', 'edge0.6-seed2']
    """
    weights = {hint: list(dict.fromkeys(map(float, values))) for hint, values in (weights or {}).items()}
    wanted: list[int | None] = [*dict.fromkeys(seeds)] or [spec.seed]
    for hint, values in weights.items():
        if hint not in spec.controls:
            has = ", ".join(spec.controls) or "none"
            remedy = f"add --{hint}" if hint in HINTS else f"name one of its controls ({has})"
            raise UsageError(f"there is no control {hint!r} to weigh", remedy=remedy)
        if not values or not all(map(math.isfinite, values)):
            raise UsageError(f"these are no weights of {hint}", remedy="give numbers, such as 0.3,0.6")
    count = max(1, len(prompts)) * len(wanted) * math.prod(map(len, weights.values()))
    if count > MOST:
        raise UsageError(f"these are {count:,} videos, and {MOST:,} are the most of one call", remedy="ask for fewer")
    for number, text in enumerate(prompts or [spec.prompt], 1):
        for combination in product(*weights.values()):
            weighed = dict(zip(weights, combination, strict=True))
            controls = {
                hint: control.model_copy(update={"weight": weighed[hint]}) if hint in weighed else control
                for hint, control in spec.controls.items()
            }
            for seed in wanted:
                name = [f"prompt{number}"] if len(prompts) > 1 else []
                name += [f"{hint}{text_of(weight)}" for hint, weight in weighed.items() if len(weights[hint]) > 1]
                name += [f"seed{seed}"] if len(wanted) > 1 else []
                changes = {"prompt": text, "controls": controls, "seed": seed}
                yield "-".join(name), spec.model_copy(update=changes | ({"prompt_path": ""} if prompts else {}))
