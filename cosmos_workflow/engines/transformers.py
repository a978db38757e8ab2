"""Any image-text-to-text checkpoint with Hugging Face transformers, for laptops and hosts without vLLM."""

from __future__ import annotations

import gc
import io
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.answers import ALIKE, ask_again, judged
from cosmos_workflow.engines.failures import classify, readable
from cosmos_workflow.engines.options import option_to_blame
from cosmos_workflow.engines.structured import answer_formed
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.errors import EngineError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

__all__ = ["TransformersEngine"]

# Of what models are drawn with; `generate` has no presence penalty.
PENALTIES = ("repetition_penalty",)
SAMPLING = ("top_p", "top_k", *PENALTIES)


class TransformersEngine(Upsampler):
    """Answers one conversation after another: simple and exact, but slower than vLLM.

    `options` are further arguments of `from_pretrained` (`dtype`, `device_map` …).
    """

    name = "transformers"

    def __init__(self, model_path: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
        self.model = Path(model_path).name
        self.model_path = str(model_path)
        self.options = dict(options or {})
        self._loaded: tuple[Any, Any] | None = None
        self._answered = False
        self._alike: dict[str, set[str]] = defaultdict(set)

    def load(self) -> None:
        """Load the checkpoint if it is not loaded. Raises EngineUnavailable, OutOfMemory or UsageError."""
        self._load()

    def properties(self) -> dict[str, Any]:
        if self._loaded is None:
            return {}
        import transformers

        model = self._loaded[1]
        dtype = str(model.dtype).removeprefix("torch.")
        return {"version": f"transformers {transformers.__version__}", "device": model.device.type, "dtype": dtype}

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        answer_formed(partial(ask_again, self._answer), conversations, deliver, model=lambda: self.model)

    def _answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        for conversation in conversations:
            processor, model = self._load()
            started = time.perf_counter()
            try:
                answer = _generate(processor, model, conversation)
                self._answered = True
            except Exception as error:
                answer = self._failed(conversation.id, error)
            deliver(_timed(answer, time.perf_counter() - started))

    def _failed(self, id: str, error: Exception) -> Answer:
        """The item's error. Raises EngineError if the device has failed, or if the first items all fail alike."""
        kind, what = classify(error), readable(error)
        self._alike[f"{type(error).__name__} {kind}"].add(id)
        lost = "CUDA error" in what or "device-side assert" in what
        if lost or (not self._answered and any(len(ids) >= ALIKE for ids in self._alike.values())):
            raise self._trouble(error) from error
        if kind == "out_of_memory":
            _empty_cache()
        return Answer(id, error=what, error_kind="rejected" if kind == "other" else kind)

    def close(self) -> None:
        self._loaded, self._answered = None, False
        self._alike.clear()
        gc.collect()
        _empty_cache()

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                import torch
                from transformers import AutoModelForImageTextToText, AutoProcessor
            except ImportError as error:
                raise EngineUnavailable(
                    f"transformers cannot be imported ({readable(error)})",
                    remedy="pip install 'cosmos-workflow[transformers]'",
                ) from error
            options = {"torch_dtype": "auto"} | self.options
            if torch.cuda.is_available():
                options.setdefault("device_map", "auto")
            try:
                processor = AutoProcessor.from_pretrained(self.model_path)
                model = AutoModelForImageTextToText.from_pretrained(self.model_path, **options)
            except Exception as error:
                raise option_to_blame(self.name, self.options, error) or self._trouble(error) from error
            self._loaded = processor, model.eval()
        return self._loaded

    def _trouble(self, error: Exception) -> EngineError:
        if classify(error) == "out_of_memory":
            remedy = "free the device, choose a smaller checkpoint, or --engine-option dtype=bfloat16"
            return OutOfMemory(readable(error), where=self.model_path, remedy=remedy)
        return EngineUnavailable(
            f"the checkpoint cannot be used ({readable(error)})",
            where=self.model_path,
            remedy="point --model-path to a folder with an image-text-to-text checkpoint",
        )


def _generate(processor: Any, model: Any, conversation: Conversation) -> Answer:
    import torch
    from PIL import Image

    images = [Image.open(io.BytesIO(frame.png)) for frame in conversation.frames]
    content: list[dict[str, Any]] = [{"type": "image", "image": image} for image in images]
    if conversation.video_fps:
        content = [{"type": "video"}]
    chat = [{"role": "user", "content": [*content, {"type": "text", "text": conversation.text}]}]
    for turn in conversation.turns:
        for role, text in (("assistant", turn["answer"]), ("user", turn["said"])):
            chat.append({"role": role, "content": [{"type": "text", "text": text}]})
    if conversation.video_fps:
        text = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        inputs = processor(text=[text], return_tensors="pt", **_video(images, conversation.video_fps))
    else:
        inputs = processor.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    inputs = inputs.to(model.device)
    # Pixel values are always float32, whatever the weights' type is.
    for name in ("pixel_values", "pixel_values_videos"):
        if name in inputs and torch.is_tensor(inputs[name]):
            inputs[name] = inputs[name].to(model.dtype)
    if conversation.seed is not None:
        torch.manual_seed(conversation.seed)
    sampling: dict[str, Any] = {"do_sample": False}
    if conversation.temperature > 0:
        sampling = {"do_sample": True, "temperature": conversation.temperature}
    known = SAMPLING if conversation.temperature > 0 else PENALTIES
    sampling |= {name: value for name, value in conversation.sampling.items() if name in known}
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=conversation.max_tokens, **sampling)
    prompt_tokens = int(inputs["input_ids"].shape[1])
    answer = output[0, prompt_tokens:].tolist()
    stops = model.generation_config.eos_token_id
    stops = set(stops if isinstance(stops, list) else [stops])
    reply = Answer(
        conversation.id,
        text=processor.decode(answer, skip_special_tokens=True),
        finish_reason="stop" if answer and answer[-1] in stops else "length",
        prompt_tokens=prompt_tokens,
        completion_tokens=len(answer),
    )
    return judged(reply)


def _video(images: Sequence[Any], fps: float) -> dict[str, Any]:
    """What a processor gets of a video of these images at `fps` frames a second, of which it shall take each."""
    import numpy as np

    video = np.stack([np.asarray(image.convert("RGB")) for image in images])
    count = len(images)
    about = {"total_num_frames": count, "fps": fps, "duration": count / fps, "frames_indices": list(range(count))}
    return {"videos": [video], "video_metadata": [about], "do_sample_frames": False}


def _empty_cache() -> None:
    with suppress(ImportError):
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _timed(answer: Answer, seconds: float) -> Answer:
    from dataclasses import replace

    return replace(answer, seconds=round(seconds, 3))
