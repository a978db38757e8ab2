"""Where the files of a spec are: each program has a rule of its own for relative paths, and ours covers them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap

__all__ = ["RULES", "has_relative_paths", "is_url", "located", "moved", "with_paths"]

FIELDS = ("video", "prompt_path", "negative_prompt_path", "style_image", "anchor_mask")
FIELDS_OF_CONTROL = ("path", "mask")
# From where each program takes relative paths.
RULES = {
    "transfer1": "the folder in which Transfer1 is started",
    "transfer2.5": "the spec's folder",
    "cosmos3": "the spec's folder",
    "own": "the spec's folder",
}


def is_url(path: str) -> bool:
    """Whether a path is an address, which Cosmos 3 takes too."""
    return path.startswith(("http://", "https://", "s3://"))


def located(path: str, folder: Path, form: str) -> str:
    """A path of a spec that stands in `folder`, from this machine's point of view; addresses stay as they are.

    Relative paths start at the spec's folder. Those of Transfer1, which takes them from the folder in which it is
    started, start at the current folder where the file is there and not beside the spec. `~` is the home folder.
    """
    if not path or is_url(path):
        return path
    target = at_home(Path(path))
    if target.is_absolute():
        return str(target)
    beside = folder / target
    if form == "transfer1" and not _exists(beside) and _exists(target):
        return str(target.absolute())
    return str(beside)


def moved(spec: Spec, form: str, before: Path, after: Path) -> Spec:
    """The spec, of which relative paths that start at the folder `before` start at the folder `after` instead.

    Those of Transfer1 stay as they are where no such file is there, as nothing says where they start.
    """

    def change(path: str) -> str:
        if not _is_relative(path):
            return path
        place = located(path, before, form)
        if form == "transfer1" and not _exists(Path(place)):
            return path
        try:
            return Path(os.path.relpath(place, after)).as_posix()
        except ValueError:  # another drive of Windows
            return str(Path(place).absolute())

    return with_paths(spec, change)


def _is_relative(path: str) -> bool:
    """Whether a path starts at some folder; one of another system, whose files may be on a host, does not."""
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()
    return not (absolute or is_url(path) or at_home(Path(path)).is_absolute())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that the system does not take
        return False


def with_paths(spec: Spec, change: Callable[[str], str]) -> Spec:
    """The spec with every path changed. A ControlNet (`checkpoint`) stays: it is looked for among the checkpoints."""
    values: dict[str, Any] = {name: change(getattr(spec, name)) for name in FIELDS if getattr(spec, name)}
    values["controls"] = {hint: _control(control, change) for hint, control in spec.controls.items()}
    values["regions"] = tuple(_region(region, change) for region in spec.regions)
    return spec.model_copy(update=values)


def _control(control: Control, change: Callable[[str], str]) -> Control:
    values: dict[str, Any] = {
        name: change(getattr(control, name)) for name in FIELDS_OF_CONTROL if getattr(control, name)
    }
    if isinstance(control.weight, WeightMap):
        values["weight"] = WeightMap(path=change(control.weight.path))
    return control.model_copy(update=values)


def _region(region: Region, change: Callable[[str], str]) -> Region:
    return region.model_copy(update={"mask": change(region.mask)}) if region.mask else region


def has_relative_paths(spec: Spec) -> bool:
    """Whether one of the paths is relative."""
    relative = []

    def look(path: str) -> str:
        relative.append(_is_relative(path))
        return path

    with_paths(spec, look)
    return any(relative)
