"""What the lines of NVIDIA's programs say: how far an item is, that it was blocked, and why a program ended."""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.engines.failures import classify
from cosmos_workflow.engines.outputs import OnStep, Step

if TYPE_CHECKING:
    from cosmos_workflow.engines.program.programs import Given

__all__ = ["Watch", "ending", "why_in_short"]

# [01-31 10:20:30|INFO|cosmos_transfer1/utils/log.py:12:info] message
LINE = re.compile(r"^\[\d\d-\d\d \d\d:\d\d:\d\d\|(?P<level>\w+)\|[^\]]*\] ?(?P<message>.*)$")
# A state of a progress bar of tqdm:  51%|█████▏    | 18/35 [02:10<02:03,  7.2s/it]
BAR = re.compile(r"^(?P<label>[^%|]*?):? *\d+%\|[^|]*\| *(?P<done>\d+)/(?P<total>\d+) \[")
# What Transfer1 and 2.5 say in DEBUG of the frames that their filter looked at.
UNSAFE = re.compile(r'"class": "(?!Safe")(?P<name>[^"]+)"')
BLOCKED = re.compile(r"GUARDRAIL BLOCKED: (?P<why>.*)|(?P<guard>Guardrail blocked generation.*)")
RANK = re.compile(r"^\[rank\d+\]: ?")  # PyTorch's, before each line of a traceback of a process that has others
ERROR = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|OutOfMemory)\b.*")
ACCESS = re.compile(r"gated repo|\b40[13] Client Error|access to model .{0,80} is restricted|GatedRepoError", re.I)
REFUSED = re.compile(r"^\S+\.py: error: .*|^Error validating parameters .*(?:\n.+){0,8}", re.MULTILINE)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|\bENOSPC\b")
MISSING = re.compile(r"(?:No such file or directory|FileNotFoundError|does not exist|not found).*", re.I)
# What an error names that is of the program's models, and not of the item in work.
WEIGHTS = re.compile(r"checkpoint|\.(pt|pth|pkl|safetensors|bin)\b|models--|huggingface|\bhub\b|\brepo|nvidia/", re.I)


class Watch:
    """Follows one start of a program; `at` is the number of the item that it works on, -1 before the first.

    `label` is what stands before the bar that counts an item's steps: loading and segmenting have bars of their own.
    """

    label = "Generating samples"

    def __init__(self, given: Sequence[Given], on_step: OnStep) -> None:
        self.given, self._on_step = given, on_step
        self.at = -1
        self.why_blocked: dict[int, str] = {}
        self.errors: deque[str] = deque(maxlen=20)
        self.unsafe = ""
        self._blocking = -1  # the item whose block is told of in the lines at hand: prompts have line ends
        self._chunk = self._last = 0

    def line(self, text: str) -> None:
        """One line, or one state of a progress bar."""
        if bar := BAR.search(text):
            if bar["label"].strip() == self.label:
                self.bar(int(bar["done"]), int(bar["total"]))
            return
        if unsafe := UNSAFE.search(text):
            self.unsafe = unsafe["name"]
            return
        match = LINE.match(text)
        if match or text.startswith("Traceback"):
            self._blocking = -1
        elif self._blocking >= 0:
            self.why_blocked[self._blocking] += f" {text.strip()}"
            return
        message = match["message"] if match else RANK.sub("", text).strip()
        if blocked := BLOCKED.match(message):
            self.blocked(blocked["why"] or blocked["guard"])
        elif ERROR.match(message) and "ChildFailedError" not in message:  # torchrun's, of whatever happened below
            self.errors.append(message)
        self.message(message)

    def message(self, text: str) -> None:
        """What a program says besides bars, blocks and errors; each program's own Watch knows what it means."""

    def begin(self, number: int) -> None:
        """The program has begun with an item."""
        self.at = number
        self.unsafe = ""
        self._chunk = self._last = 0
        self.say(0, 1, "begun")

    def bar(self, done: int, total: int) -> None:
        """A bar that counts the steps of one chunk: when it begins anew, so does a chunk."""
        if self.at < 0 or total <= 0:
            return
        if done < self._last:
            self._chunk += 1
        self._last = done
        work = self.given[self.at].work
        chunk = min(self._chunk, work.chunks - 1)
        self.say(
            chunk * total + done, work.chunks * total, f"chunk {chunk + 1} of {work.chunks}, step {done} of {total}"
        )

    def blocked(self, why: str) -> None:
        """The guardrail has blocked the item at hand; what is said first names the word or the class."""
        of_frames = f" ({self.unsafe})" if self.unsafe and "VIDEO" in why else ""
        number = max(self.at, 0)
        if number not in self.why_blocked:
            self.why_blocked[number] = why.strip() + of_frames
            self._blocking = number

    def silent(self, seconds: float) -> None:
        """Nothing was said for so long."""
        self.say(0, 0, f"the program has said nothing for {seconds / 60:.0f} min; it is left running")

    def say(self, done: int, total: int, text: str) -> None:
        if 0 <= self.at < len(self.given):
            self._on_step(Step(self.given[self.at].task.id, done, total, text))


def ending(code: int, watch: Watch, log: Path) -> tuple[str, str]:
    """Why a program ended before it was done: the kind of error, and in words.

    Kinds are out_of_memory, disk_full, gated, missing, killed, refused and engine_failed.
    """
    text = _tail(log)
    error = watch.errors[-1] if watch.errors else ""
    if classify(error) == "out_of_memory" or "OutOfMemoryError" in text:
        return "out_of_memory", next((e for e in watch.errors if classify(e) == "out_of_memory"), error)
    if NO_SPACE.search(error):
        return "disk_full", error
    if access := ACCESS.search(error) or (watch.at < 0 and ACCESS.search(text)):
        return "gated", error or access[0]
    if refusal := REFUSED.findall(text):  # torchrun makes 1 of argparse's exit code 2
        return "refused", refusal[-1]
    if (missing := MISSING.search(error)) and (watch.at < 0 or WEIGHTS.search(error)):
        return "missing", error or missing[0]
    if (number := _signal(code, text)) > 0:
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return "killed", f"it was ended by {name}: by somebody, or by the system for lack of memory"
    return "engine_failed", error or f"it ended with exit code {code}"


def why_in_short(why: str) -> str:
    """Why the guardrail blocked an item, without its prompt where a word of it is named."""
    return re.sub(r": Prompt: .*, (?=\w+ Match Word: )", ": ", why, flags=re.DOTALL)


def _signal(code: int, text: str) -> int:
    """The signal that ended a program, 0 for none; torchrun makes 1 of it, and tells in its report."""
    if code < 0:
        return -code
    if code > 128:
        return code - 128
    reported = re.findall(r"exitcode *: -(\d+) ", text)
    return int(reported[0]) if reported else 0


def _tail(log: Path, size: int = 1 << 16) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode("utf-8", "replace")
