"""What goes wrong in NVIDIA's programs, and what the system that this one succeeds got wrong: engine `program`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clips
import psutil
import pytest
from program_rig import Rig, frames_in, given, spec
from servers.nvidia_programs import Layout, checksum, read_mark, write_layout

from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.engines import films as films_module
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.engines.process import EngineDied, EngineProcess
from cosmos_workflow.engines.program import engine, running, transfer1
from cosmos_workflow.engines.program.running import Start
from cosmos_workflow.engines.program.transfer1 import TRANSFER1
from cosmos_workflow.engines.program.watching import Watch, ending, why_in_short
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.transfer.asking import item_of

pytestmark = pytest.mark.slow

ENTRY = "cosmos_transfer1/diffusion/inference/transfer.py"
SAYS = "[11-27 10:00:00|{}|cosmos_transfer1/x.py:1:f] {}"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return write_layout(tmp_path_factory.mktemp("with spaces") / "nvidia's")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips of mine")
    return [clips.textured(folder / f"clip {n}.MP4", 96, 54, frames=2, fps=24 + n) for n in range(4)]


@pytest.fixture
def rig(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("HF_HOME", str(layout.cache))
    layout.order()
    return Rig(layout, tmp_path)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_with_the_second_of_four_blocked_each_has_its_own_video(rig: Rig, films: list[Path]) -> None:
    """There, results were given by position, and every run before it was removed from the folder of outputs."""
    earlier = [rig.layout.repository / "outputs" / "run_1" / "output.mp4", rig.folder / "scratch" / "start-1" / "x"]
    for path in earlier:
        path.parent.mkdir(parents=True)
        path.touch()
    words = ["A city", "A [block:gun]\nrunning preprocessor", "A city", "A city"]
    rig.run(*(spec("transfer1", clip, f"{n}", words[n]) for n, clip in enumerate(films)))
    assert rig.errors() == {
        "1": ("blocked", "the guardrail: BLOCKLIST: Prompt blocked by exact match blocklist: Exact Match Word: gun")
    }
    marks = {id: read_mark(frames_in(made["video.mp4"])[0]) for id, made in rig.files.items()}
    assert {id: mark.clip for id, mark in marks.items()} == {n: checksum(films[int(n)]) for n in ("0", "2", "3")}
    assert len(rig.layout.events("load")) == 2
    assert all(path.exists() for path in earlier)


def test_each_seed_and_other_checkpoints_have_starts_of_their_own(rig: Rig, films: list[Path]) -> None:
    own = {"edge": {"checkpoint": str(rig.layout.checkpoints / "nvidia/Cosmos-Transfer1-7B/vis_control.pt")}}
    rig.run(
        spec("transfer1", films[0], "a"), spec("transfer1", films[0], "b", seed=4),
        spec("transfer1", films[1], "c"), spec("transfer1", films[1], "d", controls=own),
    )  # fmt: skip
    assert rig.errors() == {}
    items = rig.layout.events("item")
    assert [item["settings"]["seed"] for item in items] == [3, 3, 4, 3]
    assert len(rig.layout.events("load")) == 3
    assert [item["clip"].endswith(".mp4") for item in items] == [True] * 4  # Transfer2.5 does not know .MP4
    rig.run(*(spec("transfer2.5", films[0], f"2.5 {seed}", seed=seed) for seed in (5, 6)))
    assert rig.errors() == {}
    marks = [read_mark(frames_in(rig.files[f"2.5 {seed}"]["video.mp4"])[0]) for seed in (5, 6)]
    assert [mark.seed for mark in marks] == [5, 6]


def test_what_may_be_of_several_items_is_given_to_nobody(tmp_path: Path, films: list[Path]) -> None:
    tasks = given(*(spec("transfer1", films[0], f"{n}", words) for n, words in enumerate("ABBC")))
    for number, words in enumerate(("A", "C", "B")):  # as if the two in the middle were out of the count
        (folder := tmp_path / "made" / f"video_{number}").mkdir(parents=True)
        (folder / "output.mp4").touch()
        (folder / "prompt.txt").write_text(words)
    names = {name: made.video.parent.name for name, made in TRANSFER1.made(tasks, tmp_path).items()}
    assert names == {tasks[0].name: "video_0", tasks[3].name: "video_1", tasks[2].name: "video_2"}
    (tmp_path / "made" / "video_0" / "prompt.txt").write_text("B")
    assert tasks[0].name not in TRANSFER1.made(tasks, tmp_path)
    assert not {tasks[1].name} & TRANSFER1.made(tasks, tmp_path).keys()


def test_a_clip_that_cannot_be_read_is_left_out(rig: Rig, films: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def control_frames(work: Any, control: Any, inputs: Any) -> Any:
        if "broken" in work.prompt:
            raise BadInputError("frame 1 cannot be read")
        return films_module.control_frames(work, control, inputs)

    monkeypatch.setattr(transfer1, "control_frames", control_frames)
    rig.run(spec("transfer1", films[0], "a", "A broken clip"), spec("transfer1", films[1], "b"))
    assert rig.errors() == {"a": ("bad_input", "frame 1 cannot be read")}
    assert set(rig.files) == {"b"}


@pytest.fixture
def script(layout: Layout, tmp_path: Path) -> Callable[[str], Rig]:
    """A program in Transfer1's place; it has `lines` of the batch, `make(number)`, and `starts` before this one."""

    def script(code: str) -> Rig:
        repository, folder = tmp_path / "own", tmp_path / "bin"
        (repository / ENTRY).parent.mkdir(parents=True)
        folder.mkdir()
        (folder / "python").symlink_to(sys.executable)
        (folder / "torchrun").write_text(
            f'#!/bin/sh\nwhile [ "${{1#-}}" != "$1" ]; do shift; done\nexec "{sys.executable}" "$@"'
        )
        (folder / "torchrun").chmod(0o755)
        head = f"""
import json, pathlib, shutil, sys, time
value = dict(zip(sys.argv, sys.argv[1:]))
out = pathlib.Path(value["--video_save_folder"])
lines = [json.loads(line) for line in open(value["--batch_input_path"])] if "--batch_input_path" in value else []
lines = lines or [{{"visual_input": s["input_video_path"], "prompt": s["prompt"]}}
                  for s in [json.load(open(value["--controlnet_specs"]))]]
starts = len(list(pathlib.Path(".").glob("start*")))
pathlib.Path(f"start{{starts}}").touch()
def make(number):
    print("{SAYS.format("INFO", "running preprocessor")}", flush=True)
    single = len(lines) == 1
    folder = out if single else out / f"video_{{number}}"
    folder.mkdir(exist_ok=True)
    shutil.copy(lines[number]["visual_input"], folder / "output.mp4")
    (folder / ("output.txt" if single else "prompt.txt")).write_text(lines[number]["prompt"])
"""
        (repository / ENTRY).write_text(head + code)
        return Rig(Layout(repository, folder, repository, repository), tmp_path)

    return script


