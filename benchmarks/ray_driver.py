"""One measured run on the Ray cluster that RAY_ADDRESS names, in a process of its own; prints its times as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import ray
import ray.data

from cosmos_workflow.api import decide
from cosmos_workflow.engines.describe import DescribeEngine
from cosmos_workflow.kinds.upsample import Settings
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.media import measure, probe
from cosmos_workflow.runs.places.ray import Job, Output, connected, run


def ours(batch: str, out: str, engines: int, piece: int) -> dict[str, float]:
    decision = decide(UPSAMPLE, Settings(), place="ray", engine="describe")
    moments: list[float] = []

    def note(event: dict[str, Any]) -> None:
        if event["answered"]:
            moments.append(time.perf_counter())

    began = time.perf_counter()
    job = Job(batch, Output(out), decision.engine, decision.settings, engines=engines, items_per_call=piece)
    run(job, note)
    ended = time.perf_counter()
    return {"seconds": ended - began, "first": moments[0] - began, "answering": moments[-1] - moments[0]}


class Describe:
    """What people would write by hand: no plan, no limits, nothing skipped, and one bad item ends the whole run."""

    def __init__(self) -> None:
        self._engine = DescribeEngine()
        self._measured: dict[str, Any] = {}

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        answers: list[Answer] = []
        for id, prompt, video in zip(rows["id"], rows["prompt"], rows["video"], strict=True):
            if video not in self._measured:
                self._measured[video] = measure(probe(Path(video))).to_dict()
            self._engine.answer([Conversation(id, prompt, measured=self._measured[video])], answers.append)
        return {**rows, "upsampled_prompt": [answer.text for answer in answers]}


def plain(batch: str, out: str, engines: int, piece: int) -> dict[str, float]:
    began = time.perf_counter()
    dataset = ray.data.read_json(batch, lines=True).repartition(engines * 4)
    pool = ray.data.ActorPoolStrategy(size=engines)
    dataset.map_batches(Describe, batch_size=512, num_cpus=0, compute=pool).write_json(out)
    return {"seconds": time.perf_counter() - began}


if __name__ == "__main__":
    which, batch, out, engines, piece = sys.argv[1:]
    with connected("ray"):
        print(json.dumps({"ours": ours, "plain": plain}[which](batch, out, int(engines), int(piece))))
