"""Videos by HTTP from servers that are busy, refuse, block, run out of memory, hang up or send something else."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from http_rig import SIZE, Rig, clip, cosmos3_work, nim_work
from servers.ports import closed_port
from servers.video_moods import BLOCKED, OOM, Mood
from servers.video_server import VideoServer

from cosmos_workflow.engines.connection import ConnectionFault, http_library
from cosmos_workflow.engines.http import HttpEngine
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.kinds.transfer.work import Applied

pytestmark = pytest.mark.timeout(180)

NOW = {"Retry-After": "0"}


def first(*moods: Mood) -> Callable[[int], Mood]:
    """The first requests meet these moods, the others none."""
    return lambda number: moods[number - 1] if number <= len(moods) else Mood()


def three(source: Path) -> list[Any]:
    return [(str(seed), cosmos3_work(seed=seed), {"video": source}) for seed in (1, 2, 3)]


# Retries


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int, rig: Rig, films: Path, short: Path) -> None:
    busy = Mood(status, "all workers are busy", NOW)
    with VideoServer("vllm-omni", films, first(busy, busy)) as server:
        rig.run(server.url, [("a", cosmos3_work(), {"video": short})])
    assert rig.outcomes["a"].ok
    assert (server.posts, len(server.films)) == (3, 1)


def test_a_server_that_stays_busy_is_told(rig: Rig, films: Path, short: Path) -> None:
    with VideoServer("cosmos3-nim", films, lambda number: Mood(503, "no worker is free", NOW)) as server:
        rig.run(server.url, [("a", cosmos3_work(), {"video": short})], max_retries=2)
    assert server.posts == 3
    assert rig.outcomes["a"].error_kind == "engine_failed"
    assert "the server answers 503: no worker is free" in rig.outcomes["a"].error
    assert "max_retries=N" in rig.outcomes["a"].error


@pytest.mark.parametrize("status", [500, 502, 504, 408])
def test_what_may_have_been_begun_is_never_sent_again(status: int, rig: Rig, films: Path, short: Path) -> None:
    with VideoServer("vllm-omni", films, first(Mood(status, "it broke off"))) as server:
        rig.run(server.url, three(short))
    assert rig.outcomes["1"].error_kind == "engine_failed"
    assert "it broke off" in rig.outcomes["1"].error
    assert rig.outcomes["2"].ok and rig.outcomes["3"].ok
    assert server.posts == 3


@pytest.mark.parametrize("mood", [Mood(dropped=True), Mood(halved=True)])
@pytest.mark.parametrize("name", ["vllm-omni", "cosmos3-nim"])
def test_a_dropped_line_fails_its_video_alone(name: Any, mood: Mood, rig: Rig, films: Path, short: Path) -> None:
    with VideoServer(name, films, first(mood)) as server:
        rig.run(server.url, three(short))
    assert rig.outcomes["1"].error_kind == "engine_failed"
    assert "was not sent again" in rig.outcomes["1"].error
    assert rig.outcomes["2"].ok and rig.outcomes["3"].ok
    assert server.posts == 3
    assert not rig.outcomes["1"].outputs


def test_a_server_that_dies_ends_the_run_with_what_was_made(rig: Rig, films: Path, short: Path) -> None:
    server = VideoServer("vllm-omni", films)

    def die(outcome: Any) -> None:
        server.__exit__()

    with server, pytest.raises(ConnectionFault, match="refuses connections"):
        rig.run(server.url, three(short), on_outcome=die, max_retries=1)
    assert list(rig.outcomes) == ["1"] and rig.outcomes["1"].ok


def test_a_slow_server_is_waited_for_no_longer_than_asked(rig: Rig, films: Path, short: Path) -> None:
    never = threading.Event()
    with VideoServer("vllm-omni", films, first(Mood(waits=never))) as server:
        rig.run(server.url, three(short)[:2], timeout=3)
        never.set()
    assert "no answer in 3 s" in rig.outcomes["1"].error
    assert "timeout=SECONDS waits longer" in rig.outcomes["1"].error
    assert server.posts == 2
    assert rig.outcomes["2"].ok


def test_nobody_listens(rig: Rig, short: Path) -> None:
    with closed_port() as port, pytest.raises(EngineUnavailable, match="refuses connections"):
        rig.run(f"http://127.0.0.1:{port}", [("a", cosmos3_work(), {"video": short})], max_retries=1)
    assert not rig.outcomes


# What servers say


@pytest.mark.parametrize("name", ["vllm-omni", "cosmos3-nim"])
@pytest.mark.parametrize(
    ("mood", "kind", "words"),
    [
        (Mood(400, BLOCKED), "blocked", BLOCKED),
        (Mood(500, OOM), "out_of_memory", "CUDA out of memory. Tried to allocate 12.50 GiB"),
        (Mood(413, "Request body too large"), "bad_input", "Request body too large"),
        (Mood(504, "Video generation timed out after 600.0s."), "engine_failed", "VLLM_OMNI_VIDEO_SYNC_TIMEOUT"),
        (Mood(film=lambda film: replace(film, frames=8)), "engine_failed", "has 8 frames, and 9 were asked for"),
        (Mood(film=lambda film: replace(film, width=256)), "engine_failed", "has 256x192 pixels, and 320x192"),
        (Mood(black=True), "blocked", "all black"),
        (Mood(body=b'{"b64_video": "AAA*", "action": null}'), "engine_failed", "its base64 is broken"),
        (Mood(body=b'{"b64_video": "AAAA'), "engine_failed", "ends within the video"),
        (Mood(body=b'{"action": null, "b64_video": null}'), "engine_failed", "an answer without a video"),
        (Mood(body=b"<html><title>Welcome</title></html>"), "engine_failed", "a page instead of an answer: Welcome"),
        (Mood(body=b"\0\0\0\x18ftypmp42 and no more"), "engine_failed", "cannot be read"),
        (Mood(body=b'{"error": {"message": "the worker died", "code": 500}}'), "engine_failed", "the worker died"),
        (Mood(body=b"PK\x03\x04 but no zip file at all"), "engine_failed", "cannot be read"),
        (Mood(body=b"?"), "engine_failed", "no whole video"),
    ],
)  # fmt: skip
def test_what_a_server_says_fails_its_video_alone(
    name: Any, mood: Mood, kind: str, words: str, rig: Rig, films: Path, short: Path
) -> None:
    with VideoServer(name, films, lambda number: mood if number == 2 else Mood()) as server:
        rig.run(server.url, three(short))
    assert (rig.outcomes["2"].error_kind, rig.outcomes["2"].outputs) == (kind, {})
    assert words in rig.outcomes["2"].error
    assert rig.outcomes["1"].ok and rig.outcomes["3"].ok
    assert server.posts == 3


def test_a_key_that_is_missing_ends_the_run(rig: Rig, films: Path, short: Path) -> None:
    refused = pytest.raises(EngineUnavailable, match="401")
    with VideoServer("vllm-omni", films, key="secret") as server, refused as caught:
        rig.run(server.url, three(short))
    assert "COSMOS_API_KEY" in caught.value.remedy
    assert server.posts == 0


def test_a_contract_that_the_server_has_not_ends_the_run(rig: Rig, films: Path, short: Path) -> None:
    with VideoServer("vllm-omni", films) as server, pytest.raises(EngineUnavailable, match="404") as caught:
        rig.run(server.url, three(short), contract="cosmos3-nim")
    assert "contract=NAME" in caught.value.remedy
    assert server.posts == 1


# What the real servers refuse, and the stand-ins with them


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        ({"frames": 92}, 500, "92 frames, expected between 93 and 480"),
        ({"pixel_format": "yuvj420p"}, 400, "yuvj420p"),
    ],
)
def test_the_nim_refuses_clips(
    made: dict[str, Any], status: int, words: str, rig: Rig, films: Path, tmp_path: Path
) -> None:
    import clips

    picture = clips.flat((90, 120, 60), SIZE[1], SIZE[0])
    frames, pixels = made.get("frames", 93), made.get("pixel_format", "yuv420p")
    source = clips.write(tmp_path / "clip.mp4", [picture] * frames, pixel_format=pixels)
    with VideoServer("transfer2.5-nim", films) as server:
        rig.run(server.url, [("a", nim_work(), {"video": source})])
    assert f"the server answers {status}: " in rig.outcomes["a"].error
    assert words in rig.outcomes["a"].error
    assert rig.outcomes["a"].error_kind == ("bad_input" if status == 400 else "engine_failed")
    assert server.posts == 1


def test_a_number_beyond_its_range_is_refused_in_the_servers_words(rig: Rig, films: Path, short: Path) -> None:
    with VideoServer("cosmos3-nim", films) as server:
        rig.run(server.url, [("a", cosmos3_work(guidance=0.5), {"video": short})])
    assert rig.outcomes["a"].error_kind == "bad_input"
    assert "guidance_scale: Input should be greater than or equal to 1" in rig.outcomes["a"].error


# What a contract cannot say is never sent


@pytest.mark.parametrize(
    ("name", "work", "words"),
    [
        ("vllm-omni", cosmos3_work(controls=(Applied("depth", 1, 0.5), Applied("seg", 1, 0.5))), "takes one video"),
        ("vllm-omni", cosmos3_work(model="cosmos3-super"), "the server has nvidia/Cosmos3-Nano, and cosmos3-super"),
        ("vllm-omni", nim_work(), "transfer2.5-2b is asked for"),
        (
            "cosmos3-nim",
            cosmos3_work(controls=(Applied("depth", 1, 0.4), Applied("seg", 2, 0.6))),
            "weighs all controls alike",
        ),
        ("cosmos3-nim", cosmos3_work(width=300), "the server has no size 300x192"),
        ("transfer2.5-nim", nim_work(frames=92), "takes 93 to 480 frames, and there are 92"),
        ("transfer2.5-nim", nim_work(width=1280, height=720), "the server has no size 1280x720"),
        ("transfer2.5-nim", cosmos3_work(), "cosmos3-nano is asked for"),
    ],
)
def test_what_a_contract_cannot_say_is_not_sent(
    name: Any, work: Any, words: str, rig: Rig, films: Path, short: Path
) -> None:
    with VideoServer(name, films) as server:
        rig.run(server.url, [("a", work, {"video": short, "depth": short, "seg": short})])
    assert rig.outcomes["a"].error_kind == "bad_input"
    assert words in rig.outcomes["a"].error
    assert server.posts == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"contract": "openai"}, "contract is 'openai'"), ({"concurrency": 0}, "concurrency is 0"),
        ({"timeout": -1}, "timeout is -1"),
    ],
)  # fmt: skip
def test_an_option_that_is_none_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        HttpEngine("http://localhost:8000", **options)


# The stand-ins refuse what the contracts refuse


def test_the_stand_ins_refuse_what_the_contracts_refuse(films: Path, short: Path) -> None:
    http = http_library()
    long = base64.b64encode(clip(films / "long.mp4").read_bytes()).decode()
    data = f"data:video/mp4;base64,{base64.b64encode(short.read_bytes()).decode()}"
    nim = {"prompt": "a", "video": long, "resolution": 256, "edge": {"control_weight": 1.0}}
    with VideoServer("transfer2.5-nim", films) as server:

        def asked(**more: Any) -> tuple[int, str]:
            reply = http.post(f"{server.url}/v1/infer", json=nim | more, timeout=60)
            return reply.status_code, reply.text

        assert asked()[0] == 200
        for more in ({"steps": 35}, {"guidance_scale": 3}, {"positive_prompt": "b"}, {"edge": {"weight": 1}}):
            assert asked(**more)[0] == 400
            assert "Extra inputs are not permitted" in asked(**more)[1]
        assert asked(guidance=8)[0] == asked(resolution=1080)[0] == 400
        assert asked(video=data.rpartition(",")[2])[0] == 500  # 9 frames
    cosmos3 = {
        "model_mode": "video2video", "prompt": "a", "resolution": "256_16_9", "num_frames": 9, "fps": 24,
        "input_reference": data, "transfer": {"edge": {"preset_edge_threshold": "low"}},
    }  # fmt: skip
    with VideoServer("cosmos3-nim", films) as server:

        def transferred(**more: Any) -> int:
            return http.post(f"{server.url}/v1/infer", json=cosmos3 | more, timeout=60).status_code

        assert transferred() == 200
        assert transferred(max_frames=9) == transferred(transfer={}) == 422
        for hint in (
            {"edge": {"control_path": "/x"}}, {"edge": {"weight": 1.0}}, {"depth": True},
            {"edge": {"video": data, "preset_edge_threshold": "low"}},
        ):  # fmt: skip
            assert transferred(transfer=hint) == 422
        assert transferred(input_reference=None) == 422
    with VideoServer("vllm-omni", films) as server:

        def formed(hint: dict[str, Any], **more: Any) -> int:
            form = {"prompt": "a", "extra_params": json.dumps({"edge": hint, "resolution": "256", "max_frames": 9})}
            files = {"input_reference": ("a.mp4", short.read_bytes(), "video/mp4")}
            reply = http.post(f"{server.url}/v1/videos/sync", data=form | more, files=files, timeout=60)
            return int(reply.status_code)

        assert formed({"control_weight": 0.5}) == 200
        assert formed({"control_weight": 0.5}, nobody_knows="this") == 200  # a form ignores it
        assert formed({"weight": 0.5}) == formed({"control_weight": -1}) == formed({"control_weight": 0}) == 500
        assert formed({}, num_inference_steps="201") == formed({}, size="big") == formed({}, control_type="edge") == 400
        assert formed({}, num_outputs_per_prompt="2") == 500
