"""Write the Tekken table of the package again, from the one of mistral-common: python -m scripts.tekken_table

NOTICE beside the table and `PACKAGED_SHA256` state its hash; `tests/limits/test_table.py` compares them all.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import mistral_common
from kitoken import Kitoken

from cosmos_workflow.limits.text import PACKAGED_TABLE, read_tekken

# The table of Pixtral-12B-2409, from which the upsampler was made.
SOURCE = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"


def table() -> Kitoken:
    """mistral-common's table in kitoken's form."""
    return read_tekken(SOURCE)


if __name__ == "__main__":
    PACKAGED_TABLE.write_bytes(table().to_bytes())
    for path in (SOURCE, PACKAGED_TABLE):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}  {path.stat().st_size:,} bytes")
