"""The whole way on a real cluster of two raylets: the command line, thousands of prompts, what breaks on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import clips
import psutil
import pytest
from counts import cases
from servers.cutting_proxy import CuttingProxy
from servers.ray_cluster import RayCluster
from servers.s3 import S3

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

POISON = str(Path(__file__).parents[2] / "servers" / "poison")


@pytest.fixture(scope="module")
def object_store() -> Iterator[S3]:
    with S3() as store:
        yield store


@pytest.fixture(scope="module")
def cluster(object_store: S3) -> Iterator[RayCluster]:
    with RayCluster(PYTHONPATH=POISON, **object_store.environment) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [clips.textured(folder / f"clip{n}.mp4", 320, 180, frames=6) for n in range(50)]


MakeBatch = Callable[..., Path]


@pytest.fixture
def make_batch(tmp_path: Path, videos: list[Path]) -> MakeBatch:
    """Writes a batch of `count` prompts over `over` clips; `more` is put at the prompt's end."""

    def make(count: int, over: int = 5, more: Callable[[int], str] = lambda n: "") -> Path:
        path = tmp_path / "batch.jsonl"
        with path.open("w") as file:
            for n in range(count):
                entry = {"id": f"p{n}", "prompt": f"A city {n} {more(n)}", "video": str(videos[n % over])}
                file.write(json.dumps(entry) + "\n")
        return path

    return make


class Started:
    """`cosmos` as a process of its own, on the cluster."""

    def __init__(self, cluster: RayCluster, *words: object) -> None:
        command = [sys.executable, "-m", "cosmos_workflow", *map(str, words)]
        # The poison is for engines' processes; a client on the cluster's machine is told of no other Python files.
        environment = cluster.environment() | {"PYTHONPATH": ""}
        self.process = subprocess.Popen(
            command, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def ended(self) -> tuple[int, str]:
        """Its exit code, and all that it said."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out + err

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What the condition gives, as soon as it gives anything; the command must go on until then."""

        def going_on() -> Any:
            value = condition()
            assert value or self.process.poll() is None, self.ended()
            return value

        return wait_for(going_on)

    def printed(self) -> list[str]:
        """The lines of its standard output, when it has ended well."""
        out, err = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, out + err
        return out.splitlines()


def cosmos(cluster: RayCluster, *words: object) -> tuple[int, str]:
    return Started(cluster, *words).ended()


def printed(cluster: RayCluster, *words: object) -> list[str]:
    return Started(cluster, *words).printed()


def listed(cluster: RayCluster) -> list[dict[str, Any]]:
    """The runs in the store."""
    return [json.loads(line) for line in printed(cluster, "runs", "list", "--json")]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for part in folder.glob("part-*.jsonl") for line in part.read_text().splitlines()]


def letters(folder: Path) -> list[dict[str, Any]]:
    parts = (folder / "dead-letters").glob("*.jsonl")
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def each_once(folder: Path, count: int) -> bool:
    return Counter(row["id"] for row in rows(folder)) == Counter(f"p{n}" for n in range(count))


def on_cluster(cluster: RayCluster, name: str) -> list[psutil.Process]:
    """The cluster's processes with this in their title: Ray's workers, and the engines that they start."""
    return [process for process in cluster.processes() if name in " ".join(_words(process))]


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        words: list[str] = process.cmdline()
        return words
    return []


