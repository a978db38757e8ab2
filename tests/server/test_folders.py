"""Sequences of images at a server: uploaded as one, found by their names, and never a path outside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PureWindowsPath

import clips
import cv2
import httpx2
import pytest
from hypothesis import example, given
from hypothesis.strategies import text
from servers.cosmos_server import CosmosServer

from cosmos_workflow.client import Client
from cosmos_workflow.errors import BadInputError, NotFound
from cosmos_workflow.server import folders
from cosmos_workflow.server.folders import MAGIC, _checked, source_of, unpack
from cosmos_workflow.server.library import Library
from cosmos_workflow.store import Store

pytestmark = pytest.mark.slow


def frames(folder: Path, pattern: str = "color.%04d.png", numbers: range = range(1, 6), width: int = 320) -> Path:
    """Images by their numbers; the pattern that stands for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / (pattern % number)), clips.texture(width * 9 // 16, width, number))
    return folder / pattern


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "shared").mkdir()
    return Library(tmp_path / "data", Store(f"sqlite:///{tmp_path / 'store.db'}"), shared=tmp_path / "shared")


def packed(tmp_path: Path, *files: tuple[str, bytes], size: int | None = None) -> Path:
    """A folder as it is uploaded, with these names and contents."""
    listed = [[name, len(data) if size is None else size] for name, data in files]
    path = tmp_path / "packed"
    path.write_bytes(MAGIC + json.dumps(listed).encode() + b"\n" + b"".join(data for _, data in files))
    return path


PNG = cv2.imencode(".png", clips.texture(90, 160))[1].tobytes()


def test_what_is_packed_is_unpacked_as_it_was(tmp_path: Path) -> None:
    pattern = frames(tmp_path / "größe")
    source = source_of(pattern)
    assert source is not None
    assert (source.name, source.pattern) == ("größe", "größe/color.%04d.png")
    data = b"".join(source.read(offset, 1000) for offset in range(0, source.size, 1000))
    assert len(data) == source.size
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "file", tmp_path / "out")
    contents = {file.name: file.read_bytes() for file in (tmp_path / "out" / "größe").iterdir()}
    assert contents == {file.name: file.read_bytes() for file in (tmp_path / "größe").iterdir()}
    by_folder = source_of(tmp_path / "größe")
    assert by_folder is not None
    assert by_folder.sha256() == source.sha256()
    assert source_of(tmp_path / "nothing" / "color.%04d.png") is None


