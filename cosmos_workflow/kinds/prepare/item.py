"""The Item: the sources of one clip, by what they show. The Settings say what is made of them, the Result what was."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading import Fields, Keys
from cosmos_workflow.limits import Length
from cosmos_workflow.media.depth import DepthForm
from cosmos_workflow.media.framing import Fit
from cosmos_workflow.media.numbering import Missing, has_place, some
from cosmos_workflow.media.views import Background
from cosmos_workflow.text import writable

__all__ = ["FIELDS", "SHOWN", "Item", "Result", "Settings", "Verdict", "items_in", "items_of", "named_by",
           "with_layers"]  # fmt: skip

Verdict = Literal["fits", "resized", "risky", "bad_input"]
# What a clip may show, in the order of the sheet and of the files.
SHOWN = ("rgb", "depth", "seg", "edge", "vis")

FIELDS = Fields(
    ("id", *SHOWN),
    {
        "name": "id", "color": "rgb", "colour": "rgb", "beauty": "rgb", "video": "rgb", "segmentation": "seg",
        "blur": "vis", "canny": "edge",
    },
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One clip: a pattern of numbered images, a folder of them, or a video for each thing that it shows.

    `problem` and `remedy` say of one that was found in a folder why it cannot be made.
    """

    id: str
    rgb: Path | None = None
    depth: Path | None = None
    seg: Path | None = None
    edge: Path | None = None
    vis: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    remedy: str = ""

    @property
    def sources(self) -> dict[str, Path]:
        """The paths that are given, by what they show."""
        return {name: path for name in SHOWN if (path := getattr(self, name)) is not None}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "", keys: Keys | None = None) -> Item:
        """An Item from a batch entry; the check says of one without any path that it cannot be used.

        Raises BadInputError that names the field.
        """
        named, extra = FIELDS.split(values, where, keys)
        paths: dict[str, Any] = {}
        for name in SHOWN:
            value = named.get(name, "")
            if not isinstance(value, str):
                raise BadInputError(f"{name} is {value!r:.60}", where=where, remedy="give a path in quotes")
            if value.strip():
                paths[name] = at_home(Path(value))
        id = writable(str(named.get("id", "")).strip()) or _content_id(paths)
        return cls(id=id, extra=extra, **paths)


def items_of(source: Path | None, given: Mapping[str, Path]) -> tuple[list[Item], list[str]]:
    """The Items that a person means, and what they should know of files that are not used.

    `source` is a folder with shots, a pattern of numbered images or a video; `given` are paths by what they show, which
    count before what is found, and may be inside that folder. Raises BadInputError.
    """
    from cosmos_workflow.media.sequence import files_of, is_sequence

    if source is None or not source.is_dir():
        if source and is_sequence(source):
            files_of(source)
        elif source and not source.exists():
            raise BadInputError("no such file or folder", where=str(source), remedy="check the path")
        paths: dict[str, Any] = ({} if source is None else {"rgb": source}) | dict(given)
        return [with_layers(Item(_content_id(paths), **paths))], []
    inside: dict[str, Any] = {name: path if path.is_absolute() or not _exists(source / path) else source / path
              for name, path in given.items()}  # fmt: skip
    items, notes = items_in(source, inside)
    if not items and not inside:
        raise BadInputError(
            "no image sequences and no videos that a control video can be made of", where=str(source),
            remedy="; ".join(notes[:3])
            or "number the images (color.0001.png), or give a pattern for each: --rgb 'color.%04d.png'",
        )  # fmt: skip
    items = items or [Item(writable(source.resolve().name))]
    if inside and len(items) > 1:
        raise BadInputError(
            f"there are {len(items)} shots in it ({some([item.id for item in items])})", where=str(source),
            remedy=f"give the folder of one beside --{next(iter(inside))}",
        )  # fmt: skip
    return [with_layers(replace(item, **inside)) for item in items], notes


def named_by(source: str) -> str:
    """What results are named after: a pattern's folder, as its marks may be in no file name of Windows."""
    path = Path(source)
    return str(path.absolute().parent) if has_place(path.name) else source


def _exists(path: Path) -> bool:
    return path.exists() or (has_place(path.name) and path.parent.is_dir())


