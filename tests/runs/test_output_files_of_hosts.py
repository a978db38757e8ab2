"""Output files on their way from a host."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs.helpers import host_processes
from runs.words_runs import assert_whole, begun, lines
from servers.cutting_proxy import CuttingProxy
from servers.peers import host_settings
from servers.ssh_peer import SSHPeer

from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.errors import HostError, RunFailed
from cosmos_workflow.kinds.kind import Outcome
from cosmos_workflow.runs import Listener
from cosmos_workflow.runs.places import arriving
from cosmos_workflow.runs.places.arriving import Arriving
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.ssh import Pins, ssh_manager

pytestmark = [pytest.mark.usefixtures("words"), pytest.mark.slow]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[SSHPeer]:
    with SSHPeer(tmp_path / "peer") as peer:
        set_host("gpu", host_settings(peer))
        Pins(known_keys_file()).pin("gpu", peer.host_key)
        yield peer
        for process in host_processes(peer):
            process.kill()


def blobs(peer: SSHPeer) -> dict[str, Path]:
    return {path.name: path for path in (peer.home / "ours" / "blobs").glob("*/*")}


def test_files_come_home_over_a_line_that_breaks_again_and_again(
    texts: Callable[..., list[Any]], tmp_path: Path, there: SSHPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_manager, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(ssh_manager, "LONGEST_WAIT", 0.2)
    items, out = texts(a="sea", b="sea land", c="sea land sky", d="sea"), tmp_path / "out"
    lost: list[str] = []
    listener = Listener(lost=lambda error, wait: lost.append(str(error)))
    submission = begun(items, out, "gpu")
    assert submission.run
    runs = open_runs()
    runs.drive(submission.run.id, Listener(), detach=True)
    # The first cuts come while the line is made, the later ones in the middle of what it carries.
    with CuttingProxy(there.port, iter(range(2_000, 40_000, 1_900))) as proxy:
        there.config.write_text(there.config.read_text().replace(str(there.port), str(proxy.port)))
        runs.drive(submission.run.id, listener)
    assert len(lost) > 3
    assert_whole(out, "a", "b", "c", "d")
    assert runs.store.get(submission.run.id).state == "done"


def test_a_file_that_is_gone_from_its_host_is_made_again(
    texts: Callable[..., list[Any]], tmp_path: Path, there: SSHPeer
) -> None:
    items, out = texts(a="sea", b="sea land"), tmp_path / "out"
    submission = begun(items, out, "gpu")
    assert submission.run
    id, runs = submission.run.id, open_runs()
    runs.drive(id, Listener(), detach=True)
    results = there.home / "ours" / "runs" / f"{id}-1" / "results.jsonl"
    outcome = results.parent / "outcome.json"
    deadline = time.monotonic() + 60
    while not outcome.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    values = [json.loads(line)["value"] for line in results.read_text().splitlines()]
    sums = {value["id"]: value["outputs"]["picture.png"] for value in values}
    # Nobody has fetched them: they stay, however old they are.
    for path in blobs(there).values():
        os.utime(path, (1, 1))
    assert main(["hosts", "prune", "gpu", "--yes", "--most", "0"]) == 0
    assert sums["a"] in blobs(there) and sums["b"] in blobs(there)
    blobs(there)[sums["a"]].unlink()
    blobs(there)[sums["b"]].write_bytes(b"a damaged disk")
    runs.drive(id, Listener())
    rows = lines(out)
    assert {row["error_kind"] for row in rows.values()} == {"damaged"}
    assert not list(out.glob("*/picture.png"))
    runs.retry(id)
    runs.drive(id, Listener())
    assert_whole(out, "a", "b")
    # Now they are home: what nobody has used for a week is removed from the host.
    for path in blobs(there).values():
        os.utime(path, (1, 1))
    assert main(["hosts", "prune", "gpu", "--yes"]) == 0
    assert blobs(there) == {}


def test_a_run_is_not_done_while_an_item_waits_that_its_host_was_not_asked(
    texts: Callable[..., list[Any]], tmp_path: Path, there: SSHPeer
) -> None:
    gate, out, runs = tmp_path / "gate", tmp_path / "out", open_runs()
    run = begun(texts(a="sea", b=f"needs {gate}\nland"), out, "gpu").run
    assert run
    with suppress(RunFailed):
        runs.drive(run.id, Listener())
    gate.touch()
    runs.retry(run.id)
    runs.drive(run.id, Listener(), detach=True)  # with b alone
    (out / "a" / "picture.png").unlink()
    with pytest.raises(RunFailed, match="1 items are without an answer"):
        runs.drive(run.id, Listener())
    assert (runs.store.get(run.id).state, runs.store.get(run.id).open) == ("failed", 1)
    runs.retry(run.id)
    runs.drive(run.id, Listener())
    assert_whole(out, "a", "b")


def test_a_host_whose_python_lacks_a_library_gets_nothing(
    texts: Callable[..., list[Any]], tmp_path: Path, there: SSHPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import words.counter

    libraries = {"json": "json", "no_such_module": "no-such-package"}
    monkeypatch.setattr(words.counter, "COUNTER", replace(words.counter.COUNTER, libraries=libraries))
    submission = begun(texts(a="sea"), tmp_path / "out", "gpu")
    assert submission.run
    with pytest.raises(HostError, match="has no no_such_module") as refused:
        open_runs().drive(submission.run.id, Listener())
    assert "pip install no-such-package" in refused.value.remedy
    assert blobs(there) == {}
    assert open_runs().store.get(submission.run.id).error_kind == "host_not_ready"


def test_names_that_a_host_tells_are_not_trusted(tmp_path: Path) -> None:
    kept: list[Outcome] = []
    outputs = OutputFolder(tmp_path / "out")
    arriving = Arriving(None, outputs, kept.extend, lambda came, total: None)  # type: ignore[arg-type]
    sha256 = "0" * 64
    evil = [Outcome("a", outputs={"../../x": sha256}), Outcome("b", outputs={"x": "../../etc/passwd"})]
    evil += [Outcome("d", outputs={"x": sha256, "X/y": sha256}), Outcome("e", outputs={"x": 7})]  # type: ignore[dict-item]
    arriving.add([*evil, Outcome("c", error="it broke")])
    asyncio.run(arriving.fetch())
    assert [(outcome.id, outcome.error_kind) for outcome in kept] == [
        *((id, "damaged") for id in "abde"), ("c", ""),
    ]  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_many_files_are_asked_for_in_pieces_and_each_counts_when_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, pieces, kept = OutputFolder(tmp_path / "out"), [], []
    lost = {hashlib.sha256(b"7").hexdigest()}

    async def fetched(_: Any, wanted: dict[str, Path], on_file: Callable[[str, bool], None], on_bytes: Any) -> None:
        pieces.append(len(wanted))
        for sha256, path in wanted.items():
            if sha256 not in lost:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(contents[sha256])
            on_file(sha256, sha256 not in lost)

    def keep(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            outputs.place(outcome.id, outcome.outputs)
            kept.append(outcome)

    monkeypatch.setattr(arriving, "fetch_blobs", fetched)
    contents = {hashlib.sha256(text := str(n).encode()).hexdigest(): text for n in range(5_001)}
    sums = list(contents)
    coming = Arriving(None, outputs, keep, lambda came, total: None)  # type: ignore[arg-type]
    coming.add([Outcome("all", outputs={f"{n:04d}.png": sha256 for n, sha256 in enumerate(sums)})])
    coming.add([Outcome("some", outputs={"x.png": sums[3]}), Outcome("lost", outputs={"x.png": sums[7]})])
    asyncio.run(coming.fetch())
    assert pieces == [5_000, 1]
    assert [(outcome.id, outcome.ok) for outcome in kept] == [("some", True), ("lost", False), ("all", False)]
    # What was gone once is asked for again.
    lost.clear()
    coming.add([Outcome("later", outputs={"x.png": sums[7], "y.png": sums[3]})])
    asyncio.run(coming.fetch())
    assert kept[-1].ok and outputs.differing("later", kept[-1].outputs) == []
