"""Reading batches of any size, entry by entry: JSON Lines, a JSON array, CSV or Parquet, in files and object stores.

Knows no kind of work: a kind says with `Fields` what its entries may have.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.reading.batch import BATCH_SUFFIXES, is_batch, read_batch
    from cosmos_workflow.kinds.reading.encoding import encoding_of
    from cosmos_workflow.kinds.reading.fields import Fields, Keys
    from cosmos_workflow.kinds.reading.opening import filesystem
    from cosmos_workflow.kinds.reading.pieces import Piece, Record, records

__all__ = [
    "BATCH_SUFFIXES",
    "Fields",
    "Keys",
    "Piece",
    "Record",
    "encoding_of",
    "filesystem",
    "is_batch",
    "read_batch",
    "records",
]

__getattr__ = lazy_door(
    __name__,
    {
        "BATCH_SUFFIXES": "batch",
        "Fields": "fields",
        "Keys": "fields",
        "Piece": "pieces",
        "Record": "pieces",
        "encoding_of": "encoding",
        "filesystem": "opening",
        "is_batch": "batch",
        "read_batch": "batch",
        "records": "pieces",
    },
)