def test_nobody_is_blamed_for_what_comes_after_a_video(script: Callable[[str], Rig], films: list[Path]) -> None:
    rig = script("make(0)\nif starts == 0: raise RuntimeError('late')\nmake(1)")
    rig.run(*(spec("transfer1", film, f"{n}", f"A {n}") for n, film in enumerate(films[:3])))
    assert rig.errors() == {}
    assert set(rig.files) == {"0", "1", "2"}
    assert len(list(rig.layout.repository.glob("start*"))) == 2


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("FileNotFoundError('[Errno 2] No such file or directory: checkpoints/depth.pt')", "cosmos doctor"),
        ("OSError(28, 'No space left on device')", "free space"),
    ],
)
def test_what_all_others_would_end_with_too_is_not_tried_with_each(
    script: Callable[[str], Rig], films: list[Path], error: str, remedy: str
) -> None:
    rig = script(f"make(0)\nmake(1)\nshutil.rmtree(out / 'video_1')\nraise {error}")
    rig.run(*(spec("transfer1", film, f"{n}", f"A {n}") for n, film in enumerate(films)))
    assert set(rig.files) == {"0"}
    assert set(rig.errors()) == {"1", "2", "3"}
    assert all(kind == "engine_failed" and remedy in words for kind, words in rig.errors().values())
    assert [path.name for path in rig.layout.repository.glob("start*")] == ["start0"]


def test_what_fails_with_each_item_is_not_tried_with_all(script: Callable[[str], Rig], films: list[Path]) -> None:
    rig = script("make(0)\nshutil.rmtree(out)\nraise RuntimeError('CUDA error: no kernel image is available')")
    rig.run(*(spec("transfer1", films[0], f"{n}", f"A {n}") for n in range(5)))
    assert not rig.files
    words = [error for _, error in rig.errors().values()]
    assert ["not tried" in each for each in words] == [False, False, False, True, True]
    assert all("no kernel image" in each for each in words)
    assert len(list(rig.layout.repository.glob("start*"))) == 3


