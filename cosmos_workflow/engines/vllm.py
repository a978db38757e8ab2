"""vLLM in this process: the production engine. Loads once and gives vLLM the whole batch in one call."""

from __future__ import annotations

import gc
import inspect
import os
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import base
from cosmos_workflow.engines.answers import ask_again, judged
from cosmos_workflow.engines.base import Offload
from cosmos_workflow.engines.failures import classify, concerns_one_request, readable
from cosmos_workflow.engines.messages import messages
from cosmos_workflow.engines.options import known_options, option_to_blame
from cosmos_workflow.engines.structured import answer_formed
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.engines.vllm_decoding import held_to_form, tight_decoding
from cosmos_workflow.engines.watching import watched
from cosmos_workflow.errors import EngineError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.kind import Files, Task
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver
from cosmos_workflow.limits import DEFAULT_MODEL, Model, get_model

__all__ = ["VLLMEngine"]

# NVIDIA's value of 2 leaves the GPU partly idle in a batch. 16 full requests take 10 GiB of Pixtral's KV cache; with
# less memory, vLLM lets some requests wait.
MAX_NUM_SEQS = 16


class VLLMEngine(Upsampler):
    """Uses only what vLLM 0.8 to 0.32 have in common: `LLM`, `LLM.chat`, `llm_engine.step` and the request counter.

    `offload` says when the model leaves the GPU: `never` (it stays loaded until `close`), after each
    `batch`, or after each `item` as NVIDIA's script does. `options` are further arguments of vLLM's `LLM`.
    """

    name = "vllm"

    def __init__(
        self,
        model_path: str | Path,
        *,
        limits: str | Model = DEFAULT_MODEL,
        max_model_len: int | None = None,
        offload: Offload = "never",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.facts = get_model(limits)
        self.model = Path(model_path).name
        self.model_path = str(model_path)
        self.max_model_len = max_model_len or self.facts.max_model_len
        self.offload = offload
        self.options = dict(options or {})
        self._llm: Any = None

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        ask = partial(ask_again, self._answer)
        if self.offload == "item":
            for conversation in conversations:
                answer_formed(ask, [conversation], deliver, model=lambda: self.model)
                self.close()
            return
        answer_formed(ask, conversations, deliver, model=lambda: self.model)

    def run(self, tasks: Sequence[Task], files: Files, deliver: base.Deliver) -> None:
        """As `Engine.run`. With `offload="batch"` the model leaves the GPU behind all of the tasks."""
        super().run(tasks, files, deliver)
        if self.offload == "batch":
            self.close()

    def load(self) -> None:
        """Load the model if it is not loaded. Raises EngineUnavailable, OutOfMemory, or UsageError for an option that
        vLLM does not have.
        """
        if self._llm is not None:
            return
        # vLLM logs much to stdout, which must hold only results; a user's own setting is kept.
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        try:
            from vllm import LLM, EngineArgs
        except ImportError as error:
            raise EngineUnavailable(
                f"vLLM cannot be imported ({readable(error)})", remedy="pip install 'cosmos-workflow[vllm]'"
            ) from error
        known = {*inspect.signature(LLM).parameters, *inspect.signature(EngineArgs).parameters}
        known_options(self.name, self.options, known)
        try:
            self._llm = LLM(**tight_decoding(known, self.options), **self._whole_videos(known), **self.arguments())
        except Exception as error:
            self.close()
            raise option_to_blame(self.name, self.options, error) or self._trouble(error) from error

    def arguments(self) -> dict[str, Any]:
        """The arguments of vLLM's `LLM`: NVIDIA's, except for max_num_seqs, overridden by `options`."""
        arguments: dict[str, Any] = {
            "model": self.model_path,
            "max_model_len": self.max_model_len,
            "max_num_seqs": MAX_NUM_SEQS,
            "gpu_memory_utilization": self.facts.gpu_memory_utilization,
            "limit_mm_per_prompt": {"image": self.facts.max_images} | ({"video": 1} if self.facts.videos else {}),
            "enable_prefix_caching": self.facts.enable_prefix_caching,
        }
        folder = Path(self.model_path)
        if (folder / "tekken.json").is_file():
            arguments["tokenizer_mode"] = "mistral"
        if (folder / "params.json").is_file() and not (folder / "config.json").is_file():
            arguments["config_format"] = "mistral"
            arguments["load_format"] = "mistral"
        return arguments | self.options

    def _whole_videos(self, known: Container[str]) -> dict[str, Any]:
        """Arguments by which vLLM's loader takes each frame of a file, in place of 32 (multimodal/video.py). In 0.32
        those for Qwen's models go by the rate, whatever this says. `known` are the installed vLLM's arguments.
        """
        if self.facts.videos is None or "media_io_kwargs" not in known or "media_io_kwargs" in self.options:
            return {}
        return {"media_io_kwargs": {"video": {"num_frames": -1}}}

    def properties(self) -> dict[str, Any]:
        """What the loaded engine reports about itself; empty if none is loaded. Sizes in tokens, memory in bytes."""
        if self._llm is None:
            return {}
        import vllm

        config = self._llm.llm_engine.vllm_config
        cache, blocks = config.cache_config, config.cache_config.num_gpu_blocks or 0
        tokens = blocks * cache.block_size
        properties = {
            "version": f"vllm {vllm.__version__}",
            "device": str(getattr(config.device_config, "device_type", "")),
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "max_model_len": config.model_config.max_model_len,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "block_size": cache.block_size,
            # Before 0.2x, vLLM only logs these two, so they are calculated from the blocks.
            "cache_tokens": getattr(cache, "kv_cache_size_tokens", None) or tokens,
            "concurrency": getattr(cache, "kv_cache_max_concurrency", None)
            or round(tokens / config.model_config.max_model_len, 3),
            "blocks_override": cache.num_gpu_blocks_override,
            "cache_bytes": getattr(cache, "kv_cache_memory_bytes", None),
            "gpu_memory_utilization": cache.gpu_memory_utilization,
        }
        return {name: value for name, value in properties.items() if value not in (None, "")}

    def close(self) -> None:
        llm, self._llm = self._llm, None
        core = getattr(getattr(llm, "llm_engine", None), "engine_core", None)
        if core is not None and hasattr(core, "shutdown"):
            core.shutdown()
        del llm, core
        gc.collect()
        with suppress(ImportError):
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def sleep(self) -> None:
        """Move the weights to the machine's memory, to load quickly again; needs the option `enable_sleep_mode`."""
        if self._llm is not None:
            self._llm.sleep(level=1)

    def wake_up(self) -> None:
        """Undo `sleep`."""
        if self._llm is not None:
            self._llm.wake_up()

    def _answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """One `chat` call; if vLLM refuses it, call again with halves, until the refused one is alone."""
        if not conversations:
            return
        self.load()
        delivered: set[str] = set()
        failed_delivery: list[BaseException] = []

        def once(answer: Answer) -> None:
            delivered.add(answer.id)
            try:
                deliver(answer)
            except BaseException as error:
                failed_delivery.append(error)
                raise

        started = time.perf_counter()
        try:
            self._chat(conversations, once, started)
        except Exception as error:
            if failed_delivery:
                raise
            trouble = self._trouble(error)
            self._drop_unfinished()
            if not concerns_one_request(error):
                self.close()
                raise trouble from error
            still_open = [conversation for conversation in conversations if conversation.id not in delivered]
            if len(still_open) == 1:
                seconds = time.perf_counter() - started
                refused = Answer(still_open[0].id, seconds=seconds, error=readable(error), error_kind=classify(error))
                deliver(refused)
                return
            middle = len(still_open) // 2
            self._answer(still_open[:middle], deliver)
            self._answer(still_open[middle:], deliver)

    def _chat(self, conversations: Sequence[Conversation], deliver: Deliver, started: float) -> None:
        from vllm import SamplingParams

        # vLLM numbers requests in the order of the call, so the number tells which request an output answers,
        # even if other requests are still in its queue.
        base = int(self._llm.request_counter.counter)
        delivered: set[int] = set()

        def pass_on(output: Any) -> None:
            index = int(output.request_id) - base
            if 0 <= index < len(conversations) and index not in delivered:
                delivered.add(index)
                deliver(_answer_of(conversations[index].id, output, time.perf_counter() - started))

        with watched(self._llm.llm_engine, pass_on):
            outputs = self._llm.chat(
                [messages(conversation) for conversation in conversations],
                [
                    SamplingParams(
                        temperature=conversation.temperature,
                        max_tokens=conversation.max_tokens,
                        seed=conversation.seed,
                        **conversation.sampling,
                        **held_to_form(conversation),
                    )
                    for conversation in conversations
                ],
                use_tqdm=False,
            )
        for output in outputs:
            pass_on(output)

    def _drop_unfinished(self) -> None:
        """Drop leftover requests: before 0.11, vLLM kept the good ones of a refused call for the next call."""
        with suppress(Exception):
            engine = self._llm.llm_engine
            if engine.has_unfinished_requests():
                engine.abort_request(list(engine.output_processor.request_states))

    def _trouble(self, error: Exception) -> EngineError:
        kind, what = classify(error), readable(error)
        if kind == "out_of_memory":
            return OutOfMemory(
                what,
                where="vLLM",
                remedy="free the GPU, lower max_model_len or max_num_seqs, or see `cosmos limits --gpu`",
            )
        remedy = "see the log above, and run `cosmos doctor` to check this machine"
        if kind == "model_missing":
            remedy = f"point --model-path to the folder of {self.facts.repository}"
        return EngineUnavailable(what, where="vLLM", remedy=remedy)


def _answer_of(id: str, output: Any, seconds: float) -> Answer:
    best, metrics = output.outputs[0], output.metrics
    times: dict[str, float] = {}
    # Known only if the option `disable_log_stats` is False, and not in the first versions of vLLM's V1 engine.
    if getattr(metrics, "last_token_ts", 0):
        times = {name: getattr(metrics, f"{name}_ts") for name in ("queued", "scheduled", "first_token", "last_token")}
        times["preempted"] = getattr(metrics, "num_preemptions", 0)
    answer = Answer(
        id,
        text=best.text,
        finish_reason=best.finish_reason or "",
        prompt_tokens=len(output.prompt_token_ids or ()),
        completion_tokens=len(best.token_ids),
        seconds=round(seconds, 3),
        times=times,
    )
    return judged(answer)