@pytest.mark.parametrize(
    "name",
    ["../color.0001.png", "/color.0001.png", "a/../../b.png", "a//b.png", ".hidden.png", "a\\b.png", "a\0.png",
     "", "color.txt", "a" * 300 + ".png", "/".join("abcdefghijkl") + ".png", "\ud800.png", ".",
     "C:/Windows/a.png", "D:a.png", "a.png:b.png", "con.png", "shot/NUL.0001.png", "aux/a.png", "shot./a.png",
     "shot /a.png", "lpt1 .x.png", "a?.png", "a*.png", "<a>.png", "a|b.png", 'a".png', "CONIN$.png"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInputError):
        unpack(packed(tmp_path, (name, PNG)), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out", "packed"]


@given(text(alphabet='abc./\\:C~ *?<>|"$_%nuloprt1\x00\x1f', min_size=1, max_size=12))
@example("C:/a")
@example("C:a")
@example("//server/share/a")
@example("a/../../b")
def test_a_name_that_is_taken_stays_inside_on_windows_too(name: str) -> None:
    try:
        _checked(f"{name}.png")
    except BadInputError:
        return
    into = PureWindowsPath("C:/media/part")
    path = into / f"{name}.png"
    assert path.is_relative_to(into) and ".." not in path.parts
    assert ":" not in str(path.relative_to(into))


def test_a_folder_with_a_name_that_windows_does_not_take_is_sent_under_another(tmp_path: Path) -> None:
    for name in ("day: 1", "what?", "con", "shot.", '"', "..", "größe"):
        folder = tmp_path / f"{len(name)}" / (name if name != ".." else "...")
        folder.mkdir(parents=True)
        (folder / "color.0001.png").write_bytes(PNG)
        source = source_of(folder / "color.%04d.png")
        assert source and _checked(source.pattern) == source.pattern
        assert (source.name == name) is (name == "größe")


@pytest.mark.parametrize(
    "content",
    [
        MAGIC, MAGIC + b"[]\n", MAGIC + b"{}\n", MAGIC + b'[["a.png"]]\n', MAGIC + b'[["a.png", -1]]\n',
        MAGIC + b'[["a.png", true]]\n.', MAGIC + b'[["a.png", 5]]\nabc', MAGIC + b'[["a.png", 3]]\nabcdef',
        MAGIC + b'[["a.png", 3], ["a.png", 3]]\nabcabc', MAGIC + b'[["a.png", 3]]', MAGIC + b"[" * 100_000 + b"\n",
        MAGIC + b'[["a.png", 0], ["a.png/b.png", 0]]\n',
    ],
)  # fmt: skip
def test_a_list_that_is_not_what_follows_is_refused(content: bytes, library: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadInputError):
        library.take(tmp_path / "file", "renders")
    assert [path for path in (tmp_path / "data" / "media").rglob("*") if path.is_file()] == []


def test_a_text_among_the_images_is_refused_and_an_empty_frame_is_not(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInputError, match="not an image"):
        unpack(packed(tmp_path, ("color.0001.png", b"#EXTM3U\nfile:///etc/passwd\n")), tmp_path / "out")
    (tmp_path / "other").mkdir()
    unpack(packed(tmp_path, ("color.0001.png", PNG), ("color.0002.png", b"")), tmp_path / "other")
    assert (tmp_path / "other" / "color.0002.png").stat().st_size == 0


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_FILES", 2)
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInputError, match="3 files"):
        unpack(packed(tmp_path, *((f"{n}.png", PNG) for n in range(3))), tmp_path / "out")


def test_an_uploaded_folder_is_found_by_its_names_and_removed(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = library.take(packed(tmp_path, ("a/color.0001.png", PNG), ("a/color.0002.png", PNG)), "renders")
    assert not (tmp_path / "packed").exists()
    root = library.find(record.sha256).parent
    assert library.find(record.sha256).name == "a"  # the folder that has the images
    assert library.find(f"{record.sha256}/a/color.%04d.png") == root / "a" / "color.%04d.png"
    assert library.find(f"{record.sha256}/a/color.0002.png") == root / "a" / "color.0002.png"
    assert library.thumbnail(library.find(f"{record.sha256}/a")).startswith(b"\x89PNG")
    secret = tmp_path / "data" / "media" / "secret.png"
    secret.write_bytes(PNG)
    for name in ("../../secret.png", "/etc/hostname", "../secret.%04d.png", "a/z.%04d.png", "a/none.png", "a\0"):
        with pytest.raises(NotFound):
            library.find(f"{record.sha256}/{name}")
    with pytest.raises(NotFound):
        library.path(record.sha256)
    # What is removed is no longer there as a whole before its first file goes.
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: [file.unlink() for file in path.rglob("*01.png")])
    library.remove(record.sha256)
    assert not root.exists()
    monkeypatch.undo()
    library.take(packed(tmp_path, ("a/color.0001.png", PNG), ("a/color.0002.png", PNG)), "renders")
    assert len(list(root.rglob("*.png"))) == 2
    library.remove(record.sha256)
    with pytest.raises(NotFound):
        library.find(record.sha256)


def test_images_of_the_media_folder_are_listed_as_patterns_and_links_lead_nowhere(
    library: Library, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    frames(shared / "shot")
    frames(tmp_path / "outside", numbers=range(1, 3))
    (shared / "still.png").write_bytes(PNG)
    assert library.shared() == ["still.png", "shot/color.%04d.png"]
    assert library.shared_folders(("image/",)) == [".", "shot"]
    assert library.find("shot/color.%04d.png") == shared / "shot" / "color.%04d.png"
    assert library.find("shot") == shared / "shot"
    (shared / "out").symlink_to(tmp_path / "outside")
    (shared / "shot" / "color.0009.png").symlink_to(tmp_path / "outside" / "color.0001.png")
    for name in ("out", "out/color.%04d.png", "../outside", "../outside/color.%04d.png", "shot",
                 "shot/color.%04d.png", str(tmp_path / "outside")):  # fmt: skip
        with pytest.raises(NotFound):
            library.find(name)


def test_a_client_uploads_images_once_and_they_are_prepared(
    client: Client, server: CosmosServer, tmp_path: Path
) -> None:
    pattern = frames(tmp_path / "shot_010")
    media = client.upload(pattern)
    assert (media.name, media.width, media.height, media.frames) == ("shot_010", 320, 180, 5)
    assert client.upload(tmp_path / "shot_010").id == media.id
    (plan,) = client.check([{"video": media.id, "prompt": "a harbour"}])  # of another kind of work
    assert (plan.runs, plan.source_width, plan.source_height) == (True, 320, 180)
    settings = {"size": "320x180", "edge": "low", "blur": "off"}
    run = client.run([{"rgb": str(pattern)}], kind="prepare", settings=settings)
    assert run.source == "shot_010"
    client.drive(run.id)
    (prompt,) = client.entries(run.id)
    assert prompt.ok, prompt.result
    assert {"rgb.mp4", "edge.mp4", "manifest.json", "sheet.jpg"} <= set(prompt.result.outputs)
    assert (prompt.clip, prompt.media) == ("shot_010", None)
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        assert http.get(f"/api/v1/media/{media.id}/content").status_code == 404
        assert http.get(f"/api/v1/media/{media.id}/thumbnail").headers["content-type"] == "image/png"
        assert "rgb.mp4" in http.get(f"/runs/{run.id}").text


def test_a_gap_is_told_by_its_number(client: Client, tmp_path: Path) -> None:
    pattern = frames(tmp_path / "gap")
    (tmp_path / "gap" / "color.0003.png").unlink()
    (plan,) = client.check([{"rgb": str(pattern)}], kind="prepare")
    assert plan.verdict == "bad_input"
    assert "frame 3 is missing" in plan.reason


def test_a_refused_folder_names_its_file(server: CosmosServer, tmp_path: Path) -> None:
    data = packed(tmp_path, ("shot/color.0001.png", PNG), ("shot/color.0002.png", b"no picture")).read_bytes()
    with httpx2.Client(base_url=f"{server.url}/api/v1", timeout=60) as http:
        id = http.post("/uploads", json={"name": "shot", "size": len(data)}).json()["id"]
        refused = http.patch(f"/uploads/{id}", params={"offset": 0}, content=data)
        assert refused.status_code == 422
        assert refused.json()["what"].startswith("shot/color.0002.png: not an image")
        assert refused.json()["where"] == "shot"
        assert http.get(f"/uploads/{id}").status_code == 404
