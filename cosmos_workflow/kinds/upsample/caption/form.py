"""The form of a caption as pydantic models, made of the table in `parts.py`; docs/CAPTIONS.md tells of each field.

They are strict: an unknown key is refused and the text "1" is no number. `Caption` and `NegativeCaption` hold every
rule of `problems_of`, so that both say the same.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.shapes import whole
from cosmos_workflow.kinds.upsample.caption.parts import (
    CAPTION,
    NEGATIVE,
    Fields,
    Items,
    Length,
    Number,
    Part,
    Text,
    Time,
)
from cosmos_workflow.kinds.upsample.caption.problems import problems_of
from cosmos_workflow.kinds.upsample.caption.times import seconds_of, span

__all__ = [
    "Action", "Aesthetics", "Caption", "Cinematography", "Lighting", "NegativeCaption", "Resolution", "Segment", "Sign",
    "Subject",
]  # fmt: skip


class Shape(BaseModel):
    """What all parts of a caption have in common."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Whole(Shape):
    """What both captions have in common: the rules beyond the types."""

    @model_validator(mode="after")
    def rules(self) -> Whole:
        values = self.model_dump(exclude_unset=True)
        if problems := problems_of(values, negative="physical_realism" in type(self).model_fields):
            raise ValueError("; ".join(f"{problem.field}: {problem.what}" for problem in problems))
        return self


def _is_span(text: str) -> str:
    return _checked(text, span)


def _is_duration(text: str) -> str:
    return _checked(text, seconds_of)


def _checked(text: str, read: Any) -> str:
    try:
        read(text)
    except BadInputError as error:
        raise ValueError(error.what) from error
    return text


MODELS: dict[str, type[Shape]] = {}


def _type_of(part: Part) -> Any:
    if isinstance(part, Fields):
        return _model(part)
    if isinstance(part, Items):
        return list[_type_of(part.of)]  # type: ignore[misc]
    if isinstance(part, Number):
        if part.whole:
            return Annotated[int, Field(ge=part.least), whole]
        return Annotated[int | float, Field(gt=part.least, allow_inf_nan=False)]
    if isinstance(part, Time):
        return Annotated[str, AfterValidator(_is_span)]
    if isinstance(part, Length):
        return Annotated[str, AfterValidator(_is_duration)]
    return _text(part)


def _text(part: Text) -> Any:
    if part.choices:
        return Literal[part.choices]
    return Annotated[str, Field(min_length=1)] if part.needed else str


def _model(part: Fields) -> type[Shape]:
    if part.name not in MODELS:
        base = Whole if part in (CAPTION, NEGATIVE) else Shape
        fields: dict[str, Any] = {
            name: (_type_of(inner), None if name in part.optional else ...) for name, inner in part.fields.items()
        }
        MODELS[part.name] = create_model(part.name, __base__=base, __module__=__name__, **fields)
    return MODELS[part.name]


Caption = _model(CAPTION)
NegativeCaption = _model(NEGATIVE)
Action = MODELS["Action"]
Aesthetics = MODELS["Aesthetics"]
Cinematography = MODELS["Cinematography"]
Lighting = MODELS["Lighting"]
Resolution = MODELS["Resolution"]
Segment = MODELS["Segment"]
Sign = MODELS["Sign"]
Subject = MODELS["Subject"]
