from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from cosmos_workflow.worker.blobs import offer, prune, receive
from cosmos_workflow.worker.paths import HostPaths, plain_name

DATA = os.urandom(700_000)
SHA = hashlib.sha256(DATA).hexdigest()


def stream(offset: int = 0, data: bytes = DATA, sha256: str = SHA) -> io.BytesIO:
    head = json.dumps({"sha256": sha256, "size": len(data), "offset": offset}).encode()
    return io.BytesIO(head + b"\n" + data[offset:])


@pytest.fixture
def paths(tmp_path: Path) -> HostPaths:
    return HostPaths(tmp_path)


def test_what_was_cut_off_goes_on_where_it_stopped(paths: HostPaths) -> None:
    told: list[dict] = []
    receive(paths, io.BytesIO(stream().read()[:300_000]), told.append)
    assert told == []
    have = offer(paths, [SHA])[SHA]
    assert 0 < have < 300_000
    receive(paths, stream(have), told.append)
    assert told == [{"stored": SHA}]
    assert paths.blob(SHA).read_bytes() == DATA
    assert offer(paths, [SHA]) == {}


def test_bytes_that_are_not_what_their_name_says_are_not_kept(paths: HostPaths) -> None:
    told: list[dict] = []
    receive(paths, stream(data=b"x" * 10), told.append)
    assert told == [{"damaged": SHA}]
    assert offer(paths, [SHA]) == {SHA: 0}


def test_a_file_that_was_damaged_on_the_disk_counts_as_lacking(paths: HostPaths) -> None:
    receive(paths, stream(), lambda _: None)
    with paths.blob(SHA).open("r+b") as file:
        file.seek(1000)
        file.write(b"flip")
    assert offer(paths, [SHA]) == {SHA: 0}
    assert not paths.blob(SHA).exists()


def test_only_what_nobody_has_offered_for_long_is_pruned(paths: HostPaths) -> None:
    receive(paths, stream(), lambda _: None)
    os.utime(paths.blob(SHA), (1, 1))
    offer(paths, [SHA])
    prune(paths)
    assert paths.blob(SHA).exists()
    os.utime(paths.blob(SHA), (1, 1))
    prune(paths)
    assert not paths.blob(SHA).exists()


@pytest.mark.parametrize(
    "name", ["..", "../x", "/etc/passwd", "a/b", "", "a\nb", "-rf", ".", "x" * 101, "a\0b", "~root"]
)
def test_no_name_leaves_the_folder(paths: HostPaths, name: str) -> None:
    for use in (paths.blob, paths.run, paths.worker, paths.program, paths.device, plain_name):
        with pytest.raises(ValueError, match="not a plain name"):
            use(name)
