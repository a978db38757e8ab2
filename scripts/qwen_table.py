"""Write the Qwen table of the package again: python -m scripts.qwen_table qwen.tiktoken

`qwen.tiktoken` is a file of the Python package dashscope: pip download --no-deps dashscope, and take
dashscope/resources/qwen.tiktoken out of the wheel. NOTICE beside the table and `PACKED_SHA256` state the hashes;
`tests/limits/test_qwen_table.py` compares them all.
"""

from __future__ import annotations

import hashlib
import sys
from base64 import b64decode
from pathlib import Path

from cosmos_workflow.limits.qwen_table import PACKED_TABLE, as_tiktoken, pack, tokens_of

if __name__ == "__main__":
    source = Path(sys.argv[1]).read_bytes()
    tokens = [b64decode(line.split()[0]) for line in source.splitlines() if line]
    packed = pack(tokens)
    if as_tiktoken(tokens_of(packed)) != source:
        sys.exit("the packed table does not give the file back: nothing was written")
    PACKED_TABLE.write_bytes(packed)
    for name, content in ((Path(sys.argv[1]).name, source), (PACKED_TABLE.name, packed)):
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content):,} bytes")