def test_a_video_that_was_cut_off_is_no_result(script: Callable[[str], Rig], films: list[Path]) -> None:
    rig = script("make(0)\n(out / 'output.mp4').write_bytes(b'cut')\nraise MemoryError('at its end')")
    rig.run(spec("transfer1", films[0], "a"))
    assert rig.errors()["a"] == ("engine_failed", "Cosmos-Transfer1: MemoryError: at its end")


def started(layout: Layout) -> set[int]:
    path = layout.repository / ".standin" / "record.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {json.loads(line)["pid"] for line in lines if json.loads(line)["event"] == "start"}


def test_a_launcher_that_is_killed_takes_its_processes_along(rig: Rig, films: list[Path]) -> None:
    """A real torchrun's processes are in sessions of their own, and would hold the cards."""
    workers: set[int] = set()

    def kill() -> None:
        until(lambda: len(started(rig.layout)) == 2)
        workers.update(started(rig.layout))
        launcher = psutil.Process(next(iter(workers))).parent()
        assert launcher is not None
        os.kill(launcher.pid, signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    rig.run(spec("transfer1", films[0], "a", "A [hang]"), engine=rig.engine(gpus=2))
    killing.join()
    ((kind, words),) = rig.errors().values()
    assert kind == "engine_failed"
    assert "SIGKILL" in words
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers))


def test_a_cancelled_engine_ends_its_program(rig: Rig, films: list[Path]) -> None:
    """By SIGKILL of the engine's whole group, as all ways to cancel end with."""
    kind = get_kind("transfer")
    settings = kind.for_engine(kind.settings(), "program")
    (checked,) = kind.check([item_of(spec("transfer1", films[0], "a", "A [hang]"), "here")], settings)
    packed = kind.pack(checked, settings, "files")
    process = EngineProcess("program", EngineSettings(
        model_path=str(rig.layout.repository), options={"python": str(rig.layout.bin / "python"), "gpus": 2}
    ))  # fmt: skip

    def interrupt() -> None:
        until(lambda: len(started(rig.layout)) == 2)
        process.interrupt()

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(EngineDied):
        process.run([packed.task], TaskFiles(dict(packed.files), rig.folder / "scratch"), lambda outcome: None)
    interrupting.join()
    until(lambda: not any(psutil.pid_exists(pid) for pid in started(rig.layout)))


def test_bars_and_broken_text_are_read(tmp_path: Path) -> None:
    code = (
        r"import os; os.write(1, b'one\xff\xfe\r\n');"
        r" os.write(2, b'\r  0%| | 0/2 [00:00<?]\r 50%|\xe2\x96\x88 | 1/2 [');"
        r" os.write(2, b'00:01<00:01]\n\x1b[31mred\x1b[0m\n\nend')"
    )
    lines: list[str] = []
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        assert running.run(Start((sys.executable, "-c", code), tmp_path), log, lines.append, lambda seconds: None) == 0
    assert [line for line in lines if line] == [
        "one��", "  0%| | 0/2 [00:00<?]", " 50%|█ | 1/2 [00:01<00:01]", "red", "end"
    ]  # fmt: skip
    assert "  0%" not in (tmp_path / "log").read_text(encoding="utf-8").splitlines()[1]


def test_silence_is_told_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SILENT", 0.0)
    monkeypatch.setattr(running, "LOOK", 0.05)
    go = tmp_path / "go"
    code = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)\nprint('on')"
    lines: list[str] = []
    with (tmp_path / "log").open("w") as log:
        command = Start((sys.executable, "-c", code), tmp_path)
        assert running.run(command, log, lines.append, lambda seconds: go.touch()) == 0
    assert lines == ["on"]


