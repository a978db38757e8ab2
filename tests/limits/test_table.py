"""The tables that the package ships are mistral-common's and dashscope's, and say so."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from kitoken import Kitoken

from cosmos_workflow.limits.qwen_table import (
    PACKED_SHA256,
    PACKED_TABLE,
    as_tiktoken,
    pack,
    parts_of,
    read_packed,
    tokens_of,
)
from cosmos_workflow.limits.text import PACKAGED_SHA256, PACKAGED_TABLE
from scripts.tekken_table import SOURCE, table

# dashscope/resources/qwen.tiktoken of dashscope 2.0.2.
SOURCE_SHA256 = "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"


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
    assert re.findall("[0-9a-f]{64}", notice) == [sha256(SOURCE), PACKAGED_SHA256, SOURCE_SHA256, PACKED_SHA256]
    assert sha256(PACKAGED_TABLE) == PACKAGED_SHA256
    assert "Apache License, Version 2.0" in notice
    assert "Copyright 2024 Mistral AI" in notice
    assert "Copyright (c) Alibaba" in notice


def test_the_packed_table_is_dashscopes_byte_for_byte() -> None:
    """What it unpacks to, written as the file that dashscope ships, has that file's hash."""
    packed = PACKED_TABLE.read_bytes()
    tokens = tokens_of(packed)
    assert hashlib.sha256(packed).hexdigest() == PACKED_SHA256
    assert hashlib.sha256(as_tiktoken(tokens)).hexdigest() == SOURCE_SHA256
    assert (len(tokens), len(set(tokens))) == (151_643, 151_643)
    assert len(packed) < 550_000


def test_kitoken_reads_the_form_that_is_written_for_it() -> None:
    """kitoken writes the same bytes again, so nothing in them was misread."""
    table = read_packed()
    definition = table.definition()
    assert [bytes(token["bytes"]) for token in definition["model"]["BytePair"]["vocab"]] == tokens_of(
        PACKED_TABLE.read_bytes()
    )
    assert (definition["specials"], definition["config"]["normalization"]) == ([], [])


def test_a_small_table_comes_back_from_its_packed_form() -> None:
    letters = [bytes([byte]) for byte in range(256)]
    tokens = [*letters, b"th", b"the", b" the", b"\n\n", b"\xe6\x97", b"\xe6\x97\xa5"]
    assert tokens_of(pack(tokens)) == tokens
    with pytest.raises(ValueError, match="token 256 joins no two earlier tokens"):
        pack([*letters, b"abc"])
    with pytest.raises(ValueError, match="not the 256 bytes"):
        pack([b"aa", *letters])


@pytest.mark.slow
def test_the_packed_table_is_that_of_the_models_on_hugging_face() -> None:
    """vocab.json and merges.txt, which Qwen2.5-VL-7B-Instruct and Qwen3-4B-Instruct share, come back byte for byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + number) for number, byte in enumerate(others)}
    tokens = tokens_of(PACKED_TABLE.read_bytes())
    ranks = {token: rank for rank, token in enumerate(tokens)}
    written = ["".join(letters[byte] for byte in token) for token in tokens]
    parts = (parts_of(tokens[rank], rank, ranks) for rank in range(256, len(tokens)))
    merges = "".join(f"{written[left]} {written[right]}\n" for left, right in parts).encode()
    vocabulary = {token: rank for rank, token in enumerate(written)}
    vocab = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")).encode()
    assert hashlib.sha256(vocab).hexdigest() == "ca10d7e9fb3ed18575dd1e277a2579c16d108e32f27439684afa0e10b1440910"
    assert hashlib.sha256(merges).hexdigest() == "599bab54075088774b1733fde865d5bd747cbcc7a547c5bc12610e874e26f5e3"
