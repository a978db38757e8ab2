"""What an engine's error means, from its own words.

A token error is never taken for a memory error. The texts are those of vLLM 0.8 to 0.32, of its
OpenAI-compatible server and of PyTorch; `tests/engines/test_failures.py` holds them in full.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["Kind", "classify", "concerns_one_request", "readable", "refused_tokens", "root_cause"]

Kind = Literal["too_long", "too_many_images", "out_of_memory", "model_missing", "unreachable", "rejected", "other"]

# In this order: a text about tokens may mention memory, never the other way round.
PATTERNS: tuple[tuple[Kind, str], ...] = (
    (
        "too_long",
        r"longer than the maximum model length|maximum context length|maximum model length of \d+"
        r"|max_tokens must be at least 1, got 0|max_tokens.{0,40}too large|exceeds? the (model's )?(maximum|context)"
        r"|exceed.{0,20}context (size|length|window)",
    ),
    ("too_many_images", r"at most \d+ (image|video|audio)\S* may be provided|too many (image|multi-?modal)"),
    (
        "out_of_memory",
        r"out of memory|free memory on device|no available memory for the cache|memory.{0,80}is less than"
        r"|cannot allocate memory|larger than the maximum number of tokens that can be stored in KV cache"
        r"|KV cache is (needed|required), which is larger|larger than the available KV cache memory"
        r"|OutOfMemoryError|not enough memory",
    ),
    (
        "model_missing",
        r"repo id must be in the form|is not a local folder and is not a valid model identifier"
        r"|invalid repository id or local directory"
        r"|repository not found|model .{0,200}(does not exist|not found)|no such model|gated repo"
        r"|cannot find any model weights",
    ),
    (
        "unreachable",
        r"connection (error|refused|reset)|timed? ?out|temporarily unavailable|name or service not known",
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
    """Whether an engine refused one request, so that the others in the call can still be answered.

    >>> concerns_one_request(ValueError("No available memory for the cache blocks."))
    False
    """
    return classify(error) in ("too_long", "too_many_images", "rejected")


def _is_refusal(error: BaseException | str) -> bool:
    # vLLM raised ValueError for what it refuses until 0.2x, and errors of its own since.
    return isinstance(error, (ValueError, TypeError)) or "Validation" in type(error).__name__


def readable(error: BaseException) -> str:
    """An exception's first paragraph on one line, without the tool's own bookkeeping."""
    text = str(error).strip().split("\n\n")[0] or type(error).__name__
    text = re.sub(r" \(parameter=\w+, value=.*\)$", "", " ".join(text.split()))
    return text if len(text) <= 600 else f"{text[:600]}…"


LENGTHS = (
    r"prompt length of (\d+)|prompt \((?:total )?length (\d+)\)|(?:contains|has|with)(?: at least)? (\d+) input tokens"
    r"|resulted in (\d+) tokens|requested (\d+) tokens"
)


def refused_tokens(text: str) -> int:
    """The length of a prompt that an engine refused, as its error says; 0 where it does not.

    >>> refused_tokens("Prompt length of 4157 is longer than the maximum model length of 4096")
    4157
    """
    found = re.search(LENGTHS, text, re.IGNORECASE)
    return int(next(filter(None, found.groups()))) if found else 0


def root_cause(what: str, log: str) -> str:
    """What an engine failed of: `what`, or the last error in its log where vLLM says no more than that there was one.

    >>> root_cause("Engine core initialization failed. See root cause above.", "ValueError: Free memory on …")
    'ValueError: Free memory on …'
    """
    if "root cause" not in what:
        return what
    found = re.findall(r"((?:\w+\.)*\w*(?:Error|Exception|Interrupt): .+)", log)
    return next((one.strip() for one in reversed(found) if "root cause" not in one), what)
