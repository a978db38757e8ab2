"""Prompt upsampling: short prompts and their clips become long prompts.

Holds the Item, the Result, the files of both, and the check of items before they run.
Imports `limits` and `media`; knows nothing about engines or machines.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.batch import BATCH_SUFFIXES, is_batch, read_batch
    from cosmos_workflow.kinds.upsample.item import LEAST_SEED, MOST_SEED, Item, Result, whole_number
    from cosmos_workflow.kinds.upsample.keys import Keys
    from cosmos_workflow.kinds.upsample.preflight import Checked, Settings, check_items

__all__ = [
    "BATCH_SUFFIXES",
    "LEAST_SEED",
    "MOST_SEED",
    "Checked",
    "Item",
    "Keys",
    "Result",
    "Settings",
    "check_items",
    "is_batch",
    "read_batch",
    "whole_number",
]

# Imported when first used: the agent on a host needs only the conversations.
__getattr__ = lazy_door(
    __name__,
    {
        "BATCH_SUFFIXES": "batch",
        "Checked": "preflight",
        "Item": "item",
        "Keys": "keys",
        "LEAST_SEED": "item",
        "MOST_SEED": "item",
        "Result": "item",
        "Settings": "preflight",
        "check_items": "preflight",
        "is_batch": "batch",
        "read_batch": "batch",
        "whole_number": "item",
    },
)
