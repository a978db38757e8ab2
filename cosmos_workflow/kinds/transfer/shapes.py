"""What is exchanged of transfers as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import create_model

from cosmos_workflow.kinds.shapes import FileName, Name, Shape, Text
from cosmos_workflow.kinds.transfer.item import FILES

__all__ = ["ItemIn"]

# `asked` is a spec in our own form without its files, as JSON in a text; each file is the id of an upload, or a path
# inside the server's media folder.
_FILES: dict[str, Any] = dict.fromkeys(FILES, (FileName | None, None))
ItemIn: type[Shape] = create_model("TransferItem", __base__=Shape, id=(Name, ""), asked=(Text, "{}"), **_FILES)
