"""Preparing as a kind of work: renders and clips become control videos."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.kind import Kind, Outcome, Packed
from cosmos_workflow.kinds.prepare.item import FIELDS, SHOWN, Item, Result, Settings, Verdict
from cosmos_workflow.kinds.reading import Keys

if TYPE_CHECKING:
    from cosmos_workflow.kinds.prepare.plan import Checked
    from cosmos_workflow.kinds.prepare.shapes import ItemIn

__all__ = ["PREPARE", "Prepare"]


class Prepare(Kind):
    """Renders and clips become the control videos that a video model takes.

    What opens files is imported when it is used: OpenCV costs a fifth of a second that listing runs does not need.
    """

    name = "prepare"
    engines = ("opencv",)
    fields = FIELDS
    inputs = SHOWN
    key_fields = SHOWN
    verdicts = get_args(Verdict)
    columns = (
        *("id", "verdict", "model", "width", "height", "frames", "fps", "duration", "seconds", "engine", "place"),
        *("note", "error"),
    )
    item, settings, result = Item, Settings, Result

    def entry(self, values: Mapping[str, Any], where: str, keys: Keys | None = None) -> tuple[Item, tuple[str, ...]]:
        item = Item.from_mapping(values, where=where, keys=keys)
        return item, tuple(str(getattr(item, name) or "") for name in SHOWN)

    def damaged(self, values: Any, id: str) -> Item:
        named = {FIELDS.meaning(key): value for key, value in values.items()} if isinstance(values, dict) else {}
        return Item(str(named.get("id") or id))

    def check(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        from cosmos_workflow.kinds.prepare.plan import check_item

        return (check_item(item, settings) for item in items)

    def check_exactly(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        from cosmos_workflow.kinds.prepare.plan import check_item
        from cosmos_workflow.kinds.prepare.preview import survey_again

        return (check_item(item, settings, survey_again) for item in items)

    def unusable(self, item: Item, error: BadInputError, settings: Settings) -> Checked:
        from cosmos_workflow.kinds.prepare.plan import bad_input

        return bad_input(item, error)

    def dump_settings(self, settings: Settings) -> dict[str, Any]:
        values = super().dump_settings(settings)
        if not values.get("ocio_sha256"):
            values |= _content_of(settings.ocio)
        return values

    def load_settings(self, values: Mapping[str, Any]) -> Settings:
        return Submitted(**values) if "ocio_sha256" in values else Settings(**values)

    def checked_again(self, item: Item, result: Result, settings: Settings) -> Checked:
        from cosmos_workflow.kinds.prepare.again import check_again
        from cosmos_workflow.kinds.prepare.plan import bad_input

        before = settings.ocio_sha256 if isinstance(settings, Submitted) else ""
        if before and _content_of(settings.ocio).get("ocio_sha256") != before:
            return bad_input(item, BadInputError(
                "the configuration of OpenColorIO has changed since the run was submitted", where=settings.ocio,
                remedy="submit it again",
            ))  # fmt: skip
        return check_again(item, result, settings)

    def asks(self, checked: Checked, settings: Settings) -> Mapping[str, Any]:
        from cosmos_workflow.kinds.prepare.recipe import recipe_of
        from cosmos_workflow.kinds.prepare.tasks import asks_of

        return asks_of(checked, recipe_of(checked, settings))

    def pack(self, checked: Checked, settings: Settings, wants: str) -> Packed:
        from cosmos_workflow.kinds.prepare.recipe import recipe_of
        from cosmos_workflow.kinds.prepare.tasks import task_of

        return task_of(checked, recipe_of(checked, settings), self.name)

    def begin(self, checked: Checked, engine: Any, place: str) -> Result:
        item, seen = checked.item, checked.seen
        first = next(iter(seen.tracks.values())) if seen else None
        paths: dict[str, Any] = {name: str(getattr(item, name) or "") for name in SHOWN}
        return Result(
            item.id,
            **paths,
            verdict=checked.verdict,
            width=checked.size[0],
            height=checked.size[1],
            source_width=first.width if first else 0,
            source_height=first.height if first else 0,
            frames=checked.frames,
            source_frames=len(seen.numbers) if seen else 0,
            fps=checked.fps,
            duration=round(checked.frames / checked.fps, 3) if checked.fps else 0.0,
            chunks=checked.chunks,
            reason=checked.reason,
            remedy=checked.remedy,
            engine=engine.name,
            place=place,
            note="; ".join(checked.notes),
        )

    def finish(self, result: Result, outcome: Outcome) -> Result:
        warning = result.reason if outcome.ok else ""  # what failed says why by itself
        notes = filter(None, [warning, *outcome.says.get("notes", [result.note])])  # the engine says all of them again
        return replace(
            result,
            model=outcome.says.get("model", ""),
            note="; ".join(notes),
            seconds=outcome.seconds,
            error=outcome.error,
            error_kind=outcome.error_kind,
        )

    def dump_item(self, item: Item) -> dict[str, Any]:
        paths = {name: str(path.absolute()) for name, path in item.sources.items()}
        unclear = {"problem": item.problem, "remedy": item.remedy} if item.problem else {}
        return {"id": item.id, **paths, "extra": dict(item.extra), **unclear}

    def load_item(self, values: Mapping[str, Any]) -> Item:
        paths: dict[str, Any] = {name: Path(values[name]) for name in SHOWN if name in values}
        unclear = {name: values[name] for name in ("problem", "remedy") if name in values}
        return Item(values["id"], extra=values["extra"], **paths, **unclear)

    def texts(self, result: Result) -> tuple[str, str]:
        # Of a folder that was uploaded, what stands before its own names is only the hash of its content.
        paths = filter(None, (getattr(result, name) for name in SHOWN))
        given = " ".join(re.sub(r".*[\\/][0-9a-f]{64}[\\/]", "", path) for path in paths)
        if not result.outputs:
            return given, ""
        videos = ", ".join(name for name in result.outputs if name.endswith(".mp4"))
        length = f"{result.frames} frames at {result.fps:g} a second, {result.duration:g} s"
        return given, f"{result.width}x{result.height}, {length}: {videos}"

    def facts(self, checked: Checked) -> Mapping[str, Mapping[str, Any]]:
        """What the check knows of each of its `inputs`: `width`, `height`, `frames` and `duration`."""
        tracks = checked.seen.tracks if checked.seen else {}
        return {
            name: {
                "width": track.width,
                "height": track.height,
                "frames": len(track.frames),
                "duration": round(len(track.frames) / checked.source_fps, 3),
            }
            for name, track in tracks.items()
        }

    def item_shape(self) -> type[ItemIn]:
        from cosmos_workflow.kinds.prepare.shapes import ItemIn

        return ItemIn

    def settings_from(self, values: Mapping[str, Any], model_path: str, model: str) -> Settings:
        """Of OpenColorIO's configurations a request may name those that it has built in: files are the server's."""
        ocio = values.get("ocio", "")
        if ocio and re.search(r"[\\/]|\.ocio", ocio.removeprefix("ocio://")):
            raise BadInputError(
                "a server opens no file of its own as a configuration of OpenColorIO", where=ocio,
                remedy="name one that is built in, such as cg-config-latest, or prepare the clip where the file is",
            )  # fmt: skip
        return Settings(**values)

    def window(self, wants: str) -> int:
        return 1  # a clip uses all cores by itself

    def piece(self, wants: str, settings: Any) -> int:
        return 1


@dataclass(frozen=True)
class Submitted(Settings):
    """Settings of a run, with the content that the configuration of OpenColorIO had when the run was submitted."""

    ocio_sha256: str = ""


def _content_of(ocio: str) -> dict[str, str]:
    """The SHA-256 of a configuration that is a file; one that cannot be used is told of by the check."""
    from cosmos_workflow.media.ocio import archive_of

    try:
        archive = archive_of(ocio)
    except (BadInputError, UsageError):
        return {}
    return {"ocio_sha256": archive.sha256} if archive else {}


PREPARE = Prepare()
