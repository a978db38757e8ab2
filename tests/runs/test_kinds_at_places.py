"""Four kinds of work, and captions, at every place: the same outcomes, one answer an id, whatever happens on the way.

`words` comes from `tests/plugins`, as a distribution that somebody installs: the package does not know it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import clips
import pytest
from counts import FULL
from PIL import Image
from runs.helpers import host_processes
from servers import container
from servers.cosmos_server import CosmosServer
from servers.peers import host_settings, make_peer

from cosmos_workflow.api import decide, open_runs
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.files import folder_name, names_in
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.loop import answer, prepare
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.ssh import Pins
from cosmos_workflow.store import Filters, RunRecord

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"
COUNT = 6  # items of a batch, besides one that cannot be read

# Does what its words say: a command of `cosmos`, or `queue` and the words of a batch, which a worker then takes. With a
# first word above 0 it kills itself when that many results are about to be kept.
CLIENT = """
import json, os, signal, sys, time
from pathlib import Path
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.store import Store

most, words, kept = int(sys.argv[1]), sys.argv[2:], 0
save, count = Store.save, Store.count

def killing_save(self, id, results):
    global kept
    results = list(results)
    kept += len(results)
    if most and kept >= most:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, id, results)

def killing_count(self, id, **counts):
    count(self, id, **counts)
    if most:
        os.kill(os.getpid(), signal.SIGKILL)

def killing_write(self, result, *more, **options):
    global kept
    kept += 1
    if most and kept >= most:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, result, *more, **options)

if words[0] == "--server":
    write, ResultsFile.write = ResultsFile.write, killing_write
save, count = Store.save, Store.count
Store.save, Store.count = killing_save, killing_count

if words[0] == "queue":
    from cosmos_workflow.api import decide, open_runs, submit
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.runs import Worker

    _, kind, batch, out, engine, settings = words
    kind, runs = get_kind(kind), open_runs()
    decision = decide(kind, kind.settings(**json.loads(settings)), engine=engine)
    run = submit(kind.read(Path(batch), print), decision, out=out, queued=True, runs=runs).run
    worker = Worker(runs, lease=2.0)
    worker.start()
    while not runs.store.get(run.id).finished:
        time.sleep(0.1)
    worker.stop()
    sys.exit(1 if runs.store.get(run.id).failed else 0)

from cosmos_workflow.cli import main
sys.exit(main(words))
"""


@dataclass
class Place:
    """Where a batch goes. `on` is its name for `--on`; `queue` is this machine's queue and a worker.

    With `server` the commands speak to a server, whose runs go on when a client dies.
    """

    on: str
    environment: dict[str, str] = field(default_factory=dict)
    in_store: bool = True
    server: str = ""

    def cosmos(self, *words: object, most: int = 0) -> tuple[int, str]:
        """A command in a process of its own, that dies when `most` results are about to be kept."""
        words = ("--server", self.server, *words) if self.server else words
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, str(most), *map(str, words)], capture_output=True, text=True, check=False,
            env={**os.environ, **self.environment, "PYTHONPATH": str(PLUGIN)}, timeout=240,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def run(self, work: Work, out: Path, most: int = 0) -> tuple[int, str]:
        """The command that does a batch."""
        if self.on == "queue":
            words = ("queue", work.kind, work.batch, out, work.engine, json.dumps(work.settings))
            return self.cosmos(*words, most=most)
        models = () if work.kind == "prepare" else ("--engine", work.engine, "--keep-warm", "0s")
        settings = [word for name, value in work.settings.items() for word in (f"--{name}", value)]
        return self.cosmos(work.kind, work.batch, "-o", out, "--on", self.on, *models, *settings, most=most)


@dataclass
class Work:
    """A batch of a kind; `settings` are options of the command too."""

    kind: str
    engine: str
    batch: Path
    settings: dict[str, str] = field(default_factory=dict)

    def outcomes(self, exact: bool) -> list[dict[str, Any]]:
        """What the engine says of each item, asked with no run and no place; a server's checks are `exact`."""
        kind, results = get_kind(self.kind), []
        decision = decide(kind, kind.settings(**self.settings), engine=self.engine)
        prepared = [
            prepare(kind, checked, kind.begin(checked, decision.engine, ""), decision.settings, decision.engine.wants)
            for checked in (kind.check_exactly if exact else kind.check)(
                kind.read(self.batch, print), decision.settings
            )
        ]
        engine = make_engine(self.engine, EngineSettings(), decision.engine.module)
        outputs = OutputFolder(self.batch.parent / "asked alone") if kind.makes_files else None
        answer(kind, prepared, engine, lambda result, identity: results.append(asdict(result)), outputs)
        return comparable(results)


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of their ids, without what differs from place to place."""
    differing = ("place", "seconds", "identity")
    plain = [{name: value for name, value in row.items() if name not in differing} for row in rows]
    return sorted(plain, key=lambda row: str(row["id"]))


def lines(out: Path) -> list[dict[str, Any]]:
    """All lines of a results file, of a folder with one, or of a cluster's parts and dead letters."""
    files = sorted(out.rglob("*.jsonl")) if out.is_dir() else [out]
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def each_once(out: Path) -> bool:
    """Whether each item has one line, and all but the one that cannot be read have an answer."""
    rows = lines(out)
    ids = Counter(row["id"] for row in rows)
    failed = [row["id"] for row in rows if row["error"]]
    return ids == Counter({"lost": 1, **{f"i{n}": 1 for n in range(COUNT)}}) and failed == ["lost"]


