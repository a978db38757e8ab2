from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import DTYPES, GPUS, MODELS, full_size_model_len, kv_cache, memory, plan

GIB = 1024**3


def test_pixtrals_weights_and_cache() -> None:
    model = MODELS["cosmos-upsampler-12b"]
    assert round(model.parameters / 1e9, 2) == 12.68
    assert round(model.weight_bytes / GIB, 1) == 23.6
    assert model.kv.bytes_per_token() == 160 * 1024


def test_a_longer_context_for_full_frames_costs_800_mib() -> None:
    more = (9216 - 4096) * MODELS["cosmos-upsampler-12b"].kv.bytes_per_token()
    assert more == 800 * 1024**2


def test_cache_is_whole_blocks() -> None:
    block = 160 * 1024 * 16
    assert kv_cache("cosmos-upsampler-12b", 3 * block + 5).blocks == 3
    assert kv_cache("cosmos-upsampler-12b", 256 * block).concurrency == 1.0
    assert kv_cache("cosmos-upsampler-12b", 10 * block, max_model_len=20).concurrency == 5.0  # two blocks each


def test_a_24_gb_card_does_not_hold_pixtral_and_says_so() -> None:
    result = memory(gpu="RTX 4090")
    assert not result.fits
    assert "the weights do not fit" in result.reason
    assert "quantised" in result.remedy


def test_a_cache_smaller_than_one_request() -> None:
    result = memory(memory_gib=26.5, gpu_memory_utilization=0.98)
    assert not result.fits
    assert f"lower max_model_len to {result.longest_model_len:,}" in result.remedy
    assert memory(memory_gib=26.5, max_model_len=result.longest_model_len).fits


@pytest.mark.parametrize(
    ("word", "name"), [("h100", "H100"), ("rtx4090", "RTX 4090"), ("A100", "A100 40GB"), ("a100-80", "A100 80GB")]
)
def test_gpus_by_the_names_people_type(word: str, name: str) -> None:
    assert memory(gpu=word).gpu == name


def test_an_unknown_gpu_lists_the_known() -> None:
    with pytest.raises(UsageError) as caught:
        memory(gpu="Voodoo 2")
    assert all(name in caught.value.remedy for name in GPUS)


def test_weights_by_dtype() -> None:
    model = MODELS["cosmos-upsampler-12b"]
    assert model.linear_parameters == 10_905_190_400
    assert model.weight_bytes_as("bf16") == model.weight_bytes
    rest = 2 * (model.parameters - model.linear_parameters)
    assert model.weight_bytes_as("fp8") == rest + model.linear_parameters
    sizes = [model.weight_bytes_as(dtype) for dtype in DTYPES]
    assert sizes == sorted(sizes, reverse=True)
    # 4 bits each, and for each 128 a scale of 16 bits and a zero point of 4.
    assert model.weight_bytes_as("int4") == rest + model.linear_parameters * (4 + 20 / 128) / 8
    # Qwen2.5-7B's config.json: 28 layers, hidden 3584, 28 heads and 4 for the cache of 128, 18944 between.
    assert MODELS["cosmos-reason1-7b"].linear_parameters == 6_525_288_448


def test_a_24_gb_card_holds_it_in_fp8_and_is_told_so() -> None:
    assert "(fp8 or int4)" in memory(gpu="RTX 4090").remedy
    assert memory(gpu="RTX 4090", dtype="fp8").fits
    with pytest.raises(UsageError, match="unknown dtype"):
        memory(gpu="L4", dtype="fp2")


def test_full_size_frames_need_9216() -> None:
    assert full_size_model_len() == 9216
    assert full_size_model_len(frames=1) == 5120
    for frames in (1, 2):
        result = plan((8192, 8192), "A city " * 20, frames=frames, max_model_len=full_size_model_len(frames=frames))
        assert result.verdict == "fits"


UPSAMPLER = MODELS["cosmos-upsampler-12b"]
BLOCK = 16 * UPSAMPLER.kv.bytes_per_token()


def gib_for(blocks: int) -> float:
    """Memory whose cache has just this many blocks beside the weights, and half of the next."""
    return (UPSAMPLER.weight_bytes + (blocks + 0.5) * BLOCK) / GIB + 2.0


@given(st.integers(0, 20_000), st.integers(1, 262_144))
def test_the_longest_context_is_what_the_cache_holds_and_the_model_takes(blocks: int, longest: int) -> None:
    model = replace(UPSAMPLER, longest_model_len=longest)
    result = memory(model, memory_gib=gib_for(blocks), gpu_memory_utilization=1.0)
    assert result.longest_model_len == min(16 * blocks, longest)


def test_the_longest_context_at_the_models_own_end() -> None:
    """8,192 blocks of 16 tokens are the 131,072 that Pixtral takes."""
    for blocks, longest in ((8191, 131_056), (8192, 131_072), (8193, 131_072), (20_000, 131_072)):
        assert memory(memory_gib=gib_for(blocks), gpu_memory_utilization=1.0).longest_model_len == longest
    assert memory("cosmos-reason1-7b", gpu="H200").longest_model_len == 128_000
    assert memory(gpu="RTX 4090").longest_model_len == 0


@given(st.sampled_from(list(MODELS)), st.integers(0, 12), st.integers(0, 100_000), st.integers(1, 300_000))
def test_full_size_is_the_least_whole_1024_that_takes_it_and_no_more_than_the_model(
    name: str, frames: int, max_tokens: int, longest: int
) -> None:
    model = replace(MODELS[name], max_tokens=max_tokens, longest_model_len=longest)
    # A token of text at least: what has no text sends the fallback prompt.
    needed = model.wrapping_tokens + frames * model.images.max_image_tokens() + max_tokens + 1
    length = full_size_model_len(model, frames)
    assert length <= longest
    if length < longest:
        assert length % 1024 == 0
        assert length - 1024 < needed <= length
    else:
        assert needed > longest - 1024


def test_full_size_at_its_borders() -> None:
    """Two frames of 4,160 tokens and the template's 3 leave 893 of 9,216 for a text of one token and the answer."""
    assert 2 * UPSAMPLER.images.max_image_tokens() + UPSAMPLER.wrapping_tokens == 8323
    for answer, length in ((892, 9216), (893, 10240)):
        assert full_size_model_len(replace(UPSAMPLER, max_tokens=answer)) == length
    for longest in (9215, 9216, 9217):
        assert full_size_model_len(replace(UPSAMPLER, longest_model_len=longest)) == min(9216, longest)
    assert full_size_model_len("cosmos-reason1-7b", frames=10) == 128_000
