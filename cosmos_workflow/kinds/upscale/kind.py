"""Upscaling as a kind of work: a transfer whose one control is the clip itself (cosmos-transfer1, its 4K upscaler)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.kinds.reading import Fields, Keys
from cosmos_workflow.kinds.transfer.item import Item, Settings
from cosmos_workflow.kinds.transfer.kind import Transfer

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.plan import Checked

__all__ = ["UPSCALE", "Upscale", "item_of_video"]

MODEL, WEIGHT = "transfer1-7b-4k", 0.5
STEPS = 10  # NVIDIA's advice for upscaling (cosmos-transfer1 examples/inference_cosmos_transfer1_7b_4kupscaler.md)
FIELDS = Fields(
    ("id", "video", "prompt", "weight", "steps", "seed", "sigma_max", "guidance", "negative_prompt"),
    {"name": "id", "input_video_path": "video", "visual_input": "video", "control_weight": "weight",
     "num_steps": "steps"},
    needs=("video",),
)  # fmt: skip


class Upscale(Transfer):
    """A video becomes three times as wide and as high; a long one in pieces, which the engine joins."""

    name = "upscale"
    engines: ClassVar[tuple[str, ...]] = ("program",)
    fields = FIELDS
    inputs = ("video",)
    key_fields = ("video", "prompt")
    columns = (
        *("id", "verdict", "width", "height", "frames", "fps", "seed", "steps"),
        *("seconds", "engine", "place", "note", "error"),
    )

    def read(self, path: str | Path, note: Callable[[str], None]) -> Iterator[Item]:
        return Kind.read(self, path, note)

    def entry(self, values: Mapping[str, Any], where: str, keys: Keys | None = None) -> tuple[Item, tuple[str, ...]]:
        from cosmos_workflow.kinds.transfer.asking import item_of

        asked = values.get("asked") or "{}"
        if asked != "{}":  # as a client sends it
            item = item_of(values, where)
            return item, (str(item.video or ""),)
        named, _ = FIELDS.split({name: value for name, value in values.items() if name != "asked"}, where, keys)
        video = named.pop("video", None)
        if not isinstance(video, str) or not video.strip():
            raise BadInputError("no video is given", where=where, remedy='give "video": "PATH"')
        return item_of_video(Path(video), where, **named), (video,)

    def item_shape(self) -> Any:
        from cosmos_workflow.kinds.upscale.shapes import ItemIn

        return ItemIn

    def check(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        return super().check(map(_with_rate, items), settings)

    def checked_again(self, item: Item, result: Any, settings: Settings) -> Checked:
        return super().checked_again(_with_rate(item), result, settings)


def item_of_video(video: Path, where: str = "", *, id: str = "", weight: float | str = WEIGHT, **asked: Any) -> Item:
    """The Item that asks for a video in 3 times its bucket's size; `asked` are fields of a Spec.

    Raises BadInputError that names the field.
    """
    from cosmos_workflow.kinds.transfer.asking import item_of

    given = {name: value for name, value in asked.items() if value not in (None, "")}
    spec = {"model": MODEL, "steps": STEPS, "controls": {"upscale": {"weight": weight}}, **given, "video": str(video)}
    return item_of({**spec, "name": str(id or video.stem)}, where)


def _with_rate(item: Item) -> Item:
    """An item that keeps the rate and the sound of its video: the program makes 24 frames a second, and no sound."""
    from cosmos_workflow.media.sound import has_sound
    from cosmos_workflow.media.video import probe

    asked = json.loads(item.asked)
    with suppress(BadInputError, OSError):  # the check says what is wrong with it
        if item.video and "fps" not in asked and (clip := probe(item.video)).fps:
            restore = [*(["fps"] if clip.fps % 1 else []), *(["audio"] if has_sound(item.video) else [])]
            more = {"fps": round(clip.fps), **({"restore": restore} if restore else {})}
            return replace(item, asked=json.dumps({**asked, **more}, ensure_ascii=False))
    return item


UPSCALE = Upscale()
