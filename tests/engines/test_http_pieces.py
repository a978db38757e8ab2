"""Bodies that are read while they are sent, and answers that are taken piece by piece."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from cosmos_workflow.engines.http.body import Media, json_body, media_type, multipart_body
from cosmos_workflow.engines.http.receiving import VideoSink
from cosmos_workflow.errors import BadInputError

MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 5


@pytest.mark.parametrize("size", [0, 1, 2, 3, 3 << 18, (3 << 18) + 1])
def test_json_with_a_video(size: int, tmp_path: Path) -> None:
    (video := tmp_path / "video").write_bytes(bytes(size))
    body = json_body(
        {"prompt": 'Straße "x" \0', "edge": {"control": Media(video)}, "video": Media(video, prefix="d:,")}
    )
    sent = b"".join(body)
    assert body.headers == {"Content-Type": "application/json", "Content-Length": str(len(sent))}
    text = base64.b64encode(bytes(size)).decode()
    assert json.loads(sent) == {"prompt": 'Straße "x" \0', "edge": {"control": text}, "video": f"d:,{text}"}
    assert b"".join(body) == sent  # it can be sent again


def test_a_form_says_what_its_files_are(tmp_path: Path) -> None:
    (picture := tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\n")
    (video := tmp_path / "b").write_bytes(MP4)
    body = multipart_body({"prompt": "Straße"}, {"control_reference": picture, "input_reference": video})
    sent = b"".join(body)
    assert int(body.headers["Content-Length"]) == len(sent)
    assert b'name="control_reference"; filename="control_reference.png"\r\nContent-Type: image/png' in sent
    assert b'name="input_reference"; filename="input_reference.mp4"\r\nContent-Type: video/mp4' in sent
    assert (media_type(picture), media_type(video)) == ("image/png", "video/mp4")


def test_a_file_that_is_gone_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        _ = json_body({"video": Media(tmp_path / "none")}).headers
    with pytest.raises(BadInputError, match="no such file"):
        multipart_body({}, {"video": tmp_path / "none"})


def taken(sink: VideoSink, answer: bytes, piece: int) -> bytes:
    sink.begin()
    rest = b"".join(sink(answer[at : at + piece]) for at in range(0, len(answer), piece))
    return rest + sink.closed()


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 100_000])
@pytest.mark.parametrize("before", [{}, {"seed": 3, "note": "x" * 200}])
def test_a_video_in_json(piece: int, before: dict[str, object], tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "video")
    text = base64.b64encode(MP4).decode()
    for written in (json.dumps({**before, "b64_video": text, "action": None}),
                    json.dumps({**before, "b64_video": text}, indent=2).replace("/", "\\/")):  # fmt: skip
        rest = taken(sink, written.encode(), piece)
        assert (sink.path.read_bytes(), sink.size, sink.problem) == (MP4, len(MP4), "")
        assert json.loads(rest) == json.loads(written) | {"b64_video": ""}


@pytest.mark.parametrize("piece", [1, 5, 100_000])
def test_a_video_as_it_is(piece: int, tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "video")
    assert taken(sink, MP4, piece) == b""
    assert sink.path.read_bytes() == MP4


@pytest.mark.parametrize("name", ["request.response", "result.mp4"])
def test_a_video_in_a_zip_file(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "no video")
        video = MP4 if name.endswith("mp4") else json.dumps({"b64_video": base64.b64encode(MP4).decode()}).encode()
        archive.writestr(name, video)
    sink = VideoSink(tmp_path / "video")
    taken(sink, (tmp_path / "packed").read_bytes(), 11)
    assert (sink.path.read_bytes(), sink.problem) == (MP4, "")
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("packed", "video")] == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(b'{"b64_video": "AAA', "ends within"), (b'{"b64_video": "A*AA"}', "broken"), (b'{"b64_video": "AAA"}', "broken")],
)
def test_a_broken_video_is_none(answer: bytes, problem: str, tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "video")
    taken(sink, answer, 4)
    assert problem in sink.problem
    assert sink.size == 0


@pytest.mark.parametrize("answer", [b'{"detail": "no"}', b"<html>no</html>", b"no", b""])
def test_what_is_no_video_stays_in_the_reply(answer: bytes, tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "video")
    assert taken(sink, answer, 3) == answer
    assert (sink.size, sink.path.exists()) == (0, False)


def test_a_long_video_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    size = 48 << 20
    with (source := tmp_path / "source").open("wb") as file:
        file.write(MP4)
        file.truncate(size)
    sink = VideoSink(tmp_path / "video")
    tracemalloc.start()
    try:
        for piece in json_body({"b64_video": Media(source)}):
            sink(piece)
        sink.closed()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.size == size
    assert most < 16 << 20
