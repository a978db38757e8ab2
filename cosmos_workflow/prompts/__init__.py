"""Prompts and what became of them: the Item, the Result, their files, and the check before anything runs.

Imports `limits` and `media`; knows nothing of engines or machines.
"""

from cosmos_workflow.prompts.batch import BATCH_SUFFIXES, is_batch, read_batch
from cosmos_workflow.prompts.item import LEAST_SEED, MOST_SEED, Item, Result, at_home, whole_number
from cosmos_workflow.prompts.keys import Keys
from cosmos_workflow.prompts.preflight import Checked, Settings, check_items
from cosmos_workflow.prompts.results import ResultsFile, is_result, read_results, to_dict
from cosmos_workflow.prompts.streams import ResultsStream, is_stdout, is_stream, open_results

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
