import json
from pathlib import Path

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import MODELS, PixtralImages, QwenImages, read_folder
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos

# Pixtral-12B-2409's own.
PARAMS = {
    "dim": 5120, "n_layers": 40, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32, "n_kv_heads": 8,
    "vocab_size": 131072,
    "vision_encoder": {
        "hidden_size": 1024, "num_channels": 3, "image_size": 1024, "patch_size": 16, "intermediate_size": 4096,
        "num_hidden_layers": 24, "num_attention_heads": 16,
    },
}  # fmt: skip


def test_pixtrals_params_give_the_packaged_facts(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(json.dumps(PARAMS))
    packaged = MODELS["cosmos-upsampler-12b"]
    assert read_folder(tmp_path, packaged) == packaged


def test_a_folders_own_facts_go_before_the_packaged(tmp_path: Path) -> None:
    params = PARAMS | {"n_layers": 10, "max_position_embeddings": 8192}
    params["vision_encoder"] = PARAMS["vision_encoder"] | {
        "max_image_size": 1540,
        "patch_size": 14,
        "spatial_merge_size": 2,
    }
    (tmp_path / "params.json").write_text(json.dumps(params))
    model = read_folder(tmp_path, "cosmos-upsampler-12b")
    assert model.images == PixtralImages(max_side=1540, patch=14, merge=2)
    assert (model.kv.layers, model.longest_model_len) == (10, 8192)
    assert model.parameters < 5e9


def test_what_a_folder_leaves_out_is_as_in_pixtral(tmp_path: Path) -> None:
    params = json.loads(json.dumps(PARAMS))
    del params["vision_encoder"]["num_channels"]
    (tmp_path / "params.json").write_text(json.dumps(params))
    assert read_folder(tmp_path, "cosmos-upsampler-12b").parameters == MODELS["cosmos-upsampler-12b"].parameters


def test_a_hugging_face_folder(tmp_path: Path) -> None:
    config = {
        "text_config": {
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "hidden_size": 2048,
        }
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"min_pixels": 784, "max_pixels": 100352, "patch_size": 14})
    )
    (tmp_path / "video_preprocessor_config.json").write_text(
        json.dumps({"size": {"shortest_edge": 4096, "longest_edge": 200704}, "patch_size": 16, "merge_size": 2})
    )
    model = read_folder(tmp_path, "cosmos-reason1-7b")
    assert model.videos == Qwen25Videos(cell=32, min_pixels=4096, max_pixels=200704)
    assert read_folder(tmp_path, "cosmos-reason2-8b").videos == Qwen3Videos(min_pixels=4096, max_pixels=200704)
    assert (model.kv.layers, model.kv.kv_heads, model.kv.head_dim) == (36, 2, 128)
    assert model.images == QwenImages(min_pixels=784, max_pixels=100352)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("params.json", "{", "cannot be read as JSON"),
        ("params.json", "[]", "not a JSON object"),
        ("params.json", '{"dim": 1}', "not the params.json of a Pixtral"),
        ("config.json", "{}", "no number of attention heads"),
        ("other.txt", "", "neither params.json nor config.json"),
    ],
)
def test_a_broken_folder_says_which_file(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInputError, match=message) as caught:
        read_folder(tmp_path, "cosmos-upsampler-12b")
    assert str(tmp_path) in caught.value.where


def test_no_folder() -> None:
    with pytest.raises(BadInputError, match="no such model folder"):
        read_folder("/nowhere", "cosmos-upsampler-12b")
