"""Reads the frames of a clip in its final size, many at once: each as what it shows, and the controls made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare.item import SHOWN
from cosmos_workflow.kinds.prepare.recipe import Recipe
from cosmos_workflow.media.controls import blur_of, blurred, edges, thresholds_of
from cosmos_workflow.media.depth import DepthRange, RangeFinder, grey_of, read_range
from cosmos_workflow.media.distances import Distances, read_distances
from cosmos_workflow.media.flat import FlatColours
from cosmos_workflow.media.framing import Framing, frame_for, framed
from cosmos_workflow.media.moments import VideoFrames
from cosmos_workflow.media.ordered import in_order
from cosmos_workflow.media.plates import has_light, names_in, read_objects, read_picture
from cosmos_workflow.media.survey import Track
from cosmos_workflow.media.views import check_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Labels = NDArray[np.uint32]

__all__ = ["FrameReader", "Shown"]

T = TypeVar("T")


@dataclass
class Shown:
    """One frame: pictures (height, width, 3) and the numbers of objects (height, width) by what they show.

    `errors` has those that could not be read.
    """

    index: int
    pictures: dict[str, Pixels] = field(default_factory=dict)
    labels: Labels | None = None
    errors: dict[str, str] = field(default_factory=dict)


class FrameReader:
    """Reads the frames of a clip as its recipe says; safe to use from several threads once `prepare` was called.

    `names` are what is made: what is given, and edges and blur where there is a picture to make them of.
    """

    def __init__(self, recipe: Recipe, tracks: Mapping[str, Track]) -> None:
        self._recipe, self._tracks = recipe, tracks
        made = {"edge": recipe.edge != "off", "vis": recipe.blur != "off"} if "rgb" in tracks else {}
        self.computed = {name for name, wanted in made.items() if wanted and name not in tracks}
        self.names = tuple(name for name in SHOWN if name in tracks or name in self.computed)
        self.framings: dict[str, Framing] = {
            name: frame_for((track.width, track.height), recipe.size, recipe.fit, recipe.anchor)
            for name, track in tracks.items()
        }
        self.words: dict[str, str] = {}
        if "rgb" in tracks and has_light(tracks["rgb"].frames):
            self.words["rgb"] = check_view(recipe.view)
        if "edge" in self.computed:
            self._thresholds, self.words["edge"] = thresholds_of(recipe.edge)
        if "vis" in self.computed:
            self._blur, self.words["vis"] = blur_of(recipe.blur, recipe.blur_model)
        self.depth_kind = ""
        self.depth_range: DepthRange | None = None
        self.seg_kind = ""
        self.names_of_objects: dict[int, str] = {}
        self._flat = FlatColours()

    def prepare(self, indices: Sequence[int], workers: int) -> None:
        """Learn what holds for the whole clip: the range of its distances. Raises BadInputError."""
        if "seg" in self._tracks:
            first = self._first("seg", lambda path: read_objects(path, self._layer("seg")))
            self.seg_kind = "colours of a video"
            if first:
                path, objects = first
                self.seg_kind = "colours of a JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else objects.kind
                named = {int(number): name for number, name in self._recipe.object_names.items()}
                self.names_of_objects = named or names_in(path, self._layer("seg"))
            if self.seg_kind == "colour":
                for labels in in_order(self._colours, self._files("seg", indices), workers):
                    if labels is not None:
                        self._flat.add(labels)
        if "depth" not in self._tracks:
            return
        track = self._tracks["depth"]
        near = self._first("depth", self._read_distances)
        self.depth_kind = near[1].kind if near else "share" if self._recipe.depth_means == "share" else "grey"
        if self.depth_kind in ("grey", "share"):
            return
        asked = read_range(self._recipe.depth_range)
        if isinstance(asked, DepthRange):
            self.depth_range = asked
            return
        finder = RangeFinder(asked)
        for values in in_order(self._distances, self._files("depth", indices), workers):
            if values is not None:
                finder.add(values)
        self.depth_range = finder.range(str(track.path))

    @property
    def keeps_colours(self) -> bool:
        """Whether objects keep the colours of their files: numbers are no colours."""
        return self._recipe.seg_colours == "keep" and self.seg_kind == "colour"

    def notes(self) -> list[str]:
        """What was asked and has no meaning for these files."""
        if self._recipe.seg_colours == "keep" and self.seg_kind in ("index", "cryptomatte"):
            return ["seg: its files have numbers and no colours to keep: each object gets a colour of its own"]
        return []

    def _first(self, name: str, read: Callable[[Path], T]) -> tuple[Path, T] | None:
        """The first file of a modality that can be read, and what it has; None if there is none, as of a video."""
        for frame in dict.fromkeys(self._tracks[name].frames):
            if isinstance(frame, Path):
                with suppress(BadInputError):
                    return frame, read(frame)
        return None

    def first_good(self, name: str, indices: Sequence[int]) -> Shown:
        """The first frame in which `name` can be read. Raises BadInputError if there is none."""
        good = (shown for shown in self.frames(indices, 1) if name not in shown.errors)
        if shown := next(good, None):
            return shown
        raise BadInputError(f"{name}: no frame can be read", remedy="render them again")

    def frames(self, indices: Sequence[int], workers: int) -> Iterator[Shown]:
        """The frames of the clip at `indices`, which rise."""
        with ExitStack() as stack:
            videos = {
                name: stack.enter_context(
                    VideoFrames(track.path, (track.width, track.height), self._recipe.view.background)
                )
                for name, track in self._tracks.items()
                if track.is_video
            }
            jobs = ((k, {name: video.at(self._tracks[name].frames[k]) for name, video in videos.items()})
                    for k in indices)  # fmt: skip
            yield from in_order(self._read, jobs, workers)

    def _read(self, job: tuple[int, dict[str, Pixels | str | None]]) -> Shown:
        index, decoded_frames = job
        shown = Shown(index)
        for name, track in self._tracks.items():
            self._read_or_tell(shown, name, track.frames[index], decoded_frames.get(name))
        self._compute(shown)
        return shown

    def _read_or_tell(self, shown: Shown, name: str, frame: Path | int | None, pixels: Pixels | str | None) -> None:
        if isinstance(pixels, str):
            shown.errors[name] = pixels
            return
        try:
            self._read_one(shown, name, frame, pixels)
        except BadInputError as error:
            shown.errors[name] = error.what

    def _compute(self, shown: Shown) -> None:
        picture = shown.pictures.get("rgb")
        for name in self.computed:
            if picture is None:
                shown.errors[name] = shown.errors.get("rgb", "")
            else:
                shown.pictures[name] = self._computed(name, picture)

    def _computed(self, name: str, picture: Pixels) -> Pixels:
        """Edges or blur of a picture: where it is padded, of what is inside, so that the padding makes none."""
        framing = self.framings["rgb"]
        (width, height), left, top = framing.inner, framing.left, framing.top
        inside = slice(top, top + height), slice(left, left + width)
        part = np.ascontiguousarray(picture[inside])
        made = edges(part, self._thresholds) if name == "edge" else blurred(part, self._blur)
        if made.shape == picture.shape:
            return made
        whole = np.zeros_like(picture)
        whole[inside] = made
        return whole

    def _read_one(self, shown: Shown, name: str, frame: Path | int | None, pixels: Pixels | None) -> None:
        framing = self.framings[name]
        sharp = name == "seg"
        if pixels is not None:
            turned = name == "depth" and self.depth_kind == "share"
            shown.pictures[name] = framed(255 - pixels if turned else pixels, framing, sharp=sharp)
        elif not isinstance(frame, Path):
            width, height = self._recipe.size
            shown.pictures[name] = np.zeros((height, width, 3), np.uint8)
        elif name == "depth":
            shown.pictures[name] = _three(framed(self._grey(frame), framing))
        elif name == "seg" and "JPEG" not in self.seg_kind:
            labels = self._flat.clean(read_objects(frame, self._layer("seg")).labels)
            if self.seg_kind == "cryptomatte" and not self._recipe.object_names:  # objects may come up later
                self.names_of_objects.update(names_in(frame, self._layer("seg")))
            _check_size(labels, framing)
            shown.labels = _framed_labels(labels, framing)
        else:
            picture = read_picture(frame, self._recipe.view, self._layer(name))
            _check_size(picture, framing)
            shown.pictures[name] = framed(picture, framing, sharp=sharp)

    def _grey(self, path: Path) -> Pixels:
        values: NDArray[Any] = self._read_distances(path).values
        _check_size(values, self.framings["depth"])
        if self.depth_kind == "grey":
            return values.astype(np.uint8)
        if self.depth_kind == "share":
            grey: Pixels = (np.clip(1 - np.nan_to_num(values, nan=1.0), 0, 1) * 255 + 0.5).astype(np.uint8)
            return grey
        assert self.depth_range is not None
        return grey_of(values, self.depth_range, self._recipe.depth_form)

    def _files(self, name: str, indices: Sequence[int]) -> list[Path]:
        frames = self._tracks[name].frames
        return list(dict.fromkeys(frame for k in indices if isinstance(frame := frames[k], Path)))

    def _colours(self, path: Path) -> Labels | None:
        """The colours of objects; a file that cannot be read is told of when its frame is."""
        try:
            return read_objects(path, self._layer("seg")).labels
        except BadInputError:
            return None

    def _distances(self, path: Path) -> NDArray[np.float32] | None:
        """Distances for the range; a file that cannot be read is told of when its frame is."""
        try:
            return self._read_distances(path).values  # type: ignore[return-value]
        except BadInputError:
            return None

    def _read_distances(self, path: Path) -> Distances:
        return read_distances(path, self._layer("depth"), self._recipe.depth_means)

    def _layer(self, name: str) -> str:
        return self._recipe.layers.get(name, "")


def _three(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=2)


def _check_size(pixels: NDArray[Any], framing: Framing) -> None:
    height, width = pixels.shape[:2]
    if (width, height) != framing.source:
        raise BadInputError(f"it is {width}x{height}, not {framing.source[0]}x{framing.source[1]}")


def _framed_labels(labels: Labels, framing: Framing) -> Labels:
    """Numbers of objects in their final size, never mixed: OpenCV scales floats but no 32-bit integers."""
    if framing.is_whole:
        return labels
    bits = framed(labels.view(np.float32), framing, sharp=True)
    return bits.view(np.uint32)
