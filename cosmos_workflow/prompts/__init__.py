"""Prompts and what became of them: the Item, the Result, their files, and the check before anything runs.

Imports `limits` and `media`; knows nothing of engines or machines.
"""

from cosmos_workflow.prompts.batch import BATCH_SUFFIXES, is_batch, read_batch
from cosmos_workflow.prompts.item import Item, Result
from cosmos_workflow.prompts.preflight import Checked, Settings, check_items
from cosmos_workflow.prompts.results import ResultsFile, read_results, to_dict

__all__ = [
    "BATCH_SUFFIXES",
    "Checked",
    "Item",
    "Result",
    "ResultsFile",
    "Settings",
    "check_items",
    "is_batch",
    "read_batch",
    "read_results",
    "to_dict",
]
