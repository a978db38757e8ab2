"""Preparing: renders and clips become the control videos that a video model takes.

Holds the Item, the check of items before anything is made, the Recipe of a clip, and how it is carried out.
Imports `limits` and `media`; knows nothing about engines or machines.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.prepare.item import Item, Result, Settings, items_in, items_of, named_by, with_layers
    from cosmos_workflow.kinds.prepare.making import make, whole_folder
    from cosmos_workflow.kinds.prepare.plan import Checked, check_item
    from cosmos_workflow.kinds.prepare.recipe import Recipe, recipe_of

__all__ = [
    "Checked",
    "Item",
    "Recipe",
    "Result",
    "Settings",
    "check_item",
    "items_in",
    "items_of",
    "make",
    "named_by",
    "recipe_of",
    "whole_folder",
    "with_layers",
]

__getattr__ = lazy_door(
    __name__,
    {
        "Checked": "plan",
        "Item": "item",
        "Recipe": "recipe",
        "Result": "item",
        "Settings": "item",
        "check_item": "plan",
        "items_in": "item",
        "items_of": "item",
        "make": "making",
        "named_by": "item",
        "recipe_of": "recipe",
        "whole_folder": "making",
        "with_layers": "item",
    },
)
