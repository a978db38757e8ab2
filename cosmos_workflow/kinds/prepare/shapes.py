"""What is exchanged of preparing as JSON."""

from __future__ import annotations

from cosmos_workflow.kinds.shapes import FileName, Name, Shape

__all__ = ["ItemIn"]


class ItemIn(Shape):
    """One clip: for each thing that it shows, the id of an uploaded video, or a path inside the server's media folder.

    A path may be that of a folder of numbered images, or a pattern such as `shot/color.%04d.png`.
    """

    id: Name = ""
    rgb: FileName | None = None
    depth: FileName | None = None
    seg: FileName | None = None
    edge: FileName | None = None
    vis: FileName | None = None