def files_are_whole(out: Path) -> bool:
    """Whether the files of each line are in its item's folder, with the hashes that it names; and no other file is."""
    named = {
        out / folder_name(row["id"], names_in(out)) / name: sha256
        for row in lines(out)
        for name, sha256 in row.get("outputs", {}).items()
    }
    there = {path for path in out.rglob("*") if path.is_file() and path.parent != out} if out.is_dir() else set()
    return named == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


def the_run() -> RunRecord:
    (run,) = open_runs().store.runs()
    return run


Write = Callable[..., Work]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second kind, for this process alone: a host gets it from us, or not at all."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the batch of a kind; `orders` are put at the head of the texts of words, by their numbers."""

    def words(orders: dict[int, str]) -> Work:
        entries = [{"id": "lost", "text_file": "none.txt"}]
        for n in range(COUNT):
            (tmp_path / f"{n}.txt").write_text(f"{orders.get(n, '')}A harbour, the harbour n{n}\n")
            entries.append({"id": f"i{n}", "text_file": f"{n}.txt", "size": n + 1})
        return Work("words", "counter", batch(entries))

    def upsample(orders: dict[int, str]) -> Work:
        clips.textured(tmp_path / "clip.mp4", 320, 180, frames=6)
        entries = [{"id": f"i{n}", "prompt": f"A harbour n{n}", "video": "clip.mp4"} for n in range(COUNT)]
        return Work("upsample", "describe", batch([*entries, {"id": "lost", "prompt": "x", "video": "none.mp4"}]))

    def prepared(orders: dict[int, str]) -> Work:
        entries = [{"id": "lost", "rgb": "none.%04d.png"}]
        for n in range(COUNT):
            folder = tmp_path / f"harbour n{n}"
            folder.mkdir()
            for number in (1, 2):
                Image.fromarray(clips.texture(32, 48, seed=10 * n + number)).save(folder / f"color.{number:04d}.png")
            entries.append({"id": f"i{n}", "rgb": f"harbour n{n}/color.%04d.png"})
        return Work("prepare", "opencv", batch(entries))

    def transfers(orders: dict[int, str]) -> Work:
        clips.textured(tmp_path / "clip.mp4", 160, 96, frames=3)
        asked = {"model": "transfer2.5", "controls": {"edge": {}}, "size": "256"}
        entries = [{"name": "lost", "prompt": "x", "video": "none.mp4", **asked}]
        entries += [{"name": f"i{n}", "prompt": f"A harbour n{n}", "video": "clip.mp4", **asked} for n in range(COUNT)]
        return Work("transfer", "preview", batch(entries))

    def batch(entries: list[dict[str, Any]]) -> Path:
        path = tmp_path / "batch.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        return path

    def captions(orders: dict[int, str]) -> Work:
        return replace(upsample(orders), settings={"format": "cosmos3"})

    writers = {
        "words": words, "upsample": upsample, "captions": captions, "prepare": prepared, "transfer": transfers,
    }  # fmt: skip
    return lambda kind, orders=None: writers[kind](orders or {})


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that is not there yet, and that every place sees."""
    (tmp_path / "gate").mkdir()
    return tmp_path / "gate" / "open"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from servers.ray_cluster import RayCluster

    # On a cluster, kinds are installed as the package itself is.
    with RayCluster(nodes=1, cpus=2, PYTHONPATH=str(PLUGIN)) as cluster:
        yield cluster


MARKS = {
    **dict.fromkeys(("local", "queue", "server", "asyncssh"), ()),
    **dict.fromkeys(("sshd", "container"), (pytest.mark.host, pytest.mark.timeout(600))),
    "ray": (pytest.mark.ray, pytest.mark.timeout(600)),
}


def at_every_place(*kinds: str, in_turn: bool = False) -> pytest.MarkDecorator:
    """Kinds at all places; with `in_turn` and few cases, one at each place, so that each kind is somewhere."""
    one_each = in_turn and not FULL
    of = {name: (kinds[number % len(kinds)],) if one_each else kinds for number, name in enumerate(MARKS)}
    pairs = [(name, kind) for name in MARKS for kind in of[name]]
    params = [pytest.param(name, kind, marks=MARKS[name]) for name, kind in pairs]
    return pytest.mark.parametrize(("place", "kind"), params, indirect=["place"])


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, gate: Path) -> Iterator[Place]:
    name: str = request.param
    with ExitStack() as stack:
        if name in ("local", "queue"):
            yield Place(name)
        elif name == "server":
            # Its store is the one of these tests, so that they can look into it.
            data = Path(os.environ["COSMOS_DATA"])
            path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH", "")]))
            yield Place("local", server=stack.enter_context(CosmosServer(data, PYTHONPATH=path)).url)
        elif name == "ray":
            cluster = request.getfixturevalue("cluster")
            yield Place(cluster.url, cluster.environment(), in_store=False)
        else:
            peer = stack.enter_context(make_peer("asyncssh" if name == "asyncssh" else "sshd", tmp_path / "peer"))
            settings: dict[str, Any] = {**host_settings(peer)}
            if name == "container":
                container.make_image()
                stack.callback(container.remove_all)
                settings |= {"runtime": "podman", "runtime_command": container.PODMAN, "image": container.IMAGE}
                options = [*container.RUN_OPTIONS, "-v", f"{gate.parent}:{gate.parent}"]
                settings |= {"run_options": options, "gpu": "none"}
            set_host("gpu", settings)
            Pins(known_keys_file()).pin("gpu", peer.host_key)
            yield Place("gpu")
            for process in host_processes(peer):
                process.kill()


@at_every_place("upsample", "captions", "words", "prepare", "transfer")
def test_every_place_gives_the_same_and_it_is_found_again(
    kind: str, place: Place, write: Write, tmp_path: Path
) -> None:
    work, out = write(kind), tmp_path / "out"
    code, output = place.run(work, out)
    assert code == 1, output
    assert each_once(out)
    assert comparable(lines(out)) == work.outcomes(bool(place.server))
    assert place.in_store is False or files_are_whole(out)
    run = the_run()
    failed = 0 if place.server else 1  # what cannot be read here is not sent to a server
    assert (run.kind, run.state, run.answered, run.failed) == (work.kind, "done", COUNT, failed)
    if place.in_store:  # a cluster's items are in its output alone
        history = open_runs().store.history
        assert {entry.result.id for entry in history.find(Filters("harb"))} == {f"i{n}" for n in range(COUNT)}
        assert [entry.result.id for entry in history.find(Filters("harbour n3"))] == ["i3"]
    assert place.cosmos("runs", "export", run.id, "-o", tmp_path / "exported")[0] == 0
    exported = comparable(lines(tmp_path / "exported"))
    assert [row["id"] for row in exported] == [row["id"] for row in comparable(lines(out))][: COUNT + failed]
    if not place.server:  # a server knows the names of files, and not the folders where they were
        assert exported == comparable(lines(out))
    assert files_are_whole(tmp_path / "exported")
    assert sum(bool(row.get("outputs")) for row in exported) == (0 if work.kind == "upsample" else COUNT)


@at_every_place("upsample", "transfer", "words", "prepare", in_turn=True)
def test_who_dies_in_the_middle_goes_on_with_the_same_command(
    kind: str, place: Place, write: Write, tmp_path: Path
) -> None:
    work, out = write(kind), tmp_path / "out"
    code, output = place.run(work, out, most=3)
    assert code == -signal.SIGKILL, output
    assert place.server or not the_run().finished
    code, output = place.run(work, out)
    assert code == 1, output
    assert each_once(out)
    assert place.in_store is False or files_are_whole(out)
    assert the_run().state == "done"


@at_every_place("words", "upsample", in_turn=True)
def test_what_is_cancelled_is_tried_again(kind: str, place: Place, write: Write, gate: Path, tmp_path: Path) -> None:
    work, out = write(kind, {3: f"wait for {gate}\n"}), tmp_path / "out"
    place.run(work, out, most=3)
    id = the_run().id
    code, output = place.cosmos("runs", "cancel", id)
    assert code == 0, output
    run = the_run()
    # A host may have been quicker, but not where it waits for the gate.
    assert run.state == "cancelled" or (kind == "upsample" and run.open == 0)
    gate.touch()
    if run.state == "cancelled":
        code, output = place.cosmos("runs", "retry", id)
        assert code == 1, output
    elif place.server:  # its client has died before all results came
        code, output = place.cosmos("runs", "attach", id)
        assert code == 1, output
    assert each_once(out)
    assert place.in_store is False or files_are_whole(out)
    assert the_run().state == "done"


@at_every_place("words")
def test_what_has_failed_is_asked_again_and_nothing_else(
    kind: str, place: Place, write: Write, gate: Path, tmp_path: Path
) -> None:
    work, out = write(kind, {4: f"needs {gate}\n"}), tmp_path / "out"
    code, output = place.run(work, out)
    assert code == 1, output
    assert {row["id"]: row["error_kind"] for row in lines(out) if row["error"]} == {
        "lost": "bad_input", "i4": "not_yet",
    }  # fmt: skip
    before = {row["id"]: row for row in lines(out) if not row["error"]}
    gate.touch()
    code, output = place.cosmos("runs", "retry", the_run().id)
    assert code == 1, output
    assert each_once(out)
    assert {row["id"]: row for row in lines(out) if row["id"] in before} == before
