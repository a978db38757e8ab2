"""STAND-INS: what model servers answer, by name and version, as their sources and their users' reports have it.

Each has the body of a good answer, of its list of models, of a prompt that is too long, of a model that is not there,
of a path that is not there, and what else it says of itself; `UnwellServer` sends them. They are no real servers.
"""

# ruff: noqa: E501 - bodies as they come
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from servers.unwell import Reply

NGINX = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr><center>nginx/1.27.1</center>\r\n</body>\r\n</html>\r\n"
GIN_404 = "404 page not found"


@dataclass(frozen=True)
class Sort:
    """A server and its version; `faults` are (kind, reply) beside the two that all have."""

    name: str
    too_long: Reply
    missing: Reply
    elsewhere: Reply = (404, {"detail": "Not Found"})
    listing: Reply = (200, {"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "x"}]})
    finish: Any = "stop"
    message: dict[str, Any] = field(default_factory=dict)  # beside role and content
    choice: dict[str, Any] = field(default_factory=dict)  # beside message and finish_reason
    faults: tuple[tuple[str, Reply], ...] = ()
    tokens: int = 4157  # of the prompt that is too long; 0 where the server does not tell

    def answer(self, text: str) -> Reply:
        message = {"role": "assistant", "content": text} | self.message
        choice = {"index": 0, "message": message, "finish_reason": self.finish} | self.choice
        usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
        return 200, {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }


def flat(message: str, kind: str = "BadRequestError", code: int = 400) -> dict[str, Any]:
    """vLLM's before 0.10, SGLang's and TensorRT-LLM's."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def nested(
    message: str, kind: str | None = "BadRequestError", code: int | str | None = 400, **more: Any
) -> dict[str, Any]:
    """OpenAI's, vLLM's since 0.10, and most others'."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


SORTS = (
    Sort(
        "vLLM 0.8",
        (400, flat("This model's maximum context length is 4096 tokens. However, you requested 4457 tokens (4157 in the "
                   "messages, 300 in the completion). Please reduce the length of the messages or completion.")),
        (404, flat("The model `x` does not exist.", "NotFoundError", 404)),
        message={"reasoning_content": None, "tool_calls": []}, choice={"logprobs": None, "stop_reason": None},
        faults=(
            ("too_many_images", (400, flat("At most 2 image(s) may be provided in one request."))),
            ("server_error", (500, flat("Internal server error", "InternalServerError", 500))),
            ("rejected", (400, flat("[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]"))),
        ),
    ),
    Sort(
        "vLLM 0.32",
        (400, nested("This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens, "
                     "which exceeds this limit even without any output tokens. (parameter=input_tokens, value=4157)")),
        (404, nested("The model `x` does not exist.", "NotFoundError", 404)),
        listing=(200, {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 4096}]}),
        message={"refusal": None, "annotations": None, "audio": None, "function_call": None, "tool_calls": [],
                 "reasoning": None},
        faults=(
            ("too_long", (400, nested("Input length (4157) exceeds model's maximum context length (4096)."))),
            ("too_long", (400, nested("max_tokens must be at least 1, got -61. (parameter=max_tokens, value=-61)"))),
            ("server_error", (500, nested("EngineCore encountered an issue. See stack trace (above) for the root cause.",
                                          "InternalServerError", 500))),
            ("out_of_memory", (500, nested("CUDA out of memory. Tried to allocate 2.38 GiB.", "InternalServerError", 500))),
        ),
    ),
    Sort(
        "SGLang 0.4",
        (400, flat("The input (4157 tokens) is longer than the model's context length (4096 tokens).")),
        (404, flat("The model 'x' does not exist", "NotFoundError", 404)),
        finish="stop", choice={"matched_stop": 2, "logprobs": None},
        faults=(
            ("too_long", (400, flat("Requested token count exceeds the model's maximum context length of 4096 tokens. You "
                                    "requested a total of 4457 tokens: 4157 tokens from the input messages and 300 tokens "
                                    "for the completion."))),
            ("too_long", (400, flat("Input length (4157 tokens) exceeds the maximum allowed length (4090 tokens). Use a "
                                    "shorter input or enable --allow-auto-truncate."))),
            ("busy", (503, flat("The request queue is full.", "SERVICE_UNAVAILABLE", 503))),
        ),
    ),
    Sort(
        "SGLang 0.3",
        (200, {"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": ""},
               "finish_reason": {"type": "abort", "message": "The input (4157 tokens) is longer than the model's context "
                                                             "length (4096 tokens)."}}]}),
        (404, {"detail": "Model not found"}),
        finish={"type": "stop", "matched": 2},
    ),
    Sort(
        "TGI 3",
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4157 `inputs` "
                        "tokens and 300 `max_new_tokens`", "error_type": "validation"}),
        (404, {"error": "Model not found", "error_type": "model_not_found"}),
        elsewhere=(404, ""), listing=(404, ""), finish="eos_token",
        faults=(
            ("too_long", (422, {"error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 4157",
                                "error_type": "validation"})),
            ("too_long", (200, {"error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 4157",
                                "error_type": "validation"})),  # 2.4.0 sent them with status 200
            ("busy", (429, {"error": "Model is overloaded", "error_type": "overloaded"})),
            ("out_of_memory", (424, {"error": "Request failed during generation: Server error: CUDA out of memory.",
                                     "error_type": "generation"})),
            ("server_error", (500, {"error": "Incomplete generation", "error_type": "incomplete_generation"})),
        ),
    ),
    Sort(
        "TensorRT-LLM 0.20",
        (400, flat("The sum of prompt length (4157.0), query length (0) should not exceed max_num_tokens (4096)")),
        (404, flat("The model `x` does not exist.", "NotFoundError", 404)),
        faults=(
            ("too_long", (400, flat("prompt_token_ids length (4157) is greater than max_seq_len (4096)"))),
            ("too_long", (400, flat("default_max_tokens (-61) must be greater than 0, `default_max_tokens (-61) = max_seq_len "
                                    "(4096) - query_token_len (4157)`"))),
            ("too_long", (500, flat("Encountered an error when fetching new request: Prompt length (4157) exceeds maximum "
                                    "input length (4096).", "InternalServerError", 500))),
        ),
    ),
    Sort(
        "llama.cpp b6500",
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size. try increasing the "
               "context size or enable context shift", "type": "exceed_context_size_error", "n_prompt_tokens": 4157,
               "n_ctx": 4096}}),
        (404, nested("model not found", "not_found_error", 404)),
        elsewhere=(404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}),
        listing=(200, {"models": [{"name": "/models/p.gguf", "model": "/models/p.gguf"}], "object": "list",
                       "data": [{"id": "/models/p.gguf", "object": "model", "owned_by": "llamacpp",
                                 "meta": {"n_ctx_train": 131072}}]}),
        faults=(
            ("too_long", (400, nested("request (4157 tokens) exceeds the available context size (4096 tokens), try "
                                      "increasing it", "exceed_context_size_error"))),
            ("too_long", (500, nested("context shift is disabled", "server_error", 500))),
            ("rejected", (500, nested("image input is not supported - hint: if this is unexpected, you may need to provide "
                                      "the mmproj", "server_error", 500))),
        ),
        tokens=0,
    ),
    Sort(
        "llama-cpp-python 0.3",
        (400, nested("Requested tokens (4157) exceed context window of 4096", "invalid_request_error",
                     "context_length_exceeded")),
        (404, nested("The model `x` does not exist.", "invalid_request_error", "model_not_found")),
    ),
    Sort(
        "Ollama 0.3",
        (400, nested("the input length exceeds the context length", "invalid_request_error", None)),
        (404, nested('model "x" not found, try pulling it first', "api_error", None)),
        elsewhere=(404, GIN_404), listing=(200, {"object": "list", "data": [{"id": "m:latest", "object": "model"}]}),
        faults=(
            ("out_of_memory", (500, nested("model requires more system memory (9.3 GiB) than is available (5.1 GiB)",
                                           "api_error", None))),
            ("server_error", (500, nested("llama runner process has terminated: signal: killed", "api_error", None))),
            ("out_of_memory", (500, nested("llama runner process has terminated: cudaMalloc failed: out of memory",
                                           "api_error", None))),
        ),
        tokens=0,
    ),
    Sort(
        "Ollama 0.12",
        (400, nested("the input length exceeds the context length", "invalid_request_error", None)),
        (404, nested("model 'x' not found", "not_found_error", None)),
        elsewhere=(404, GIN_404), listing=(200, {"object": "list", "data": [{"id": "m:latest", "object": "model"}]}),
        message={"reasoning": "Hm, a city …"},
        faults=(
            ("rejected", (500, nested("Failed to create new sequence: failed to process inputs: this model is missing data "
                                      "required for image input", "api_error", None))),
            ("busy", (503, nested("server busy, please try again. maximum pending requests exceeded", "api_error", None))),
        ),
        tokens=0,
    ),
    Sort(
        "LM Studio 0.3",
        (400, {"error": "Trying to keep the first 4157 tokens when context the overflows. However, the model is loaded with "
                        "context length of only 4096 tokens, which is not enough. Try to load the model with a larger "
                        "context length, or provide a shorter input"}),
        (404, nested("No models loaded. Please load a model in the developer page or use the 'lms load' command.",
                     "invalid_request_error", "model_not_found")),
        elsewhere=(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        faults=(
            ("too_long", (400, {"error": "The number of tokens to keep from the initial prompt is greater than the context "
                                         "length (n_keep: 4157>= n_ctx: 4096). Try to load the model with a larger context "
                                         "length, or provide a shorter input."})),
            ("too_long", (400, {"error": "Cannot truncate prompt with n_keep (4157) >= n_ctx (4096)"})),
            ("rejected", (400, {"error": "Model does not support images. Please use a model that does."})),
            ("rejected", (400, {"error": "The model has crashed without additional information. (Exit code: 6)"})),
        ),
    ),
    Sort(
        "LiteLLM proxy",
        (400, nested("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - This model's maximum "
                     "context length is 4096 tokens. However, your messages resulted in 4157 tokens.", None, "400")),
        (400, nested("litellm.BadRequestError: Invalid model name passed in model=x", None, "400")),
        faults=(
            ("busy", (429, nested("litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached: maximum "
                                  "tokens per min exceeded", "throttling_error", "429"))),
            ("timed_out", (408, nested("litellm.Timeout: APITimeoutError - Request timed out.", None, "408"))),
        ),
    ),
    Sort(
        "nginx before vLLM",
        (400, flat("This model's maximum context length is 4096 tokens. However, you requested 4457 tokens (4157 in the "
                   "messages, 300 in the completion).")),
        (404, flat("The model `x` does not exist.", "NotFoundError", 404)),
        elsewhere=(404, NGINX.format("404 Not Found")),
        faults=(
            ("rejected", (413, NGINX.format("413 Request Entity Too Large"))),
            ("server_error", (502, NGINX.format("502 Bad Gateway"))),
            ("timed_out", (504, NGINX.format("504 Gateway Time-out"))),
        ),
    ),
    Sort(
        "OpenRouter",
        (400, nested("This endpoint's maximum context length is 4096 tokens. However, you requested about 4457 tokens "
                     "(4157 of the messages, 300 in the output).", None, 400)),
        (404, nested("No endpoints found: model not found", None, 404)),
        choice={"native_finish_reason": "end_turn"},
        faults=(
            ("server_error", (200, {"error": {"message": "Provider returned error", "code": 502}})),
            ("server_error", (200, {"choices": [{"index": 0, "error": {"code": 502, "message": "Upstream failed"},
                                                 "message": {"content": ""}, "finish_reason": "error"}]})),
            ("busy", (200, {"error": {"message": "Provider is at its limit", "code": 429}})),
        ),
    ),
    Sort(
        "Gemini's",
        (400, [{"error": {"code": 400, "message": "The input token count (4157) exceeds the maximum number of tokens allowed "
                                                  "(4096).", "status": "INVALID_ARGUMENT"}}]),
        (404, [{"error": {"code": 404, "message": "models/x is not found for API version v1main, model not found",
                          "status": "NOT_FOUND"}}]),
        listing=(200, {"object": "list", "data": [{"id": "models/m", "object": "model"}]}),
    ),
)  # fmt: skip


