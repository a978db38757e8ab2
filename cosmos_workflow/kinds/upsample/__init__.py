"""Prompt upsampling: short prompts and their clips become long prompts.

Holds the Item, the Result, and the check of items before they run.
Imports `limits` and `media`; knows nothing about engines or machines.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.item import FORMATS, LEAST_SEED, MOST_SEED, Format, Item, Result, whole_number
    from cosmos_workflow.kinds.upsample.picking import PICKS, Pick
    from cosmos_workflow.kinds.upsample.preflight import Checked, Settings, check_items

__all__ = [
    "FORMATS",
    "LEAST_SEED",
    "MOST_SEED",
    "PICKS",
    "Checked",
    "Format",
    "Item",
    "Pick",
    "Result",
    "Settings",
    "check_items",
    "whole_number",
]

# Imported when first used: the agent on a host needs only the conversations.
__getattr__ = lazy_door(
    __name__,
    {
        "Checked": "preflight",
        "FORMATS": "item",
        "Format": "item",
        "Item": "item",
        "LEAST_SEED": "item",
        "MOST_SEED": "item",
        "PICKS": "picking",
        "Pick": "picking",
        "Result": "item",
        "Settings": "preflight",
        "check_items": "preflight",
        "whole_number": "item",
    },
)
