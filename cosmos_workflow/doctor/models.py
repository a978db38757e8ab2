"""What each video model needs where it runs: repositories and their files, driver, card, space. Data alone.

T1 is github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82, T2.5 is nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0, C3 is
NVIDIA/cosmos-framework (its pages: nvidia.github.io/cosmos-framework). What no page states is left empty here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["FILES", "SETUPS", "Form", "Needs", "Setup", "needs_of"]

# How the files lie: Transfer1's folder, Hugging Face's cache, or a folder for the pipelines of diffusers.
Form = Literal["checkpoints", "cache", "diffusers"]


@dataclass(frozen=True)
class Needs:
    """What is needed of one repository: patterns of files in its own folder, `|` between those that do as well.

    `files` are for every run, `by_hint` for those with that control, one of which each run has. `only_for` is what the
    repository is needed for, where most runs do without. `gated` says that its terms must be accepted first; `cached`
    that it is in Hugging Face's cache, wherever the others are. `place` is its folder among those of the model.
    """

    repository: str
    files: tuple[str, ...]
    source: str
    by_hint: Mapping[str, str] = field(default_factory=dict)
    only_for: str = ""
    gated: bool = False
    cached: bool = False
    place: str = ""


@dataclass(frozen=True)
class Setup:
    """What a family's pages ask of a machine. Versions are compared part by part, `capability` is the card's.

    `space` is in bytes, what is free before the first run, and `about_space` says what it is for. `arm_cuda` is the
    least CUDA on aarch64, empty where there are no wheels for it. `image` is how a container comes about.
    """

    cuda: str
    capability: float
    capability_source: str
    space: int | None
    about_space: str
    image: str
    modules: tuple[str, ...]
    source: str
    driver: str = ""
    glibc: str = ""
    arm_cuda: str = ""
    new_cards: str = ""


WEIGHTS = "*.safetensors"
_PROGRAM = "NVIDIA's own program"

_GUARDRAIL1 = Needs(
    "nvidia/Cosmos-Guardrail1", ("blocklist", "face_blur_filter", "video_content_safety_filter/safety_filter.pt"),
    "T1 checkpoints.py, download_checkpoints.py", gated=True,
)  # fmt: skip
_QWEN_GUARD = Needs("Qwen/Qwen3Guard-Gen-0.6B", ("config.json", WEIGHTS), "T2.5 guardrail, cosmos_guardrail 0.3.2")

_T1 = "T1 checkpoints.py"
_FOR_ALL_T1 = (
    Needs(
        "nvidia/Cosmos-Tokenize1-CV8x8x8-720p", ("autoencoder.jit", "encoder.jit", "decoder.jit", "mean_std.pt"), _T1
    ),
    _GUARDRAIL1,
    Needs(
        "meta-llama/Llama-Guard-3-8B", ("config.json", WEIGHTS),
        f"{_T1}; examples/inference_cosmos_transfer1_7b.md: accept its terms", gated=True,
    ),
    Needs("google-t5/t5-11b", ("config.json", "pytorch_model.bin"), "T1 download_checkpoints.py"),
    Needs(
        "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer", ("consolidated.safetensors",),
        "T1 download_checkpoints.py; its page shows folders instead", only_for="NVIDIA's --upsample_prompt",
    ),
)  # fmt: skip
_COMPUTED_T1 = (
    Needs(
        "facebook/sam2-hiera-large", ("sam2_hiera_large.pt",), "T1 auxiliary/sam2",
        only_for="computing seg", cached=True,
    ),
    Needs(
        "IDEA-Research/grounding-dino-tiny", ("config.json", "model.safetensors"), "T1 auxiliary/sam2",
        only_for="computing seg", cached=True,
    ),
    Needs(
        "depth-anything/Depth-Anything-V2-Small-hf", ("config.json", "model.safetensors"),
        "T1 auxiliary/depth_anything", only_for="computing depth", cached=True,
    ),
)  # fmt: skip


def _transfer1(repository: str, *files: str, **by_hint: str) -> Needs:
    return Needs(repository, files, _T1, by_hint=by_hint)


_UUIDS = {
    "edge": "edge/61f5694b-0ad5-4ecd-8ad7-c8545627d125", "vis": "blur/ba2f44f2-c726-4fe7-949f-597069d9b91c",
    "depth": "depth/626e6618-bfcd-4d9a-a077-1409e2ce353f", "seg": "seg/5136ef49-6d8d-42e8-8abf-7dac722a304a",
}  # fmt: skip
_T25 = "T2.5 checkpoints_transfer2.py"
_FOR_ALL_T25 = (
    Needs("nvidia/Cosmos-Reason1-7B", ("config.json", WEIGHTS), "T2.5 text_encoder.py"),
    Needs("nvidia/Cosmos-Predict2.5-2B", ("tokenizer.pth",), "T2.5 docs/setup.md: accept its terms", gated=True),
    _GUARDRAIL1,
    _QWEN_GUARD,
)
# cosmos_guardrail of PyPI, which diffusers asks for, downloads the checker of an older name.
_CHECKER = (
    Needs(
        "nvidia/Cosmos-1.0-Guardrail", ("blocklist", "face_blur_filter/Resnet50_Final.pth"), "cosmos_guardrail 0.3.2",
        cached=True,
    ),
    replace(_QWEN_GUARD, cached=True),
)  # fmt: skip


def _parts(*names: str) -> tuple[str, ...]:
    return tuple(file for name in names for file in (f"{name}/config.json", f"{name}/{WEIGHTS}"))


_DIFFUSERS25 = Needs(
    "nvidia/Cosmos-Transfer2.5-2B",
    ("model_index.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json",
     *_parts("text_encoder", "transformer", "vae")),
    "diffusers 0.42.1 Cosmos2_5_TransferPipeline; T2.5 docs/diffusers_inference.md",
    by_hint={
        **{hint: f"controlnets/{hint}/{WEIGHTS}" for hint in ("edge", "depth", "seg")},
        "vis": f"controlnets/vis/{WEIGHTS}|controlnets/blur/{WEIGHTS}",
    },
    place="transfer2.5-2b",
)  # fmt: skip


def _cosmos3(name: str, place: str) -> Needs:
    return Needs(
        f"nvidia/{name}",
        ("model_index.json|modular_model_index.json", "scheduler/scheduler_config.json",
         "text_tokenizer/tokenizer_config.json", *_parts("transformer", "vae")),
        "diffusers 0.42.1 Cosmos3OmniModularPipeline", place=place,
    )  # fmt: skip


_FRAMEWORK3 = (
    Needs(
        "nvidia/Cosmos-Guardrail1", ("blocklist", "face_blur_filter"), "C3 docs/faq.md: accept its terms", gated=True
    ),
    Needs("Wan-AI/Wan2.2-TI2V-5B", ("Wan2.2_VAE.pth",), "C3 docs/faq.md", only_for=_PROGRAM),
)

_SEVEN = "nvidia/Cosmos-Transfer1-7B"
_AV = "nvidia/Cosmos-Transfer1-7B-Sample-AV"
FILES: dict[str, dict[Form, tuple[Needs, ...]]] = {
    "transfer1-7b": {
        "checkpoints": (
            _transfer1(
                _SEVEN, "base_model.pt", "config.json",
                **{hint: f"{hint}_control.pt" for hint in ("vis", "seg", "edge", "depth", "keypoint")},
            ),
            *_FOR_ALL_T1, *_COMPUTED_T1,
        ),
    },
    "transfer1-7b-distilled": {
        "checkpoints": (
            _transfer1(_SEVEN, "base_model.pt", "config.json", "edge_control_distilled.pt"), *_FOR_ALL_T1,
        ),
    },
    "transfer1-7b-av": {
        "checkpoints": (
            _transfer1(_AV, "base_model.pt", hdmap="hdmap_control.pt", lidar="lidar_control.pt"), *_FOR_ALL_T1,
        ),
    },
    "transfer1-7b-4k": {
        "checkpoints": (_transfer1(_SEVEN, "base_model.pt", "config.json", "4kupscaler_control.pt"), *_FOR_ALL_T1),
    },
    "transfer2.5-2b": {
        "cache": (
            Needs(
                "nvidia/Cosmos-Transfer2.5-2B", (), _T25,
                by_hint={hint: f"general/{uuid}_ema_bf16.pt" for hint, uuid in _UUIDS.items()},
            ),
            *_FOR_ALL_T25,
        ),
        "diffusers": (_DIFFUSERS25, *_CHECKER),
    },
    "transfer2.5-2b-distilled": {
        "cache": (
            Needs(
                "nvidia/Cosmos-Transfer2.5-2B",
                ("distilled/general/edge/41f07f13-f2e4-4e34-ba4c-86f595acbc20_ema_bf16.pt",), _T25,
            ),
            *_FOR_ALL_T25,
        ),
    },
    "cosmos3-nano": {
        "cache": (_cosmos3("Cosmos3-Nano", "cosmos3-nano"), *_FRAMEWORK3),
        "diffusers": (_cosmos3("Cosmos3-Nano", "cosmos3-nano"), *_CHECKER),
    },
    "cosmos3-super": {
        "cache": (_cosmos3("Cosmos3-Super", "cosmos3-super"), *_FRAMEWORK3),
        "diffusers": (_cosmos3("Cosmos3-Super", "cosmos3-super"), *_CHECKER),
    },
}  # fmt: skip

SETUPS: dict[str, Setup] = {
    "transfer1": Setup(
        cuda="12.8", capability=8.0, capability_source="flash_attn 2.6.3 of its Dockerfile",
        new_cards="users report missing kernels on Blackwell (cosmos-transfer1 #56, #208)",
        space=300 * 10**9, about_space="about 300 GB for all checkpoints together; no run uses all of them",
        image="docker build -f Dockerfile . -t nvcr.io/$USER/cosmos-transfer1:latest, in a clone of cosmos-transfer1",
        modules=("torch", "transformers", "transformer_engine", "flash_attn", "decord"),
        source="cosmos-transfer1 INSTALL.md, Dockerfile",
    ),
    "transfer2.5": Setup(
        driver="570.124.06", cuda="12.8", capability=8.0, capability_source="docs/setup.md: Ampere or newer",
        glibc="2.35", arm_cuda="13.0",
        new_cards="Blackwell has an image of its own (docker/nightly.Dockerfile); xformers may have no kernel for it"
        " when depth is computed (cosmos-transfer2.5 #160)",
        space=None, about_space="the sizes are not published",
        image="docker build -f Dockerfile . in a clone of cosmos-transfer2.5 (Blackwell: docker/nightly.Dockerfile)",
        modules=("torch", "transformers"),
        source="cosmos-transfer2.5 docs/setup.md",
    ),
    "cosmos3": Setup(
        cuda="12.8", capability=8.0, capability_source="docs/setup.md: Ampere or newer",
        glibc="2.35", arm_cuda="12.8",
        space=150 * 1024**3, about_space="NVIDIA advises about 150 GiB before the first run; Super is larger than Nano",
        image="vllm/vllm-omni:cosmos3 (vLLM-Omni), or nvcr.io/nim/nvidia/cosmos3-generator (NIM)",
        modules=("torch", "transformers"),
        source="cosmos-framework docs/setup.md, docs/faq.md",
    ),
}  # fmt: skip


def needs_of(model: str, form: Form, engine: str = "") -> tuple[Needs, ...]:
    """What a model needs in that form; the only form that it has, where it lacks this one. `program` needs more.

    >>> [needs.repository for needs in needs_of("cosmos3-nano", "diffusers")][:2]
    ['nvidia/Cosmos3-Nano', 'nvidia/Cosmos-1.0-Guardrail']
    """
    forms = FILES[model]
    all_needs = forms.get(form) or next(iter(forms.values()))
    if engine == "program":
        return tuple(replace(needs, only_for="") if needs.only_for == _PROGRAM else needs for needs in all_needs)
    return all_needs
