"""The options of engines (`--engine-option KEY=VALUE`), checked before anything is loaded or sent."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.engines.failures import classify, readable
from cosmos_workflow.errors import UsageError

__all__ = ["checked_options", "known_options", "option_to_blame", "takes_options"]


@dataclass(frozen=True)
class Rule:
    """What a value has to be: `expected` for messages, and `holds` as a test."""

    expected: str
    holds: Callable[[Any], bool]


def _whole(low: int, high: int) -> Rule:
    def holds(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return Rule(f"a whole number of {low} to {high}" if high < 2**31 else f"a whole number of at least {low}", holds)


def _number(expected: str, low: float, high: float) -> Rule:
    def holds(value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value) and low < value <= high

    return Rule(expected, holds)


MANY = 2**31
YES_OR_NO = Rule("true or false", lambda value: isinstance(value, bool))
TEXT = Rule("a text", lambda value: isinstance(value, str) and bool(value))
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
DTYPE = Rule(f"one of {', '.join(DTYPES)}", lambda value: value in DTYPES)

SERVER = {
    "concurrency": _whole(1, 1024),
    "timeout": _number("seconds, above 0 and up to 86400", 0, 86_400),
    "max_retries": _whole(0, 100),
}
# By its contract, or a server of its own kind is asked which it speaks.
CONTRACTS = ("vllm-omni", "transfer2.5-nim", "cosmos3-nim")
HTTP = {**SERVER, "contract": Rule(f"one of {', '.join(CONTRACTS)}", lambda value: value in CONTRACTS)}
# vLLM has many more, which it checks itself when it loads; these are the ones that people use.
VLLM = {
    **dict.fromkeys(("tensor_parallel_size", "pipeline_parallel_size", "max_num_seqs", "block_size"), _whole(1, MANY)),
    **dict.fromkeys(("max_num_batched_tokens", "num_gpu_blocks_override", "kv_cache_memory_bytes"), _whole(1, 2**62)),
    **dict.fromkeys(
        ("enforce_eager", "enable_prefix_caching", "trust_remote_code", "enable_sleep_mode", "disable_log_stats"),
        YES_OR_NO,
    ),
    **dict.fromkeys(("quantization", "kv_cache_dtype", "tokenizer_mode", "config_format", "load_format"), TEXT),
    "gpu_memory_utilization": _number("a share above 0 and up to 1", 0, 1),
    "dtype": DTYPE,
    "cpu_offload_gb": _number("GiB of at least 0", -math.ulp(0.0), MANY),
    "swap_space": _number("GiB of at least 0", -math.ulp(0.0), MANY),
}
TRANSFORMERS = {
    "dtype": DTYPE,
    "torch_dtype": DTYPE,
    "trust_remote_code": YES_OR_NO,
    "attn_implementation": TEXT,
    "device_map": Rule("a text or an object", lambda value: isinstance(value, (str, dict)) and bool(value)),
}
# Of NVIDIA's own programs: the Python in whose environment they are, cards, and the folder of Transfer1's checkpoints.
PROGRAM = {"python": TEXT, "gpus": _whole(1, 64), "checkpoints": TEXT, "offload": YES_OR_NO}
RULES: dict[str, Mapping[str, Rule]] = {
    "server": SERVER, "http": HTTP, "program": PROGRAM, "vllm": VLLM, "transformers": TRANSFORMERS, "describe": {},
}  # fmt: skip
CLOSED = ("server", "http", "program", "describe")  # engines that have no other options than these


def takes_options(engine: str) -> bool:
    """Whether an engine has options at all, as far as it is known here."""
    return RULES.get(engine) != {}


def checked_options(engine: str, options: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that the engine does not have, or a value that it cannot take."""
    rules = RULES.get(engine, {})
    for name, value in options.items():
        if name not in rules:
            if engine in CLOSED:
                raise _unknown(engine, name, rules)
            continue
        # null in JSON leaves the value to the library.
        if value is None and engine not in CLOSED:
            continue
        if not rules[name].holds(value):
            raise _bad(engine, name, value, f"give {rules[name].expected}")


def known_options(engine: str, options: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise UsageError for an option that is not among `names`, the options of the engine's library."""
    names = sorted(names)
    for name in options:
        if name not in names:
            raise _unknown(engine, name, names)


def option_to_blame(engine: str, options: Mapping[str, Any], error: Exception) -> UsageError | None:
    """The UsageError for the option that a library's error is about; None if it is about none of them."""
    text = f"{type(error).__name__}: {error}"
    of_settings = isinstance(error, (ValueError, TypeError, AttributeError, KeyError)) or "Validation" in text
    if not of_settings or classify(error) == "out_of_memory":
        return None
    for name, value in options.items():
        if re.search(rf"\b{re.escape(name)}\b.*unexpected|unexpected keyword.*\b{re.escape(name)}\b", text, re.DOTALL):
            return _unknown(engine, name, ())
        # vLLM's message may use another name for the option, but then it quotes the value.
        given = isinstance(value, str) and len(value) > 2 and value != "auto" and value in text
        if given or re.search(rf"\b{re.escape(name)}\b", text):
            return _bad(engine, name, value, readable(error))
    return None


def _bad(engine: str, name: str, value: Any, remedy: str) -> UsageError:
    return UsageError(f"{name} is {value!r}", where=f"--engine-option of {engine}", remedy=remedy)


def _unknown(engine: str, name: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    remedy = "leave it out"
    if close:
        remedy = f"did you mean {close[0]}?"
    elif 0 < len(names) < 12:
        remedy = f"it has {', '.join(names)}"
    return UsageError(f"{name} is not known", where=f"--engine-option of {engine}", remedy=remedy)
