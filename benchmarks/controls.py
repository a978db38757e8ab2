"""Edge and blur of a clip, and reading 4K OpenEXR: this project beside NVIDIA's way, and beside OpenImageIO alone.

`python -m benchmarks.controls [FRAMES]` prints the rows; each way runs in a process of its own, whose peak of memory
counts. NVIDIA's way is that of its scripts (one frame after the other in OpenCV, the whole clip in memory), with PyAV
in place of imageio's ffmpeg process, and Pillow's bicubic in place of torchvision's, which is the same filter.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

FRAMES, REPEATS = 240, 3
EXRS = 16


def nvidia(folder: Path) -> None:
    """edge.mp4 and vis.mp4 of clip.mp4 as EdgeControlModel and VisControlModel make them, at the strength medium."""
    import av
    import cv2
    import numpy as np
    from PIL import Image

    with av.open(str(folder / "clip.mp4")) as container:
        frames = np.array([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    _write(folder / "edge.mp4", np.stack([cv2.Canny(frame, 100, 200) for frame in frames])[..., None].repeat(3, axis=3))
    height, width = frames.shape[1:3]
    small = [cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for frame in frames]
    small = [cv2.bilateralFilter(frame, 30, 150, 100) for frame in small]
    blurred = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in small])
    tiny = [Image.fromarray(frame).resize((width // 10, height // 10), Image.Resampling.BICUBIC) for frame in blurred]
    _write(
        folder / "vis.mp4", np.stack([np.asarray(f.resize((width, height), Image.Resampling.BICUBIC)) for f in tiny])
    )


def _write(path: Path, frames: object) -> None:
    """As imageio's writer does by default, at its quality 5."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "25"})
        stream.height, stream.width = frames.shape[1:3]  # type: ignore[attr-defined]
        stream.pix_fmt = "yuv420p"
        for frame in frames:  # type: ignore[attr-defined]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))


def ours(folder: Path) -> None:
    """The same, with rgb.mp4, the sheet and the manifest, and each file checked by reading it back."""
    from cosmos_workflow.kinds.prepare import Item, Settings, check_item, make, recipe_of, whole_folder

    settings = Settings()
    checked = check_item(Item("clip", folder / "clip.mp4"), settings)
    assert checked.seen, checked.reason
    with whole_folder(folder / "out") as part:
        make("clip", recipe_of(checked, settings), checked.seen.tracks, part)


def oiio(folder: Path) -> None:
    """Read every OpenEXR file with OpenImageIO, two at once."""
    from concurrent.futures import ThreadPoolExecutor

    import OpenImageIO

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda path: OpenImageIO.ImageInput.open(str(path)).read_image("float").shape, _exrs(folder)))


def layers(folder: Path) -> None:
    """Read every OpenEXR file as a sequence's pictures are read, without the view."""
    from cosmos_workflow.media.layers import layers_of, read_channels
    from cosmos_workflow.media.ordered import in_order

    for _ in in_order(lambda path: read_channels(path, layers_of(path).colour()).shape, _exrs(folder), 2):
        pass


def _exrs(folder: Path) -> list[Path]:
    return sorted(folder.glob("beauty.*.exr"))


WAYS: dict[str, Callable[[Path], None]] = {"ours": ours, "nvidia": nvidia, "layers": layers, "oiio": oiio}


def _inputs(folder: Path, frames: int) -> None:
    import cv2
    import numpy as np
    import OpenImageIO

    from cosmos_workflow.media.encoding import Encoder

    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (60, 110, 3), np.uint8), (1600, 900), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
    encoder = Encoder(folder / "clip.mp4", (1280, 720), Fraction(24), 18)
    for index in range(frames):
        shift = index % 320
        encoder.write(np.ascontiguousarray(picture[index % 180 : index % 180 + 720, shift : shift + 1280]))
    encoder.close()
    light = cv2.resize(picture, (3840, 2160)).astype(np.float32) / 128
    for number in range(EXRS):
        spec = OpenImageIO.ImageSpec(3840, 2160, 3, "half")
        spec.attribute("compression", "zip")
        output = OpenImageIO.ImageOutput.create("x.exr")
        output.open(str(folder / f"beauty.{number:04d}.exr"), spec)
        output.write_image(light)
        output.close()


def _measured(way: str, folder: Path) -> tuple[float, float]:
    """Seconds and the peak of memory in MB of one way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.controls", "--run", way, str(folder)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer["seconds"], answer["peak"]


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        began = time.perf_counter()
        WAYS[sys.argv[2]](Path(sys.argv[3]))
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _inputs(folder, frames)
        for ours_way, peer, what in (
            ("ours", "nvidia", f"{frames} frames of 1280x720 to edge and vis"),
            ("layers", "oiio", f"{EXRS} frames of 3840x2160 OpenEXR (half, zip) read"),
        ):
            pairs = [(_measured(ours_way, folder), _measured(peer, folder)) for _ in range(REPEATS)]
            mine, theirs = (median(pair[i][0] for pair in pairs) for i in (0, 1))
            memory = [max(pair[i][1] for pair in pairs) for i in (0, 1)]
            print(f"{what}: {mine:.2f} s, {peer} {theirs:.2f} s: {theirs / mine:.2f} x;"
                  f" peak {memory[0]:.0f} MB, {peer} {memory[1]:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
