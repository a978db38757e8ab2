"""What a caption consists of, as one table: the models, the checks and the schema for decoding are made of it.

It needs nothing but Python, so that a host without pydantic can check an answer.

Source of the fields: NVIDIA's sample captions (NVIDIA/cosmos aca7057, cookbooks/cosmos3/generator/transfer/assets) and
its template for upsampling (NVIDIA/cosmos-framework, prompting_templates/external_api/t2v_i2v_video_json_schema.json),
whose instructions say that no key may be left out and none added. One sample of NVIDIA's has no `audio_description`
(generator/audiovisual, humanoid_robot.json), so that one may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ASPECTS", "CAPTION", "NEGATIVE", "Fields", "Items", "Length", "Number", "Part", "Text", "Time"]

# The five shapes that Cosmos 3 makes, by how a caption writes them.
ASPECTS = {"16,9": 16 / 9, "4,3": 4 / 3, "1,1": 1.0, "3,4": 3 / 4, "9,16": 9 / 16}


@dataclass(frozen=True)
class Text:
    """A text. A model is asked for at most `most` characters; what people write may be longer.

    A `needed` one may not be empty. `choices` are all that it may be; a model is asked to keep to `suggested` ones.
    """

    most: int
    needed: bool = False
    choices: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()


@dataclass(frozen=True)
class Time:
    """A span such as "0:00-0:04"."""


@dataclass(frozen=True)
class Length:
    """A duration such as "4s"."""


@dataclass(frozen=True)
class Number:
    """A number from `least` on; a `whole` one unless it says otherwise. A model is asked for at most `most`."""

    least: int
    most: int
    whole: bool = True


@dataclass(frozen=True)
class Items:
    """A list. A model is asked for `fewest` to `most` items."""

    of: Part
    most: int
    fewest: int = 0


@dataclass(frozen=True)
class Fields:
    """An object with these fields and no other; those in `optional` may be missing. `name` is what it is called."""

    name: str
    fields: Mapping[str, Part]
    optional: tuple[str, ...] = ()


Part = Text | Time | Length | Number | Items | Fields

SIZES = ("", "Small within frame", "Medium within frame", "Large within frame")
DEPTHS = ("", "Shallow", "Deep", "Uniform")
CATEGORIES = ("physical_in_scene", "scene_sign", "ui_text", "vehicle_graphic", "logo", "label")
# "N/A" is in NVIDIA's template for still pictures.
GENDERS = ("", "Male", "Female", "Unknown", "N/A")


def _subject(negative: bool) -> Fields:
    """A subject; of a negative caption, texts are free, as each says what is bad about it."""
    return Fields("NegativeSubject" if negative else "Subject", {
        "description": Text(200, needed=True),
        "appearance_details": Text(130),
        "relationship": Text(90),
        "location": Text(70),
        "relative_size": Text(70, suggested=() if negative else SIZES),
        "orientation": Text(70),
        "pose": Text(70),
        "action": Text(80),
        "state_changes": Text(100),
        "clothing": Text(80),
        "expression": Text(50),
        "gender": Text(20) if negative else Text(20, choices=GENDERS, suggested=GENDERS[:-1]),
        "age": Text(20),
        "skin_tone_and_texture": Text(50),
        "facial_features": Text(80),
        "number_of_subjects": Number(0, 99),
        "number_of_arms": Number(0, 99),
        "number_of_legs": Number(0, 99),
    })  # fmt: skip


def _fields(negative: bool) -> dict[str, Part]:
    prefix = "Negative" if negative else ""
    return {
        "subjects": Items(_subject(negative), most=3 if negative else 4, fewest=1),
        "background_setting": Text(450),
        "lighting": Fields(f"{prefix}Lighting", {
            "conditions": Text(120),
            "direction": Text(120),
            "shadows": Text(120),
            "illumination_effect": Text(160),
        }),
        "aesthetics": Fields(f"{prefix}Aesthetics", {
            "composition": Text(150),
            "color_scheme": Text(150),
            "mood_atmosphere": Text(80),
            "patterns": Text(120),
        }),
        "cinematography": Fields(f"{prefix}Cinematography", {
            "camera_motion": Text(120),
            "framing": Text(100),
            "camera_angle": Text(80),
            "depth_of_field": Text(80, suggested=() if negative else DEPTHS),
            "focus": Text(100),
            "lens_focal_length": Text(60),
        }),
        "style_medium": Text(60),
        "artistic_style": Text(80),
        "context": Text(150),
        "actions": Items(Fields(f"{prefix}Action", {
            "time": Time(),
            "description": Text(150, needed=True),
        }), most=6, fewest=1),
        "text_and_signage_elements": Items(Fields(f"{prefix}Sign", {
            "text": Text(60),
            "category": Text(20, suggested=CATEGORIES),
            "appearance": Text(100),
            "spatial_temporal": Text(100),
            "context": Text(100),
        }), most=0 if negative else 2),
        "segments": Items(Fields(f"{prefix}Segment", {
            "segment_index": Number(0, 999),
            "time_range": Time(),
            "description": Text(200, needed=True),
            "key_changes": Text(110),
            "camera": Text(90),
        }), most=1 if negative else 4, fewest=1),
        "transitions": Items(Text(80), most=0 if negative else 3),
        "temporal_caption": Text(900, needed=True),
        "audio_description": Text(220),
    }  # fmt: skip


CAPTION = Fields(
    "Caption",
    {
        **_fields(negative=False),
        "resolution": Fields("Resolution", {"W": Number(1, 16384), "H": Number(1, 16384)}),
        "aspect_ratio": Text(11, needed=True, suggested=tuple(ASPECTS)),
        "duration": Length(),
        "fps": Number(0, 1000, whole=False),
    },
    # A still picture has neither duration nor fps: they may be missing together, which `problems_of` checks.
    optional=("audio_description", "duration", "fps"),
)
NEGATIVE = Fields(
    "NegativeCaption",
    {**_fields(negative=True), "physical_realism": Text(500, needed=True)},
    optional=("audio_description",),
)
