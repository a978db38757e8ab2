import pytest

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
    found = memory(gpu="RTX 4090")
    assert not found.fits
    assert "the weights do not fit" in found.reason
    assert "quantised" in found.remedy


def test_a_cache_smaller_than_one_request() -> None:
    found = memory(memory_gib=26.5, gpu_memory_utilization=0.98)
    assert not found.fits
    assert f"lower max_model_len to {found.longest_model_len:,}" in found.remedy
    assert memory(memory_gib=26.5, max_model_len=found.longest_model_len).fits


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
    assert MODELS["cosmos-reason1-7b"].linear_parameters < MODELS["cosmos-reason1-7b"].parameters


def test_a_24_gb_card_holds_it_in_fp8_and_is_told_so() -> None:
    assert "(fp8 or int4)" in memory(gpu="RTX 4090").remedy
    assert memory(gpu="RTX 4090", dtype="fp8").fits
    with pytest.raises(UsageError, match="no dtype"):
        memory(gpu="L4", dtype="fp2")


def test_full_size_frames_need_9216() -> None:
    assert full_size_model_len() == 9216
    assert full_size_model_len(frames=1) == 5120
    for frames in (1, 2):
        found = plan((8192, 8192), "A city " * 20, frames=frames, max_model_len=full_size_model_len(frames=frames))
        assert found.verdict == "fits"