def each_fault() -> Iterator[tuple[str, str, Reply]]:
    """Server, kind and reply, of all that they say."""
    for sort in SORTS:
        yield sort.name, "too_long", sort.too_long
        yield sort.name, "model_missing", sort.missing
        for kind, reply in sort.faults:
            yield sort.name, kind, reply


def _message(content: Any, finish: Any = "stop", **more: Any) -> Reply:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **more}}
    return 200, {"object": "chat.completion", "choices": [choice]}


CALL = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
# What is no answer although it comes as one, each by a name for it.
NO_ANSWERS: dict[str, Reply] = {
    "null": _message(None),
    "empty": _message(""),
    "blanks": _message(" \n\t  "),
    "no parts": _message([]),
    "parts of nothing": _message([{"type": "text", "text": ""}, {"type": "text", "text": " "}]),
    "only reasoning_content": _message(None, reasoning_content="Let me think of a city."),
    "only reasoning": _message("", reasoning="Let me think of a city."),
    "only a thinking part": _message([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
    "only thinking": _message("<think>Hm, a city.</think>\n"),
    "thinking cut off": _message("<think>Hm, a city that", "length"),
    "[THINK] cut off": _message("[THINK]Hm, a city that", "length"),
    "refusal": _message(None, refusal="I cannot help with that."),
    "refusal with words": _message("Sorry.", refusal="I cannot help with that."),
    "content filter": _message("A city w", "content_filter"),
    "tool calls": _message(None, "tool_calls", tool_calls=CALL),
    "function call": _message("", "function_call", function_call={"name": "f", "arguments": "{}"}),
    "cut by the server": _message("A city w", None),
    "aborted": _message("A city w", "abort"),
}
# What is no chat completion at all, with status 200.
NO_COMPLETIONS: dict[str, Reply] = {
    "page": (200, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"),
    "stream": (200, 'data: {"choices":[{"delta":{"content":"A"}}]}\n\ndata: [DONE]\n\n'),
    "lines": (200, '{"message":{"content":"A"},"done":false}\n{"message":{"content":"B"},"done":true}\n'),
    "nothing": (200, ""),
    "no JSON": (200, "Ollama is running"),
    "half": (200, '{"choices":[{"message":{"content":"A ci'),
    "list": (200, []),
    "list of answers": (200, [{"message": "x"}]),
    "null": (200, None),
    "number": (200, 7),
    "text": (200, '"A city"'),
    "empty object": (200, {}),
    "no choices": (200, {"object": "chat.completion", "choices": []}),
    "choices null": (200, {"choices": None}),
    "choices an object": (200, {"choices": {"message": {"content": "A"}}}),
    "choice null": (200, {"choices": [None]}),
    "choice a text": (200, {"choices": ["A"]}),
    "no message": (200, {"choices": [{"finish_reason": "stop", "text": "A"}]}),
    "message a text": (200, {"choices": [{"finish_reason": "stop", "message": "A"}]}),
    "content a number": (200, {"choices": [{"finish_reason": "stop", "message": {"content": 7}}]}),
    "content of numbers": (200, {"choices": [{"finish_reason": "stop", "message": {"content": [7, True]}}]}),
    "deep": (200, "[" * 100_000),
    "deep content": (
        200,
        '{"choices": [{"finish_reason": "stop", "message": {"content": ' + "[" * 900 + "7" + "]" * 900 + "}}]}",
    ),
    "no text at all": (200, b"\xff\xfe\x00\x01\x02\x80"),
    "error null choices": (200, {"error": None}),
}
# Errors that come with status 200, and what must be read in them.
ERRORS_AS_ANSWERS: dict[str, Reply] = {
    "error a text": (200, {"error": "the wheels came off"}),
    "error an object": (200, {"error": {"message": "the wheels came off"}}),
    "error flat": (200, {"object": "error", "message": "the wheels came off", "code": 500}),
    "error with choices": (200, {"error": {"message": "the wheels came off"}, "choices": []}),
    "error deep": (200, {"error": {"error": {"detail": [{"msg": "the wheels came off"}]}}}),
}
# Refusals and faults of one item, by what must be read in them.
FAULTS: dict[str, tuple[Reply, str]] = {
    "400 text": ((400, {"error": "the wheels came off"}), "the wheels came off"),
    "400 detail": ((400, {"detail": "the wheels came off"}), "the wheels came off"),
    "404": ((404, {"detail": "Not Found"}), "Not Found"),
    "413": ((413, NGINX.format("413 Request Entity Too Large")), "413 Request Entity Too Large"),
    "422": ((422, {"detail": [{"loc": ["body", "seed"], "msg": "too large", "type": "int"}]}), "body.seed: too large"),
    "500": ((500, nested("the wheels came off", "server_error", 500)), "the wheels came off"),
    "500 plain": ((500, "Internal Server Error"), "Internal Server Error"),
    "500 empty": ((500, ""), "500"),
    "500 list": ((500, []), "500"),
    "502": ((502, NGINX.format("502 Bad Gateway")), "502 Bad Gateway"),
    "title and detail": (
        (400, {"title": "Bad", "detail": "the wheels came off", "status": 400}),
        "the wheels came off",
    ),
    "418": ((418, {"message": "the wheels came off"}), "the wheels came off"),
}
