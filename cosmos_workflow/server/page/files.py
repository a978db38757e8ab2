"""What a page shows of an item's files: those that it reads beside those that it has made, and its facts in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cosmos_workflow.kinds.kind import FIRST_KIND, get_kind, is_known
from cosmos_workflow.server.server import Server
from cosmos_workflow.server.shapes import OutputFile, Prompt
from cosmos_workflow.store import ItemFile

__all__ = ["Laid", "Shown", "facts_of", "inputs_of", "laid_out"]

VIDEOS = ("video/mp4", "video/webm", "video/quicktime")
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
MOST = 12
# What stands elsewhere on the page.
ELSEWHERE = ("id", "prompt", "engine", "place", "note", "error")


@dataclass(frozen=True)
class Shown:
    """A file that a browser plays or shows, at an address; `label` says what it is to the item."""

    label: str
    address: str
    is_video: bool
    poster: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Laid:
    """An item's output files: those that are `shown`, all others as links, and large folders by how many they hold."""

    shown: Sequence[OutputFile]
    links: Sequence[OutputFile]
    folders: Mapping[str, int]
    more: int


def laid_out(files: Sequence[OutputFile]) -> Laid:
    """Videos first, then pictures: a folder of many frames hides none of them."""
    counts = Counter(file.name.split("/")[0] for file in files if "/" in file.name)
    folders = {name: count for name, count in counts.items() if count > MOST}
    rest = [file for file in files if file.name.split("/")[0] not in folders]
    videos = [file for file in rest if file.media_type in VIDEOS]
    shown = videos + [file for file in rest if file.media_type in PICTURES]
    links = [file for file in rest if file not in shown]
    more = max(0, len(shown) - MOST) + max(0, len(links) - MOST)
    return Laid(shown[:MOST], links[:MOST], folders, more)


def facts_of(prompt: Prompt) -> list[tuple[str, str]]:
    """The settings of an item, as its kind has them in a table: names and values, without those that are empty."""
    if prompt.kind == FIRST_KIND or not is_known(prompt.kind):
        return []
    values = {name: getattr(prompt.result, name) for name in get_kind(prompt.kind).columns if name not in ELSEWHERE}
    if values.get("width") and values.get("height"):
        values["width"] = f"{values['width']}×{values.pop('height')}"
    facts = {"size" if name == "width" else name: value for name, value in values.items()}
    kept = {name: value for name, value in facts.items() if value or (name == "seed" and prompt.ok)}
    return [(name, _words(value)) for name, value in kept.items()]


def _words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def inputs_of(ctx: Server, prompts: Sequence[Prompt]) -> dict[int, list[Shown]]:
    """The videos and pictures that items read, by the items' numbers, as far as the server may show them.

    Those of a kind that answers with text are shown as the item's clip.
    """
    of_files = {each.number: each for each in prompts if is_known(each.kind) and get_kind(each.kind).makes_files}
    files = ctx.store.files.of_items(list(of_files))
    inputs: dict[int, list[Shown]] = {}
    for number, prompt in of_files.items():
        named = {each.name: each for each in files.get(number, []) if not each.is_output}
        shown = (_input(ctx, prompt, named[name]) for name in get_kind(prompt.kind).inputs if name in named)
        inputs[number] = [each for each in shown if each]
    return inputs


def _input(ctx: Server, prompt: Prompt, each: ItemFile) -> Shown | None:
    """An input that was uploaded, or that lies in the shared folder; None for others, and for what has no picture."""
    path = Path(getattr(prompt.result, each.name) or "/")
    if not each.file.width:
        return None
    if each.file.kept:
        base, query = f"/api/v1/media/{each.file.sha256}", ""
    elif path.is_file() and ctx.library.is_inside(path):
        base, query = "/api/v1/shared", f"?path={quote(ctx.library.name_of(path))}"
    else:
        return None
    is_video = each.file.media_type not in PICTURES
    return Shown(
        each.name, f"{base}/content{query}", is_video, f"{base}/thumbnail{query}", each.file.width, each.file.height
    )
