"""The engine that runs NVIDIA's own programs, each for many tasks with one load of its model."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import films
from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.engines.program.cosmos3 import COSMOS3
from cosmos_workflow.engines.program.naming import with_extension
from cosmos_workflow.engines.program.programs import Given, Made, Program, Setup
from cosmos_workflow.engines.program.running import run
from cosmos_workflow.engines.program.transfer1 import TRANSFER1
from cosmos_workflow.engines.program.transfer25 import TRANSFER25
from cosmos_workflow.engines.program.upscaling import in_pieces, is_long
from cosmos_workflow.engines.program.watching import Watch, ending, why_in_short
from cosmos_workflow.errors import BadInputError, CosmosError, EngineError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.private import make_folder

__all__ = ["PROGRAMS", "ProgramEngine"]

PROGRAMS: Mapping[str, Program] = {"transfer1": TRANSFER1, "transfer2.5": TRANSFER25, "cosmos3": COSMOS3}
IN_VAIN = 3
OF_THE_PROGRAM = ("gated", "missing", "refused", "disk_full")  # every item would end so


class ProgramEngine:
    """Runs NVIDIA's programs on this machine.

    `repositories` is a folder with `cosmos-transfer1`, `cosmos-transfer2.5` or `cosmos-framework` in it, or one of
    these.
    `options`: `python` of the program's environment, `gpus`, `checkpoints` (by default the folder `checkpoints` of the
    repository), and `offload` of what is not needed at the moment.
    """

    name = "program"
    wants = "files"

    def __init__(self, repositories: str | Path, options: Mapping[str, Any] | None = None) -> None:
        self._root, self._options = Path(repositories).expanduser(), dict(options or {})
        self.model = ""

    def load(self) -> None:
        """Look whether a program is there; each loads its model when it starts. Raises EngineUnavailable."""
        if not any(self._repository(program) for program in PROGRAMS.values()):
            names = ", ".join(program.repository for program in PROGRAMS.values())
            raise EngineUnavailable(
                f"none of NVIDIA's programs is there ({names})", where=str(self._root),
                remedy="give --model-path, the folder in which their repositories are: docs/TRANSFER.md",
            )  # fmt: skip

    def properties(self) -> dict[str, Any]:
        return {"programs": [program.title for program in PROGRAMS.values() if self._repository(program)]}

    def close(self) -> None:
        """A program ends by itself; nothing stays loaded."""

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        """As `Engine.run`. A program that ends early is started again for what it has not begun.

        Where it ends in the same way IN_VAIN times, each time at its first item, the others are not tried: its model
        loads for minutes.
        """
        for program, group in _groups(tasks, files):
            if is_long(group[0].work):  # which is alone in its group
                in_pieces(group[0], files, partial(self._piece, program), deliver)
                continue
            left, endings = group, deque[tuple[str, str]](maxlen=IN_VAIN)
            while left:
                outcomes: list[Outcome] = []

                def noted(outcome: Outcome, outcomes: list[Outcome] = outcomes) -> None:
                    outcomes.append(outcome)
                    deliver(outcome)

                left = self._done(program, left, files, noted)
                endings.append((outcomes[0].error_kind, outcomes[0].error))
                same = endings.count(endings[0]) == IN_VAIN
                if same and endings[0][0] not in ("", "blocked"):
                    why = f"not tried, as {program.title} ended {IN_VAIN} times in the same way: {endings[0][1]}"
                    for given in left:
                        deliver(Outcome(given.task.id, error=why, error_kind=endings[0][0]))
                    break

    def _piece(self, program: Program, given: Given, files: TaskFiles, deliver: Deliver) -> None:
        self._done(program, [given], files, deliver)

    def _done(self, program: Program, group: list[Given], files: TaskFiles, deliver: Deliver) -> list[Given]:
        """One start; where the program itself cannot run, what is left fails for that, and other programs go on."""
        left = list(group)
        try:
            return self._start(program, group, left, files, deliver)
        except EngineError as error:
            kind = "out_of_memory" if isinstance(error, OutOfMemory) else "engine_failed"
            for given in left:
                deliver(Outcome(given.task.id, error=str(error), error_kind=kind))
            return []
        except OSError as error:
            raise EngineUnavailable(
                f"a file cannot be read or written ({error.strerror})", where=str(error.filename or files.place_of("")),
                remedy="look at the disk that holds it, and run it again",
            ) from error  # fmt: skip

    def _start(
        self, program: Program, group: Sequence[Given], left: list[Given], files: TaskFiles, deliver: Deliver
    ) -> list[Given]:
        """One start of a program; returns what it left undone, and takes what is delivered out of `left`.

        Raises EngineError where that would be so again.
        """
        setup = self._setup(program)
        make_folder(files.place_of(""))
        out = Path(tempfile.mkdtemp(prefix="start-", dir=files.place_of("")))
        began = time.monotonic()
        try:
            (out / "made").mkdir()
            for given in list(left):
                if why := _unusable(program, given, out):
                    deliver(Outcome(given.task.id, error=why, error_kind="bad_input"))
                    left.remove(given)
            if not left:
                return []
            group = tuple(left)
            watch = program.watch(group, files.on_step)
            start = program.start(group, out, setup)

            def take(before: int, unfinished: int = -1) -> None:
                """Deliver what is made of the first items: nothing waits for the end of a start that takes hours.

                What is wrong with the `unfinished` one's video is of no account: the program ended while it wrote it.
                """
                nonlocal began
                made = program.made(group, out)
                for given in [given for given in group[:before] if given in left and given.name in made]:
                    outcome = _outcome(given, made[given.name], files, out / "log.txt", time.monotonic() - began)
                    if outcome.ok or given is not group[unfinished] or unfinished < 0:
                        began = time.monotonic()
                        deliver(outcome)
                        left.remove(given)

            def hear(line: str) -> None:
                at = watch.at
                watch.line(line)
                if watch.at > max(at, 0):
                    take(watch.at)

            with (out / "log.txt").open("w", encoding="utf-8") as log:
                log.write(f"{shlex.join(start.words)}\n")
                code = run(start, log, hear, watch.silent)
            program.read_more(watch, out)
            take(len(group), watch.at if code else -1)
            return self._left(program, group, left, watch, code, out, deliver) if left else []
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def _left(
        self, program: Program, group: Sequence[Given], left: list[Given], watch: Watch, code: int, out: Path,
        deliver: Deliver,
    ) -> list[Given]:  # fmt: skip
        """Deliver the error of the item at which a program ended, or which it left out; returns what is still to do."""
        for number, given in enumerate(group):
            if given in left and number in watch.why_blocked:
                why = f"the guardrail: {why_in_short(watch.why_blocked[number])}"
                deliver(Outcome(given.task.id, error=why, error_kind="blocked"))
                left.remove(given)
        # One that is blocked ends Transfer1, and so may what comes after a video is written: nobody else is to blame.
        if not left or (code != 0 and watch.at >= 0 and group[watch.at] not in left):
            return left
        kind, why = ending(code, watch, out / "log.txt")
        if kind in OF_THE_PROGRAM or watch.at < 0:
            raise _of_the_program(program, kind, why, group[0].work)
        if code == 0:
            for given in left:
                deliver(
                    Outcome(given.task.id, error=f"{program.title} wrote no video of it", error_kind="engine_failed")
                )
            return []
        culprit = group[watch.at]
        error_kind = "out_of_memory" if kind == "out_of_memory" else "engine_failed"
        deliver(Outcome(culprit.task.id, error=f"{program.title}: {why}", error_kind=error_kind))
        return [given for given in left if given is not culprit]

    def _setup(self, program: Program) -> Setup:
        repository = self._repository(program)
        if repository is None:
            raise EngineUnavailable(
                f"{program.title} is not there", where=str(self._root / program.repository),
                remedy=f"git clone https://github.com/nvidia-cosmos/{program.repository}, or give --model-path",
            )  # fmt: skip
        options = dict(self._options)
        checkpoints = repository / Path(options.pop("checkpoints", "") or "checkpoints").expanduser()
        python = str(Path(options.pop("python", "") or sys.executable).expanduser())
        return Setup(repository, checkpoints, shutil.which(python) or python, **options)

    def _repository(self, program: Program) -> Path | None:
        for folder in (self._root / program.repository, self._root):
            if (folder / program.entry).exists():
                return folder.absolute()
        return None


def _groups(tasks: Iterable[Task], files: TaskFiles) -> Iterable[tuple[Program, list[Given]]]:
    """Tasks that one start can do, in the order of the first of each."""
    groups: dict[tuple[str, Hashable], list[Given]] = {}
    for number, task in enumerate(tasks):
        work = Work.of(task.asks)
        links = files.place_of("") / "links"
        inputs = {role: with_extension(files.path(sha256), role, links) for role, sha256 in task.inputs.items()}
        key = work.family, PROGRAMS[work.family].together(work)
        groups.setdefault(key, []).append(Given(task, work, inputs, f"cosmos-{number:04}"))
    for (family, _), group in groups.items():
        yield PROGRAMS[family], group


def _unusable(program: Program, given: Given, out: Path) -> str:
    """Prepare an item; why it cannot be used."""
    try:
        program.prepare(given, out)
    except BadInputError as error:
        return str(error)
    return ""


def _outcome(given: Given, made: Made, files: TaskFiles, log: Path, seconds: float) -> Outcome:
    folder, seconds = files.folder(given.task), round(seconds, 3)
    try:
        says = films.keep_video(made.video, given.work, given.inputs, folder)
        for hint, path in made.controls.items():
            shutil.copy(path, folder / f"control_{hint}.mp4")
        films.write_asked(given.task.id, given.work, given.inputs, folder)
        if made.prompt:
            (folder / "prompt.txt").write_text(made.prompt, encoding="utf-8", newline="\n")
        shutil.copy(log, folder / "log.txt")
    except CosmosError as error:
        return Outcome(given.task.id, error=str(error), error_kind="engine_failed", seconds=seconds)
    return Outcome(given.task.id, {"model": given.work.model, **says}, seconds=seconds)


def _of_the_program(program: Program, kind: str, why: str, work: Work) -> EngineError:
    if kind == "out_of_memory":
        return OutOfMemory(
            f"{program.title}: {why}", where=work.model,
            remedy=f"free the card, or take a larger one: cosmos limits --model {work.model}",
        )  # fmt: skip
    remedies = {
        "gated": f"accept the repository's terms at Hugging Face with your account: cosmos doctor --model {work.model}",
        "missing": f"cosmos doctor --model {work.model} says which files are missing, and how to get them",
        "refused": "it may be of another version than the one that this was written for: see docs/TRANSFER.md",
        "disk_full": "free space on the disk that holds the working folder, and run it again",
    }
    remedy = remedies.get(kind, f"cosmos doctor --model {work.model} looks at what the program needs")
    return EngineUnavailable(f"{program.title}: {why}", where=work.model, remedy=remedy)
