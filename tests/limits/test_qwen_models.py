"""Cosmos-Reason2 and the reasoners of Cosmos 3: sizes by arithmetic from their configurations, limits and plans."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.limits import MODELS, KVShape, QwenImages, memory, plan, purpose_of

QWEN3 = (
    "cosmos-reason2-2b",
    "cosmos-reason2-8b",
    "cosmos-reason2-32b",
    "cosmos3-nano-reasoner",
    "cosmos3-super-reasoner",
)

VISION = {"depth": 27, "hidden": 1152, "between": 4304, "deepstack": 3}
SMALL_VISION = {"depth": 24, "hidden": 1024, "between": 4096, "deepstack": 3}
# config.json of Qwen3-VL-2B, -8B and -32B-Instruct.
CONFIGURATIONS = {
    "cosmos-reason2-2b": ({"hidden": 2048, "between": 6144, "layers": 28, "heads": 16}, SMALL_VISION),
    "cosmos-reason2-8b": ({"hidden": 4096, "between": 12288, "layers": 36, "heads": 32}, VISION),
    "cosmos-reason2-32b": ({"hidden": 5120, "between": 25600, "layers": 64, "heads": 64}, VISION),
}


def vision_parameters(hidden: int, depth: int, between: int, deepstack: int, out: int) -> int:
    """Patches of 3 x 2 x 16 x 16, 2,304 positions, blocks with biases, and mergers of 2 x 2, one for each level."""
    patches = 3 * 2 * 16 * 16 * hidden + hidden + 2304 * hidden
    block = 4 * hidden**2 + 4 * hidden + 2 * hidden * between + between + hidden + 4 * hidden
    four = 4 * hidden
    merger = four**2 + four + four * out + out
    return patches + depth * block + (merger + 2 * hidden) + deepstack * (merger + 2 * four)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_parameters_are_those_of_the_configuration(name: str) -> None:
    text, vision = CONFIGURATIONS[name]
    hidden, layers = text["hidden"], text["layers"]
    linear = layers * (2 * hidden * 128 * (text["heads"] + 8) + 3 * hidden * text["between"])
    norms = layers * (2 * hidden + 2 * 128) + hidden
    whole = vision_parameters(**vision, out=hidden) + 2 * 151_936 * hidden + linear + norms
    assert (MODELS[name].parameters, MODELS[name].linear_parameters) == (whole, linear)
    assert MODELS[name].kv == KVShape(layers, 8, 128)


@pytest.mark.parametrize(("name", "billions"), [("2b", 2.4), ("8b", 8.8), ("32b", 33.4)])
def test_sizes_are_the_published_ones(name: str, billions: float) -> None:
    assert round(MODELS[f"cosmos-reason2-{name}"].parameters / 1e9, 1) == billions


@pytest.mark.parametrize("name", QWEN3)
def test_what_they_have_in_common(name: str) -> None:
    model = MODELS[name]
    assert model.images == QwenImages(cell=32, min_pixels=65_536, max_pixels=16_777_216)
    assert (model.max_model_len, model.longest_model_len, model.wrapping_tokens) == (16_384, 262_144, 8)
    assert model.text.exact
    template = f"<|im_start|>user\n{model.fallback_prompt}<|im_end|>\n<|im_start|>assistant\n"
    assert model.text.count(template) == model.wrapping_tokens + model.fallback_tokens


def test_reason1s_template_is_counted_alike() -> None:
    model = MODELS["cosmos-reason1-7b"]
    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{model.fallback_prompt}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert model.text.count(template) == model.wrapping_tokens + model.fallback_tokens


@pytest.mark.parametrize(
    ("size", "tokens"), [((1280, 720), 40 * 22 + 2), ((1920, 1080), 60 * 34 + 2), ((32, 32), 8 * 8 + 2)]
)
def test_images_in_cells_of_32(size: tuple[int, int], tokens: int) -> None:
    assert MODELS["cosmos-reason2-8b"].images.tokens(*size) == tokens


@pytest.mark.parametrize("name", QWEN3)
def test_two_frames_of_full_hd_fit_as_they_are(name: str) -> None:
    result = plan((1920, 1080), "A robot arm in a snowy yard", name)
    assert (result.verdict, result.exact, result.image_tokens) == ("fits", True, 2 * 2042)


@pytest.mark.parametrize(
    ("name", "gpu", "fits"),
    [
        ("cosmos-reason2-2b", "L4", True),  # NVIDIA asks for 24 GB
        ("cosmos-reason2-8b", "RTX 5090", True),  # and for 32 GB
        ("cosmos3-nano-reasoner", "L4", False),
        ("cosmos3-super-reasoner", "H100", True),
        ("cosmos3-super-reasoner", "L40S", False),
    ],
)
def test_cards(name: str, gpu: str, fits: bool) -> None:
    assert memory(name, gpu=gpu).fits is fits


@pytest.mark.parametrize(
    ("folder", "purpose"), [("Cosmos-Reason2-8B", "language"), ("Cosmos3-Nano", ""), ("Cosmos3-Super", "")]
)
def test_a_checkpoint_of_cosmos_3_is_not_taken_for_a_language_model_by_its_name(folder: str, purpose: str) -> None:
    assert purpose_of(f"/data/models/{folder}", is_here=False) == purpose


def test_a_folder_of_qwen3_vl_is_read(tmp_path: Any) -> None:
    import json

    from cosmos_workflow.limits import read_folder

    (tmp_path / "config.json").write_text(
        json.dumps({
            "text_config": {
                "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
                "hidden_size": 4096, "max_position_embeddings": 262144,
            }
        })
    )  # fmt: skip
    size = {"longest_edge": 1310720, "shortest_edge": 4096}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": size, "patch_size": 16, "merge_size": 2}))
    model = read_folder(tmp_path, "cosmos-reason2-8b")
    assert model.images == QwenImages(cell=32, min_pixels=4096, max_pixels=1310720)
    assert model.kv == MODELS["cosmos-reason2-8b"].kv