def test_only_the_bar_of_the_steps_is_progress(films: list[Path]) -> None:
    steps: list[Any] = []
    tasks = given(spec("transfer2.5", films[0], "a"))
    watch = engine.PROGRAMS["transfer2.5"].watch(tasks, steps.append)
    watch.line(SAYS.format("INFO", f"[1/1] Processing sample {tasks[0].name}"))
    for line in (
        "Loading checkpoint shards:  50%|█████     | 2/4 [00:01<00:01,  1.0s/it]",
        "propagate in video: 100%|██████████| 93/93 [00:10<00:00,  9.1it/s]",
        "Generating samples:  51%|█████▏    | 18/35 [02:10<02:03,  7.2s/it]",
    ):
        watch.line(line)
    assert [(step.done, step.total) for step in steps] == [(0, 1), (18, 35)]
    watch = TRANSFER1.watch(given(spec("transfer1", films[0], "a")), steps.append)
    watch.line(SAYS.format("INFO", "running preprocessor"))
    watch.line("frame loading (JPEG):  50%|█████     | 2/4 [00:01<00:01,  1.0s/it]")
    watch.line("  0%|          | 0/2 [00:00<?, ?it/s]")
    assert [(step.done, step.total) for step in steps[2:]] == [(0, 1), (0, 2)]


def ended(tmp_path: Path, films: list[Path], *lines: str, code: int = 1) -> tuple[Any, str]:
    watch = TRANSFER1.watch(given(spec("transfer1", films[0], "a")), lambda step: None)
    for line in lines:
        watch.line(line)
    (log := tmp_path / "log").write_text("\n".join(lines), encoding="utf-8")
    return watch, ending(code, watch, log)[0]


def test_tracebacks_of_several_processes_say_why(tmp_path: Path, films: list[Path]) -> None:
    watch, kind = ended(
        tmp_path, films, "[rank1]: Traceback (most recent call last):", "[rank1]:   File ...",
        "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:", "  exitcode  : 1 (pid: 7)",
    )  # fmt: skip
    assert kind == "out_of_memory"
    assert list(watch.errors) == ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"]
    assert ended(tmp_path, films, "  exitcode  : -9 (pid: 7)")[1] == "killed"
    assert ended(tmp_path, films, "transfer.py: error: unrecognized arguments: --x")[1] == "refused"


def test_a_block_is_told_whole(films: list[Path]) -> None:
    watch: Watch = TRANSFER1.watch(given(spec("transfer1", films[0], "a")), lambda step: None)
    for line in (
        SAYS.format("INFO", "running preprocessor"),
        SAYS.format("INFO", "Upsampling prompt 1/1: GUARDRAIL BLOCKED: my film"),
        SAYS.format("CRITICAL", "GUARDRAIL BLOCKED: BLOCKLIST: Prompt blocked by exact match blocklist: Prompt: a,"),
        "ValueError: of mine", "b, Exact Match Word: gun", SAYS.format("CRITICAL", "Input text prompt 1 is not safe"),
        "Traceback (most recent call last):", "TypeError: cannot unpack non-iterable NoneType object",
    ):  # fmt: skip
        watch.line(line)
    (why,) = watch.why_blocked.values()
    assert why_in_short(why) == "BLOCKLIST: Prompt blocked by exact match blocklist: Exact Match Word: gun"
    assert list(watch.errors) == ["TypeError: cannot unpack non-iterable NoneType object"]


@pytest.mark.parametrize(
    ("error", "log", "kind"),
    [
        ("RuntimeError: SAM: object not found in the first frame", "", "engine_failed"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'out/seg_input_control_0.mp4'", "", "engine_failed"),
        ("IndexError: list index out of range", "a gated repo, which is passed over", "engine_failed"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'checkpoints/nvidia/x/model.pt'", "", "missing"),
        ("OSError: 403 Client Error. Cannot access gated repo for url nvidia/X", "", "gated"),
    ],
)
def test_an_error_of_one_item_is_not_the_programs(error: str, log: str, kind: str, tmp_path: Path) -> None:
    (path := tmp_path / "log.txt").write_text(f"{log}\n{error}\n")
    watch = Watch([], lambda step: None)
    watch.at, watch.errors = 0, [error]
    assert ending(1, watch, path)[0] == kind


def test_prompts_of_controls_are_not_inherited_by_the_next_line(tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 96, 54, frames=3)
    works = [
        each.work
        for each in given(*(
            spec("transfer1", clip, f"{n}", controls={"seg": {"weight": 1.0, **more}})
            for n, more in enumerate(({"prompt": "car . person"}, {}, {"mask_prompt": "car"}, {}))
        ))
    ]  # fmt: skip
    keys = [TRANSFER1.together(work) for work in works]
    assert keys[1] == keys[3]
    assert len(set(keys)) == 3
