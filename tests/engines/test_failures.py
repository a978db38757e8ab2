"""Real texts of several versions: a token error is never taken for a memory error."""

import pytest

from cosmos_workflow.engines.failures import classify, concerns_one_request, readable, refused_tokens, root_cause

TEXTS = [
    # vLLM 0.6 to 0.7, offline (the field tests of 2025-09-01)
    ("too_long", "Prompt length of 4157 is longer than the maximum model length of 4096."),
    # vLLM 0.8 to 0.11, offline
    (
        "too_long",
        "The decoder prompt (length 4157) is longer than the maximum model length of 4096. Make sure that "
        "`max_model_len` is no smaller than the number of text tokens plus multimodal tokens. For image inputs, the "
        "number of image tokens depends on the number of images, and possibly their aspect ratios as well.",
    ),
    (
        "too_long",
        "The prompt (total length 4157) is too long to fit into the model (context length 4096). exceeds the maximum",
    ),
    # vLLM 0.32, offline and server
    (
        "too_long",
        "This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens, which "
        "exceeds this limit even without any output tokens. Please reduce the length of the input prompt.",
    ),
    (
        "too_long",
        "The decoder prompt (length 4096) plus the number of requested output tokens (at least 1) is longer than the "
        "maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens",
    ),
    # The OpenAI-compatible server
    (
        "too_long",
        "'max_tokens' or 'max_completion_tokens' is too large: 300. This model's maximum context length is 4096 "
        "tokens and your request has 4089 input tokens (300 > 4096 - 4089).",
    ),
    # vLLM 0.32's server, for a prompt of just max_model_len tokens: it has made max_tokens what room there was
    ("too_long", "max_tokens must be at least 1, got 0."),
    # llama.cpp's server and Ollama
    ("too_long", "the request exceeds the available context size (4096 tokens), try increasing it"),
    ("too_many_images", "At most 2 image(s) may be provided in one prompt."),
    ("too_many_images", "At most 2 image(s) may be provided in one request."),
    # PyTorch and vLLM
    (
        "out_of_memory",
        "CUDA out of memory. Tried to allocate 140.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 11.69 MiB "
        "is free. Including non-PyTorch memory, this process has 23.61 GiB memory in use.",
    ),
    (
        "out_of_memory",
        "Free memory on device (20.1/79.25 GiB) on startup is less than desired GPU memory utilization (0.98, 77.67 "
        "GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
    ),
    (
        "out_of_memory",
        "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing.",
    ),
    (
        "out_of_memory",
        "To serve at least one request with the models's max seq len (131072), (20.00 GiB KV cache is needed, which is "
        "larger than the available KV cache memory (5.57 GiB).",
    ),
    (
        "out_of_memory",
        "The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache "
        "(36576). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
    ),
    # vLLM 0.32 for CPUs
    (
        "out_of_memory",
        "Available memory on node 0 (11.26/12.84 GiB) on startup is less than desired CPU memory utilization (0.98, "
        "12.58 GiB). On the CPU backend, the `--gpu-memory-utilization` flag controls the fraction of CPU memory",
    ),
    (
        "out_of_memory",
        "Available memory on node 0 (3.10/12.84 GiB) on kv cache allocation is less than requested memory for kv (8.0 "
        "GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by others.",
    ),
    ("out_of_memory", "DefaultCPUAllocator: not enough memory: you tried to allocate 1073741824 bytes."),
    (
        "model_missing",
        "Value error, Invalid repository ID or local directory specified: '/models/none'. Please verify the following",
    ),
    ("model_missing", "Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/models/none'."),
    ("model_missing", "The model `upsampler` does not exist."),
    ("model_missing", 'model "pixtral" not found, try pulling it first'),
    ("too_long", "Prompt length (4157) is greater than max_seq_len (4096)"),  # TabbyAPI
    ("too_long", "prompt is too long: 4157 tokens > 4096 maximum"),
    ("too_long", "Prompt contains 4157 tokens and 0 draft tokens, too large for model with 4096 maximum context"),
    ("too_long", "too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    ("busy", "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000."),
    ("busy", "You exceeded your current quota, please check your plan and billing details."),
    ("out_of_memory", "failed to allocate compute buffers"),
    ("rejected", "Model does not support images. Please use a model that does."),
    ("unreachable", "Connection error."),
    ("unreachable", "Request timed out."),
    # Our own messages about the connection to a server
    ("unreachable", "no answer: the server refuses connections (nothing listens there)"),
    ("unreachable", "no answer: the connection was closed without one (Server disconnected)"),
    ("unreachable", "the name of the server is not known: gpu.example"),
    ("unreachable", "the server's certificate is not trusted (self-signed certificate)"),
    ("other", "Engine core initialization failed. See root cause above. Failed core proc(s): {}"),
]


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_kind(kind: str, text: str) -> None:
    assert classify(text) == kind
    assert classify(RuntimeError(text)) == kind


def test_what_concerns_one_request() -> None:
    class VLLMValidationError(Exception):
        """As vLLM 0.32 names it: no ValueError."""

    assert concerns_one_request(
        ValueError("The decoder prompt (length 9) is longer than the maximum model length of 8")
    )
    assert concerns_one_request(VLLMValidationError("temperature must be non-negative"))
    assert not concerns_one_request(RuntimeError("CUDA out of memory"))
    assert not concerns_one_request(ValueError("No available memory for the cache blocks."))
    assert not concerns_one_request(RuntimeError("EngineCore encountered an issue"))


@pytest.mark.parametrize(("kind", "text"), [pair for pair in TEXTS if pair[0] == "too_long"])
def test_the_length_of_a_refused_prompt(kind: str, text: str) -> None:
    counts = {"4157": 4157, "length 4096": 4096, "4089": 4089}
    assert refused_tokens(text) == next((count for phrase, count in counts.items() if phrase in text), 0)


def test_a_memory_error_gives_no_length() -> None:
    assert [refused_tokens(text) for kind, text in TEXTS if kind != "too_long"] == [0] * sum(
        kind != "too_long" for kind, _ in TEXTS
    )


ENGINE_LOG = """
ERROR 11-25 03:20:42 [core.py:1510] EngineCore encountered a fatal error.
ERROR 11-25 03:20:42 [core.py:1510] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.38 GiB. GPU 0 has
vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
"""


@pytest.mark.parametrize(
    "what",
    [
        "EngineCore encountered an issue. See stack trace (above) for the root cause.",  # while it answers
        "Engine core initialization failed. See root cause above. Failed core proc(s): {}",  # while it starts
    ],
)
def test_the_root_cause_is_in_the_log(what: str) -> None:
    cause = root_cause(what, ENGINE_LOG)
    assert cause.startswith("torch.OutOfMemoryError: CUDA out of memory")
    assert classify(cause) == "out_of_memory"
    assert root_cause(what, "nothing of note") == what
    assert root_cause("CUDA error", ENGINE_LOG) == "CUDA error"


def test_an_unknown_refusal_is_rejected() -> None:
    assert classify(ValueError("temperature must be non-negative")) == "rejected"


def test_readable_is_one_line_without_bookkeeping() -> None:
    error = ValueError("Too  long:\n4157 tokens. (parameter=input_tokens, value=4157)\n\nTraceback …")
    assert readable(error) == "Too long: 4157 tokens."
    assert readable(ValueError()) == "ValueError"
    assert len(readable(ValueError("x" * 5000))) < 700
