"""How vLLM is held to a JSON schema while it decodes: the words for it changed between its versions."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from cosmos_workflow.engines.structured import schema_of
from cosmos_workflow.kinds.upsample.conversation import Conversation

__all__ = ["held_to_form", "tight_decoding"]

BACKEND = "xgrammar"  # vLLM needs it itself; of its backends only this one and guidance can forbid free white space


def tight_decoding(known: Container[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of vLLM's `LLM` that forbid white space between the parts of JSON, which no schema bounds.

    `known` are the arguments that the installed vLLM has. Empty where the user's `options` decide about this.
    Sources: vllm/engine/arg_utils.py of 0.8.5, 0.9.2 and 0.32.0; a suffix of the backend's name until 0.8, an argument
    in 0.9 and 0.10, one of a group of settings since 0.11.
    """
    ours: list[tuple[str, dict[str, Any]]] = [
        ("structured_outputs_config",
         {"structured_outputs_config": {"backend": BACKEND, "disable_any_whitespace": True}}),
        ("guided_decoding_disable_any_whitespace",
         {"guided_decoding_backend": BACKEND, "guided_decoding_disable_any_whitespace": True}),
        ("guided_decoding_backend", {"guided_decoding_backend": f"{BACKEND}:disable-any-whitespace"}),
    ]  # fmt: skip
    if any(name in options for name, _ in ours):
        return {}
    return next((arguments for name, arguments in ours if name in known), {})


def held_to_form(conversation: Conversation) -> dict[str, Any]:
    """Arguments of vLLM's `SamplingParams` by which an answer is a caption; empty where a paragraph is wanted."""
    if conversation.caption is None:
        return {}
    from vllm import sampling_params

    schema = schema_of(conversation)
    if held := getattr(sampling_params, "StructuredOutputsParams", None):
        return {"structured_outputs": held(json=schema)}
    if held := getattr(sampling_params, "GuidedDecodingParams", None):  # until 0.11
        return {"guided_decoding": held(json=schema)}
    return {}
