"""The facts of the video models, against what their fact sheets say; each value here was written by hand."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import (
    OF_FAMILY,
    TRANSFER_MODELS,
    VIDEO_MODELS,
    Setting,
    TransferModel,
    get_transfer_model,
)

ALL_OF_TRANSFER1 = {"vis", "seg", "edge", "depth", "keypoint"}


@pytest.mark.parametrize(
    ("name", "hints", "computes"),
    [
        ("transfer1-7b", ALL_OF_TRANSFER1, ALL_OF_TRANSFER1),
        ("transfer1-7b-distilled", {"edge"}, {"edge"}),
        ("transfer1-7b-av", {"hdmap", "lidar"}, set()),
        ("transfer1-7b-4k", {"upscale"}, {"upscale"}),
        ("transfer2.5-2b", {"edge", "vis", "depth", "seg"}, {"edge", "vis", "depth", "seg"}),
        ("transfer2.5-2b-distilled", {"edge"}, {"edge"}),
        ("cosmos3-nano", {"edge", "vis", "depth", "seg", "wsm"}, {"edge", "vis"}),
        ("cosmos3-super", {"edge", "vis", "depth", "seg", "wsm"}, {"edge", "vis"}),
    ],
)
def test_controls(name: str, hints: set[str], computes: set[str]) -> None:
    model = get_transfer_model(name)
    assert (set(model.hints), set(model.computes)) == (hints, computes)
    assert len(model.hints) == len(hints)


@pytest.mark.parametrize(
    ("name", "default", "taken", "refused"),
    [
        ("transfer1-7b", 35, [1, 36, 500], [0, -1, 3.5]),
        ("transfer1-7b-distilled", 1, [1], [0, 2, 35]),
        ("transfer1-7b-av", 35, [35], [3.5]),
        ("transfer1-7b-4k", 35, [10], [3.5]),
        ("transfer2.5-2b", 35, [1, 200], [0, 2.5]),
        ("transfer2.5-2b-distilled", 4, [4, 35], [0]),
        ("cosmos3-nano", 50, [1, 100], [0, 101, 9.5]),
        ("cosmos3-super", 50, [1, 100], [0, 101, 9.5]),
    ],
)
def test_steps(name: str, default: int, taken: list[float], refused: list[float]) -> None:
    steps = get_transfer_model(name).steps
    assert steps.default == default
    assert [value for value in taken + refused if not steps.refusal(value)] == taken


@pytest.mark.parametrize(
    ("name", "setting", "default", "taken", "refused"),
    [
        ("transfer1-7b", "guidance", 5, [0, 7.5, 30], []),
        ("transfer2.5-2b", "guidance", 3, [0, 3, 7], [-1, 3.5, 8]),
        ("cosmos3-nano", "guidance", 3, [0, 3.5, 7], [-0.5, 7.5]),
        ("cosmos3-nano", "control_guidance", 1.5, [0, 1.5, 10], [-1, 10.5]),
        ("transfer1-7b", "sigma_max", 70, [0, 70, 90], []),
        ("transfer2.5-2b", "sigma_max", None, [0, 70.5, 200], [-1, 201]),
        ("transfer1-7b", "weight", 0.5, [0, 0.3, 5], [-0.1]),
        ("transfer2.5-2b", "weight", 1, [0, 1], [-0.1, 1.1]),
        ("cosmos3-nano", "weight", 1, [0, 1, 3], [-0.1]),
        ("transfer1-7b", "chunk", 121, [121], [93, 120, 122]),
        ("transfer2.5-2b", "chunk", 93, [1, 93, 121], [0, 9.5]),
        ("cosmos3-nano", "chunk", 93, [93, 121], [0]),
    ],
)
def test_settings(name: str, setting: str, default: float | None, taken: list[float], refused: list[float]) -> None:
    asked: Setting = getattr(get_transfer_model(name), setting)
    assert asked.default == default
    assert [value for value in taken + refused if not asked.refusal(value)] == taken
    assert all(asked.refusal(value) for value in (float("nan"), float("inf"), float("-inf")))


def test_what_a_model_does_not_use() -> None:
    def unused(setting: str) -> set[str]:
        return {name for name, model in TRANSFER_MODELS.items() if getattr(model, setting) is None}

    assert unused("guidance") == {"transfer1-7b-distilled"}
    assert unused("control_guidance") == TRANSFER_MODELS.keys() - {"cosmos3-nano", "cosmos3-super"}
    assert unused("sigma_max") == {"transfer1-7b-distilled", "cosmos3-nano", "cosmos3-super"}


def test_defaults_of_one_control_alone() -> None:
    nano = get_transfer_model("cosmos3-nano")
    assert nano.guidance
    assert nano.control_guidance
    assert [nano.guidance.default_for([hint]) for hint in nano.hints] == [3, 3, 3, 3, 1]
    assert [nano.control_guidance.default_for([hint]) for hint in nano.hints] == [1.5, 1.5, 1.5, 2.0, 3.0]
    assert [nano.chunk.default_for([hint]) for hint in nano.hints] == [93, 93, 93, 93, 101]
    assert nano.control_guidance.default_for(["seg", "wsm"]) == 1.5
    assert nano.chunk.default_for([]) == 93


@pytest.mark.parametrize(
    ("name", "seed", "overlaps", "first", "longest", "service", "sigma", "tokens", "early", "tokenizer"),
    [
        ("transfer1-7b", 1, (1,), (0,), None, None, 80, 512, None, "google-t5/t5-11b"),
        ("transfer1-7b-distilled", 1, (1,), (0,), None, None, None, 512, None, "google-t5/t5-11b"),
        ("transfer1-7b-av", 1, (1,), (0,), None, None, 80, 512, None, "google-t5/t5-11b"),
        ("transfer1-7b-4k", 1, (1,), (0,), 121, None, None, 512, None, "google-t5/t5-11b"),
        ("transfer2.5-2b", 2025, (0, 1, 2), (0,), None, (93, 480), None, 512, None, "nvidia/Cosmos-Reason1-7B"),
        ("transfer2.5-2b-distilled", 2025, (0, 1, 2), (0,), 93, None, None, 512, None, "nvidia/Cosmos-Reason1-7B"),
        ("cosmos3-nano", None, None, None, None, None, 0, 4096, 512, "nvidia/Cosmos3-Nano"),
        ("cosmos3-super", None, None, None, None, None, 0, 4096, 512, "nvidia/Cosmos3-Super"),
    ],
)
def test_seeds_frames_and_prompts(
    name: str,
    seed: int | None,
    overlaps: tuple[int, ...] | None,
    first: tuple[int, ...] | None,
    longest: int | None,
    service: tuple[int, int] | None,
    sigma: float | None,
    tokens: int,
    early: int | None,
    tokenizer: str,
) -> None:
    model = get_transfer_model(name)
    assert (model.seed, model.overlaps, model.first_overlaps) == (seed, overlaps, first)
    assert (model.longest, model.service_frames, model.sigma_without_video) == (longest, service, sigma)
    assert (model.prompt.tokens, model.prompt.early, model.prompt.tokenizer) == (tokens, early, tokenizer)
    assert model.family.most_frames == 5000


@pytest.mark.parametrize(
    ("name", "tier", "source", "size"),
    [
        ("transfer1-7b", "", (1920, 1080), (1280, 704)),
        ("transfer1-7b", "", (640, 480), (960, 704)),
        ("transfer1-7b-av", "", (1280, 704), (1280, 704)),
        ("transfer1-7b-4k", "", (1280, 704), (3840, 2112)),
        ("transfer1-7b-4k", "", (640, 480), (2880, 2112)),
        ("transfer2.5-2b", "", (1920, 1080), (1920, 1080)),
        ("transfer2.5-2b", "480p", (641, 481), (640, 480)),
        ("cosmos3-nano", "", (1920, 1080), (1280, 720)),
        ("cosmos3-super", "480", (1080, 1920), (480, 832)),
        ("transfer2.5-2b", "", (1, 4001), (2, 4000)),
    ],
)
def test_the_size_that_is_written(name: str, tier: str, source: tuple[int, int], size: tuple[int, int]) -> None:
    assert get_transfer_model(name).output_size(*source, tier) == size


@pytest.mark.parametrize(
    ("name", "given", "used"),
    [
        ("transfer1-7b", {"edge": 0.3, "vis": 0.6}, {"edge": 0.3, "vis": 0.6}),
        ("transfer1-7b", {"depth": 0.9, "seg": 0.9}, {"depth": 0.5, "seg": 0.5}),
        ("transfer1-7b", {"edge": 0.0}, {"edge": 0.0}),
        ("transfer2.5-2b", {"edge": 1.0, "vis": 0.2, "seg": 0.4}, {"edge": 0.625, "vis": 0.125, "seg": 0.25}),
        ("cosmos3-nano", {"edge": 0.25, "depth": 0.25}, {"edge": 0.5, "depth": 0.5}),
        ("cosmos3-nano", {"edge": 3.0}, {"edge": 1.0}),
    ],
)
def test_weights(name: str, given: dict[str, float], used: dict[str, float]) -> None:
    assert get_transfer_model(name).weights_used(given) == pytest.approx(used)


def test_weights_that_cannot_sum_to_1() -> None:
    with pytest.raises(UsageError, match="needs a weight above 0"):
        get_transfer_model("cosmos3-nano").weights_used({"edge": 0.0})


MODELS = st.sampled_from(list(TRANSFER_MODELS.values()))


@given(MODELS, st.dictionaries(st.sampled_from(["edge", "vis", "seg"]), st.floats(0.01, 5), min_size=1))
def test_weights_keep_their_proportions_and_never_exceed_1(model: TransferModel, weights: dict[str, float]) -> None:
    used = model.weights_used(weights)
    total = sum(weights.values())
    assert sum(used.values()) == pytest.approx(1 if model.weights == "to_one" or total > 1 else total)
    first = next(iter(weights))
    for hint, weight in weights.items():
        assert used[hint] * weights[first] == pytest.approx(used[first] * weight)


@given(MODELS, st.integers(64, 4000), st.integers(64, 4000))
def test_the_size_that_is_written_can_be_encoded(model: TransferModel, width: int, height: int) -> None:
    written = model.output_size(width, height)
    assert written[0] % 2 == written[1] % 2 == 0
    if model.output == "input":
        assert 0 <= width - written[0] <= 1
        assert 0 <= height - written[1] <= 1
    else:
        times = 3 if model.output == "3x" else 1
        assert tuple(side // times for side in written) in model.family.sizes[model.family.tier]


def test_every_fact_has_its_source() -> None:
    described = {"name", "title", "family", "sources", "notes"}
    for model in TRANSFER_MODELS.values():
        assert model.sources.keys() == {field.name for field in fields(model)} - described
        assert all(len(source) > 8 for source in model.sources.values())
        assert model.family.source


def test_names_and_families() -> None:
    for name, model in TRANSFER_MODELS.items():
        assert model.name == name
        assert VIDEO_MODELS[model.family.name] is model.family
        assert name.startswith(model.family.name)
        assert model.family.overlap in (model.overlaps or range(model.family.chunk))
        assert set(model.advised_frames) <= set(model.family.sizes)
        assert set(model.computes) <= set(model.hints)
    assert {family: get_transfer_model(family).name for family in VIDEO_MODELS} == OF_FAMILY
    with pytest.raises(UsageError, match="unknown video model 'transfer9'") as caught:
        get_transfer_model("transfer9")
    assert all(name in caught.value.remedy for name in TRANSFER_MODELS)
