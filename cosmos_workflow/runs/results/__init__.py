"""Where results go: a results file, which a batch is gone on with, or a stream; the same for every kind of work."""

from cosmos_workflow.runs.results.file import ResultsFile, read_results
from cosmos_workflow.runs.results.lines import Lines, to_dict
from cosmos_workflow.runs.results.locking import alone_in
from cosmos_workflow.runs.results.stream import ResultsStream, is_stdout, is_stream, open_results

__all__ = [
    "Lines",
    "ResultsFile",
    "ResultsStream",
    "alone_in",
    "is_stdout",
    "is_stream",
    "open_results",
    "read_results",
    "to_dict",
]
