"""Makes the control videos of one clip in a folder: the videos, the manifest and the sheet, all or nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosmos_workflow.errors import BadInputError, Conflict, from_system
from cosmos_workflow.files import aside, write_whole
from cosmos_workflow.kinds.prepare.manifest import manifest_of
from cosmos_workflow.kinds.prepare.plan import shown_order
from cosmos_workflow.kinds.prepare.reading import FrameReader, Shown
from cosmos_workflow.kinds.prepare.recipe import Recipe
from cosmos_workflow.media.encoding import LOSS, Encoder, check_video
from cosmos_workflow.media.framing import rate_of
from cosmos_workflow.media.numbering import ranges
from cosmos_workflow.media.ordered import one_thread_each, workers_for
from cosmos_workflow.media.segments import Palette
from cosmos_workflow.media.sheet import picks, thumbnail, write_sheet
from cosmos_workflow.media.survey import Track, changed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["MANIFEST", "SHEET", "make", "whole_folder"]

MANIFEST, SHEET = "manifest.json", "sheet.jpg"


def make(
    title: str,
    recipe: Recipe,
    tracks: Mapping[str, Track],
    folder: Path,
    *,
    sources: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Make everything in `folder`, which is there and empty, and return the manifest, which is written last.

    `sources` is what the manifest tells of the sources' files; `progress` is called with the frames that are done,
    and how many there are.
    Raises BadInputError that names every frame that cannot be read, or that changed meanwhile; CosmosError where the
    folder cannot be written, or a video is not right when it is read back.
    """
    reader = FrameReader(recipe, tracks)
    order = shown_order(recipe.count, recipe.source_fps, recipe.fps, recipe.retime, recipe.frames)
    times = Counter(order)
    indices = sorted(times)
    workers = workers_for(max(track.width for track in tracks.values()), max(track.height for track in tracks.values()))
    try:
        with one_thread_each(workers), ExitStack() as stack:
            reader.prepare(indices, workers)
            palette = Palette(keep=reader.keeps_colours)
            writer = stack.enter_context(_Writer(folder, recipe, reader.names))
            filler = _Filler(recipe, palette, lambda name: reader.first_good(name, indices))
            written = 0
            for shown in reader.frames(indices, workers):
                pictures = filler.complete(shown)
                if not filler.stops:
                    writer.write(pictures, times[shown.index], recipe.first + shown.index)
                written += times[shown.index]
                if progress:
                    progress(written, len(order))
            filler.raise_if_stopped(folder)
            _raise_if_changed(tracks, recipe)
            writer.close()
        legend = palette.legend(reader.names_of_objects) if "seg" in tracks and reader.seg_kind in SEPARATED else {}
        write_sheet(folder / SHEET, _title(title, recipe), writer.thumbnails, writer.numbers, legend)
        made = {name: _facts(folder / f"{name}.mp4") for name in reader.names}
        manifest = manifest_of(title, recipe, reader, made, legend, sources or {}, [*reader.notes(), *filler.notes()])
        write_whole(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise from_system(error, "prepare the clip again") from error
    return manifest


SEPARATED = ("index", "colour", "cryptomatte")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place when everything in it is made; else it is removed.

    A folder that holds a manifest of ours is replaced. Raises Conflict for one with other files in it.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict("this folder has files of something else", where=str(folder), remedy="give another folder")
    part = aside(folder)
    part.mkdir(parents=True)
    try:
        yield part
        if folder.exists():
            old = aside(folder)
            folder.replace(old)
            part.replace(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Writer:
    """Encodes each modality into its file, and keeps the thumbnails of the sheet."""

    def __init__(self, folder: Path, recipe: Recipe, names: tuple[str, ...]) -> None:
        self._folder, self._recipe, self._names = folder, recipe, names
        self._wanted = set(picks(recipe.frames))
        self._written = 0
        self.thumbnails: dict[str, list[Pixels]] = {name: [] for name in names}
        self.numbers: list[int] = []
        self._encoders: dict[str, Encoder] = {}

    def __enter__(self) -> _Writer:
        for name in self._names:
            self._encoders[name] = Encoder(
                self._folder / f"{name}.mp4", self._recipe.size, rate_of(self._recipe.fps), LOSS[name]
            )
            if self._recipe.keep_frames:
                (self._folder / "frames" / name).mkdir(parents=True)
        return self

    def __exit__(self, *error: object) -> None:
        for encoder in self._encoders.values():
            encoder.abandon()

    def write(self, pictures: Mapping[str, Pixels], times: int, number: int) -> None:
        """Write one frame `times` times; `number` is that of its source."""
        for _ in range(times):
            if self._written in self._wanted:
                self.numbers.append(number)
            for name, encoder in self._encoders.items():
                encoder.write(pictures[name])
                if self._written in self._wanted:
                    self.thumbnails[name].append(thumbnail(pictures[name]))
                if self._recipe.keep_frames:
                    self._keep(name, pictures[name])
            self._written += 1

    def _keep(self, name: str, picture: Pixels) -> None:
        from cosmos_workflow.media.frames import encode_png

        path = self._folder / "frames" / name / f"{self._written:05d}.png"
        write_whole(path, encode_png(picture), sync=False)

    def close(self) -> None:
        """End the files, and read each back. Raises CosmosError if one is not right."""
        encoders, self._encoders = self._encoders, {}
        for encoder in encoders.values():
            encoder.close()
        for encoder in encoders.values():
            check_video(encoder)


class _Filler:
    """Puts something in the place of what could not be read, or keeps what stops the work."""

    def __init__(self, recipe: Recipe, palette: Palette, first_good: Callable[[str], Shown]) -> None:
        self._recipe, self._palette, self._first_good = recipe, palette, first_good
        self._last: dict[str, Pixels] = {}
        self._errors: dict[tuple[str, str], list[int]] = {}

    @property
    def stops(self) -> bool:
        return bool(self._errors) and self._recipe.missing == "error"

    def complete(self, shown: Shown) -> dict[str, Pixels]:
        """The pictures of a frame by what they show, in their colours."""
        if shown.labels is not None:
            shown.pictures["seg"] = self._palette.paint(shown.labels)
        for name, reason in shown.errors.items():
            self._errors.setdefault((name, reason), []).append(self._recipe.first + shown.index)
            if self._recipe.missing == "hold" and name not in self._last:
                self._last[name] = self._picture(self._first_good(name), name)
            width, height = self._recipe.size
            black = np.zeros((height, width, 3), np.uint8)
            shown.pictures[name] = self._last[name] if self._recipe.missing == "hold" else black
        self._last = shown.pictures
        return shown.pictures

    def _picture(self, shown: Shown, name: str) -> Pixels:
        if name == "seg" and shown.labels is not None:
            return self._palette.paint(shown.labels)
        return shown.pictures[name]

    def notes(self) -> list[str]:
        """What was put in the place of what, in words."""
        instead = "the frame before is held" if self._recipe.missing == "hold" else "black instead"
        return [f"{text}; {instead}" for text in self._reasons()]

    def raise_if_stopped(self, folder: Path) -> None:
        if self.stops:
            raise BadInputError(
                "; ".join(self._reasons()), remedy="render these again, or give --missing hold or --missing black"
            )

    def _reasons(self) -> list[str]:
        return [
            f"{name}: {'frame' if len(numbers) == 1 else 'frames'} {ranges(numbers)} not readable ({reason})"
            for (name, reason), numbers in self._errors.items()
            if reason
        ]


def _raise_if_changed(tracks: Mapping[str, Track], recipe: Recipe) -> None:
    """Raise BadInputError if a file was written while it was read."""
    for name, track in tracks.items():
        if files := set(changed(track)):
            numbers = [recipe.first + k for k, frame in enumerate(track.frames) if frame in files]
            which = "the video was" if track.is_video else f"frames {ranges(numbers)} were"
            raise BadInputError(
                f"{name}: {which} written while being read", where=str(track.path),
                remedy="wait for the renderer, then prepare the clip again",
            )  # fmt: skip


def _title(title: str, recipe: Recipe) -> str:
    width, height = recipe.size
    model = f"for {recipe.model}, " if recipe.model else ""
    return f"{title}: {model}{width}x{height}, {recipe.frames} frames at {recipe.fps:g} per second"


def _facts(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return {"file": path.name, "sha256": digest.hexdigest(), "bytes": path.stat().st_size}
