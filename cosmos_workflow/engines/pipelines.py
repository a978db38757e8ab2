"""The pipelines of diffusers as this project asks them: one object a loaded model.

What they can and cannot do was read in diffusers 0.42.1.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cosmos_workflow.engines.failures import classify, readable
from cosmos_workflow.engines.safety import Checker
from cosmos_workflow.errors import BadInputError, CosmosError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.transfer.work import Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PIPELINES", "Pipeline", "free"]

ROOMY = 42 * 1024**3  # bytes of a card on which all parts of Transfer2.5 stay at 720 lines (docs/GPU_VIDEO.md)


class Pipeline(Protocol):
    """A loaded model."""

    model: str

    def use(self, hints: tuple[str, ...]) -> None:
        """Have what these controls need. Raises EngineUnavailable where it is not there."""

    def make(
        self, work: Work, controls: Mapping[str, NDArray[np.uint8]], step: Callable[[], None]
    ) -> NDArray[np.uint8]:
        """The video, shape (frames, height, width, 3); `step` is called after each step. Raises Blocked."""

    def close(self) -> None: ...


class Transfer25:
    """Cosmos-Transfer2.5: one control, computed before; the ControlNet is swapped, the base stays.

    With `text_first`, which a small card needs, the text encoder and the rest are never on it together.
    """

    def __init__(self, model: str, folder: Path, options: Mapping[str, Any], checker: Checker) -> None:
        self.model, self._folder, self._options, self._checker = model, folder, _dtype(options), checker
        self._hint = ""
        self._pipe: Any = None
        self.text_first = _is_small()

    def use(self, hints: tuple[str, ...]) -> None:
        (hint,) = hints
        if hint == self._hint:
            return
        from diffusers import CosmosControlNetModel

        place = self._controlnet(hint)
        self._hint = ""  # until the other one is in its place
        with _loading(place):
            controlnet = CosmosControlNetModel.from_pretrained(place, **self._options)
        if self._pipe is None:
            self._pipe = self._loaded(controlnet)
        else:
            with _loading(place):
                self._pipe.controlnet.to("cpu")
                self._pipe.register_modules(controlnet=controlnet if self.text_first else controlnet.to(_device()))
        self._hint = hint

    def make(
        self, work: Work, controls: Mapping[str, NDArray[np.uint8]], step: Callable[[], None]
    ) -> NDArray[np.uint8]:
        import torch

        (control,) = work.controls
        if work.chunk % 4 != 1 or work.chunk < 5:  # it would make another number of frames, one off after each chunk
            raise BadInputError(
                f"a chunk of {work.chunk} frames, and the pipeline makes them by four and one more",
                remedy=f"give --chunk {max(5, work.chunk // 4 * 4 + 1)}",
            )

        def stepped(pipe: Any, number: int, timestep: Any, kept: dict[str, Any]) -> dict[str, Any]:
            step()
            return kept

        with self._checker.watching(work.prompt), torch.inference_mode():
            video = self._pipe(
                **self._prompts(work),
                controls=_pictures(controls[control.hint]),
                controls_conditioning_scale=control.share,
                height=work.height,
                width=work.width,
                num_frames=work.frames,
                num_frames_per_chunk=work.chunk,
                num_ar_conditional_frames=work.overlap if work.chunks > 1 else 0,  # one frame would leave no chunk
                num_inference_steps=work.steps,
                guidance_scale=work.guidance,
                generator=torch.Generator(_device()).manual_seed(work.seed),
                output_type="np",
                callback_on_step_end=stepped,
            ).frames[0]
        return _bytes(video)

    def close(self) -> None:
        self._pipe, self._hint = None, ""
        self._checker.checker.to("cpu")  # this pipeline leaves it on the card
        free()

    def _loaded(self, controlnet: Any) -> Any:
        from diffusers import Cosmos2_5_TransferPipeline

        with _loading(self._folder):
            pipe = Cosmos2_5_TransferPipeline.from_pretrained(
                self._folder, controlnet=controlnet, safety_checker=self._checker.checker, **self._options
            )
            pipe.set_progress_bar_config(disable=True)
            return pipe if self.text_first else pipe.to(_device())

    def _prompts(self, work: Work) -> dict[str, Any]:
        """The prompts; with `text_first` their encodings, for which the rest of the model makes way on the card."""
        from diffusers.pipelines.cosmos.pipeline_cosmos2_5_transfer import DEFAULT_NEGATIVE_PROMPT

        negative = DEFAULT_NEGATIVE_PROMPT if work.negative_prompt is None else work.negative_prompt
        text = {"prompt": work.prompt, "negative_prompt": negative}
        if not self.text_first:
            return text
        checker, pipe = self._checker.checker, self._pipe
        rest = pipe.transformer, pipe.controlnet, pipe.vae
        _move("cpu", *rest)
        _move(_device(), checker)
        safe = checker.check_text_safety(work.prompt)  # the pipeline looks at no prompt that is encoded
        _move("cpu", checker)
        if not safe:
            raise ValueError("refused")  # as the pipeline does
        _move(_device(), pipe.text_encoder)
        encoded, encoded_negative = pipe.encode_prompt(**text, device=_device())
        _move("cpu", pipe.text_encoder)
        _move(_device(), *rest)
        return {"prompt": None, "prompt_embeds": encoded, "negative_prompt_embeds": encoded_negative}

    def _controlnet(self, hint: str) -> Path:
        for name in (hint, {"vis": "blur"}.get(hint, hint)):
            if (self._folder / "controlnets" / name / "config.json").is_file():
                return self._folder / "controlnets" / name
        raise EngineUnavailable(
            f"the ControlNet for {hint} is not there", where=str(self._folder / "controlnets" / hint),
            remedy="docs/TRANSFER.md says how to download it",
        )  # fmt: skip


class Cosmos3:
    """Cosmos 3: any number of controls, all computed before, without weights of their own."""

    def __init__(self, model: str, folder: Path, options: Mapping[str, Any], checker: Checker) -> None:
        from diffusers.modular_pipelines import Cosmos3OmniModularPipeline

        self.model, self._checker = model, checker
        with _loading(folder):
            pipe: Any = Cosmos3OmniModularPipeline.from_pretrained(str(folder))
            # The index of a downloaded model names its repository, from which all would be downloaded once more.
            local = {part: str(folder) for part in pipe.component_names if (folder / part).is_dir()}
            options = _dtype(options)
            pipe.load_components(pretrained_model_name_or_path=local, **options)
            for part in PARTS3:
                if getattr(pipe, part, None) is None:  # it has failed without an error: fail with it
                    loaded = pipe.get_component_spec(part).load(pretrained_model_name_or_path=str(folder), **options)
                    pipe.update_components(**{part: loaded})
            pipe.enable_safety_checker(checker.checker)
            pipe.to(_device())
        self._pipe, self._scheduler = pipe, pipe.scheduler

    def use(self, hints: tuple[str, ...]) -> None:
        """One model for all hints."""

    def make(
        self, work: Work, controls: Mapping[str, NDArray[np.uint8]], step: Callable[[], None]
    ) -> NDArray[np.uint8]:
        import torch

        names = {"vis": "blur"}
        self._pipe.update_components(scheduler=self._shifted(work.shift))
        with self._checker.watching(work.prompt), torch.inference_mode(), _stepping(self._pipe, step):
            video = self._pipe(
                prompt=work.prompt,
                negative_prompt=work.negative_prompt,
                control_videos={names.get(hint, hint): _pictures(film) for hint, film in controls.items()},
                height=work.height,
                width=work.width,
                fps=work.fps,
                num_inference_steps=work.steps,
                guidance_scale=work.guidance,
                control_guidance=work.control_guidance,
                num_video_frames_per_chunk=work.chunk,
                num_conditional_frames=work.overlap,
                generator=torch.Generator(_device()).manual_seed(work.seed),
                output="videos",
                output_type="np",
            )
        return _bytes(video)

    def close(self) -> None:
        self._pipe = self._scheduler = None
        free()

    def _shifted(self, shift: float) -> Any:
        """The model's own scheduler, or one that shifts the steps so far, as the pipeline's documentation does it."""
        from diffusers import UniPCMultistepScheduler

        if not shift:
            return self._scheduler
        return UniPCMultistepScheduler.from_config(
            self._scheduler.config, flow_shift=shift, use_flow_sigmas=True, use_karras_sigmas=False
        )


PARTS3 = ("transformer", "vae", "scheduler", "text_tokenizer")  # of Cosmos 3, without which no video is made
PIPELINES: dict[str, Callable[[str, Path, Mapping[str, Any], Checker], Pipeline]] = {
    "transfer2.5": Transfer25,
    "cosmos3": Cosmos3,
}


@contextmanager
def _stepping(pipe: Any, step: Callable[[], None]) -> Iterator[None]:
    """Have `step` called where the pipeline would move its progress bar: it has no other way to tell."""

    class Bar:
        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *error: object) -> None: ...

        def update(self, count: int = 1) -> None:
            step()

    loops = [block for block in _blocks(pipe._blocks) if hasattr(block, "progress_bar")]
    for block in loops:
        block.progress_bar = lambda *words, **more: Bar()
    try:
        yield
    finally:
        for block in loops:
            del block.progress_bar


def _blocks(block: Any) -> Iterator[Any]:
    yield block
    for inner in getattr(block, "sub_blocks", {}).values():
        yield from _blocks(inner)


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    try:
        yield
    except CosmosError:
        raise
    except Exception as error:
        if classify(error) == "out_of_memory":
            raise OutOfMemory(
                readable(error), where=str(folder), remedy="free the device, or choose a larger card"
            ) from error
        raise EngineUnavailable(
            f"the model cannot be loaded ({readable(error)})", where=str(folder),
            remedy="docs/TRANSFER.md says how to download it",
        ) from error  # fmt: skip


def _dtype(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `from_pretrained`, by default in bfloat16 on a GPU."""
    import torch

    options = dict(options)
    if isinstance(options.get("torch_dtype"), str):
        options["torch_dtype"] = getattr(torch, options["torch_dtype"])
    return ({"torch_dtype": torch.bfloat16} if _device() == "cuda" else {}) | options


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _move(device: str, *modules: Any) -> None:
    for module in modules:
        module.to(device)
    free()


def _is_small() -> bool:
    import torch

    return _device() == "cuda" and torch.cuda.mem_get_info()[1] < ROOMY


def _pictures(film: NDArray[np.uint8]) -> list[Any]:
    """The frames as diffusers takes them: bytes in an array would count as values from 0 to 1."""
    from PIL import Image

    return [Image.fromarray(frame) for frame in film]


def _bytes(video: Any) -> NDArray[np.uint8]:
    """A video of values from 0 to 1 in 255 steps; frame by frame, as one of floats is large enough."""
    film = np.empty(np.shape(video), np.uint8)
    for number, frame in enumerate(video):
        film[number] = np.rint(np.asarray(frame, np.float32) * 255).clip(0, 255)
    return film


def free() -> None:
    """Give back memory that nothing holds any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
