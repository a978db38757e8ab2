"""What the video models need of a card: published figures by hand, measured ones against docs/GPU_VIDEO.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import GPUS, TRANSFER_MODELS, Cost, VideoPlan, plan_video
from cosmos_workflow.limits.video_cost import CAPABILITY, CUDA_GIB, TEXT_TO_VIDEO, WAYS

MEASURED = json.loads((Path(__file__).parents[2] / "docs" / "GPU_VIDEO.json").read_text(encoding="utf-8"))
CARDS = {"NVIDIA H100 80GB HBM3": "H100", "NVIDIA H200": "H200"}
WAY = {
    "": "diffusers",
    "text-first": "diffusers, text encoder off the card first",
    "offload": "diffusers, model offload",
}
CASES = [(*name.partition(", ")[::2], run["card"], case) for name, run in MEASURED.items() for case in run["cases"]]


def way_of(plan: VideoPlan, name: str) -> Cost:
    (cost,) = [cost for cost in plan.ways if cost.way == name]
    return cost


@pytest.mark.parametrize(
    ("model", "mode", "card", "case"), CASES, ids=[f"{m}-{w}-{c['name']}-{c['controls']}" for m, w, _, c in CASES]
)
def test_measured_figures_are_those_of_the_page(model: str, mode: str, card: str, case: dict[str, Any]) -> None:
    plan = plan_video(
        model, gpu=CARDS[card], size=(case["width"], case["height"]), tier=case["name"], frames=case["frames"],
        steps=20, controls=case["controls"],
    )  # fmt: skip
    assert (plan.width, plan.height, plan.chunks) == (case["width"], case["height"], 1)
    cost = way_of(plan, WAY[mode])
    once = sum(sum(case[part]) for part in ("text_seconds", "encode_seconds", "decode_seconds"))
    assert cost.minutes == pytest.approx((once + 20 * case["step_seconds"]) / 60, rel=1e-3)
    peak = case["peak"] / 1024**3
    if mode == "text-first":  # the text encoder is there alone before
        peak = max(peak, MEASURED[f"{model}, offload"]["cases"][0]["peaks"]["text_encoder"] / 1024**3)
    assert cost.needed_gib == pytest.approx(peak + CUDA_GIB, abs=0.02)
    assert (cost.memory_basis, cost.time_basis, cost.at_most) == ("measured", "measured", False)
    assert case["beside"] / 1024**3 == pytest.approx(CUDA_GIB, abs=0.05)


@pytest.mark.parametrize(
    ("gpu", "seconds"),
    [
        ("B200", [92.25, 179.7]),
        ("H100 NVL", [445.52, 502.6]),
        ("H100 PCIe", [264.13]),
        ("H20", [683.65, 1374.6]),
        ("RTX PRO 6000", [605.7]),
        ("H200 NVL", [374.4]),
        ("B300", [415.5]),
        ("H100", []),
        ("A100 80GB", []),
    ],
)
def test_published_times_of_transfer25(gpu: str, seconds: list[float]) -> None:
    plan = plan_video("transfer2.5-2b", gpu=gpu)
    script = [cost for cost in plan.ways if cost.way == "NVIDIA's script"]
    assert [cost.minutes * 60 for cost in script if cost.minutes is not None] == pytest.approx(seconds)
    assert {cost.time_basis for cost in script} == {"published" if seconds else "not published"}
    assert {(cost.needed_gib, cost.fits, cost.memory_basis) for cost in script} == {(65.4, True, "published")}


def test_two_chunks_take_what_nvidia_timed_for_121_frames() -> None:
    for gpu, seconds in {"B200": 186.92, "H100 NVL": 895.33, "H100 PCIe": 533.58, "H20": 1370.39}.items():
        plan = plan_video("transfer2.5-2b", gpu=gpu, frames=121)
        assert plan.chunks == 2
        script = next(cost for cost in plan.ways if cost.about.startswith("seg"))
        assert script.minutes == pytest.approx(seconds / 60, rel=0.02)


@pytest.mark.parametrize(
    ("gpu", "seconds"),
    [("RTX PRO 6000", 78.5), ("H20", 176.4), ("H100 NVL", 64.5), ("H200 NVL", 49.8), ("B200", 24.2), ("B300", 53.2)],
)
def test_published_times_of_the_distilled_model(gpu: str, seconds: float) -> None:
    plan = plan_video("transfer2.5-2b-distilled", gpu=gpu)
    assert plan.fits is None
    assert plan.minutes == pytest.approx(seconds / 60)
    assert way_of(plan, "NVIDIA's script").needed_gib is None


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("cosmos3-nano", {"BF16": 64, "BF16, layers and guardrails offloaded": 35, "FP8": 50}),
        ("cosmos3-super", {"BF16": 160, "FP8": 104, "BF16, layers offloaded": 50}),
    ],
)
def test_published_memory_of_nvidias_service(model: str, rows: dict[str, float]) -> None:
    plan = plan_video(model, gpu="B300")
    for row, gib in rows.items():
        cost = way_of(plan, f"NVIDIA's service (NIM), {row}")
        assert (cost.needed_gib, cost.fits, cost.minutes) == (gib, True, None)
        assert cost.time_basis == "not published"


@pytest.mark.parametrize(
    ("model", "gpu", "options", "fits"),
    [
        ("transfer1-7b", "RTX 4090", {}, False),
        ("transfer1-7b", "H100", {}, None),
        ("transfer1-7b-distilled", "A10", {}, False),
        ("transfer1-7b-av", "RTX 4090", {}, None),
        ("transfer1-7b-4k", "H100", {}, None),
        ("transfer2.5-2b", "L4", {}, True),  # the text encoder taken off first
        ("transfer2.5-2b", "L4", {"controls": 2}, False),
        ("transfer2.5-2b", "L40S", {"controls": 2}, False),
        ("transfer2.5-2b", "H100", {"controls": 4}, True),
        ("transfer2.5-2b", "H100", {"tier": "1080"}, None),
        ("cosmos3-nano", "RTX 5090", {}, False),
        ("cosmos3-nano", "L40S", {}, True),
        ("cosmos3-nano", "A100 40GB", {}, False),
        ("cosmos3-nano", "A100 40GB", {"tier": "480"}, True),
        ("cosmos3-super", "H100", {}, True),  # by NVIDIA's service, with layers offloaded
        ("cosmos3-super", "A100 80GB", {}, False),  # the service needs a newer card
        ("cosmos3-super", "H200", {}, True),
    ],
)
def test_what_fits(model: str, gpu: str, options: dict[str, Any], fits: bool | None) -> None:
    plan = plan_video(model, gpu=gpu, **options)
    assert plan.fits is fits
    assert bool(plan.reason) == bool(plan.remedy) == (fits is False)


def test_a_remedy_names_cards_that_really_fit() -> None:
    for model in TRANSFER_MODELS:
        for gpu in GPUS:
            plan = plan_video(model, gpu=gpu)
            named = [name for name in GPUS if f" {name}," in f" {plan.remedy},"]
            assert all(plan_video(model, gpu=name).fits is not False for name in named)
            if plan.fits is False and not plan.ways[0].at_least:
                assert named
                assert gpu not in named


def test_time_of_other_cards_and_sizes_is_not_told() -> None:
    assert plan_video("transfer2.5-2b", gpu="A100 80GB").minutes is None
    assert plan_video("transfer2.5-2b", gpu="H200").minutes is None
    assert plan_video("cosmos3-super", gpu="H100").minutes is None
    assert plan_video("cosmos3-nano", gpu="H100", controls=3).minutes is None
    assert plan_video("transfer2.5-2b", gpu="H100", size=(640, 480)).minutes is None
    assert plan_video("transfer2.5-2b", memory_gib=79).minutes is None
    part = plan_video("transfer2.5-2b", gpu="H100", memory_gib=40)
    assert (part.gpu, part.fits, part.minutes) == ("H100", True, None)
    assert plan_video("transfer2.5-2b", gpu="H100", size=(720, 1280)).minutes == pytest.approx(
        plan_video("transfer2.5-2b", gpu="H100").minutes
    )


def test_memory_of_smaller_pictures_is_at_most_that_of_a_larger_one() -> None:
    small = way_of(plan_video("transfer2.5-2b", gpu="H100", size=(640, 480)), "diffusers")
    assert (small.needed_gib, small.at_most, small.fits) == (34.6, True, True)
    square = plan_video("transfer2.5-2b", gpu="H100", size=(500, 500))  # made at 960x960, which is larger
    large = way_of(square, "diffusers")
    assert (large.needed_gib, large.at_most, large.fits) == (None, False, None)
    assert (way_of(square, "NVIDIA's script").needed_gib, square.fits) == (65.4, True)  # published for 720


def test_more_than_was_measured_needs_no_less() -> None:
    for options in ({"controls": 3}, {"tier": "768"}, {"controls": 5, "tier": "768"}):
        cost = way_of(plan_video("cosmos3-nano", gpu="L4", **options), "diffusers")  # type: ignore[arg-type]
        assert (cost.needed_gib, cost.fits) == (None, False)
        assert "more than 4" in cost.reason
        large = way_of(plan_video("cosmos3-nano", gpu="H100", **options), "diffusers")  # type: ignore[arg-type]
        assert (large.needed_gib, large.fits, large.reason) == (None, None, "")
    two_small = way_of(plan_video("cosmos3-nano", memory_gib=35.6, tier="256", controls=3), "diffusers")
    assert two_small.fits is None  # neither figure is for less


def test_ways_of_one_kind_alone() -> None:
    plan = plan_video("cosmos3-super", gpu="H100", way="diffusers")
    assert [cost.way for cost in plan.ways] == ["diffusers"]
    assert (plan.fits, plan_video("cosmos3-super", gpu="H100").fits) == (False, True)
    assert plan.remedy == "take another card: H200, H200 NVL, B200, B300"
    assert plan_video("transfer1-7b", gpu="L4", way="diffusers").fits is None  # there is no figure


def test_the_chunk_that_is_taken_where_none_is_named() -> None:
    assert any("--chunk 121, else its chunks have 93" in note for note in plan_video("cosmos3-nano", gpu="H100").notes)
    assert not any("--chunk" in note for note in plan_video("transfer2.5-2b", gpu="H100").notes)


def test_the_example_of_the_documents() -> None:
    plan = plan_video("transfer2.5-2b", gpu="h100", frames=240, size=(1280, 720), steps=35, price_per_hour=2.5)
    assert (plan.chunks, plan.chunk, plan.tier) == (3, 93, "720")
    assert (plan.width, plan.height, plan.output_width, plan.output_height) == (1280, 704, 1280, 720)
    assert plan.minutes == pytest.approx(3 * (12.0 + 35 * 9.356) / 60, rel=1e-3)
    assert plan.price == pytest.approx(plan.minutes / 60 * 2.5)
    assert json.loads(json.dumps(plan.to_dict()))["ways"][1]["way"] == "diffusers"


TIMED = st.sampled_from([("transfer2.5-2b", "H100"), ("transfer2.5-2b", "B200"), ("cosmos3-nano", "H100")])


@given(TIMED, st.integers(1, 5000), st.integers(1, 60), st.floats(0, 100))
def test_minutes_grow_with_chunks_and_steps_and_price_with_minutes(
    timed: tuple[str, str], frames: int, steps: int, price: float
) -> None:
    model, gpu = timed
    plan = plan_video(model, gpu=gpu, frames=frames, steps=steps, price_per_hour=price)
    alone = plan_video(model, gpu=gpu, frames=1, steps=steps)
    more = plan_video(model, gpu=gpu, frames=frames, steps=steps + 1)
    assert plan.minutes is not None
    assert alone.minutes is not None
    assert more.minutes is not None
    assert plan.chunks == TRANSFER_MODELS[model].family.chunks(frames)
    assert alone.chunks == 1
    assert plan.minutes == pytest.approx(plan.chunks * alone.minutes)
    assert more.minutes > plan.minutes
    assert plan.price == pytest.approx(plan.minutes / 60 * price)
    assert plan.fits


@given(st.sampled_from(list(TRANSFER_MODELS)), st.integers(1, 20_000))
def test_chunks_hold_every_frame_that_is_read(model: str, frames: int) -> None:
    plan = plan_video(model, memory_gib=80, frames=frames)
    read = min(frames, 5000)
    family = TRANSFER_MODELS[model].family
    made = family.chunk + (plan.chunks - 1) * (family.chunk - family.overlap)
    assert made >= read
    assert plan.chunks == 1 or made - (family.chunk - family.overlap) < read
    assert any("5,000 frames" in note for note in plan.notes) == (frames > 5000)


@given(st.sampled_from(list(TRANSFER_MODELS)), st.floats(1, 300), st.floats(0, 100))
def test_more_memory_never_fits_less(model: str, memory: float, more: float) -> None:
    order = {False: 0, None: 1, True: 2}
    plan, larger = plan_video(model, memory_gib=memory), plan_video(model, memory_gib=memory + more)
    assert order[plan.fits] <= order[larger.fits]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": 5}, "takes 1 to 4 controls, not 5"),
        ({"controls": 0}, "takes 1 to 4 controls, not 0"),
        ({"steps": 0}, "does not take 0 steps"),
        ({"frames": 0}, "has 1 frame at least"),
        ({"tier": "4k"}, "no sizes '4k'"),
        ({"size": (0, 720)}, "has no area"),
        ({"gpu": "Voodoo"}, "unknown GPU"),
        ({"memory_gib": float("nan")}, "not a size of memory"),
        ({"memory_gib": float("inf")}, "not a size of memory"),
        ({"memory_gib": -1.0}, "not a size of memory"),
        ({"steps": 10**400}, "does not take"),
        ({"price_per_hour": -1.0}, "not a price"),
        ({"price_per_hour": float("nan")}, "not a price"),
        ({"price_per_hour": float("inf")}, "not a price"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        plan_video("transfer2.5-2b", **{"gpu": "H100", **options})
    assert caught.value.remedy


def test_what_other_models_refuse() -> None:
    for model, options, message in (
        ("transfer1-7b-distilled", {"controls": 2}, "takes 1 control, not 2"),
        ("transfer1-7b-distilled", {"steps": 35}, "does not take 35 steps"),
        ("transfer1-7b-av", {"controls": 3}, "takes 1 to 2 controls, not 3"),
        ("cosmos3-nano", {"steps": 101}, "does not take 101 steps"),
        ("transfer1-7b", {"steps": 0}, "does not take 0 steps"),
    ):
        with pytest.raises(UsageError, match=message):
            plan_video(model, gpu="H100", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "gpu", "frames", "note"),
    [
        ("transfer1-7b-4k", "H100", 240, "121 frames at most are advised: give it 2 pieces"),
        ("transfer2.5-2b-distilled", "H100", 94, "93 frames at most are advised: give it 2 pieces"),
        ("transfer1-7b", "H100", 60, "noisy"),
        ("transfer2.5-2b", "H100", 60, "back and forth"),
        ("transfer1-7b", "GH200", 121, "aarch64"),
        ("transfer2.5-2b", "GH200", 121, "CUDA 13"),
        ("cosmos3-nano", "GH200", 121, "aarch64): as x86-64 (cosmos-framework docs/setup.md"),
        ("cosmos3-nano", "H100", 121, "took 208 s with PyTorch and 202 s with vLLM-Omni"),
    ],
)
def test_notes(model: str, gpu: str, frames: int, note: str) -> None:
    assert any(note in text for text in plan_video(model, gpu=gpu, frames=frames).notes)
    assert not any(note in text for text in plan_video(model, gpu="L4", frames=93 + 28 * ("2.5" not in model)).notes)


@pytest.mark.parametrize(("model", "longest"), [("transfer1-7b-4k", 121), ("transfer2.5-2b-distilled", 93)])
def test_the_longest_clip_is_still_advised(model: str, longest: int) -> None:
    assert not any("are advised" in note for note in plan_video(model, gpu="H100", frames=longest).notes)
    assert any("give it 2 pieces" in note for note in plan_video(model, gpu="H100", frames=longest + 1).notes)


def test_every_figure_is_of_a_known_model_and_card() -> None:
    assert WAYS.keys() <= TRANSFER_MODELS.keys()
    assert CAPABILITY.keys() == GPUS.keys()
    assert TEXT_TO_VIDEO.keys() <= GPUS.keys()
    for model, ways in WAYS.items():
        assert {time.gpu for way in ways for time in way.times} <= GPUS.keys()
        sizes = {size for tier in TRANSFER_MODELS[model].family.sizes.values() for size in tier}
        assert {time.size for way in ways for time in way.times} <= sizes