def items_in(folder: Path, without: Container[str] = ()) -> tuple[list[Item], list[str]]:
    """An Item for each shot in a folder and the folders in it, and what a person should know of files not used.

    Clips that show what is in `without` are passed over. Each item has an id of its own. Raises BadInputError if the
    folder cannot be read.
    """
    from cosmos_workflow.media.shots import find_shots

    items: dict[str, Item] = {}
    notes = []
    for shot in find_shots(folder, without):
        notes += [f"{shot.name}: {note}" for note in shot.notes]
        sources: dict[str, Any] = {name: path for name, path in shot.sources.items() if name in SHOWN}
        if not sources:
            continue
        plain = writable(shot.name.replace("/", "-"))
        # Folders and names with a dash may come to the same.
        id = next(id for id in chain([plain], (f"{plain}-{number}" for number in count(2))) if id not in items)
        problem, remedy = shot.unclear or ("", "")
        item = Item(id, **sources, problem=problem, remedy=remedy)
        items[id] = item if problem else with_layers(item)
    return list(items.values()), notes


def with_layers(item: Item) -> Item:
    """An item whose depth and objects are layers of its picture's files, where it has no files of their own for them.

    Without the library that reads such files it stays as it is: the check says then what is lacking.
    """
    from cosmos_workflow.media.layers import layers_of
    from cosmos_workflow.media.segments import cryptomattes
    from cosmos_workflow.media.sequence import files_of, is_sequence

    path = item.rgb
    if path is None or (item.depth and item.seg):
        return item
    try:
        first = next(iter(files_of(path).values())) if is_sequence(path) else path
        if first.suffix.lower() != ".exr":
            return item
        layers = layers_of(first)
    except BadInputError:
        return item
    depth = path if layers.depth() else None
    seg = path if layers.index() or cryptomattes(layers, first) else None
    return replace(item, depth=item.depth or depth, seg=item.seg or seg)


def _content_id(paths: Mapping[str, Path]) -> str:
    content = repr(sorted((name, str(path)) for name, path in paths.items()))
    first = next(iter(paths.values()), Path("nothing"))
    numbered = has_place(first.name)
    name = writable((first.absolute().parent.name if numbered else first.stem) or first.stem)
    return f"{name}-{hashlib.sha256(content.encode('utf-8', 'replace')).hexdigest()[:8]}"


@dataclass(frozen=True)
class Settings:
    """What is made of a clip.

    `model` is the video model that it shall fit, empty for none; then `size` ("1280x720") or the clip's own counts.
    `fps` is the wanted rate, `source_fps` that of images, which state none; with `retime` every frame stays and only
    the rate changes. `first` and `last` limit the numbers of the frames. `edge` and `blur` are a strength (see
    `media.controls`), or "off"; `depth_range` is read by `media.depth.read_range`. `…_layer` choose among the layers
    of a file.
    """

    model: str = ""
    tier: str = ""
    size: str = ""
    fit: Fit = "crop"
    anchor: str = "centre"
    fps: float | None = None
    source_fps: float | None = None
    retime: bool = False
    length: Length = "keep"
    missing: Missing = "error"
    first: int | None = None
    last: int | None = None
    view: str = ""
    exposure: float = 0.0
    ocio: str = ""
    light: str = ""
    background: Background = "white"
    depth_range: str = "auto"
    depth_form: DepthForm = "inverse"
    edge: str = "medium"
    blur: str = "medium"
    seg_colours: Literal["separate", "keep"] = "separate"
    rgb_layer: str = ""
    depth_layer: str = ""
    seg_layer: str = ""
    keep_frames: bool = False


@dataclass(frozen=True)
class Result:
    """What was made of an Item, or why nothing was; sizes in pixels, `duration` in s, `note` is for the reader.

    `outputs` has the SHA-256 of each file by its name: `rgb.mp4`, `manifest.json`, `sheet.jpg`, …
    """

    id: str
    rgb: str
    depth: str
    seg: str
    edge: str
    vis: str
    verdict: str
    model: str = ""
    width: int = 0
    height: int = 0
    source_width: int = 0
    source_height: int = 0
    frames: int = 0
    source_frames: int = 0
    fps: float = 0.0
    duration: float = 0.0
    chunks: int = 0
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
    engine: str = ""
    place: str = "local"
    note: str = ""
    error: str = ""
    error_kind: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.error
