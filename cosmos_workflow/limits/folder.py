"""Reads a model's facts from the files of its folder, in place of the packaged facts."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.limits.images import PixtralImages, QwenImages
from cosmos_workflow.limits.models import MODELS, KVShape, Model, get_model
from cosmos_workflow.limits.text import QwenText, TekkenText
from cosmos_workflow.limits.video_models import TRANSFER_MODELS
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos

__all__ = ["PROGRAMS", "Purpose", "fingerprint", "model_at", "purpose_of", "read_folder"]

Purpose = Literal["", "language", "video"]

WEIGHTS = {".safetensors", ".bin", ".pth", ".pt", ".gguf"}
TEXTS = {".json", ".model", ".txt", ".jinja"}  # configuration, tokenizer, chat template
INDICES = ("model_index.json", "modular_model_index.json")  # of a pipeline of diffusers
# NVIDIA's programs for videos: each repository, and what in it is started.
PROGRAMS = {
    "cosmos-transfer1": "cosmos_transfer1/diffusion/inference/transfer.py",
    "cosmos-transfer2.5": "examples/inference.py",
    "cosmos-framework": "cosmos_framework/scripts/inference.py",
}


def model_at(model_path: str, model: str | Model) -> Model:
    """The facts of the model at `model_path`: those that its folder states, else the packaged ones of `model`.

    An empty path, or the name of a repository such as `nvidia/Cosmos-…`, changes nothing.
    Raises BadInputError for a folder that is missing or cannot be read.
    """
    is_repository = re.fullmatch(r"[\w.-]+/[\w.-]+", model_path) and not Path(model_path).is_dir()
    return read_folder(model_path, model) if model_path and not is_repository else get_model(model)


def purpose_of(folder: str, is_here: bool = True) -> Purpose:
    """What the model in a folder is for: a `language` model reads its prompts, a `video` model makes videos.

    Its files say so where it `is_here`, on this machine, and so does the name of a known language model's folder or of
    a repository with NVIDIA's program, wherever it is. It is empty where nothing says so.

    >>> purpose_of("/data/checkpoints/Cosmos-UpsamplePrompt1-12B-Transfer"), purpose_of("/data/models")
    ('language', '')
    """
    path = at_home(Path(folder))
    try:
        names = (*INDICES, *PROGRAMS.values())
        if is_here and any(index for name in names for index in (*path.glob(name), *path.glob(f"*/{name}"))):
            return "video"
        if is_here and any((path / name).is_file() for name in ("params.json", "config.json")):
            return "language"
    except OSError:
        pass
    name = re.split(r"[\\/]", folder.rstrip("\\/"))[-1]
    # Cosmos 3's checkpoints hold a reasoner and a generator, so their names say nothing.
    makers = {model.repository for model in TRANSFER_MODELS.values()}
    if name in {model.repository.rsplit("/", 1)[-1] for model in MODELS.values() if model.repository not in makers}:
        return "language"
    return "video" if name in PROGRAMS else ""


def read_folder(folder: str | Path, model: str | Model) -> Model:
    """`model`, with every fact that the files in `folder` state: sizes, image rule, tokenizer table.

    Reads `params.json` and `tekken.json` (Mistral's format), or `config.json`,
    `preprocessor_config.json`, `video_preprocessor_config.json` and `tokenizer.json` (Hugging Face's).
    Raises BadInputError if the folder is missing or holds neither, or a file is broken.
    """
    folder, model = Path(folder), get_model(model)
    if not folder.is_dir():
        raise BadInputError(
            "no such model folder", where=str(folder), remedy=f"check the path, or download {model.repository} there"
        )
    if (folder / "params.json").is_file():
        model = _mistral(folder, model)
    elif (folder / "config.json").is_file():
        model = _huggingface(folder, model)
    else:
        raise BadInputError(
            "this folder has neither params.json nor config.json",
            where=str(folder),
            remedy=f"point to the folder of {model.repository} that holds its weights",
        )
    if (folder / "tekken.json").is_file():
        model = replace(model, text=TekkenText(folder / "tekken.json"))
    elif isinstance(model.text, QwenText) and (folder / "tokenizer.json").is_file():
        text = replace(model.text, table=folder / "tokenizer.json")
        model = replace(model, text=text, fallback_tokens=text.count(model.fallback_prompt))
    return model


def fingerprint(folder: str | Path) -> str:
    """The same for the same model, wherever its folder is: a hash of its configuration and tokenizer, and of the names
    and sizes of its weights.

    What is no folder of this machine, such as a repository's name, stands for itself.
    Raises BadInputError for a file that cannot be read.
    """
    path, digest = at_home(Path(folder)), hashlib.sha256()
    if not path.is_dir():
        return str(folder)
    try:
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path)
            if file.suffix not in WEIGHTS | TEXTS or any(part.startswith(".") for part in name.parts):
                continue
            if file.is_file():
                content = file.stat().st_size if file.suffix in WEIGHTS else _sha256(file)
                digest.update(f"{name.as_posix()} {content}\n".encode(errors="surrogateescape"))
    except OSError as error:
        raise BadInputError(
            f"cannot be read ({error.strerror})", where=str(error.filename or folder), remedy="check its permissions"
        ) from error
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _mistral(folder: Path, model: Model) -> Model:
    path = folder / "params.json"
    params = _read(path)
    try:
        vision = params["vision_encoder"]
        return replace(
            model,
            images=PixtralImages(
                max_side=vision.get("max_image_size") or vision["image_size"],
                patch=vision["patch_size"],
                merge=vision.get("spatial_merge_size") or 1,
            ),
            parameters=_pixtral_parameters(params, vision),
            linear_parameters=_linear_parameters(params),
            kv=KVShape(params["n_layers"], params["n_kv_heads"], params["head_dim"]),
            longest_model_len=params.get("max_position_embeddings") or model.longest_model_len,
        )
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"not the params.json of a Pixtral model ({error!r})",
            where=str(path),
            remedy="choose the --model that belongs to this folder",
        ) from error


def _pixtral_parameters(params: dict[str, Any], vision: dict[str, Any]) -> int:
    """Pixtral's parameter count; 12,682,739,712 for Pixtral-12B-2409."""
    dim = params["dim"]
    norms = params["n_layers"] * 2 * dim + dim
    text = 2 * params["vocab_size"] * dim + _linear_parameters(params) + norms
    seen = vision["hidden_size"]
    seen_layer = 4 * seen**2 + 3 * seen * vision["intermediate_size"] + 2 * seen
    patches = vision.get("num_channels", 3) * vision["patch_size"] ** 2 * seen
    encoder = patches + vision["num_hidden_layers"] * seen_layer + seen
    bias = 2 * dim if vision.get("adapter_bias", True) else 0
    return int(text + encoder + seen * dim + dim**2 + bias)


def _linear_parameters(params: dict[str, Any]) -> int:
    """Parameters of the linear layers of the language model; 10,905,190,400 for Pixtral-12B-2409."""
    attention = 2 * params["dim"] * params["head_dim"] * (params["n_heads"] + params["n_kv_heads"])
    return int(params["n_layers"] * (attention + 3 * params["dim"] * params["hidden_dim"]))


def _huggingface(folder: Path, model: Model) -> Model:
    config = _read(folder / "config.json")
    text = config.get("text_config") or config
    heads = text.get("num_attention_heads")
    if not heads:
        raise BadInputError(
            "it states no number of attention heads (num_attention_heads)",
            where=str(folder / "config.json"),
            remedy="choose the folder of an image-text model",
        )
    model = replace(
        model,
        kv=KVShape(
            text["num_hidden_layers"],
            text.get("num_key_value_heads") or heads,
            text.get("head_dim") or text["hidden_size"] // heads,
        ),
        longest_model_len=text.get("max_position_embeddings") or model.longest_model_len,
    )
    processor = folder / "preprocessor_config.json"
    if isinstance(model.images, QwenImages) and processor.is_file():
        facts = _read(processor)
        size = facts.get("size") or {}
        model = replace(
            model,
            images=replace(
                model.images,
                cell=(facts.get("patch_size") or 14) * (facts.get("merge_size") or 2),
                min_pixels=facts.get("min_pixels") or size.get("shortest_edge") or model.images.min_pixels,
                max_pixels=facts.get("max_pixels") or size.get("longest_edge") or model.images.max_pixels,
            ),
        )
    return _with_videos(folder, model)


def _with_videos(folder: Path, model: Model) -> Model:
    """The model with the bounds that `video_preprocessor_config.json` states, if it takes videos and has that file."""
    path, rule = folder / "video_preprocessor_config.json", model.videos
    if not isinstance(rule, (Qwen25Videos, Qwen3Videos)) or not path.is_file():
        return model
    facts = _read(path)
    size = facts.get("size") or {}
    stated: dict[str, Any] = {
        "min_pixels": size.get("shortest_edge") or facts.get("min_pixels"),
        "max_pixels": size.get("longest_edge") or facts.get("max_pixels"),
    }
    if facts.get("patch_size"):
        stated["cell"] = facts["patch_size"] * (facts.get("merge_size") or 2)
    return replace(model, videos=replace(rule, **{name: value for name, value in stated.items() if value}))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"cannot be read as JSON ({error})", where=str(path), remedy="copy it again from the model's repository"
        ) from error
    if not isinstance(value, dict):
        raise BadInputError("not a JSON object", where=str(path), remedy="copy it again from the model's repository")
    return value
