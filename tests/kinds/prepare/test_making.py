"""Making is all or nothing, the same every time, and tells every frame that stops it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.engines.opencv import OpenCVEngine
from cosmos_workflow.errors import BadInputError, Conflict, CosmosError
from cosmos_workflow.kinds.kind import Outcome, Packed, Task
from cosmos_workflow.kinds.prepare import (
    Item,
    Recipe,
    Settings,
    check_item,
    items_in,
    items_of,
    make,
    recipe_of,
    whole_folder,
)
from cosmos_workflow.kinds.prepare.kind import PREPARE

OLD = time.time() - 3600


def frames(folder: Path, name: str, count: int, *, size: tuple[int, int] = (96, 54), seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        path = folder / f"{name}.{number:04d}.png"
        Image.fromarray(np.roll(clips.texture(size[1], size[0], seed), number * 2, axis=1)).save(path)
        os.utime(path, (OLD, OLD))
    return folder / f"{name}.%04d.png"


def run(item: Item, settings: Settings, folder: Path, **more: Any) -> dict[str, Any]:
    checked = check_item(item, settings)
    assert checked.runs, checked.reason
    assert checked.seen
    with whole_folder(folder) as part:
        return make(item.id, recipe_of(checked, settings), checked.seen.tracks, part, **more)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_again_is_the_same_to_the_bit(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 6))
    done: list[tuple[int, int]] = []
    run(item, Settings(), tmp_path / "one", progress=lambda *at: done.append(at))
    run(item, Settings(), tmp_path / "two")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert set(hashes(tmp_path / "one")) == {"rgb.mp4", "edge.mp4", "vis.mp4", "manifest.json", "sheet.jpg"}
    assert done == [(n, 6) for n in range(1, 7)]
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    for facts in manifest["clips"].values():
        assert facts["sha256"] == hashes(tmp_path / "one")[facts["file"]]
    with Image.open(tmp_path / "one" / "sheet.jpg") as sheet:
        assert sheet.size[0] > 1500


def test_a_frame_that_only_decoding_finds_broken(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 8), seg=frames(tmp_path / "in", "seg", 8, seed=3))
    for number in (3, 4, 7):
        path = tmp_path / "in" / f"color.{number:04d}.png"
        data = bytearray(path.read_bytes())
        start = data.index(b"IDAT") + 300
        data[start : start + 40] = bytes(40)
        path.write_bytes(data)
        os.utime(path, (OLD, OLD))
    with pytest.raises(BadInputError, match=r"rgb: frames 3-4, 7 not readable"):
        run(item, Settings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    held = run(item, Settings(missing="hold", keep_frames=True), tmp_path / "held")
    assert any(
        "rgb: frames 3-4, 7 not readable" in note and "the frame before is held" in note for note in held["notes"]
    )
    kept = [(tmp_path / "held" / "frames" / "rgb" / f"{i:05d}.png").read_bytes() for i in range(8)]
    assert kept[1] == kept[2] == kept[3] != kept[4]
    black = run(item, Settings(missing="black", keep_frames=True), tmp_path / "black")
    assert len(black["notes"]) >= 1
    assert not np.asarray(Image.open(tmp_path / "black" / "frames" / "rgb" / "00002.png")).any()


def test_a_frame_that_is_written_meanwhile(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 8))

    def touch(done: int, of: int) -> None:
        if done == 4:
            path = tmp_path / "in" / "color.0002.png"
            path.write_bytes(path.read_bytes())

    with pytest.raises(BadInputError, match="frames 2 were written while being read"):
        run(item, Settings(), tmp_path / "out", progress=touch)
    assert not (tmp_path / "out").exists()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 2))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(Conflict, match="files of something else"):
        run(item, Settings(), tmp_path / "out")
    assert (tmp_path / "out" / "letter.txt").read_text() == "dear"
    run(item, Settings(), tmp_path / "ours")
    run(item, Settings(edge="off"), tmp_path / "ours")
    assert "edge.mp4" not in hashes(tmp_path / "ours")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 3))
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("cosmos_workflow.kinds.prepare.making.write_sheet", lambda path, *rest: full.write_bytes(b"x"))
    with pytest.raises(CosmosError, match="No space left"):
        run(item, Settings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (Settings(model="sora"), "unknown video model"),
        (Settings(model="transfer1", tier="4k"), "no sizes '4k'"),
        (Settings(size="1281x720"), "the size is '1281x720'"),
        (Settings(size="bucket"), "the size of which model"),
        (Settings(edge="strong"), "strength of edges"),
        (Settings(blur="strong"), "strength of the blur"),
        (Settings(depth_range="9:1"), "depth range"),
        (Settings(fps=0), "fps is 0"),
        (Settings(anchor="middle"), "the anchor"),
        (Settings(exposure=99), "the exposure"),
        (Settings(first=50, last=60), "no frame from 50 to 60"),
    ],
)
def test_settings_that_cannot_be_used_are_told(tmp_path: Path, settings: Settings, match: str) -> None:
    checked = check_item(Item("a", frames(tmp_path / "in", "color", 3)), settings)
    assert (checked.verdict, checked.runs) == ("bad_input", False)
    assert match in checked.reason
    assert checked.remedy


def test_items_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    rgb = frames(tmp_path / "in", "color", 3)
    (tmp_path / "in" / "color.0002.png").unlink()
    for item, match in (
        (Item("a"), "no images and no video"),
        (Item("a", tmp_path / "none.mp4"), "no such file"),
        (Item("a", tmp_path / "in" / "z.%04d.png"), "no image matches"),
        (Item("a", rgb), "rgb: frame 2 is missing"),
    ):
        checked = check_item(item, Settings())
        assert checked.verdict == "bad_input"
        assert match in checked.reason


def test_risky_is_told(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 3))
    checked = check_item(item, Settings(model="transfer1"))
    assert (checked.verdict, checked.runs) == ("risky", True)
    assert "clips under 121 frames come out noisy" in checked.reason
    begun = PREPARE.begin(checked, OpenCVEngine(), "local")
    assert PREPARE.finish(begun, Outcome("a", {"notes": ["all said"]})).note == f"{checked.reason}; all said"
    assert PREPARE.finish(begun, Outcome("a", error="no disk")).note == "; ".join(checked.notes)
    assert check_item(item, Settings(model="transfer1", length="hold")).verdict == "resized"
    assert (
        "made for 10, 16, 24, 30 frames a second, not 12" in check_item(item, Settings(model="cosmos3", fps=12)).reason
    )


def test_what_a_model_or_a_decoder_does_not_take_is_risky(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 3))
    for settings, words in (
        (Settings(model="transfer1", size="640x360"), "Cosmos-Transfer1 has no size 640x360"),
        (Settings(size="4100x2160"), "up to 4096 pixels a side"),
        (Settings(model="transfer2.5", source_fps=23.976), "writes 23 frames a second instead of 23.976"),
    ):
        checked = check_item(item, settings)
        assert (checked.verdict, words in checked.reason) == ("risky", True), checked.reason
    assert "has no size" not in check_item(item, Settings(model="transfer2.5", size="832x480")).reason
    assert "instead of" not in check_item(item, Settings(model="transfer2.5", source_fps=24)).reason


def test_television_rates_that_are_written_in_two_ways_are_one(tmp_path: Path) -> None:
    pictures = [clips.flat((i, i, i), 54, 96) for i in range(30)]
    first = clips.write(tmp_path / "a.mp4", pictures, fps=Fraction(30000, 1001))  # type: ignore[arg-type]
    second = clips.write(tmp_path / "b.mkv", pictures, fps=Fraction(30000, 1001))  # type: ignore[arg-type]
    checked = check_item(Item("a", first, depth=second), Settings())
    assert checked.runs, checked.reason


def test_padding_has_no_edges(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 2, size=(96, 64)))
    run(item, Settings(size="160x64", fit="pad", keep_frames=True), tmp_path / "pad")
    run(item, Settings(keep_frames=True), tmp_path / "plain")
    for name in ("edge", "vis"):
        padded, plain = (
            np.asarray(Image.open(tmp_path / folder / "frames" / name / "00000.png")) for folder in ("pad", "plain")
        )
        assert np.array_equal(padded[:, 32:128], plain)
        assert not padded[:, :32].any()
        assert not padded[:, 128:].any()


@pytest.mark.parametrize("size", ["2x2", "4x2", "16x16"])
def test_the_smallest_sizes(tmp_path: Path, size: str) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 6))
    assert run(item, Settings(size=size, edge="off"), tmp_path / "out")["frames"] == 6


def test_numbers_have_no_colours_to_keep(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        Image.fromarray(np.full((54, 96), 3, np.uint8)).save(tmp_path / "in" / f"id.{number:04d}.png")
    item = Item("a", seg=tmp_path / "in" / "id.%04d.png")
    made = run(item, Settings(seg_colours="keep", keep_frames=True), tmp_path / "out")
    assert any("no colours to keep" in note for note in made["notes"])
    assert np.asarray(Image.open(tmp_path / "out" / "frames" / "seg" / "00000.png")).max() > 100


def test_no_error_of_a_library_ends_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("cosmos_workflow.engines.opencv.make_clip", broken)
    outcomes: list[Outcome] = []
    tasks = [Task(id, "prepare", {}) for id in ("a", "b")]
    OpenCVEngine().run(tasks, None, outcomes.append)  # type: ignore[arg-type]
    assert [(each.id, each.error, each.error_kind) for each in outcomes] == [
        (id, "MemoryError: no room", "failed") for id in ("a", "b")
    ]


def test_a_near_end_at_zero(tmp_path: Path) -> None:
    item = Item("a", depth=frames(tmp_path / "in", "depth", 2))
    refused = check_item(item, Settings(depth_range="0:40"))
    assert "no near end at 0" in refused.reason
    assert check_item(item, Settings(depth_range="0:40", depth_form="linear")).runs


def test_a_video_is_a_source_too(tmp_path: Path) -> None:
    video = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=10)
    manifest = run(Item("v", video), Settings(fps=12, size="160x90"), tmp_path / "out")
    assert (manifest["frames"], manifest["fps"], manifest["width"]) == (5, "12", 160)
    retimed = run(Item("v", video), Settings(fps=12, retime=True), tmp_path / "slow")
    assert (retimed["frames"], retimed["width"]) == (10, 320)
    assert any("played at 12 instead of 24" in note for note in retimed["notes"])


class Given:
    """The files of tasks as places give them: by content alone, without names."""

    def __init__(self, packed: Packed, root: Path) -> None:
        self._root = root
        for sha256, data in packed.files.items():
            (root / "blobs").mkdir(parents=True, exist_ok=True)
            (root / "blobs" / sha256).write_bytes(data if isinstance(data, bytes) else data.read_bytes())

    def path(self, sha256: str) -> Path:
        return self._root / "blobs" / sha256

    def folder(self, task: Task) -> Path:
        (self._root / "made").mkdir(exist_ok=True)
        return self._root / "made"


class Damaged(Given):
    """One of the files is not what it was."""

    def __init__(self, packed: Packed, root: Path) -> None:
        super().__init__(packed, root)
        self.path(packed.task.inputs["rgb/color.0001.png"]).write_bytes(b"no picture, but long enough")


def test_the_engine_makes_the_same_of_a_task(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    frames(folder, "color", 5)
    frames(folder, "mask", 5, seed=9)
    (item,), notes = items_in(folder)
    assert (set(item.sources), notes) == ({"rgb", "seg"}, [])
    settings = Settings(missing="hold")
    (folder / "mask.0003.png").unlink()
    (checked,) = PREPARE.check([item], settings)
    packed = PREPARE.pack(checked, settings, "files")
    assert Task(**json.loads(json.dumps(vars(packed.task)))).asks == json.loads(json.dumps(packed.task.asks))
    task = Task(**json.loads(json.dumps(vars(packed.task))))
    outcomes: list[Outcome] = []
    OpenCVEngine().run([task], Given(packed, tmp_path / "host"), outcomes.append)
    (outcome,) = outcomes
    assert outcome.ok, outcome.error
    run(item, settings, tmp_path / "out")
    made, directly = hashes(tmp_path / "host" / "made"), hashes(tmp_path / "out")
    assert {name: made[name] for name in made if name != "manifest.json"} == {
        name: directly[name] for name in directly if name != "manifest.json"
    }
    manifest = json.loads((tmp_path / "host" / "made" / "manifest.json").read_text())
    files = manifest["sources"]["rgb"]["files"]
    assert files["color.0001.png"] == hashlib.sha256((folder / "color.0001.png").read_bytes()).hexdigest()
    result = PREPARE.finish(PREPARE.begin(checked, OpenCVEngine(), "local"), outcome)
    assert (result.ok, result.frames, result.width, result.engine) == (True, 5, 96, "opencv")
    assert result.note.count("seg: frame 3 is missing; the frame before is held") == 1
    asks = {**task.asks, "recipe": {**task.asks["recipe"], "missing": "error"}}
    OpenCVEngine().run([Task("b", "prepare", asks, task.inputs)], Given(packed, tmp_path / "host2"), outcomes.append)
    OpenCVEngine().run([Task("c", "prepare", asks, task.inputs)], Damaged(packed, tmp_path / "host3"), outcomes.append)
    assert [outcome.ok for outcome in outcomes] == [True, True, False]
    assert outcomes[2].error_kind == "bad_input"
    assert outcomes[2].error.startswith("rgb: frame 1 not readable")


def test_what_is_asked_is_what_counts(tmp_path: Path) -> None:
    item = Item("a", frames(tmp_path / "in", "color", 3))
    (low,), (again,), (high,) = (PREPARE.check([item], Settings(edge=edge)) for edge in ("low", "low", "high"))
    assert PREPARE.asks(low, Settings(edge="low")) == PREPARE.asks(again, Settings(edge="low"))
    assert PREPARE.asks(low, Settings(edge="low")) != PREPARE.asks(high, Settings(edge="high"))
    other = Item("b", frames(tmp_path / "elsewhere", "color", 3))
    assert PREPARE.asks(next(PREPARE.check([other], Settings())), Settings()) == PREPARE.asks(
        next(PREPARE.check([item], Settings())), Settings()
    )
    loaded = Recipe.load(json.loads(json.dumps(recipe_of(low, Settings(view="ACES", anchor="top")).dump())))
    assert loaded == recipe_of(low, Settings(view="ACES", anchor="top"))


def test_batches_and_items_as_json(tmp_path: Path) -> None:
    frames(tmp_path / "in", "color", 2)
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"id": "a", "color": "in/color.%04d.png"}\n{"video": "in/color.%04d.png", "mood": "dark"}\n')
    notes: list[str] = []
    items = list(PREPARE.read(batch, notes.append))
    assert items[0].id == "a"
    assert items[0].rgb == tmp_path / "in" / "color.%04d.png"
    assert any("mood" in note for note in notes)
    for item in items:
        assert PREPARE.load_item(json.loads(json.dumps(PREPARE.dump_item(item)))) == item
    empty, _ = PREPARE.entry({"id": "a"}, "line 1")
    assert next(PREPARE.check([empty], Settings())).reason == "no images and no video are given"
    with pytest.raises(BadInputError, match="rgb is 7"):
        PREPARE.entry({"rgb": 7}, "line 1")
    settings = Settings(model="cosmos3", fps=24)
    assert PREPARE.load_settings(json.loads(json.dumps(PREPARE.dump_settings(settings)))) == settings


def test_what_a_person_means(tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    for name in ("color", "depth", "z"):
        frames(folder, name, 2)
    ((item,), _) = items_of(folder, {})
    assert item.problem.startswith("2 clips of shot show depth")
    assert item.remedy.startswith("say which: --depth 'depth")
    ((item,), _) = items_of(folder, {"depth": Path("z.%04d.png")})
    assert item.sources == {"rgb": folder / "color.%04d.png", "depth": folder / "z.%04d.png"}
    ((item,), _) = items_of(folder / "color.%04d.png", {"depth": folder / "z.%04d.png"})
    assert set(item.sources) == {"rgb", "depth"}
    ((item,), _) = items_of(None, {"seg": folder / "color.####.png"})
    assert set(item.sources) == {"seg"}
    frames(tmp_path / "other", "color", 2)
    (folder / "depth.0001.png").unlink()
    (folder / "depth.0002.png").unlink()
    assert [item.id for item in items_of(tmp_path, {})[0]] == ["other", "shot"]
    with pytest.raises(BadInputError, match="there are 2 shots in it"):
        items_of(tmp_path, {"seg": folder / "z.%04d.png"})


def test_a_server_opens_no_configuration_of_its_own() -> None:
    values = vars(Settings(view="ACES", ocio="cg-config-latest"))
    assert PREPARE.settings_from(values, "", "") == Settings(**values)
    for ocio in ("/etc/passwd", "config.ocio", "..\\secret", "ocio:///etc/passwd"):
        with pytest.raises(BadInputError, match="opens no file of its own"):
            PREPARE.settings_from({**values, "ocio": ocio}, "", "")
    shape = PREPARE.item_shape()
    assert shape(rgb="abc").model_dump(exclude_none=True) == {"id": "", "rgb": "abc"}


CONFIG = """ocio_profile_version: 2
search_path: tables
roles: {{scene_linear: linear, default: linear}}
displays:
  sRGB:
    - !<View> {{name: Bright, colorspace: bright}}
