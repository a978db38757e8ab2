"""What a run of transfers adds to a plain loop over the same pipeline, and how often models are loaded.

The real pipelines of diffusers with tiny random weights, on the CPU; a stand-in for the safety checker, whose
weights are gated, as in tests. It is run by the Python of `.vllm`; prints one JSON row for each measurement.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Fact, Row

STANDINS = Path(__file__).parent.parent / "tests" / "standins"
TASKS, REPEATS = 4, 3
PROMPT, SIZE, FRAMES, STEPS = "A city at night, in the rain", (320, 192), 17, 2


def ours(folder: Path) -> None:
    """A run: checked, kept in the store, each video verified by its hash."""
    from cosmos_workflow.engines import EngineSettings
    from cosmos_workflow.transfers import transfer

    results = transfer(
        folder / "clip.mp4", PROMPT, controls={"edge": 1.0}, seeds=range(1, TASKS + 1), model="transfer2.5-2b",
        engine="diffusers", engine_settings=EngineSettings(model_path=str(folder / "models")), out=folder / "ours",
        again=True, **_asked(),
    )  # fmt: skip
    assert all(result.outputs for result in results), results


def _asked() -> dict[str, object]:
    return {"size": "{}x{}".format(*SIZE), "frames": FRAMES, "chunk": 9, "steps": STEPS}


def loop(folder: Path) -> None:
    """The same videos by a plain loop: frames read, edges computed, the pipeline called, the video written."""
    import cv2
    import numpy as np
    import torch
    from cosmos_guardrail import CosmosSafetyChecker
    from diffusers import Cosmos2_5_TransferPipeline, CosmosControlNetModel
    from PIL import Image

    from cosmos_workflow.engines.films import VIDEO_LOSS, write_film
    from cosmos_workflow.media.footage import stretched

    model = folder / "models" / "transfer2.5-2b"
    pipe = Cosmos2_5_TransferPipeline.from_pretrained(
        model, controlnet=CosmosControlNetModel.from_pretrained(model / "controlnets" / "edge"),
        safety_checker=CosmosSafetyChecker(),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    for seed in range(1, TASKS + 1):
        edges = [cv2.Canny(frame, 100, 200) for frame in stretched(folder / "clip.mp4", SIZE, "area", FRAMES)]
        video = pipe(
            prompt=PROMPT, controls=[Image.fromarray(edge).convert("RGB") for edge in edges], width=SIZE[0],
            height=SIZE[1], num_frames_per_chunk=9, num_inference_steps=STEPS, guidance_scale=3.0, output_type="np",
            generator=torch.Generator().manual_seed(seed),
        ).frames[0]  # fmt: skip
        frames = np.rint(np.asarray(video) * 255).astype(np.uint8)
        write_film(frames, SIZE, 24.0, folder / f"loop{seed}.mp4", VIDEO_LOSS)


WAYS: dict[str, Callable[[Path], None]] = {"ours": ours, "loop": loop}


def overhead(folder: Path) -> Row:
    """A whole program each, its start and the load of the model among it."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way in WAYS:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "benchmarks.transfers", way, str(folder)], check=True)
            seconds[way].append(time.perf_counter() - began)
    what = f"{TASKS} transfers of {FRAMES} frames {SIZE[0]}×{SIZE[1]} (tiny Transfer2.5, CPU)"
    mine, peer = (statistics.median(seconds[way]) for way in ("ours", "loop"))
    return Row(what, "a run", mine, "a plain loop of the pipeline", peer, "≤ 1.5 s more")


def loads(folder: Path) -> Fact:
    """How often a model is loaded for four tasks of each of three models that come mixed."""
    from cosmos_workflow.engines import EngineSettings, make_engine
    from cosmos_workflow.engines.outputs import TaskFiles
    from cosmos_workflow.kinds.kind import Task, get_kind

    models = ("transfer2.5-2b", "cosmos3-nano", "cosmos3-super")
    kind = get_kind("transfer")
    engine = make_engine("diffusers", EngineSettings(model_path=str(folder / "models")))
    engine.load()
    tasks: list[Task] = []
    paths: dict[str, Path] = {}
    for number in range(4):
        for model in models:
            values = {"name": f"{model} {number}", "model": model, "prompt": PROMPT, "video": "clip.mp4",
                      "seed": number, "controls": {"edge": {}}, **_asked(), "steps": 1}  # fmt: skip
            spec = folder / "spec.json"
            spec.write_text(json.dumps(values))
            settings = kind.for_engine(kind.settings(), "diffusers")
            for checked in kind.check(kind.read(spec, print), settings):
                assert checked.runs, checked.reason
                packed = kind.pack(checked, settings, "files")
                tasks.append(packed.task)
                paths |= packed.files
    outcomes: list[str] = []
    engine.run(tasks, TaskFiles(paths, folder / "loads"), lambda outcome: outcomes.append(outcome.error))
    assert outcomes == [""] * len(tasks), outcomes
    return Fact(f"loads for {len(tasks)} transfers of {len(models)} models, mixed", str(len(engine.loads)), "3")


def main() -> None:
    if len(sys.argv) == 3:
        WAYS[sys.argv[1]](Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"PYTHONPATH": str(STANDINS), "COSMOS_DATA": str(folder / "data"),
                       "XDG_CONFIG_HOME": str(folder / "config")}  # fmt: skip
        sys.path.insert(0, str(STANDINS))
        from scripts.demo import draw_clip
        from tests.servers.tiny_video import write_models

        write_models(folder / "models")
        shutil.copytree(folder / "models" / "cosmos3-nano", folder / "models" / "cosmos3-super")
        draw_clip(folder / "clip.mp4", *SIZE, frames=FRAMES)
        for result in (overhead(folder), loads(folder)):
            print(type(result).__name__.upper(), json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
