"""Transfer1's regional prompts, as they are written."""

from __future__ import annotations

from typing import Any

from cosmos_workflow.kinds.transfer.formats.exchange import restored
from cosmos_workflow.kinds.transfer.formats.values import Corners, Name, Text, number_of
from cosmos_workflow.kinds.transfer.formats.written import Written
from cosmos_workflow.kinds.transfer.spec import Region

__all__ = ["Transfer1Region", "region_from", "region_of"]


class Transfer1Region(Written):
    """One of the regional prompts; its place is a box (left, top, right, bottom; 0 to 1) or the path of a video."""

    prompt: Name
    region_definitions_path: Corners = None
    mask_prompt: Text = None


def region_of(region: Transfer1Region) -> Region:
    """Our form of it."""
    place = region.region_definitions_path
    box = None
    if isinstance(place, list):
        left, top, right, bottom = map(number_of, place)
        box = (left, top, right, bottom)
    return Region(
        prompt=region.prompt,
        box=box,
        mask=place if isinstance(place, str) else "",
        mask_prompt=region.mask_prompt or "",
        extra=region.others,
    )


def region_from(number: int, region: Region, notes: list[str]) -> dict[str, Any]:
    """Transfer1's form of a region; `notes` get what it does not take."""
    values: dict[str, Any] = {"prompt": region.prompt}
    if region.box is not None:
        values["region_definitions_path"] = list(region.box)
        if region.mask:
            notes.append(f"the mask of region {number} is left out, as Transfer1 takes a box or a mask")
    elif region.mask:
        values["region_definitions_path"] = region.mask
    if region.mask_prompt:
        values["mask_prompt"] = region.mask_prompt
    notes += restored(region.extra, (), "Transfer1", f"regions.{number}.")[1]
    return values
