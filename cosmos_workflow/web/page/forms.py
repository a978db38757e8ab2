"""What the page's forms send: text, empty where nothing was given."""

from __future__ import annotations

from pydantic import BaseModel

from cosmos_workflow.web.shapes import SettingsIn

__all__ = ["SettingsForm"]


class SettingsForm(BaseModel):
    """The settings that *New* and *Limits* ask for. What is left empty is the model's default."""

    fit: str = "auto"
    model: str = ""
    frames: str = ""
    max_tokens: str = ""
    max_model_len: str = ""

    def settings(self) -> SettingsIn:
        """Raises pydantic's ValidationError."""
        given = {name: value for name in SettingsForm.model_fields if (value := getattr(self, name).strip())}
        return SettingsIn.model_validate_strings(given, strict=False)
