"""The models of the Qwen family: Cosmos-Reason1 (Qwen2.5-VL), Cosmos-Reason2 and Cosmos 3's reasoners (Qwen3-VL)."""

from __future__ import annotations

from dataclasses import replace

from cosmos_workflow.limits.images import QwenImages
from cosmos_workflow.limits.model import KVShape, Model
from cosmos_workflow.limits.text import QwenText
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos

__all__ = ["QWEN_MODELS"]

REASON1 = Model(
    # nvidia/Cosmos-Reason1-7B: config.json, preprocessor_config.json and the sampling of its README.md;
    # the wrapping is Qwen2.5-VL's chat template with its default system prompt.
    name="cosmos-reason1-7b",
    repository="nvidia/Cosmos-Reason1-7B",
    images=QwenImages(),
    text=QwenText(),
    wrapping_tokens=19,
    fallback_prompt="describe the following images",
    fallback_tokens=4,
    max_model_len=128000,
    longest_model_len=128000,
    max_num_seqs=256,
    gpu_memory_utilization=0.9,
    max_images=10,
    default_frames=2,
    max_tokens=4096,
    temperature=0.6,
    sampling={"top_p": 0.95, "repetition_penalty": 1.05},
    parameters=8_292_166_656,
    linear_parameters=28 * (2 * 3584 * 128 * (28 + 4) + 3 * 3584 * 18944),
    kv=KVShape(layers=28, kv_heads=4, head_dim=128),
    videos=Qwen25Videos(),
)

# Qwen3-VL-8B-Instruct, from which Cosmos-Reason2-8B was trained.
REASON2_8B = Model(
    name="cosmos-reason2-8b",
    repository="nvidia/Cosmos-Reason2-8B",
    # preprocessor_config.json: patch_size 16, merge_size 2, shortest_edge 65536, longest_edge 16777216 (areas, in spite
    # of their names); 0 mismatches with transformers' processor in the tests.
    images=QwenImages(cell=32, min_pixels=256 * 256, max_pixels=4096 * 4096),
    text=QwenText(generation=3),
    # chat_template.jinja, which writes no system prompt of its own: <|im_start|> user \n … <|im_end|> \n
    # <|im_start|> assistant \n.
    wrapping_tokens=8,
    fallback_prompt="describe the following images",
    fallback_tokens=4,
    # README.md of nvidia-cosmos/cosmos-reason2: --max-model-len 16384 (8,192 to 16,384 are recommended).
    max_model_len=16384,
    longest_model_len=262144,  # config.json: text_config.max_position_embeddings
    max_num_seqs=256,  # vLLM's own, as is the next
    gpu_memory_utilization=0.9,
    max_images=10,
    default_frames=2,
    max_tokens=4096,
    # generation_config.json of Qwen3-VL, and cosmos_framework.scripts.upsample_prompts for Cosmos 3's reasoners. (For
    # questions about a clip, configs/sampling_params.yaml of nvidia-cosmos/cosmos-reason2 has 0.01.)
    temperature=0.7,
    sampling={"top_p": 0.8, "top_k": 20, "presence_penalty": 1.5},
    # From config.json: vision 576,388,336, embeddings and output 2 x 151,936 x 4,096, the rest the 36 layers and norms.
    # Hugging Face's page rounds it to 9B.
    parameters=8_767_123_696,
    linear_parameters=36 * (2 * 4096 * 128 * (32 + 8) + 3 * 4096 * 12288),
    kv=KVShape(layers=36, kv_heads=8, head_dim=128),
    videos=Qwen3Videos(),
)

REASON2_2B = replace(
    # config.json of Qwen3-VL-2B-Instruct: 28 layers, hidden 2048, 16 heads and 8 for the cache of 128, 6144 between.
    REASON2_8B,
    name="cosmos-reason2-2b",
    repository="nvidia/Cosmos-Reason2-2B",
    # NVIDIA states 2.4 G: with an output layer of its own. Where that is tied to the embeddings, as in Qwen3-VL-2B,
    # 2,127,532,032 are left, so a plan promises no memory that is not there.
    parameters=2_438_696_960,
    linear_parameters=28 * (2 * 2048 * 128 * (16 + 8) + 3 * 2048 * 6144),
    kv=KVShape(layers=28, kv_heads=8, head_dim=128),
)

REASON2_32B = replace(
    # config.json of Qwen3-VL-32B-Instruct: 64 layers, hidden 5120, 64 heads and 8 for the cache of 128, 25600 between.
    REASON2_8B,
    name="cosmos-reason2-32b",
    repository="nvidia/Cosmos-Reason2-32B",
    parameters=33_357_390_064,
    linear_parameters=64 * (2 * 5120 * 128 * (64 + 8) + 3 * 5120 * 25600),
    kv=KVShape(layers=64, kv_heads=8, head_dim=128),
)

# Cosmos 3's checkpoints hold a reasoner and a generator; vLLM and the NIM load the reasoner alone (NVIDIA's
# cosmos-framework, cookbooks/cosmos3/reasoner: 16 to 17 GB for Nano). It has Qwen3-VL's shape and conventions.
NANO_REASONER = replace(REASON2_8B, name="cosmos3-nano-reasoner", repository="nvidia/Cosmos3-Nano")
SUPER_REASONER = replace(REASON2_32B, name="cosmos3-super-reasoner", repository="nvidia/Cosmos3-Super")

QWEN_MODELS = (REASON1, REASON2_2B, REASON2_8B, REASON2_32B, NANO_REASONER, SUPER_REASONER)