def wait_for(condition: Callable[[], Any], seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def killed(cluster: RayCluster, name: str) -> bool:
    """Kill one of Ray's workers with this in its title; one that ends by itself meanwhile does not count."""
    for process in on_cluster(cluster, name):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            return True
    return False


def held(make_batch: MakeBatch, folder: Path, count: int) -> tuple[Path, Path, Path]:
    """A batch whose prompts take their time, its output, and a file that the last ten wait for: however quick the
    machine, the run goes on until it is there.
    """
    gate = folder / "gate"
    batch = make_batch(count, more=lambda n: f"UNTIL {gate}" if n >= count - 10 else "WAIT 0.01")
    return batch, folder / "out", gate


def test_thousands_of_prompts_over_50_clips_are_answered_once_each(
    cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path
) -> None:
    count = cases(20_000)
    batch, out = make_batch(count, over=50), tmp_path / "out"
    code, output = cosmos(cluster, "upsample", batch, "-o", out, "--on", cluster.url)
    assert code == 0, output
    assert f"{count:,} answered, 0 failed" in output
    assert "Ray's dashboard: http://" in output
    assert each_once(out, count)
    assert all("no model was used" in row["note"] for row in rows(out))
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    code, output = cosmos(cluster, "upsample", batch, "-o", out, "--on", cluster.url)
    assert (code, f"{count:,} answered, 0 failed" in output) == (0, True), output
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")} == before
    assert [(run["state"], run["total"], run["answered"], run["failed"]) for run in listed(cluster)] == [
        ("done", count, count, 0)
    ] * 2


def test_changed_added_and_bad_entries(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out = make_batch(40), tmp_path / "out"
    words = ("upsample", batch, "-o", out, "--on", "ray")
    batch.write_text(batch.read_text() + '{"id": "p40", "prompt": "a city", "video": "none.mp4"}\n{"broken\n')
    code, output = cosmos(cluster, *words)
    assert (code, "40 answered, 2 failed" in output) == (1, True), output
    assert {letter["error_kind"] for letter in letters(out)} == {"bad_input"}
    lines = batch.read_text().splitlines()[:40]
    lines[3] = lines[3].replace("A city 3", "A harbour")
    batch.write_text("\n".join([*lines, lines[0].replace('"p0"', '"p40"')]))
    code, output = cosmos(cluster, *words, "--json")
    assert code == 0, output
    assert each_once(out, 41)
    assert "A harbour" in next(row["prompt"] for row in rows(out) if row["id"] == "p3")
    assert not any(letter["id"] == "p40" for letter in letters(out))
    batch.write_text("\n".join([*lines, lines[0]]))
    code, output = cosmos(cluster, *words)
    assert code == 2
    assert "one id for 2 entries: 'p0'" in output
    assert "Traceback" not in output


def test_an_item_whose_work_has_changed_is_asked_again(
    cluster: RayCluster, make_batch: MakeBatch, videos: list[Path], tmp_path: Path
) -> None:
    batch, out = make_batch(6, over=2), tmp_path / "out"
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(videos[0].read_bytes())
    batch.write_text(batch.read_text().replace(str(videos[0]), str(clip)))
    words = ("upsample", batch, "-o", out, "--on", "ray")
    code, output = cosmos(cluster, *words)
    assert code == 0, output
    assert all(len(row["identity"]) == 64 for row in rows(out))
    clips.textured(clip, 320, 180, frames=7)
    code, output = cosmos(cluster, *words)
    assert code == 0, output
    assert output.count("3 answered items are asked again, as they have changed: input file (3)") == 1
    assert each_once(out, 6)
    code, output = cosmos(cluster, *words, "--temperature", "0.1")
    assert (code, "6 answered items are asked again, as they have changed: what is asked (6)" in output) == (0, True)
    assert each_once(out, 6)
    before = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    code, output = cosmos(cluster, *words, "--temperature", "0.1")
    assert (code, "asked again" in output) == (0, False), output
    assert {path: path.stat().st_mtime_ns for path in out.glob("part-*")} == before


def test_parquet_in_and_out(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = [json.loads(line) for line in make_batch(30).read_text().splitlines()]
    (tmp_path / "in").mkdir()
    for n in range(3):
        pq.write_table(pa.Table.from_pylist(entries[n::3]), tmp_path / "in" / f"{n}.parquet")
    words = ("-o", tmp_path / "out", "--on", "ray", "--out-format", "parquet")
    code, output = cosmos(cluster, "upsample", tmp_path / "in", *words)
    assert code == 0, output
    table = pa.concat_tables(pq.read_table(path) for path in (tmp_path / "out").glob("part-*.parquet"))
    assert sorted(table["id"].to_pylist()) == sorted(entry["id"] for entry in entries)
    (run,) = listed(cluster)
    exported = [json.loads(line) for line in printed(cluster, "runs", "export", run["id"])]
    assert sorted(row["id"] for row in exported) == sorted(entry["id"] for entry in entries)
    shown = "\n".join(printed(cluster, "runs", "show", run["id"]))
    assert "30 of 30 answered" in shown


def test_poison_items_end_in_the_dead_letters(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch = make_batch(300, more=lambda n: "POISON" if n in (7, 150, 151) else "")
    code, output = cosmos(cluster, "upsample", batch, "-o", tmp_path / "out", "--on", "ray")
    assert (code, "297 answered, 3 failed" in output) == (1, True), output
    assert Counter(row["id"] for row in rows(tmp_path / "out")) == Counter(
        f"p{n}" for n in range(300) if n not in (7, 150, 151)
    )
    dead = letters(tmp_path / "out")
    assert {letter["id"] for letter in dead} == {"p7", "p150", "p151"}
    assert all("it ends the engine each time" in letter["error"] for letter in dead)


def test_killed_actors_and_engines_cost_what_was_in_flight(
    cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path
) -> None:
    batch, out, gate = held(make_batch, tmp_path, 1200)
    run = Started(cluster, "upsample", batch, "-o", out, "--on", "ray", "--engines", 2)
    for name in ("AnsweringActor", "engines.process", "AnsweringActor"):
        time.sleep(1)
        run.wait_for(lambda: [*out.glob("part-*")])
        run.wait_for(lambda name=name: killed(cluster, name))
    gate.touch()
    code, output = run.ended()
    assert code == 0, output
    assert each_once(out, 1200)


def test_a_lost_machine_costs_what_was_in_flight(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out, gate = held(make_batch, tmp_path, 1200)
    run = Started(cluster, "upsample", batch, "-o", out, "--on", "ray", "--engines", 2)
    run.wait_for(lambda: [*out.glob("part-*")])
    cluster.kill_node(1)
    gate.touch()
    code, output = run.ended()
    cluster.add_node()
    assert code == 0, output
    assert each_once(out, 1200)


def test_a_driver_killed_at_any_moment(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out = make_batch(2000, more=lambda n: "WAIT 0.01"), tmp_path / "out"
    words = ("upsample", batch, "-o", out, "--on", "ray", "--engines", 2)
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    for _ in range(cases(3, 2)):
        ended = set(on_cluster(cluster, "ray::Conductor"))  # they stay for a while, for clients that come late
        run = Started(cluster, *words)
        conductor = run.wait_for(lambda ended=ended: set(on_cluster(cluster, "ray::Conductor")) - ended).pop()
        time.sleep(moments.uniform(0, 8))
        # The client, and the job's driver on the cluster.
        run.process.send_signal(signal.SIGKILL)
        conductor.send_signal(signal.SIGKILL)
        run.ended()
        conductor.wait(60)
    code, output = cosmos(cluster, *words)
    assert code == 0, (seed, output)
    assert each_once(out, 2000), seed
    assert not letters(out)


def test_a_client_comes_back_to_what_runs(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out, gate = held(make_batch, tmp_path, 1000)
    words = ("upsample", batch, "-o", out, "--on", cluster.url, "--engines", 2)
    code, output = cosmos(cluster, *words, "--detach", "--json")
    assert code == 0, output
    first = json.loads(
        output.splitlines()[0] if output.startswith("{") else output[output.index("{") : output.index("}") + 1]
    )
    code, output = cosmos(cluster, *words, "--fit", "off")
    assert (code, "with other settings" in output) == (2, True), output
    again = Started(cluster, *words)
    again.wait_for(lambda: [*out.glob("part-*")])
    again.process.kill()
    gate.touch()
    code, output = cosmos(cluster, "runs", "attach", first["run"])
    assert code == 0, output
    assert each_once(out, 1000)
    runs = listed(cluster)
    assert [(run["id"], run["state"]) for run in runs] == [(first["run"], "done")]


def test_cancel_ends_it_and_retry_goes_on(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out, gate = held(make_batch, tmp_path, 1500)
    run = Started(cluster, "upsample", batch, "-o", out, "--on", "ray", "--engines", 2)
    run.wait_for(lambda: [*out.glob("part-*")])
    (record,) = listed(cluster)
    assert record["state"] == "running"
    code, output = cosmos(cluster, "runs", "cancel", record["id"])
    assert (code, "is cancelled" in output) == (0, True), output
    code, output = run.ended()
    assert (code, "the run was cancelled" in output) == (3, True), output
    wait_for(lambda: not on_cluster(cluster, "AnsweringActor") and not on_cluster(cluster, "engines.process"))
    assert 0 < len(rows(out)) < 1500
    gate.touch()
    code, output = cosmos(cluster, "runs", "retry", record["id"])
    assert code == 0, output
    assert each_once(out, 1500)


def test_everything_in_an_object_store(
    cluster: RayCluster, object_store: S3, videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    bucket, files = f"s3://{object_store.bucket}", fsspec.filesystem("s3")
    for n in range(3):
        files.pipe(f"{bucket}/in/clip{n}.mp4", videos[n].read_bytes())
        lines = [{"id": f"p{k}", "prompt": f"A city {k}", "video": f"clip{k % 3}.mp4"} for k in range(n, 90, 3)]
        files.pipe(f"{bucket}/in/batch{n}.jsonl", "\n".join(map(json.dumps, lines)).encode())
    files.pipe(f"{bucket}/in/bad.jsonl", b'{"id": "p90", "prompt": "a city", "video": "none.mp4"}')
    words = ("upsample", f"{bucket}/in/", "-o", f"{bucket}/out/", "--on")
    code, output = cosmos(cluster, *words, "ray", "--out-format", "parquet")
    assert (code, "90 answered, 1 failed" in output) == (1, True), output
    files.pipe(f"{bucket}/in/bad.jsonl", b'{"id": "p90", "prompt": "a city", "video": "clip0.mp4"}')
    code, output = cosmos(cluster, *words, cluster.url, "--out-format", "parquet", "--json")
    assert code == 0, output
    ids = [json.loads(line)["id"] for line in output.splitlines() if line.startswith("{")]
    assert Counter(ids) == Counter(f"p{n}" for n in range(91))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB."""
    if os.geteuid() != 0:
        pytest.fail("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing(cluster: RayCluster, make_batch: MakeBatch, small_disk: Path) -> None:
    batch, out = make_batch(2000), small_disk / "out"
    words = ("upsample", batch, "-o", out, "--on", "ray")
    code, output = cosmos(cluster, *words)
    assert code == 3, output
    assert "No space left on device" in output
    assert "Traceback" not in output
    kept = {row["id"] for row in rows(out)}
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    code, output = cosmos(cluster, *words)
    assert code == 0, output
    assert kept <= {row["id"] for row in rows(out)}
    assert each_once(out, 2000)


def test_a_line_that_breaks_is_taken_up_again(cluster: RayCluster, make_batch: MakeBatch, tmp_path: Path) -> None:
    batch, out, gate = held(make_batch, tmp_path, 1500)
    with CuttingProxy(int(cluster.url.rsplit(":", 1)[1])) as proxy:
        place = f"ray://127.0.0.1:{proxy.port}"
        run = Started(cluster, "upsample", batch, "-o", out, "--on", place, "--engines", 2)
        run.wait_for(lambda: [*out.glob("part-*")])
        assert proxy.cut()
        gate.touch()
        code, output = run.ended()
        assert code == 0, output
        assert each_once(out, 1500)


def test_a_slip_in_a_key_is_told_once(cluster: RayCluster, videos: list[Path], tmp_path: Path) -> None:
    batch, out = tmp_path / "batch.csv", tmp_path / "out"
    rows = [f"p{n};dusk, {n};{videos[0]};{9007199254740993 + n}" for n in range(20)]
    batch.write_text("\n".join(["sep=;", "ID;promt;Video;seed", *rows]), encoding="utf-16")
    code, output = cosmos(cluster, "upsample", batch, "-o", out, "--on", cluster.url)
    assert code == 0, output
    assert output.count("promt is not known: did you mean prompt? Kept but not used, in 20 of 20 entries") == 1
    assert each_once(out, 20)
    code, output = cosmos(cluster, "upsample", batch, "-o", out, "--on", cluster.url, "--dry-run")
    assert (code, output.count("promt is not known")) == (0, 1), output
