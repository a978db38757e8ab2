"""What is exchanged of upscalings as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cosmos_workflow.kinds.shapes import FileName, Name, Shape, Text, whole

__all__ = ["ItemIn"]


class ItemIn(Shape):
    """A video to upscale: the id of an upload, or a path inside the server's media folder.

    `asked` is all that is asked, as a spec in our own form without its files (docs/TRANSFER.md), in place of the rest.
    """

    video: FileName
    id: Name = ""
    prompt: Text = ""
    weight: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    steps: Annotated[int, Field(ge=1, le=1000), whole] = 10
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), whole] = 1
    asked: Text = "{}"
