"""The table that the package ships is mistral-common's, and says so."""

import hashlib
import re
from pathlib import Path

from kitoken import Kitoken

from cosmos_workflow.limits.text import PACKAGED_SHA256, PACKAGED_TABLE
from scripts.tekken_table import SOURCE, table


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content(table: Kitoken) -> bytes:
    """All but the version of kitoken that wrote it."""
    return table.to_bytes().partition(b"tekken")[2]


def test_the_packaged_table_is_the_one_that_the_script_makes() -> None:
    written = PACKAGED_TABLE.read_bytes()
    assert written.partition(b"tekken")[2] == content(table())
    assert len(written) < 1_500_000


def test_the_notice_states_source_licence_and_both_hashes() -> None:
    notice = (PACKAGED_TABLE.parent / "NOTICE").read_text(encoding="utf-8")
    assert re.findall("[0-9a-f]{64}", notice) == [sha256(SOURCE), PACKAGED_SHA256]
    assert sha256(PACKAGED_TABLE) == PACKAGED_SHA256
    assert "Apache License, Version 2.0" in notice
    assert "Copyright 2024 Mistral AI" in notice
