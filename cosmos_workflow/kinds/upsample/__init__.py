"""Prompt upsampling: short prompts and their clips become long prompts.

Holds the Item, the Result, the files of both, and the check of items before they run.
Imports `limits` and `media`; knows nothing about engines or machines.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.batch import BATCH_SUFFIXES, is_batch, read_batch
    from cosmos_workflow.kinds.upsample.item import LEAST_SEED, MOST_SEED, Item, Result, at_home, whole_number
    from cosmos_workflow.kinds.upsample.keys import Keys
    from cosmos_workflow.kinds.upsample.preflight import Checked, Settings, check_items
    from cosmos_workflow.kinds.upsample.results import ResultsFile, is_result, read_results, to_dict
    from cosmos_workflow.kinds.upsample.streams import ResultsStream, is_stdout, is_stream, open_results

__all__ = [
    "BATCH_SUFFIXES",
    "LEAST_SEED",
    "MOST_SEED",
    "Checked",
    "Item",
    "Keys",
    "Result",
    "ResultsFile",
    "ResultsStream",
    "Settings",
    "at_home",
    "check_items",
    "is_batch",
    "is_result",
    "is_stdout",
    "is_stream",
    "open_results",
    "read_batch",
    "read_results",
    "to_dict",
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
        "ResultsFile": "results",
        "ResultsStream": "streams",
        "Settings": "preflight",
        "at_home": "item",
        "check_items": "preflight",
        "is_batch": "batch",
        "is_result": "results",
        "is_stdout": "streams",
        "is_stream": "streams",
        "open_results": "streams",
        "read_batch": "batch",
        "read_results": "results",
        "to_dict": "results",
        "whole_number": "item",
    },
)
