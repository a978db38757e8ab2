"""Makes an Item of what people write: a spec of one of the three programs, or our own form."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.transfer.folder import prepared_in, spec_of_folder
from cosmos_workflow.kinds.transfer.formats.batch import read_batch
from cosmos_workflow.kinds.transfer.formats.converting import prompt_in
from cosmos_workflow.kinds.transfer.formats.loading import Loaded, load_spec, read_specs
from cosmos_workflow.kinds.transfer.formats.paths import located, with_paths
from cosmos_workflow.kinds.transfer.formats.recognising import recognise
from cosmos_workflow.kinds.transfer.formats.text import documents, is_spec_file
from cosmos_workflow.kinds.transfer.item import CONTROLS, FILES, REGIONS, Item
from cosmos_workflow.kinds.transfer.spec import HINTS, Spec, WeightMap
from cosmos_workflow.text import writable

__all__ = ["is_spec", "item_from", "item_of", "specs_in", "specs_of_batch"]

SIGNS = re.compile(rb'"(controls|model_mode|blur|%s)"\s*:' % "|".join(HINTS).encode())


def is_spec(path: Path) -> bool:
    """Whether a path is a spec of a transfer, a file of them, or a folder that `cosmos prepare` made, of any clips.

    Raises BadInputError for a spec that is not supported, or that cannot be read.
    """
    if path.is_dir():
        return bool(prepared_in(path))
    if not is_spec_file(path) or not path.is_file():
        return False
    try:
        first = next(iter(documents(path)), None)
    except BadInputError:
        if _looks_like_spec(path):
            raise
        return False  # such as a batch of prompts, whose own reader tells what is wrong with it
    return first is not None and recognise(first.values, first.where).form != "other"


def _looks_like_spec(path: Path) -> bool:
    """Whether a file that cannot be read as JSON begins with keys of a spec."""
    try:
        with path.open("rb") as file:
            return SIGNS.search(file.read(1 << 16)) is not None
    except OSError:
        return True


def specs_in(path: Path, note: Callable[[str], None]) -> Iterator[Spec]:
    """The Specs of a file, or of a folder that `cosmos prepare` made, with the texts of prompts' files.

    Their paths are those of files on this machine. `note` gets what a person should know. Raises BadInputError that
    says where the fault is.
    """
    if path.is_dir():
        yield from map(spec_of_folder, prepared_in(path))
        return
    for loaded in read_specs(path):
        for text in loaded.notes:
            note(f"{loaded.where}: {text}")
        yield whole_spec(loaded, path.parent, note)


def specs_of_batch(path: Path, lines: Path, note: Callable[[str], None]) -> Iterator[Spec]:
    """The Specs of Transfer1's batch, as `specs_in`: each is that of the file `path`, changed by one of the `lines`.

    Each has the name of its clip, with a number where that is not the first of this name.
    """
    names: set[str] = set()
    for loaded in read_batch(path, lines):
        for text in loaded.notes:
            note(f"{loaded.where}: {text}")
        spec = whole_spec(loaded, path.parent, note)
        stem = Path(spec.video).stem or "transfer"
        name = next(name for name in chain([stem], (f"{stem}-{number}" for number in count(2))) if name not in names)
        names.add(name)
        yield spec.model_copy(update={"name": name})


def item_of(values: Mapping[str, Any], where: str) -> Item:
    """An Item of one mapping: our own form, that of a program, or an Item as a client sends it (`asked`).

    Raises BadInputError that names the field.
    """
    if "asked" not in values:
        return item_from(whole_spec(load_spec(values, where), None), str(values.get("id", "")))
    try:
        asked = json.loads(values["asked"])
        spec = Spec.model_validate(asked)
    except ValueError as error:
        raise BadInputError(f"what is asked is no spec: {error}", where=where, remedy="see docs/TRANSFER.md") from None
    paths: dict[str, Any] = {role: at_home(Path(values[role])) for role in FILES if values.get(role)}
    _refuse_paths(spec, paths, where)
    return Item(writable(str(values.get("id", ""))) or spec.name or "transfer", json.dumps(asked), **paths)


def _refuse_paths(spec: Spec, files: Mapping[str, Any], where: str) -> None:
    """Raise BadInputError for paths in what is asked: there, only the roles of files that are beside it can stand."""
    named = [("", path) for path in (spec.video, spec.style_image, spec.anchor_mask)]
    for hint, control in spec.controls.items():
        weights = control.weight.path if isinstance(control.weight, WeightMap) else ""
        named += [("", control.path), (f"{hint}_mask", control.mask), (f"{hint}_weights", weights)]
    named += [(region.mask if region.mask in REGIONS else "", region.mask) for region in spec.regions]
    for role, path in named:
        if path and (path != role or role not in files):
            raise BadInputError(
                f"what is asked names the file {path!r:.80}, which is not beside it", where=where,
                remedy="give each file as a field beside `asked`, by its role, such as video, edge or edge_mask",
            )  # fmt: skip


def whole_spec(loaded: Loaded, folder: Path | None, note: Callable[[str], None] = lambda text: None) -> Spec:
    """A spec that was read in `folder`, if that is known, with its prompts' files read where they can be.

    `note` gets why one cannot be read.
    """
    spec = loaded.spec
    for key in ("upsample_prompt", "prompt_upsampling"):
        if spec.extra.get(key):
            note(f"{loaded.where}: {key} has no effect here: give --upsample, or the prompt stays as it is")
    if folder is not None:
        base = folder
        spec = with_paths(spec, lambda path: located(path, base, loaded.form))
    changes: dict[str, Any] = {}
    for name in ("prompt", "negative_prompt"):
        path = getattr(spec, f"{name}_path")
        if path and not getattr(spec, name):
            try:
                changes |= {name: prompt_in(Path(path), loaded.where), f"{name}_path": ""}
                if loaded.form == "transfer2.5" and path.lower().endswith(".json"):
                    note(f"{loaded.where}: Transfer2.5 itself takes all of {path} as plain text, braces and all")
            except BadInputError as error:
                note(str(error))  # and the check refuses the spec
    unknown = {key for control, key, *_ in loaded.unknown if not control}
    known = {key: value for key, value in spec.extra.items() if key not in unknown and loaded.form != "own"}
    rest = {key: value for key, value in spec.extra.items() if key not in known}
    return spec.model_copy(update={**changes, "extra": rest, "program": {**spec.program, **known}})


def item_from(spec: Spec, id: str = "") -> Item:
    """An Item of a Spec; its files are taken out of it, and relative ones stay so. Raises BadInputError."""
    files: dict[str, str] = {"video": spec.video, "style_image": spec.style_image, "anchor_mask": spec.anchor_mask}
    controls = {}
    for hint, control in spec.controls.items():
        if hint in CONTROLS:
            files[hint] = control.path
        roles = {f"{hint}_mask": control.mask} if control.mask else {}
        if isinstance(control.weight, WeightMap):
            roles[f"{hint}_weights"] = control.weight.path
        for role, path in roles.items():
            if role not in Item.__dataclass_fields__:
                what = "map of weights" if role.endswith("weights") else "mask"
                raise BadInputError(
                    f"a {what} of {hint} is not supported, only of edge, vis, depth and seg", where=path,
                    remedy="give one weight for all of it" if role.endswith("weights") else "leave it out",
                )  # fmt: skip
            files[role] = path
        # A path never counts: what is asked names the role of a file.
        weight = WeightMap(path=f"{hint}_weights") if isinstance(control.weight, WeightMap) else control.weight
        mask = f"{hint}_mask" if control.mask else ""
        controls[hint] = control.model_copy(update={"path": "", "mask": mask, "weight": weight})
    masks = [region.mask for region in spec.regions if region.mask]
    if len(masks) > len(REGIONS):
        raise BadInputError(
            f"there are {len(masks)} regions with a mask, and {len(REGIONS)} can be told apart",
            remedy="give boxes for the others",
        )  # fmt: skip
    files |= dict(zip(REGIONS, masks, strict=False))
    numbers = iter(REGIONS)
    regions = [region.model_copy(update={"mask": next(numbers) if region.mask else ""}) for region in spec.regions]
    bare = spec.model_copy(update={
        "video": "", "style_image": "", "anchor_mask": "", "controls": controls, "regions": tuple(regions), "name": "",
    })  # fmt: skip
    # A command line can have half of a character too, which no file and no model takes.
    asked = writable(json.dumps(bare.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False))
    paths: dict[str, Any] = {role: at_home(Path(path)) for role, path in files.items() if path}
    return Item(writable(id or spec.name) or _content_id(asked, files), asked, **paths)


def _content_id(asked: str, files: Mapping[str, str]) -> str:
    given = {role: path for role, path in files.items() if path}
    digest = hashlib.sha256((asked + repr(sorted(given.items()))).encode("utf-8", "replace")).hexdigest()[:8]
    first = Path(next(iter(given.values()), "transfer"))
    return f"{writable(first.stem) or 'transfer'}-{digest}"
