"""The functions that scripts and notebooks make videos with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.api import KEEP_WARM, run_items
from cosmos_workflow.deciding import decide
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import UsageError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.item import Item, Result, Settings

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.plan import Checked
    from cosmos_workflow.runs import Listener, Runs
    from cosmos_workflow.transfers.prompts import LookAt

__all__ = ["Controls", "check_transfer", "transfer"]

Source = str | os.PathLike[str] | Item | Iterable[Item]
"""A clip, a spec or a file of specs, a folder that `cosmos prepare` made, an Item, or many."""

Controls = Sequence[str] | Mapping[str, "float | str | os.PathLike[str] | Mapping[str, Any] | None"]
"""Names of controls; or by name a weight, a video, or the fields of a spec's control (`weight`, `path`, `preset` …)."""


def transfer(
    source: Source,
    prompt: str | Sequence[str] = "",
    *,
    controls: Controls = (),
    seeds: Sequence[int] = (),
    weights: Mapping[str, Sequence[float]] | None = None,
    model: str = "",
    engine: str = "",
    place: str = "local",
    out: str | Path | None = None,
    gpu: str = "",
    engine_settings: EngineSettings | None = None,
    again: bool = False,
    keep_warm: float = KEEP_WARM,
    wait: float = 60.0,
    on_result: Callable[[Result], None] | None = None,
    listener: Listener | None = None,
    runs: Runs | None = None,
    name: str = "",
    upsample: bool = False,
    look_at: LookAt = "clip",
    **asked: Any,
) -> list[Result]:
    """Make a video of each clip, its controls and a prompt; returns the results in the items' order.

    Several prompts, `seeds` and `weights` of controls (`{"edge": [0.3, 0.6]}`) make a video for each combination, with
    one load of the model. `asked` are further fields of a spec: `steps`, `size`, `frames`, `restore` … (see
    docs/TRANSFER.md). Videos and other files lie in the folder `out`, by default NAME.videos in the current folder, in
    a folder for each item; what is made already is not made again unless `again`. `engine` is `diffusers`, `program`,
    `http` or `preview`, by default what the place can run; `engine_settings` has its folder of models or its server.
    With `upsample` the upsampler of the settings writes the prompts first, and looks at the clip or at a control; a
    transfer that it has no prompt for is not made. The rest is as in `upsample`.
    Raises BadInputError for a source that cannot be read or a wrong value, UsageError for a place or an engine that
    does not exist, EngineError if the engine itself fails, HostError if the host cannot be used, RunFailed if the run
    ended early; `out` keeps what was made by then.
    """
    from cosmos_workflow.runs import Listener

    items = _items(source, prompt, controls, {"seeds": seeds, "weights": weights}, model, asked)
    kind = get_kind("transfer")
    decision = decide(
        kind, Settings(model=model, gpu=gpu), place=place, engine=engine,
        engine_settings=engine_settings or EngineSettings(),
    )  # fmt: skip
    listener = listener or Listener()
    if on_result:
        listener = replace(listener, result=on_result)
    is_path = isinstance(source, (str, os.PathLike))
    stem = Path(source).stem if is_path else "transfer"  # type: ignore[arg-type]
    if upsample:
        from cosmos_workflow.transfers import prompts

        folder = Path(out or f"{stem}.videos")
        question = prompts.asked_of(kind.check(items, decision.settings), look_at, folder)
        made = prompts.ask(items, question, prompts.upsampler_at(place), folder, wait=wait, name=f"prompts of {stem}")
        for id, error in made.failed.items():
            warnings.warn(f"{id}: no prompt, so no video is made: {error}", stacklevel=2)
        items = made.items
    return run_items(
        items, decision, out=out or f"{stem}.videos", again=again, keep_warm=keep_warm, wait=wait, listener=listener,
        runs=runs, name=name or (str(source) if is_path else f"{len(items)} items"),
    )  # fmt: skip


def check_transfer(
    source: Source,
    prompt: str | Sequence[str] = "",
    *,
    controls: Controls = (),
    model: str = "",
    engine: str = "",
    gpu: str = "",
    **asked: Any,
) -> list[Checked]:
    """What is known of each transfer before anything runs: `verdict`, `reason`, `remedy`, `note`, `findings`, `work`.

    `engine` is the one that would run it, `gpu` the card whose memory is looked at (`cosmos limits`).

    >>> check_transfer("missing.mp4", "a city", controls=["edge"])[0].verdict
    'bad_input'
    """
    settings = Settings(model=model, engine=engine, gpu=gpu)
    return list(get_kind("transfer").check(_items(source, prompt, controls, {}, model, asked), settings))


def _items(
    source: Source, prompt: str | Sequence[str], controls: Controls, several: Mapping[str, Any], model: str,
    asked: Mapping[str, Any],
) -> list[Item]:  # fmt: skip
    """The Items of a source with what is asked on top; Items are taken as they are."""
    from cosmos_workflow.kinds.transfer.sources import items_of
    from cosmos_workflow.kinds.transfer.spec import Spec

    if not isinstance(source, (str, os.PathLike)):
        if prompt or controls or asked or any(several.values()):
            raise UsageError(
                "nothing can be added to what an Item asks already",
                remedy="ask it when the Item is made, or give a path",
            )
        return [source] if isinstance(source, Item) else list(source)
    if unknown := [name for name in asked if name not in Spec.model_fields]:
        raise UsageError(f"a transfer has no {unknown[0]!r}", remedy=f"choose one of {', '.join(Spec.model_fields)}")
    fields = {**asked, **({"model": model} if model else {})}
    prompts = [prompt] if prompt and isinstance(prompt, str) else list(prompt)

    def note(text: str) -> None:
        warnings.warn(text, stacklevel=5)

    return items_of(Path(source), note, fields=fields, controls=_controls(controls), prompts=prompts, **several)


def _controls(controls: Controls) -> dict[str, dict[str, Any]]:
    """Each control as the fields of a spec's."""
    if isinstance(controls, str):
        controls = [controls]
    if not isinstance(controls, Mapping):
        return {hint: {} for hint in controls}
    made: dict[str, dict[str, Any]] = {}
    for hint, value in controls.items():
        if isinstance(value, Mapping):
            made[hint] = dict(value)
        elif value is None or value is True:
            made[hint] = {}
        elif isinstance(value, (int, float)):
            made[hint] = {"weight": float(value)}
        else:
            made[hint] = {"path": str(at_home(Path(value)).absolute())}
    return made
