"""What a server, its page and its clients need of a kind of work; the defaults serve every kind.

The shapes are pydantic models, imported when they are first asked for: hosts have no pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

__all__ = ["Served"]


class Served:
    """The part of a `Kind` that is seen over HTTP.

    `media_types` are beginnings of the media types that a file of its `inputs` may have. `columns` are the fields of
    a Result in a table; none stands for all of them.
    """

    media_types: ClassVar[tuple[str, ...]] = ("video/", "image/")
    columns: ClassVar[tuple[str, ...]] = ()

    def item_shape(self) -> Any:
        """The pydantic model of an item in a request. Its files are ids of uploads, or paths in the media folder."""
        from cosmos_workflow.kinds.shapes import item_shape

        return item_shape(self)

    def settings_shape(self) -> Any:
        """The pydantic model of a request's settings."""
        from cosmos_workflow.kinds.shapes import settings_shape

        return settings_shape(self)

    def check_shape(self) -> Any:
        """The pydantic model of what a check can be asked besides items; see `check_more`."""
        from cosmos_workflow.kinds.shapes import Shape

        return Shape

    def plan_shape(self) -> Any:
        """The dataclass of what `plan` returns."""
        from cosmos_workflow.kinds.shapes import Planned

        return Planned

    def settings_from(self, values: Mapping[str, Any], model_path: str, model: str) -> Any:
        """Settings from a request's; `model_path` and `model` are those of the server, empty where it has none.

        Raises BadInputError for a model folder that cannot be read.
        """
        return self.settings(**values)  # type: ignore[attr-defined]

    def check_exactly(self, items: Iterable[Any], settings: Any) -> Iterator[Any]:
        """As `check`, with exact numbers where `check` may be content with a bound; made to be asked again and again.

        Files that have not changed need not be read again.
        """
        yield from self.check(items, settings)  # type: ignore[attr-defined]

    def check_more(self, request: Any, settings: Any) -> Iterator[Any]:
        """The answers (`Checked`) to what a request asks besides its items, by the `check_shape`."""
        yield from ()

    def plan(self, checked: Any, identity: str) -> Any:
        """What a check says of an item, and the identity that its work would have."""
        warnings, note = list(getattr(checked, "warnings", ())), getattr(checked, "note", "")
        return self.plan_shape()(
            checked.item.id, checked.verdict, checked.reason, checked.remedy, warnings, checked.runs, identity, note
        )

    def video_prompt(self, result: Any) -> str | None:
        """The prompt that a video can be made with, for a kind whose answers are such prompts."""
        return None
