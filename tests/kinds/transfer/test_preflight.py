"""Every statement of the preflight: on real clips, where it holds and where it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import clips
import pytest
from PIL import Image

from cosmos_workflow.kinds.transfer.asking import item_from
from cosmos_workflow.kinds.transfer.item import Settings
from cosmos_workflow.kinds.transfer.plan import Checked, check_item
from cosmos_workflow.kinds.transfer.preflight import STATEMENTS
from cosmos_workflow.kinds.transfer.sources import distinct
from cosmos_workflow.kinds.transfer.spec import Spec
from cosmos_workflow.limits.captions import server_tokens

Asked = dict[str, Any]
EDGE: Asked = {"edge": {}}
T1: Asked = {"model": "transfer1-7b", "fps": 24, "sigma_max": 70}
C3: Asked = {"model": "cosmos3-nano", "prompt": '{"subjects": []}'}
PIECES = "word " * 600  # about 750 tokens


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A clip by its width, height, frames and rate, made once."""
    folder = tmp_path_factory.mktemp("footage")

    def make(width: int = 1280, height: int = 704, frames: int = 121, fps: int = 24, **more: Any) -> str:
        path = folder / f"{width}x{height}-{frames}-{fps}-{''.join(more.values())}.mp4"
        if not path.exists():
            picture = clips.flat((90, 120, 60), height, width)
            clips.write(path, [picture] * frames, fps=fps, options={"preset": "ultrafast"}, **more)
        return str(path)

    return make


def asked(footage: Callable[..., str], asks: Mapping[str, Any], settings: Settings = Settings()) -> Checked:  # noqa: B008
    """The check of a spec; tuples that stand for paths are clips of these numbers."""

    def filled(value: Any) -> Any:
        if isinstance(value, tuple):
            return footage(*value)
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        return value

    spec = Spec.model_validate({"prompt": "a city", **filled(dict(asks))})
    return check_item(item_from(spec), settings)


def said_of(checked: Checked, name: str) -> list[str]:
    return [each.text for each in checked.findings if each.statement.name == name]