colorspaces:
  - !<ColorSpace> {{name: linear}}
  - !<ColorSpace> {{name: bright, from_scene_reference: !<FileTransform> {{src: {table}}}}}
"""
TABLE = "LUT_1D_SIZE 2\n0 0 0\n{0} {0} {0}\n"


def config(folder: Path, white: float, table: str = "bright.cube") -> Path:
    """A configuration with a table beside it, whose view multiplies light by `white`."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "tables" / "bright.cube").write_text(TABLE.format(white))
    (folder / "config.ocio").write_text(CONFIG.format(table=table))
    return folder / "config.ocio"


def light(folder: Path, count: int = 2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        path = folder / f"beauty.{number:04d}.tif"
        Image.fromarray(np.full((54, 96), 0.5, np.float32)).save(path)
        os.utime(path, (OLD, OLD))
    return folder / "beauty.%04d.tif"


def test_a_configuration_travels_with_its_tables(tmp_path: Path) -> None:
    settings = Settings(
        view="Bright", ocio=str(config(tmp_path / "here", 0.5)), keep_frames=True, edge="off", blur="off"
    )
    (checked,) = PREPARE.check([Item("a", light(tmp_path / "in"))], settings)
    assert checked.runs, checked.reason
    packed = PREPARE.pack(checked, settings, "files")
    assert str(tmp_path) not in json.dumps(packed.task.asks)
    given = Given(packed, tmp_path / "host")
    (tmp_path / "here").rename(tmp_path / "gone")
    outcomes: list[Outcome] = []
    OpenCVEngine().run([packed.task], given, outcomes.append)
    assert outcomes[0].ok, outcomes[0].error
    assert (
        np.asarray(Image.open(tmp_path / "host" / "made" / "frames" / "rgb" / "00000.png"))[0, 0].tolist() == [64] * 3
    )
    manifest = json.loads((tmp_path / "host" / "made" / "manifest.json").read_text())
    assert "Bright for sRGB of config.ocio" in manifest["clips"]["rgb"]["how"]
    assert list(manifest["sources"]["ocio"]["files"].values()) == [packed.task.asks["ocio"]]


def test_the_content_of_a_configuration_is_part_of_the_work(tmp_path: Path) -> None:
    item = Item("a", light(tmp_path / "in"))
    first, again, other = (config(tmp_path / name, white) for name, white in (("a", 0.5), ("b", 0.5), ("c", 0.25)))
    asks = []
    for path in (first, again, other):
        settings = Settings(view="Bright", ocio=str(path))
        (checked,) = PREPARE.check([item], settings)
        asks.append(PREPARE.asks(checked, settings))
    assert asks[0] == asks[1] != asks[2]
    # Pictures that are for screens already need none.
    pictures = Item("a", frames(tmp_path / "color", "color", 2))
    plain, named = Settings(), Settings(view="Bright", ocio=str(first))
    without, given = (PREPARE.asks(check_item(pictures, each), each) for each in (plain, named))
    assert (given["recipe"]["view"], set(given)) == (without["recipe"]["view"], set(without))
    assert "without effect" in given["recipe"]["notes"][-1]


def test_a_configuration_that_changes_before_its_turn(tmp_path: Path) -> None:
    item, path = Item("a", light(tmp_path / "in")), config(tmp_path / "ocio", 0.5)
    settings = Settings(view="Bright", ocio=str(path))
    (checked,) = PREPARE.check([item], settings)
    decided = PREPARE.begin(checked, OpenCVEngine(), "local")
    stored = PREPARE.load_settings(json.loads(json.dumps(PREPARE.dump_settings(settings))))
    assert PREPARE.dump_settings(stored) == PREPARE.dump_settings(settings)
    assert PREPARE.checked_again(item, decided, stored) == checked
    config(tmp_path / "ocio", 0.251)
    changed = PREPARE.checked_again(item, decided, stored)
    assert (changed.runs, changed.remedy) == (False, "submit it again")
    assert "has changed since the run was submitted" in changed.reason


def test_a_configuration_that_cannot_travel_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path / "ocio", 0.5, table="/elsewhere/bright.cube")
    checked = check_item(Item("a", light(tmp_path / "in")), Settings(view="Bright", ocio=str(path)))
    assert not checked.runs
    assert "names tables outside of its folder" in checked.reason
    assert "ocioarchive" in checked.remedy


def test_what_was_decided_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item, settings = Item("a", frames(tmp_path / "in", "color", 6)), Settings(model="transfer2.5", fps=12)
    (checked,) = PREPARE.check([item], settings)
    decided = PREPARE.begin(checked, OpenCVEngine(), "local")
    assert PREPARE.checked_again(item, decided, settings) == checked
    # A later version may decide otherwise.
    monkeypatch.setattr("cosmos_workflow.kinds.prepare.plan._size", lambda *_: (320, 192))
    monkeypatch.setattr("cosmos_workflow.kinds.prepare.plan._length", lambda *_: (999, ["longer"]))
    assert check_item(item, settings).size == (320, 192)
    again = PREPARE.checked_again(item, decided, settings)
    assert (again.size, again.framing, again.frames) == (checked.size, checked.framing, checked.frames)
    assert (again.reason, again.notes) == (checked.reason, ("; ".join(checked.notes),))
    (tmp_path / "in" / "color.0006.png").unlink()
    gone = PREPARE.checked_again(item, decided, settings)
    assert not gone.runs
    assert gone.reason.startswith("there are 5 frames of 96x54, and there were 6")
