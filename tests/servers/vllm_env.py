"""The real CPU vLLM that `make vllm-env` sets up: its place, and its server as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from .ports import reserved

MODEL = Path(__file__).parents[2] / ".vllm" / "tiny-pixtral"
# Without compiling, it starts in half the time.
OPTIONS: dict[str, object] = {"load_format": "dummy", "enforce_eager": True}
# Without free white space between the parts of JSON, as docs/ENGINES.md tells people to start a server for captions.
TIGHT = ("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}')


def settings(kv_cache_gib: int) -> dict[str, str]:
    """The environment of a CPU vLLM with so much memory for its KV cache."""
    return {"VLLM_CPU_KVCACHE_SPACE": str(kv_cache_gib), "VLLM_LOGGING_LEVEL": "INFO"}


def option_words(options: Mapping[str, object]) -> list[str]:
    """Options of the engine as a command takes them."""
    return [f"--engine-option={name}={str(value).lower()}" for name, value in options.items()]


PIXTRAL = (
    "--served-model-name", "tiny-pixtral", "--tokenizer-mode", "mistral", "--config-format", "mistral",
    "--limit-mm-per-prompt", '{"image": 2}',
)  # fmt: skip


class VLLMServer:
    """vLLM's OpenAI-compatible server on loopback, stopped by its process group's id."""

    def __init__(
        self, folder: Path, *, kv_cache_gib: int, max_num_seqs: int, max_model_len: int,
        more: tuple[str, ...] = (), model: Path | None = None,
    ) -> None:  # fmt: skip
        """A server of the tiny Pixtral, or of the `model` of a folder in the form of Hugging Face."""
        self._reserved = reserved()
        self.port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._log_path = folder / "vllm-server.log"
        self._command = [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model or MODEL),
            *(() if model else PIXTRAL),
            "--host", "127.0.0.1", "--port", str(self.port), "--load-format", "dummy", "--enforce-eager",
            "--max-model-len", str(max_model_len), "--max-num-seqs", str(max_num_seqs), *more,
        ]  # fmt: skip
        self._environment = {**os.environ, **settings(kv_cache_gib)}

    def __enter__(self) -> VLLMServer:
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"vllm serve ended:\n{self.log()[-3000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return self
            except OSError:
                time.sleep(0.5)
        self.__exit__()
        raise RuntimeError(f"vllm serve did not come up:\n{self.log()[-3000:]}")

    def __exit__(self, *_: object) -> None:
        group = self._process.pid
        os.killpg(group, signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(group, signal.SIGKILL)
            self._process.wait(60)
        self._reserved.close()

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")


def printed_cache(log: str) -> tuple[int, float]:
    """Cache tokens and concurrency, as vLLM prints them at its start."""
    tokens = re.search(r"KV cache size: ([\d,]+) tokens", log)
    concurrency = re.search(r"Maximum concurrency for [\d,]+ tokens per request: ([\d.]+)x", log)
    assert tokens, log[-3000:]
    assert concurrency, log[-3000:]
    return int(tokens[1].replace(",", "")), float(concurrency[1])
