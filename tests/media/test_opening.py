"""What must not be opened is refused at once, and what cannot be read is called what it is."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import measure, probe, read_frames

M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n"
MPD = '<?xml version="1.0"?>\n<!-- a -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>\n'
PLAYLISTS = {
    "live.m3u8": M3U8,
    "picture.png": M3U8,
    "bom.mp4": "\ufeff" + M3U8,
    "later.jpg": "\n\n" + M3U8,
    "stream.mpd": MPD,
    "stream.mkv": MPD,
    "script.ffconcat": "ffconcat version 1.0\nfile {}\n",
    "script.txt": "# all of them\nfile '{}'\n",
    "radio.pls": "[playlist]\nNumberOfEntries=1\nFile1={}\n",
    "list.mp4": "{}\n",
    "camera.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    "camera.mov": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n",
    "old.asx": '<asx version="3.0"><entry><ref href="{}"/></entry></asx>',
    "show.smil": '<smil><body><video src="{}"/></body></smil>',
    "empty.m3u": "clip.mp4\n",
}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Nobody may come here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_refused_and_nothing_is_asked_elsewhere(tmp_path: Path, name: str, server: socket.socket) -> None:
    port = server.getsockname()[1]
    path = tmp_path / name
    path.write_text(PLAYLISTS[name].format(f"http://127.0.0.1:{port}/x.ts", port=port))
    for action in (probe, read_frames, measure):
        with pytest.raises(BadInputError, match=r"playlist|script|addresses|SDP") as caught:
            action(path)
        assert caught.value.remedy
    with pytest.raises(BlockingIOError):
        server.accept()


def test_a_script_does_not_open_the_clip_that_it_names(tmp_path: Path, clip: Path) -> None:
    for text in ("ffconcat version 1.0\nfile clip.mp4\n", "file clip.mp4\n", M3U8.format("clip.mp4")):
        for name in ("a.png", "a.mp4", "a.txt"):
            (tmp_path / name).write_text(text)
            with pytest.raises(BadInputError):
                probe(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    ["http://127.0.0.1:9/x.mp4", "rtsp://127.0.0.1/live", "tcp://127.0.0.1:9", "udp://@:9", "concat:a.ts|b.ts",
     "pipe:0", "file:///etc/passwd", "data:video/mp4;base64,AAAA", "subfile,,start,0,end,9,,:a.mp4", "async:a.mp4"],
)  # fmt: skip
def test_an_address_is_no_file(name: str) -> None:
    for path in (name, Path("batch") / name):
        with pytest.raises(BadInputError, match=r"an address|no such file"):
            probe(path)


NAMES = ["file:x.mp4", "http:x.mp4", "concat:a|b.mp4", "a%03d.mp4", "a%d[1]*?.mp4", "-lead.mp4", " lead.mp4",
         "trail.mp4 ", "snow☃ 🎬.mp4", "quote's \"x\".mp4", "new\nline.mp4", "n" * 251 + ".mp4", "#### of ##.mp4",
         "no_suffix"]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tmp_path: Path, clip: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for file in (path, Path(name)):
        assert probe(file).frames == 6
        assert len(read_frames(file, 2, pick="spread")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_with_bytes_that_are_no_utf8(tmp_path: Path, clip: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\xfe.mp4"))
    clip.rename(path)
    assert probe(path).frames == 6
    assert measure(path).width == 320


def test_a_picture_named_like_a_pattern_is_that_picture(tmp_path: Path) -> None:
    for number, shade in ((1, 10), (2, 90)):
        Image.new("RGB", (32, 18), (shade, 0, 0)).save(tmp_path / f"a{number:03d}.png")
    Image.new("RGB", (64, 36)).save(tmp_path / "a%03d.png")
    clip = probe(tmp_path / "a%03d.png")
    assert (clip.width, clip.is_image) == (64, True)


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("a.jxl", b"\xff\x0a" + bytes(90), "JPEG XL is not supported"),
        ("a.png", b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(90), "JPEG XL is not supported"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(200), "HEIC is not supported"),
        ("a.CR3", b"\0\0\0\x18ftypcrx " + bytes(200), "raw format"),
        ("a.nef", b"MM\0*\0\0\0\x08" + bytes(200), "raw format"),
        ("a.glb", b"glTF\2\0\0\0" + bytes(200), "3D scene is not supported"),
        ("a.fbx", b"Kaydara FBX Binary  \0" + bytes(200), "3D scene is not supported"),
        ("a.blend", b"BLENDER-v300" + bytes(200), "3D scene"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nf 1 2 3\n" * 9, "3D scene"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(200), "PDF is not supported"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not supported"),
        ("a.zip", b"PK\3\4" + bytes(200), "archive is not supported"),
    ],
)
def test_what_is_not_read_is_called_unsupported(tmp_path: Path, name: str, head: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(head)
    with pytest.raises(BadInputError, match=message) as caught:
        probe(path)
    assert "damaged" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.png", "cut.webp", "cut.jpg", "cut.avi", "cut.mov"])
def test_what_is_cut_off_is_called_damaged(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix in (".png", ".webp", ".jpg"):
        Image.fromarray(clips.texture(90, 160)).save(path)
    else:
        clips.textured(path, 160, 90)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BadInputError) as caught:
        probe(path)
    assert "cut off" in str(caught.value)
    assert "supported" not in str(caught.value)


def test_a_file_is_opened_with_a_time_limit(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    limits = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda *args, **more: limits.append(more.get("timeout")) or real(*args, **more))
    probe(clip)
    assert limits and all(limits)
    monkeypatch.setattr("cosmos_workflow.media.opening.SECONDS", 1e-9)
    with pytest.raises(BadInputError, match="took longer than"):
        probe(clip)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small clips of several makes."""
    folder = tmp_path_factory.mktemp("whole")
    clips.textured(folder / "a.mp4", 128, 96, frames=8)
    clips.textured(folder / "a.mkv", 128, 96, frames=8, piped=True)
    clips.textured(folder / "a.ts", 128, 96, frames=8, options={"bf": "2"})
    clips.textured(folder / "a.avi", 128, 96, frames=8, codec="mpeg4")
    clips.textured(folder / "a.webm", 128, 96, frames=8, codec="libvpx")
    pictures = [Image.fromarray(clips.texture(48, 64, seed)) for seed in range(4)]
    for suffix in ("gif", "png", "webp"):
        pictures[0].save(folder / f"a.{suffix}", save_all=True, append_images=pictures[1:], duration=100)
    return sorted(folder.iterdir())


@settings(max_examples=cases(60))
@given(data=st.data())
def test_what_can_be_probed_can_be_read(
    whole: list[Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever bytes are wrong: a clip is refused when it is looked at, or gives its frames."""
    source = data.draw(st.sampled_from(whole))
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["byte", "hole", "less", "end"]))
        if kind == "byte":
            content[index] = data.draw(st.integers(0, 255))
        elif kind == "hole":
            content[index : index + 40] = bytes(len(content[index : index + 40]))
        elif kind == "less":
            del content[max(index, 1) : index + 200]
        else:
            del content[max(index, 20) :]
    path = tmp_path_factory.mktemp("hurt") / source.name
    path.write_bytes(content)
    try:
        clip = probe(path)
    except BadInputError as error:
        assert error.remedy
        return
    assert read_frames(clip, min(2, clip.frames), size=(32, 24))
    assert read_frames(clip, 2, pick="spread", size=(32, 24))
