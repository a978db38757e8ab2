"""What the page's forms send: text, empty where nothing was given; and what is wrong with it, in a person's words."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.upsample.shapes import SettingsIn

__all__ = ["SettingsForm", "explained"]

# What the page calls a field, and what can be given there.
FIELDS = {
    "frames": ("Frames", "give a whole number from 1 to 1,000"),
    "max_tokens": ("Answer", "give a whole number of tokens, 1 or more"),
    "max_model_len": ("max_model_len", "give a whole number of tokens, 1 or more"),
    "width": ("Width", "give a whole number of pixels, such as 1280"),
    "height": ("Height", "give a whole number of pixels, such as 720"),
    "video": ("Clip", "choose one of the list, or drop a file"),
    "prompt": ("Prompt", "it is too long"),
    "for_fps": ("Frames a second", "give a number, such as 24"),
    "for_seconds": ("Seconds", "give a number, such as 4"),
    "for_size": ("Size", "give width and height, such as 1280x720"),
    "format": ("Format", "choose one of the list"),
    "pick": ("Which frames", "choose one of the list"),
    "name": ("Name", "at most 200 characters"),
}


class SettingsForm(BaseModel):
    """The settings that *New* and *Limits* ask for. What is left empty is the model's default."""

    fit: str = "auto"
    model: str = ""
    frames: str = ""
    max_tokens: str = ""
    max_model_len: str = ""

    def settings(self) -> SettingsIn:
        """Raises pydantic's ValidationError."""
        values = {name: value for name in SettingsForm.model_fields if (value := getattr(self, name).strip())}
        return SettingsIn.model_validate_strings(values, strict=False)


def explained(error: CosmosError | ValidationError) -> str:
    """An error in the words of the form."""
    if isinstance(error, CosmosError):
        return str(error)
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first["loc"] else ""
    # Of a size, the place is a number behind the field's name.
    name = next((str(part) for part in reversed(first["loc"]) if part in FIELDS), name)
    label, remedy = FIELDS.get(name, (name or "Form", str(first["msg"])))
    return f"{label}: {remedy}"