BIG, SHORT = (1280, 704, 121), (1280, 704, 50)
CLIP: Asked = {"video": BIG, "controls": EDGE}
DIFFUSERS, PREVIEW, HTTP = Settings(engine="diffusers"), Settings(engine="preview"), Settings(engine="http")
PROGRAM = Settings(engine="program")
# name: what it holds for, with a part of its text; and what is like it, and right.
CASES: dict[str, tuple[Asked, str, Asked, Settings]] = {
    "missing-file": (CLIP | {"video": "none.mp4"}, "none.mp4", CLIP, PREVIEW),
    "numbered-images": (CLIP | {"video": "images"}, "video is a sequence of images", CLIP, PREVIEW),
    "no-control": (CLIP | {"controls": {}}, "no control", CLIP, PREVIEW),
    "unknown-hint": (CLIP | {"controls": {"keypoint": {"path": BIG}}}, "no control keypoint",
                     CLIP | T1 | {"controls": {"keypoint": {}}}, PREVIEW),
    "needs-av-model": (CLIP | T1 | {"controls": {"hdmap": {"path": BIG}}}, "hdmap needs the model",
                       CLIP | T1 | {"model": "transfer1-7b-av", "controls": {"hdmap": {"path": BIG}}}, PREVIEW),
    "control-without-source": (CLIP | C3 | {"controls": {"depth": {}}}, "computes no depth",
                               CLIP | C3 | {"controls": {"depth": {"path": BIG}}}, PREVIEW),
    "no-video": (T1 | {"controls": {"edge": {"path": BIG}}}, "the noise must be 80 at least",
                 T1 | {"sigma_max": 80, "controls": {"edge": {"path": BIG}}}, PREVIEW),
    "bad-weight": (CLIP | {"controls": {"edge": {"weight": 1.5}}}, "the weight of edge is 1.5: 1 at most",
                   CLIP | T1 | {"controls": {"edge": {"weight": 1.5}}}, PREVIEW),
    "number-out-of-range": (CLIP | {"guidance": 3.5}, "guidance is 3.5: only whole numbers",
                            CLIP | {"guidance": 7}, PREVIEW),
    "refused-key": (CLIP | {"extra": {"output_dir": "x"}}, "output_dir", CLIP, PREVIEW),
    "ignored-key": (CLIP | T1 | {"extra": {"num_video_frames": 121}}, "num_video_frames", CLIP | T1, PREVIEW),
    "vis-with-style": (CLIP | {"controls": {"vis": {}}, "style_frame": 3}, "refuses them together",
                       CLIP | {"style_frame": 3}, PREVIEW),
    "batch-size": (
        {"model": "transfer1-7b-4k", "video": BIG, "controls": {"upscale": {}}, "program": {"batch_size": 4}},
        "batch_size is 4", CLIP | T1 | {"program": {"batch_size": 4}}, PREVIEW,
    ),
    "beyond-model": (CLIP | {"regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, "has no regional prompts", CLIP,
                     PREVIEW),
    "bad-region": (CLIP | T1 | {"regions": [{"prompt": "a", "box": [0.5, 0, 0.5, 1]}]}, "[0.5, 0, 0.5, 1]",
                   CLIP | T1 | {"regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, PREVIEW),
    "name-twice": (CLIP | {"name": "a"}, "another transfer is named a too", CLIP | {"name": "a"}, PREVIEW),
    "distilled-alone": (
        CLIP | T1 | {"model": "transfer1-7b-distilled", "controls": {"edge": {}, "vis": {}}}, "takes one control",
        CLIP | T1 | {"model": "transfer1-7b-distilled"}, PREVIEW,
    ),
    "beyond-diffusers": (CLIP | {"sigma_max": 40}, "takes no sigma_max", CLIP, DIFFUSERS),
    "beyond-program": (CLIP | T1 | {"frames": 50}, "makes all 121 frames, and 50 are asked for", CLIP | T1, PROGRAM),
    "program-keys": (CLIP | C3 | {"program": {"enable_sound": True}}, "enable_sound", CLIP | C3, DIFFUSERS),
    "no-wheels": (CLIP | T1, "ARM", CLIP | C3, Settings(engine="preview", gpu="gh200")),
    "too-little-memory": (CLIP | C3, "L4 has too little memory", {}, Settings(engine="preview", gpu="L4")),
    "nim-length": (CLIP | {"video": SHORT}, "takes 93 to 480 frames, and there are 50", CLIP, HTTP),
    "nim-pixels": (CLIP | {"controls": {"edge": {"path": (1280, 704, 122)}}}, "", CLIP, HTTP),
    "unequal-frames": (CLIP | C3, "121 frames in chunks of 93", CLIP | C3 | {"chunk": 121}, HTTP),
    "beyond-http": (CLIP | {"frames": 93}, "makes all 121 frames of the clip, and 93 are asked for", CLIP, HTTP),
    "one-server-only": (CLIP | C3 | {"aspect": "1:1"}, "takes the shape of the clip, and not 960x960", CLIP | C3, HTTP),
    "other-bucket": (CLIP | {"controls": {"edge": {"path": (640, 480, 121)}}}, "640x480, which becomes 960x704",
                     CLIP | {"controls": {"edge": {"path": (640, 352, 121)}}}, PREVIEW),
    "size-of-no-bucket": (CLIP | {"size": "1920x1080"}, "has no size 1920x1080", CLIP | {"size": "1280x704"}, PREVIEW),
    "stretched": (CLIP | {"video": (640, 360, 121)}, "640x360 is stretched to 1280x704, 2.3% wider", CLIP, PREVIEW),
    "upscale-shrinks": (
        {"model": "transfer1-7b-4k", "video": (1920, 1056, 121), "controls": {"upscale": {}}}, "first made 1280x704",
        {"model": "transfer1-7b-4k", "video": BIG, "controls": {"upscale": {}}}, PREVIEW,
    ),
    "other-shape": (CLIP | {"controls": {"edge": {"path": (1280, 540, 121)}}}, "do not lie on each other",
                    CLIP | {"controls": {"edge": {"path": (640, 352, 121)}}}, PREVIEW),
    "short-control": (CLIP | {"controls": {"edge": {"path": SHORT}}}, "edge has 50 frames, and 121 are made",
                      CLIP | {"frames": 50, "controls": {"edge": {"path": SHORT}}}, PREVIEW),
    "shortest-wins": (CLIP | T1 | {"controls": {"edge": {"path": SHORT}}}, "the video ends after 50",
                      CLIP | T1 | {"controls": {"edge": {"path": BIG}}}, PREVIEW),
    "frames-beyond-the-most": (CLIP | {"video": (64, 36, 5001)}, "only the first 5,000 of 5,001",
                               CLIP | {"video": (64, 36, 5001), "frames": 5000}, PREVIEW),
    "beside-advice": (CLIP | C3 | {"frames": 23}, "23 frames are fewer than the 24",
                      CLIP | C3 | {"frames": 24}, PREVIEW),
    "long-distilled": (CLIP | {"model": "transfer2.5-2b-distilled", "frames": 94}, "94 frames are more than the 93",
                       CLIP | {"model": "transfer2.5-2b-distilled", "frames": 93}, PREVIEW),
    "dropped-regions": (
        CLIP | T1 | {"model": "transfer1-7b-distilled", "regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]},
        "drops the 1 regional prompts", CLIP | T1 | {"regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, PREVIEW,
    ),
    "short-clip": (CLIP | {"video": SHORT}, "less than a chunk of 93", CLIP | {"frames": 93}, PREVIEW),
    "last-chunk": (CLIP, "filled up with 64 frames (2.67 s)", CLIP | {"frames": 93}, PREVIEW),
    "chunk-seams": (CLIP, "2 chunks: the seam is at 3.9 s", CLIP | {"frames": 93}, PREVIEW),
    "drifting-overlap": (CLIP | {"overlap": 2}, "overlap of 2", CLIP | {"overlap": 1}, PREVIEW),
    "other-rate": (CLIP | T1 | {"video": (1280, 704, 121, 30)}, "30 frames a second are played at 24: 4.03 s become"
                   " 5.04 s", CLIP | T1, PREVIEW),
    "long-upscale": (
        {"model": "transfer1-7b-4k", "video": (1280, 704, 122), "controls": {"upscale": {}}}, "in 2 pieces of 121",
        {"model": "transfer1-7b-4k", "video": BIG, "controls": {"upscale": {}}}, PREVIEW,
    ),
    "short-regions": (
        CLIP | T1 | {"video": SHORT, "regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, "need 121 frames",
        CLIP | T1 | {"regions": [{"prompt": "a", "box": [0, 0, 1, 1]}]}, PREVIEW,
    ),
    "no-prompt": (CLIP | {"prompt": " "}, "no prompt", CLIP, PREVIEW),
    "long-prompt": (CLIP | {"prompt": PIECES}, "beyond 512", CLIP | {"prompt": "word " * 100}, PREVIEW),
    "paragraph-for-cosmos3": (CLIP | C3 | {"prompt": "a city"}, "structured caption", CLIP | C3, PREVIEW),
    "ignored-mask-prompt": (
        CLIP | T1 | {"controls": {"edge": {"mask_prompt": "a car"}}}, "control_weight_prompt of edge is ignored",
        CLIP | T1 | {"controls": {"edge": {}, "seg": {"mask_prompt": "a car"}}}, PREVIEW,
    ),
    "ignored-preset": (CLIP | T1 | {"controls": {"edge": {"preset": "low"}}}, "ignores the preset low",
                       CLIP | {"controls": {"edge": {"preset": "low"}}}, PREVIEW),
    "spec-beats-options": (CLIP | T1 | {"seed": 3}, "seed", CLIP | {"seed": 3}, PREVIEW),
    "scaled-weights": (
        CLIP | {"controls": {"edge": {"weight": 1.0}, "vis": {"weight": 0.25}}}, "edge 1 to 0.8, vis 0.25 to 0.2",
        CLIP | {"controls": {"edge": {"weight": 0.75}, "vis": {"weight": 0.25}}}, PREVIEW,
    ),
    "zero-weight": (CLIP | {"controls": {"edge": {"weight": 1.0}, "vis": {"weight": 0}}}, "vis has no weight",
                    CLIP | {"controls": {"edge": {"weight": 0.5}, "vis": {"weight": 0.5}}}, PREVIEW),
    "seg-alone": (CLIP | {"controls": {"seg": {"path": BIG}}}, "segmentation alone",
                  CLIP | {"controls": {"seg": {"path": BIG}, "edge": {}}}, PREVIEW),
    "high-vis": (CLIP | {"controls": {"vis": {}}}, "vis counts 1",
                 CLIP | {"controls": {"edge": {"weight": 0.5}, "vis": {"weight": 0.5}}}, PREVIEW),
    "four-full-controls": (
        CLIP | {"controls": {"edge": {}, "vis": {}, "depth": {"path": BIG}, "seg": {"path": BIG}}},
        "4 controls at 1.0",
        CLIP | {"controls": {"edge": {}, "vis": {"weight": 0.2}, "depth": {"path": BIG}, "seg": {"path": BIG}}},
        PREVIEW,
    ),
    "loads-all-controls": (CLIP | {"controls": {"edge": {}, "vis": {}}}, "loads all four", CLIP, PREVIEW),
    "restored-without-clip": (
        C3 | {"controls": {"edge": {"path": BIG}}, "restore": ["size"]}, "size of the clip cannot be restored",
        C3 | {"video": BIG, "controls": {"edge": {"path": BIG}}, "restore": ["size"]}, PREVIEW,
    ),
    "nothing-to-restore": (CLIP | {"restore": ["audio"]}, "the clip has no sound", CLIP | {"restore": ["size"]},
                           PREVIEW),
    "pixelated-faces": (CLIP | {"prompt": "Two women cross a street"}, "women", CLIP, DIFFUSERS),
    "face-filter": (CLIP, "what it takes for faces", CLIP | {"prompt": "Two women cross a street"}, DIFFUSERS),
}  # fmt: skip


def test_every_statement_has_a_case() -> None:
    assert set(CASES) == set(STATEMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_statement_holds_where_it_should(name: str, footage: Callable[..., str], tmp_path: Path) -> None:
    asks, text, right, settings = CASES[name]
    if name == "nim-pixels":
        full = footage(1280, 704, 121, pixel_format="yuvj420p")
        asks, text = CLIP | {"video": full}, "yuvj420p"
    if name == "numbered-images":
        for number in (1, 2):
            Image.new("RGB", (1280, 704)).save(tmp_path / f"color.{number:04d}.png")
        asks = asks | {"video": str(tmp_path / "color.%04d.png")}
    checked = asked(footage, asks, settings)
    if name == "name-twice":
        *_, item = distinct([checked.item, checked.item])
        assert item.id == "a-2"
        checked = check_item(item, settings)
    findings = [each for each in checked.findings if each.statement.name == name]
    assert findings, [each.statement.name for each in checked.findings]
    assert any(text in each.text for each in findings), [each.text for each in findings]
    assert all(each.remedy for each in findings)
    level = STATEMENTS[name].level
    assert level == "note" or checked.verdict in (level, "bad_input")
    assert checked.runs == (checked.verdict in ("fits", "risky"))
    if name == "too-little-memory":
        right, settings = asks, Settings(engine="preview", gpu="H100")
    if right:
        assert name not in [each.statement.name for each in asked(footage, right, settings).findings]


def test_a_clip_that_a_model_takes_as_it_is_fits(footage: Callable[..., str]) -> None:
    checked = asked(footage, CLIP | {"video": (1280, 704, 93)}, DIFFUSERS)
    assert (checked.verdict, checked.reason) == ("fits", "")
    work = checked.work
    assert work is not None
    assert (work.width, work.height, work.frames, work.chunks, work.steps, work.guidance, work.seed) == (
        1280, 704, 93, 1, 35, 3, 2025,
    )  # fmt: skip
    assert [(each.hint, each.share, each.preset, each.computed) for each in work.controls] == [
        ("edge", 1.0, "medium", True)
    ]


def test_a_picture_stands_for_any_number_of_frames(footage: Callable[..., str], tmp_path: Path) -> None:
    Image.new("RGB", (1280, 704), (40, 40, 40)).save(tmp_path / "edge.png")
    checked = asked(footage, CLIP | {"frames": 93, "controls": {"edge": {"path": str(tmp_path / "edge.png")}}})
    assert checked.verdict == "fits", checked.reason


def test_what_is_restored_is_planned(footage: Callable[..., str]) -> None:
    clip = footage(960, 541, 121, 30, pixel_format="yuv444p")
    checked = asked(footage, CLIP | T1 | {"video": clip, "restore": ["fps", "size"]})
    work = checked.work
    assert work is not None, checked.reason
    assert (work.width, work.out_width, work.out_height) == (1280, 960, 540)
    assert (work.fps, work.out_fps, work.restore) == (24, 30, ("size", "fps"))
    assert checked.note.startswith("960x540, 121 frames at 30 a second")
    assert "other-rate" not in [each.statement.name for each in checked.findings]


def frames_of(name: str, model: str, footage: Callable[..., str], *counts: int, **more: Any) -> list[bool]:
    """Whether a statement holds for clips of so many frames."""
    made: Asked = CLIP | {"model": model, "video": (64, 36, 243)} | more
    return [bool(said_of(asked(footage, made | {"frames": count}), name)) for count in counts]


def test_chunks_at_their_borders(footage: Callable[..., str]) -> None:
    assert frames_of("short-clip", "transfer2.5", footage, 1, 2, 92, 93) == [False, True, True, False]
    assert frames_of("short-clip", "transfer1", footage, 1, 120, 121) == [True, True, False]
    assert frames_of("chunk-seams", "transfer2.5", footage, 93, 94, 185) == [False, True, True]
    assert frames_of("last-chunk", "transfer2.5", footage, 93, 94, 184, 185, 186) == [False, True, True, False, True]
    assert frames_of("last-chunk", "transfer1", footage, 121, 122, 240, 241, 242) == [False, True, True, False, True]
    regions = [{"prompt": "a", "box": [0, 0, 1, 1]}]
    assert frames_of("short-regions", "transfer1", footage, 1, 120, 121, regions=regions) == [True, True, False]
    assert frames_of("drifting-overlap", "transfer2.5", footage, 93, 94, overlap=0) == [False, True]


def test_the_remedy_of_a_filled_chunk_leaves_nothing_to_fill(footage: Callable[..., str]) -> None:
    for model in ("transfer1", "transfer2.5", "cosmos3"):
        made = CLIP | {"model": model, "video": (64, 36, 243), "prompt": "{}"}
        (remedy,) = [each.remedy for each in asked(footage, made).findings if each.statement.name == "last-chunk"]
        frames = int(remedy.split()[2].rstrip(","))
        assert not said_of(asked(footage, made | {"frames": frames}), "last-chunk"), remedy


def test_what_is_advised_for_cosmos3(footage: Callable[..., str]) -> None:
    made = C3 | {"video": (64, 36, 243), "controls": EDGE}
    assert not said_of(asked(footage, made | {"chunk": 200}), "beside-advice")
    assert "the 200 that are advised at 720" in said_of(asked(footage, made | {"chunk": 201}), "beside-advice")[0]
    assert not said_of(asked(footage, made | {"chunk": 243, "size": "480"}), "beside-advice")
    rates = [bool(said_of(asked(footage, made | {"fps": fps}), "beside-advice")) for fps in (9.9, 10.0, 30.0, 30.1)]
    assert rates == [True, False, False, True]


def test_the_service_takes_93_to_480_frames(footage: Callable[..., str]) -> None:
    made = CLIP | {"video": (64, 36, 481)}
    holds = [bool(said_of(asked(footage, made | {"frames": n}, HTTP), "nim-length")) for n in (92, 93, 480, 481)]
    assert holds == [True, False, False, True]


def test_numbers_that_nothing_can_be_made_of(footage: Callable[..., str]) -> None:
    for values, text in (
        ({"frames": 0}, "frames is 0"), ({"frames": -3}, "frames is -3"), ({"fps": 0.0}, "fps is 0"),
        ({"fps": -24.0}, "fps is -24"), ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9,223,372,036,854,775,808: 9,223,372,036,854,775,807 at most"),
        (T1 | {"seed": 2**32}, "seed is 4,294,967,296: 4,294,967,295 at most"),
        ({"steps": 0}, "steps is 0"), ({"steps": 10**400}, "many digits"), ({"chunk": 0}, "chunk is 0"),
        ({"chunk": 1}, "have no new ones"), ({"overlap": 3}, "overlap is 3"), ({"style_frame": 0}, "style_frame is 0"),
        ({"style_frame": 121}, "the clip has 121 frames"),
        (C3 | {"overlap": 93}, "overlap is 93, in chunks of 93"), (C3 | {"overlap": -1}, "overlap is -1"),
        (C3 | {"first_overlap": 93}, "first_overlap is 93"), (C3 | {"shift": 0.0}, "shift is 0"),
        (C3 | {"control_guidance": 10.5}, "control_guidance is 10.5"), (T1 | {"steps": 0}, "steps is 0"),
    ):  # fmt: skip
        checked = asked(footage, CLIP | values)
        assert checked.verdict == "bad_input", values
        assert any(text in each for each in said_of(checked, "number-out-of-range")), (values, checked.reason)
    for values in ({"frames": 1}, {"seed": 0}, {"seed": 2**63 - 1},
                   T1 | {"seed": 2**32 - 1}, {"style_frame": 120}, {"chunk": 1, "overlap": 0},
                   C3 | {"overlap": 92}, C3 | {"control_guidance": 0.0}):  # fmt: skip
        assert not said_of(asked(footage, CLIP | values), "number-out-of-range"), values


def test_files_of_one_length_are_not_said_to_differ(footage: Callable[..., str]) -> None:
    both = {"controls": {"edge": {"path": BIG}}, "frames": 50}
    assert not said_of(asked(footage, CLIP | both), "shortest-wins")
    assert not said_of(asked(footage, CLIP | T1 | both), "shortest-wins")
    longer = {"video": SHORT, "controls": {"edge": {"path": BIG}}}
    assert said_of(asked(footage, CLIP | longer), "shortest-wins") == ["only the first 50 frames count of edge (121)"]
    (text,) = said_of(asked(footage, CLIP | T1 | longer), "shortest-wins")
    assert text.endswith("the video ends after 50")
    assert not said_of(asked(footage, CLIP | T1 | longer | {"frames": 50}), "shortest-wins")


def test_keys_that_a_program_stops_at_and_those_that_it_ignores(footage: Callable[..., str]) -> None:
    strange = {"edge": {"extra": {"wieght": 1}}}
    assert said_of(asked(footage, CLIP | {"controls": strange}), "ignored-key")
    assert said_of(asked(footage, CLIP | T1 | {"controls": strange}), "ignored-key")
    assert said_of(asked(footage, CLIP | C3 | {"controls": strange}), "refused-key")
    assert said_of(asked(footage, CLIP | T1 | {"extra": {"egde": {"control_weight": 1}}}), "refused-key")
    region = {"prompt": "a", "box": [0, 0, 1, 1], "extra": {"weight": 2}}
    assert said_of(asked(footage, CLIP | T1 | {"regions": [region]}), "ignored-key") == [
        "transfer1-7b ignores weight in region 1"
    ]


def test_what_a_model_does_not_have(footage: Callable[..., str]) -> None:
    for values in (
        {"shift": 5.0}, {"distilled": True, "model": "cosmos3"}, {"av": True}, C3 | {"style_frame": 3},
        C3 | {"controls": {"edge": {"mask_prompt": "a car"}}}, C3 | {"controls": {"edge": {"mask": BIG}}},
        T1 | {"controls": {"edge": {"mask": BIG}}}, T1 | {"show_control": True}, T1 | {"keep_size": True},
        {"controls": {"edge": {"checkpoint": "own.pt"}}}, T1 | {"anchor_step": 0}, C3 | {"anchor_labels": [1]},
    ):  # fmt: skip
        checked = asked(footage, CLIP | values)
        assert said_of(checked, "beyond-model"), values
        assert checked.verdict == "bad_input"


def test_what_diffusers_does_not_do_is_refused_with_what_exists(footage: Callable[..., str]) -> None:
    for values in (
        {"sigma_max": 40.0}, {"controls": {"edge": {"mask": BIG}}}, {"style_frame": 3}, {"show_input": True},
        {"anchor_mask": BIG}, {"controls": {"edge": {}, "vis": {}}}, {"chunk": 92}, {"chunk": 1},
        C3 | {"first_overlap": 1}, C3 | {"controls": {"edge": {"weight": 1.0}, "vis": {"weight": 0.5}}}, T1,
        {"controls": {"depth": {}}}, C3 | {"chunk": 92}, C3 | {"controls": {"edge": {"weight": 0.2}, "vis": {}}},
        C3 | {"controls": {"edge": {"weight": 0}, "vis": {}}},
    ):  # fmt: skip
        checked = asked(footage, CLIP | values, DIFFUSERS)
        assert said_of(checked, "beyond-diffusers"), values
        assert checked.verdict == "bad_input"
        assert "--engine program" in checked.remedy or "give --depth VIDEO" in checked.remedy
        if "--engine program" in checked.remedy:
            kept = {name: value for name, value in values.items() if name != "chunk"}
            assert asked(footage, CLIP | kept, PROGRAM).verdict != "bad_input", values
    for values in (C3 | {"shift": 5.0}, C3 | {"controls": {"edge": {"weight": 1.0}, "vis": {}}}, {"chunk": 29}):
        assert not said_of(asked(footage, CLIP | values, DIFFUSERS), "beyond-diffusers")


def test_memory_is_that_of_the_size_and_of_the_engine(footage: Callable[..., str]) -> None:
    def refused(values: Asked, gpu: str, engine: str = "") -> list[str]:
        return said_of(asked(footage, CLIP | values, Settings(engine=engine, gpu=gpu)), "too-little-memory")

    assert refused(C3, "A100 40GB")
    assert not refused(C3 | {"size": "832x480"}, "A100 40GB")
    assert not refused(C3 | {"size": "480"}, "A100 40GB")
    supermodel = C3 | {"model": "cosmos3-super"}
    assert not refused(supermodel, "H100")  # NVIDIA's service keeps its layers off the card
    assert refused(supermodel, "H100", "diffusers")
    assert not refused(supermodel, "H200", "diffusers")
    several = {"controls": {"edge": {}, "vis": {}, "depth": {"path": BIG}}}
    assert refused(C3 | several, "L4", "diffusers")  # more than was measured


def test_cards_without_wheels(footage: Callable[..., str]) -> None:
    def findings(values: Asked, gpu: str, engine: str = "preview") -> list[str]:
        return said_of(asked(footage, CLIP | values, Settings(engine=engine, gpu=gpu)), "no-wheels")

    assert (
        findings(T1, "H100") == findings({}, "H200") == findings(C3, "GH200") == findings({}, "b200", "diffusers") == []
    )
    assert "Blackwell" in findings(T1, "rtx5090")[0]
    assert len(findings({"controls": {"depth": {}}}, "B200")) == 2  # xformers, too
    assert "CUDA 13" in findings({}, "GH200")[0]


def test_weights_and_presets_that_do_nothing(footage: Callable[..., str]) -> None:
    alone = {"controls": {"edge": {"weight": 0.5}}}
    assert said_of(asked(footage, CLIP | C3 | alone), "scaled-weights") == ["the weights are scaled: edge 0.5 to 1"]
    assert not said_of(asked(footage, CLIP | alone), "scaled-weights")
    none = {"controls": {"edge": {"weight": 0.0}}}
    assert "nothing controls" in said_of(asked(footage, CLIP | none), "zero-weight")[0]
    assert said_of(asked(footage, CLIP | C3 | none), "bad-weight")
    depth = {"controls": {"depth": {"path": BIG, "preset": "low"}}}
    assert said_of(asked(footage, CLIP | depth), "ignored-preset") == ["depth has no presets: low is ignored"]


def test_what_servers_cannot_do(footage: Callable[..., str]) -> None:
    def said(asks: Asked, name: str = "beyond-http") -> str:
        return " ".join(said_of(asked(footage, asks, HTTP), name))

    assert "no server makes videos with transfer1-7b" in said(CLIP | T1)
    assert "take no masks" in said(CLIP | {"controls": {"edge": {"mask": BIG}}})
    assert "has no sizes 1080" in said(CLIP | {"size": "1080"})
    assert "chunks of 93 frames alone" in said(CLIP | {"chunk": 61})
    assert "computes edge in its own way" in said(CLIP | {"controls": {"edge": {"preset": "low"}}})
    assert not said(CLIP | {"sigma_max": 40})
    assert not said(CLIP | C3 | {"shift": 5.0, "first_overlap": 1})
    assert "take no show_control" in said(CLIP | C3 | {"show_control": True})
    several = {"edge": {"weight": 0.2}, "depth": {"path": BIG}, "seg": {"path": BIG}}
    words = said(CLIP | C3 | {"controls": several}, "one-server-only")
    assert "the NIM weighs all controls of Cosmos 3 alike" in words
    assert "vLLM-Omni takes the video of one control, and 2 are given" in words


def test_a_server_that_stalls(footage: Callable[..., str]) -> None:
    stalls = asked(footage, CLIP | C3 | {"video": (1280, 704, 122)}, HTTP)
    assert "--frames 121 --chunk 121" in stalls.reason
    assert not said_of(asked(footage, CLIP | C3 | {"frames": 121, "chunk": 121}, HTTP), "unequal-frames")


def test_shapes_that_are_none(footage: Callable[..., str]) -> None:
    for aspect in ("wide", "16:0", "0:9", "9" * 5000 + ":1", "21:9"):
        assert said_of(asked(footage, CLIP | C3 | {"aspect": aspect}), "size-of-no-bucket"), aspect
    assert asked(footage, CLIP | C3 | {"aspect": "9,16"}).work.width == 720  # type: ignore[union-attr]
    assert asked(footage, CLIP | {"size": "720robocasa"}).work.height == 720  # type: ignore[union-attr]


def test_guided_generation_takes_arrays_too(footage: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "mask.npz").write_bytes(b"PK")
    assert asked(footage, CLIP | {"anchor_mask": str(tmp_path / "mask.npz")}).runs
    assert said_of(asked(footage, CLIP | {"anchor_mask": str(tmp_path / "none.npz")}), "missing-file")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (3900, "early servers cut it after 512"),
        (4100, "beyond 4,096 is cut off silently"),
        (600, "early servers cut it after 512"),
    ],
)
def test_the_tokens_of_a_prompt_of_cosmos_3_are_exact(footage: Callable[..., str], words: int, says: str) -> None:
    """By the bytes of its words, none of these would be too long."""
    prompt = f'{{"context":"{"a " * words}"}}'
    said = said_of(asked(footage, CLIP | C3 | {"prompt": prompt}), "long-prompt")
    assert len(prompt) / 4 < 4096
    assert [f"has {server_tokens(prompt):,} tokens" in text and says in text for text in said] == [True]


def test_a_paragraph_for_cosmos_3_is_shown_the_way_to_a_caption(footage: Callable[..., str]) -> None:
    checked = asked(footage, CLIP | C3 | {"prompt": "a city"})
    remedies = [each.remedy for each in checked.findings if each.statement.name == "paragraph-for-cosmos3"]
    assert len(remedies) == 1
    assert "cosmos upsample --format cosmos3" in remedies[0]
