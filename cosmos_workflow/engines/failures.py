"""Finds out from an engine's error message what kind of failure it is.

An error about tokens is never taken for one about memory. The messages are those of vLLM 0.8 to 0.32, of PyTorch, and
of the OpenAI-compatible servers in docs/ENGINES.md; `tests/engines/test_failures.py` has them in full.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["Kind", "classify", "concerns_one_request", "readable", "refused_tokens", "root_cause"]

Kind = Literal[
    "too_long", "too_many_images", "out_of_memory", "model_missing", "unreachable", "rejected", "other",
    # Kinds that only servers have: too many requests at once, no answer in time, an internal error, an unusable answer.
    "busy", "timed_out", "server_error", "empty_answer", "bad_answer",
]  # fmt: skip

# The order matters: a message about a rate limit may mention tokens, and one about tokens may mention memory, but not
# the other way round.
PATTERNS: tuple[tuple[Kind, str], ...] = (
    (
        "busy",
        r"rate.?limit|tokens per (min|minute|hour|day)|requests per (min|minute|hour|day)|too many requests"
        r"|exceeded your current quota|insufficient.quota|(is|are|currently) overloaded|overloaded_error|queue is full",
    ),
    (
        "too_many_images",
        r"at most \d+ (image|video|audio)|too many (image|multi-?modal)|number of images.{0,40}exceed",
    ),
    (
        "too_long",
        r"longer than the ([\w']+ ){0,3}(context|model|sequence) ?length|maximum context length"
        r"|maximum model length of \d+|max_tokens must be at least 1, got (0|-)|max_tokens.{0,40}too large"
        r"|exceed.{0,60}(context|model|maximum|max|allowed)[\w' ]{0,30}(length|size|window|tokens|seq_len)"
        r"|exceed_context_size|context_length_exceeded|ContextWindowExceeded|context (size|length|window) exceeded"
        r"|greater than (the )?(context|max_seq_len|maximum (context|sequence|input))|n_keep\W{1,3}\d+\W{0,3}>= ?n_ctx"
        r"|n_keep \(\d+\) >= n_ctx|keep the first \d+ tokens|context length of only|reached context length"
        r"|larger than the max(imum)? context|context shift is disabled|too large (to process|for model)"
        r"|`inputs` (tokens \+ `max_new_tokens` must be <=|must have less than)"
        r"|too long to fit into the model|exceeds? the (model's )?(maximum|context)"
        r"|prompt length \([\d.]+\).{0,200}should not exceed|default_max_tokens \(-?\d+\) must be greater than 0"
        r"|(prompt|input|request) (is |was )?too long|too many (input |prompt )?tokens"
        r"|reduce (the length of )?(the|your) (prompt|input|messages)",
    ),
    (
        "out_of_memory",
        r"out of (\w+ )?memory|free memory on device|no available memory for the cache|memory.{0,80}is less than"
        r"|cannot allocate memory|larger than the maximum number of tokens that can be stored in KV cache"
        r"|KV cache is (needed|required), which is larger|larger than the available KV cache memory"
        r"|OutOfMemory|not enough (\w+ )?memory|insufficient (\w+ )?memory|requires more (\w+ )?memory"
        r"|cudaMalloc failed|failed to allocate|bad_alloc|ALLOC_FAILED",
    ),
    (
        "model_missing",
        r"repo id must be in the form|is not a local folder and is not a valid model identifier"
        r"|invalid repository id or local directory"
        r"|repository not found|model .{0,200}(does not exist|not found)|no such model|gated repo"
        r"|cannot find any model weights|model_not_found|unknown model|invalid model name|no models? (is |are )?loaded"
        r"|model (is )?(not loaded|unloaded)",
    ),
    (
        "rejected",
        r"(image|vision|multi-?modal)( input)?s? (is|are) not supported|not support (image|vision|multi-?modal)"
        r"|unexpected endpoint|not a multi-?modal model|missing data required for image"
        r"|failed to (process|decode) image",
    ),
    (
        "unreachable",
        # The last of these are our own messages, from `connection`.
        r"connection (error|refused|reset)|timed? ?out|temporarily unavailable|name or service not known"
        r"|refuses connections|cannot be reached|does not take a connection|is not known: |closed without one"
        r"|no answer in \d|certificate is not trusted",
    ),
)


def classify(error: BaseException | str) -> Kind:
    """The kind of failure that an engine's exception, or its text, is about.

    >>> classify("Prompt length of 4157 is longer than the maximum model length of 4096")
    'too_long'
    """
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    for kind, pattern in PATTERNS:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return kind
    return "rejected" if _is_refusal(error) else "other"


def concerns_one_request(error: BaseException) -> bool:
    """Whether an engine refused only one request, so that the others in the call can still be answered.

    >>> concerns_one_request(ValueError("No available memory for the cache blocks."))
    False
    """
    return classify(error) in ("too_long", "too_many_images", "rejected")


def _is_refusal(error: BaseException | str) -> bool:
    # vLLM raised ValueError for refused requests until 0.2x, and its own errors since.
    return isinstance(error, (ValueError, TypeError)) or "Validation" in type(error).__name__


def readable(error: BaseException) -> str:
    """The first paragraph of an exception's message on one line, without vLLM's list of parameters."""
    text = str(error).strip().split("\n\n")[0] or type(error).__name__
    text = re.sub(r" \(parameter=\w+, value=.*\)$", "", " ".join(text.split()))
    return text if len(text) <= 600 else f"{text[:600]}…"


# The order matters: where a message states the length of the prompt and of the whole request, the prompt's counts.
LENGTHS = (
    r"(\d+) (?:in|from|of) the (?:input )?(?:messages|prompt)|(\d+) tokens from the input messages"
    r"|(\d+) `inputs` tokens",
    r"prompt length (?:of |\()?(\d+)|prompt \((?:total )?length (\d+)\)|input length \((\d+)"
    r"|(?:contains|has|with)(?: at least)? (\d+) input tokens|(?:input|request) \((\d+) tokens"
    r"|n_prompt_tokens\W{1,4}(\d+)"
    r"|keep the first (\d+) tokens|n_keep\W{1,3}(\d+)|Given: (\d+)|too long: (\d+) tokens|requested tokens \((\d+)\)"
    r"|token count \((\d+)\)|prompt contains (\d+) tokens|resulted in (\d+) tokens|requested (\d+) tokens",
)


def refused_tokens(text: str) -> int:
    """The length of a refused prompt in tokens, as the engine's error states it; 0 if it does not.

    >>> refused_tokens("Prompt length of 4157 is longer than the maximum model length of 4096")
    4157
    """
    match = next(filter(None, (re.search(pattern, text, re.IGNORECASE) for pattern in LENGTHS)), None)
    return int(next(filter(None, match.groups()))) if match else 0


def root_cause(what: str, log: str) -> str:
    """Why an engine failed: `what`, or the last error in its log if vLLM's message only points to the log.

    >>> root_cause("Engine core initialization failed. See root cause above.", "ValueError: Free memory on …")
    'ValueError: Free memory on …'
    """
    if "root cause" not in what:
        return what
    errors = re.findall(r"((?:\w+\.)*\w*(?:Error|Exception|Interrupt): .+)", log)
    return next((error.strip() for error in reversed(errors) if "root cause" not in error), what)
