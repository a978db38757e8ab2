"""Transfer as a kind of work: a clip, its controls and a prompt become a photoreal video."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.kind import Kind, Outcome, Packed, Task
from cosmos_workflow.kinds.reading import Fields, Keys
from cosmos_workflow.kinds.transfer.item import FILES, Item, Result, Settings, Verdict
from cosmos_workflow.kinds.transfer.work import Work

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.plan import Checked

__all__ = ["TRANSFER", "Transfer"]


class Transfer(Kind):
    """A clip, its controls and a prompt become a photoreal video.

    What reads specs and clips is imported when it is used: pydantic and FFmpeg are not on hosts, or cost time.
    """

    name = "transfer"
    engines: ClassVar[tuple[str, ...]] = ("diffusers", "program", "http", "preview")
    hopeless = ("bad_input", "changed", "blocked")
    fields = Fields(("id",), {"name": "id"})
    inputs = FILES
    key_fields = (*FILES, "prompt")
    verdicts = get_args(Verdict)
    columns: ClassVar[tuple[str, ...]] = (
        *("id", "verdict", "model", "controls", "prompt", "width", "height", "frames", "fps", "seed", "steps"),
        *("seconds", "engine", "place", "note", "error"),
    )
    item, settings, result = Item, Settings, Result

    def read(self, path: str | Path, note: Callable[[str], None]) -> Iterator[Item]:
        from cosmos_workflow.kinds.transfer.asking import item_from, specs_in
        from cosmos_workflow.kinds.transfer.sources import distinct

        return distinct(item_from(spec) for spec in specs_in(at_home(Path(path)), note))

    def entry(self, values: Mapping[str, Any], where: str, keys: Keys | None = None) -> tuple[Item, tuple[str, ...]]:
        from cosmos_workflow.kinds.transfer.asking import item_of

        item = item_of(values, where)
        return item, tuple(str(getattr(item, name) or "") for name in FILES)

    def damaged(self, values: Any, id: str) -> Item:
        named = values if isinstance(values, dict) else {}
        return Item(str(named.get("id") or named.get("name") or id))

    def for_engine(self, settings: Settings, engine: str) -> Settings:
        return replace(settings, engine=engine)

    def check(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        from cosmos_workflow.kinds.transfer.plan import check_item

        return (check_item(item, settings) for item in items)

    def unusable(self, item: Item, error: BadInputError, settings: Settings) -> Checked:
        from cosmos_workflow.kinds.transfer.plan import bad_input

        return bad_input(item, error)

    def asks(self, checked: Checked, settings: Settings) -> Mapping[str, Any]:
        assert checked.work is not None
        return checked.work.asks()

    def pack(self, checked: Checked, settings: Settings, wants: str) -> Packed:
        from cosmos_workflow.media.video import sha256_of

        assert checked.work is not None
        used = checked.item.files
        try:
            hashes = {name: sha256_of(path) for name, path in used.items()}
        except OSError as error:
            raise BadInputError(f"it cannot be read ({error.strerror})", where=str(error.filename)) from error
        task = Task(checked.item.id, self.name, checked.work.asks(), hashes)
        return Packed(task, {sha256: used[name] for name, sha256 in hashes.items()})

    def begin(self, checked: Checked, engine: Any, place: str) -> Result:
        item, work = checked.item, checked.work
        paths: dict[str, Any] = {name: str(getattr(item, name) or "") for name in FILES}
        result = Result(
            item.id,
            item.prompt,
            **paths,
            verdict=checked.verdict,
            reason=checked.reason,
            remedy=checked.remedy,
            engine=engine.name,
            engine_model=engine.model,
            place=place,
            note=checked.note,
        )
        if work is None:
            return result
        return replace(
            result,
            model=work.model,
            controls=", ".join(f"{control.hint} {control.weight:g}" for control in work.controls),
            width=work.out_width,
            height=work.out_height,
            frames=work.frames,
            fps=work.out_fps,
            duration=round(work.frames / work.out_fps, 3),
            chunks=work.chunks,
            seed=work.seed,
            steps=work.steps,
            guidance=work.guidance,
            asked=json.dumps(work.asks(), ensure_ascii=False),
        )

    def finish(self, result: Result, outcome: Outcome) -> Result:
        result = replace(result, seconds=outcome.seconds, error=outcome.error, error_kind=outcome.error_kind)
        if frames := outcome.says.get("frames"):
            result = replace(result, frames=frames, duration=round(frames / result.fps, 3))
        if sound := outcome.says.get("sound"):
            result = replace(result, note="; ".join(filter(None, (result.note, sound))))
        return result

    def dump_item(self, item: Item) -> dict[str, Any]:
        paths = {name: str(path.absolute()) for name, path in item.files.items()}
        return {"id": item.id, "asked": item.asked, **paths, "extra": dict(item.extra)}

    def load_item(self, values: Mapping[str, Any]) -> Item:
        paths: dict[str, Any] = {name: Path(values[name]) for name in FILES if name in values}
        return Item(values["id"], values["asked"], extra=values["extra"], **paths)

    def checked_again(self, item: Item, result: Result, settings: Settings) -> Checked:
        from cosmos_workflow.kinds.transfer.plan import again, check_item

        if not result.asked:
            return check_item(item, settings)
        return again(item, Work.of(json.loads(result.asked)), settings)

    def texts(self, result: Result) -> tuple[str, str]:
        made = f"{result.model}: {result.controls}" if result.outputs else ""
        return result.prompt, made

    def facts(self, checked: Checked) -> Mapping[str, Mapping[str, Any]]:
        clips = checked.case.clips if checked.case else {}
        return {
            name: {"width": clip.width, "height": clip.height, "frames": clip.frames, "duration": clip.duration}
            for name, clip in clips.items()
        }

    def item_shape(self) -> Any:
        from cosmos_workflow.kinds.transfer.shapes import ItemIn

        return ItemIn

    def window(self, wants: str) -> int:
        return 64  # so that tasks of one model come together; their files are on disk

    def piece(self, wants: str, settings: Any) -> int:
        return 1


TRANSFER = Transfer()
