"""Finds out what a server speaks, by asking it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cosmos_workflow.engines.access import GATEWAY, KEY_REMEDY, stop_at
from cosmos_workflow.engines.connection import shown
from cosmos_workflow.engines.http.contract import Contract
from cosmos_workflow.engines.http.cosmos3_nim import COSMOS3_NIM
from cosmos_workflow.engines.http.transfer25_nim import TRANSFER25_NIM
from cosmos_workflow.engines.http.vllm_omni import VLLM_OMNI
from cosmos_workflow.engines.replies import Reply, fault_in, models_in
from cosmos_workflow.errors import EngineUnavailable

__all__ = ["CONTRACTS", "Speaks", "is_nvcf", "root_of", "what_it_speaks"]

CONTRACTS = {contract.name: contract for contract in (VLLM_OMNI, TRANSFER25_NIM, COSMOS3_NIM)}
ENDINGS = ("/v1/infer", "/v1/videos/sync", "/v1/videos", "/v1/models", "/v1")
FUNCTIONS = "/nvcf/pexec/functions/"
Get = Callable[[str], Reply]


@dataclass(frozen=True)
class Speaks:
    """The contracts of a server, the likely one first, and the model that it names; empty if it names none."""

    contracts: tuple[Contract, ...]
    model: str = ""

    def contract_for(self, family: str) -> Contract | None:
        return next((contract for contract in self.contracts if contract.family == family), None)


def root_of(url: str) -> str:
    """A server's URL without the path of a contract; that of an NVCF function stays whole.

    >>> root_of("http://localhost:8000/v1/infer")
    'http://localhost:8000'
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    ending = next((ending for ending in ENDINGS if path.endswith(ending)), "")
    return urlunsplit(parts._replace(path=path.removesuffix(ending), query="", fragment=""))


def is_nvcf(url: str) -> bool:
    """Whether a URL is of NVIDIA's cloud functions, which are asked once, and then polled."""
    parts = urlsplit(url)
    return FUNCTIONS in parts.path or f".{parts.hostname}".endswith(".nvcf.nvidia.com")


def what_it_speaks(root: str, name: str, get: Get) -> Speaks:
    """What the server at `root` speaks: the contract of that `name`, or what it says of itself.

    `get` asks for a path below the root. Raises EngineUnavailable where it says nothing, or is not ready.
    """
    if is_nvcf(root):  # a function answers nothing but what is asked of its model
        return Speaks((CONTRACTS[name],) if name else (TRANSFER25_NIM, COSMOS3_NIM))
    speaks = Speaks((CONTRACTS[name],), _named(get)) if name else _asked(root, get)
    if ready := speaks.contracts[0].ready:
        reply = get(ready)
        if reply.status == 503:
            raise _not_ready(root, reply)
    return speaks


def _asked(root: str, get: Get) -> Speaks:
    paths = _paths(reply := get("/openapi.json"))
    _stop(root, reply)
    if VLLM_OMNI.path in paths:
        return Speaks((VLLM_OMNI,), _named(get))
    described = reply.text if TRANSFER25_NIM.path in paths else ""
    metadata = get("/v1/metadata")
    _stop(root, metadata)
    model = _model_in(metadata)
    if described or model:
        of = f"{model} {described}"
        if "cosmos3" in of or "model_mode" in of:
            return Speaks((COSMOS3_NIM,), model)
        if "transfer2.5" in of or "num_steps" in of:
            return Speaks((TRANSFER25_NIM,), model)
    if "cosmos3" in (listed := _named(get)).lower() and not described:
        return Speaks((VLLM_OMNI,), listed)
    raise EngineUnavailable(
        f"nothing there says that it makes videos: no {VLLM_OMNI.path} and no {TRANSFER25_NIM.path}"
        f" (asked: /openapi.json, /v1/metadata, /v1/models)",
        where=shown(root), remedy=f"check --server-url, or say what it speaks: --engine-option contract="
        f"{' or '.join(CONTRACTS)}",
    )  # fmt: skip


def _stop(root: str, reply: Reply) -> None:
    """Raise EngineUnavailable where the server takes no request at all."""
    fault = fault_in(reply)
    if not fault:
        return
    if fault.status in GATEWAY:
        raise _not_ready(root, reply)
    if fault.status in (401, 403):
        raise EngineUnavailable(fault.what, where=shown(root), remedy=KEY_REMEDY)
    stop_at(reply, fault, shown(root), proxy="", answered=False)


def _not_ready(root: str, reply: Reply) -> EngineUnavailable:
    fault = fault_in(reply)
    what = fault.what if fault else f"the server answers {reply.status}"
    remedy = "wait until it is ready, or look into its log"
    return EngineUnavailable(f"it is not ready: {what}", where=shown(root), remedy=remedy)


def _named(get: Get) -> str:
    """The first model that the server lists, or the one that its metadata name; empty if it names none."""
    models = models_in(get("/v1/models"))
    return str(models[0]["id"]) if models else _model_in(get("/v1/metadata"))


def _model_in(metadata: Reply) -> str:
    """The model that a NIM names, without its version."""
    values = metadata.json if metadata.status == 200 else None
    infos = values.get("modelInfo") if isinstance(values, dict) else None
    infos = infos if isinstance(infos, list) else []
    names = [info.get("shortName") or info.get("modelUrl") for info in infos if isinstance(info, dict)]
    text = next((name for name in names if isinstance(name, str)), "")
    if not text and isinstance(values, dict):
        text = next((word for word in ("transfer2.5", "cosmos3") if word in json.dumps(values)), "")
    return text.rpartition("/")[2].partition(":")[0]


def _paths(reply: Reply) -> Any:
    values = reply.json if reply.status == 200 else None
    paths = values.get("paths") if isinstance(values, dict) else None
    return paths if isinstance(paths, dict) else {}
