"""Names as Houdini, Blender, Unreal, Maya, Nuke and simulators write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.media.numbering import IMAGES, has_place, number_in, pattern_of, sequences_in
from cosmos_workflow.media.sequence import files_of
from cosmos_workflow.media.shots import find_shots

# What a renderer wrote: the shots with the sources in them, as patterns below the folder, and the numbers of the first.
SCHEMES: dict[str, tuple[list[str], dict[str, dict[str, str]], list[int]]] = {
    "Blender, plain": ([f"{n:04d}.png" for n in (1, 2, 3)], {"": {"rgb": "%04d.png"}}, [1, 2, 3]),
    "Blender, passes in one folder": (
        [f"{name}.{n:04d}.{suffix}" for n in (1, 2) for name, suffix in
         (("color", "png"), ("depth", "exr"), ("seg", "png"))],
        {"": {"rgb": "color.%04d.png", "depth": "depth.%04d.exr", "seg": "seg.%04d.png"}}, [1, 2]),
    "Blender's file output": (
        [f"{name}{n:04d}.exr" for n in (1, 2) for name in ("Image", "Depth", "IndexOB")],
        {"": {"rgb": "Image%04d.exr", "depth": "Depth%04d.exr", "seg": "IndexOB%04d.exr"}}, [1, 2]),
    "a folder for each": (
        [f"{folder}/{n:04d}.exr" for n in (1, 2) for folder in ("beauty", "depth", "cryptomatte")],
        {"": {"rgb": "beauty/%04d.exr", "depth": "depth/%04d.exr", "seg": "cryptomatte/%04d.exr"}}, [1, 2]),
    "folders with the shot's name in the files": (
        [f"{folder}/sh010_{n:04d}.png" for n in (7, 8) for folder in ("rgb", "mask")],
        {"sh010": {"rgb": "rgb/sh010_%04d.png", "seg": "mask/sh010_%04d.png"}}, [7, 8]),
    "Houdini": ([f"shot_010_beauty.{n}.exr" for n in (1001, 1002)],
                {"shot_010": {"rgb": "shot_010_beauty.%04d.exr"}}, [1001, 1002]),
    "Houdini, before the first frame": (["z.-0002.exr", "z.-0001.exr", "z.0000.exr", "z.0001.exr"],
                                        {"": {"depth": "z.%04d.exr"}}, [-2, -1, 0, 1]),
    "Houdini, several takes": (
        [f"wedge_v{take:03d}.{n:04d}.png" for take in (1, 2) for n in (1, 2)],
        {"wedge_v001": {"rgb": "wedge_v001.%04d.png"}, "wedge_v002": {"rgb": "wedge_v002.%04d.png"}}, [1, 2]),
    "Unreal": (
        [f"Level.{kind}.{n:04d}.{suffix}" for n in (0, 1) for kind, suffix in
         (("FinalImage", "png"), ("FinalImageWorldDepth", "exr"))],
        {"Level": {"rgb": "Level.FinalImage.%04d.png", "depth": "Level.FinalImageWorldDepth.%04d.exr"}}, [0, 1]),
    "Unreal, glued": ([f"Seq{n:05d}.jpeg" for n in (0, 1)], {"Seq": {"rgb": "Seq%05d.jpeg"}}, [0, 1]),
    "Maya": ([f"masterLayer_{kind}_{n:04d}.tif" for n in (1, 2) for kind in ("beauty", "Z")],
             {"masterLayer": {"rgb": "masterLayer_beauty_%04d.tif", "depth": "masterLayer_Z_%04d.tif"}}, [1, 2]),
    "Maya, number first": ([f"{n:04d}_beauty.a.tif" for n in (1, 2)], {"a": {"rgb": "%04d_beauty.a.tif"}}, [1, 2]),
    "Nuke": ([f"comp_v012.{n:04d}.dpx" for n in (86400, 86401)], {"comp_v012": {"rgb": "comp_v012.%05d.dpx"}},
             [86400, 86401]),
    "Nuke, stereo": (
        [f"comp_{eye}.{n:04d}.exr" for eye in ("left", "right") for n in (1, 2)],
        {"comp_left": {"rgb": "comp_left.%04d.exr"}, "comp_right": {"rgb": "comp_right.%04d.exr"}}, [1, 2]),
    "no padding": ([f"im{n}.png" for n in (1, 2, 9, 10, 11)], {"im": {"rgb": "im%01d.png"}}, [1, 2, 9, 10, 11]),
    "padding outgrown": ([f"x_{n:04d}.png" for n in (9998, 9999, 10000)], {"x": {"rgb": "x_%04d.png"}},
                         [9998, 9999, 10000]),
    "padding of three kinds": (["a_1.png", "a_02.png", "a_003.png"], {"a": {"rgb": "a_%d.png"}}, [1, 2, 3]),
    "Isaac Sim": (
        [f"{kind}_{n:04d}.png" for n in (0, 1) for kind in ("rgb", "distance_to_camera", "semantic_segmentation")],
        {"": {"rgb": "rgb_%04d.png", "depth": "distance_to_camera_%04d.png", "seg": "semantic_segmentation_%04d.png"}},
        [0, 1]),
    "Omniverse": ([f"Capture.{n:04d}.png" for n in (1, 2)], {"Capture": {"rgb": "Capture.%04d.png"}}, [1, 2]),
    "CARLA": ([f"{folder}/{n:08d}.png" for n in (120, 121) for folder in ("rgb", "depth", "semantic_segmentation")],
              {"": {"rgb": "rgb/%08d.png", "depth": "depth/%08d.png", "seg": "semantic_segmentation/%08d.png"}},
              [120, 121]),
    "KITTI": ([f"image_02/{n:010d}.png" for n in (0, 1)], {"02": {"rgb": "image_02/%010d.png"}}, [0, 1]),
    "ffmpeg": ([f"frame_{n:06d}.jpg" for n in (1, 2)], {"": {"rgb": "frame_%06d.jpg"}}, [1, 2]),
    "numbers in the middle": ([f"frame{n:04d}_{kind}.png" for n in (1, 2) for kind in ("rgb", "depth")],
                              {"": {"rgb": "frame%04d_rgb.png", "depth": "frame%04d_depth.png"}}, [1, 2]),
    "cameras": (
        [f"frame{n:04d}_cam{camera}.png" for n in (1, 2) for camera in (1, 2)],
        {"cam1": {"rgb": "frame%04d_cam1.png"}, "cam2": {"rgb": "frame%04d_cam2.png"}}, [1, 2]),
    "a size in the name": ([f"street_1920x1080_{n:03d}.webp" for n in (1, 2)],
                           {"street_1920x1080": {"rgb": "street_1920x1080_%03d.webp"}}, [1, 2]),
    "a tree of shots": (
        [f"film/{shot}/{folder}/{n:04d}.png" for shot in ("sh010", "sh020") for folder in ("rgb", "seg")
         for n in (1, 2)],
        {f"film/{shot}": {"rgb": f"film/{shot}/rgb/%04d.png", "seg": f"film/{shot}/seg/%04d.png"}
         for shot in ("sh010", "sh020")}, [1, 2]),
    "spaces and percent signs": ([f"depth 100% {n:04d}.png" for n in (1, 2)],
                                 {"100%": {"depth": "depth 100%% %04d.png"}}, [1, 2]),
    "other letters": ([f"straße_{n:03d}.png" for n in (1, 2)], {"straße": {"rgb": "straße_%03d.png"}}, [1, 2]),
    "capitals": ([f"RENDER_COLOR_{n:04d}.PNG" for n in (1, 2)], {"": {"rgb": "RENDER_COLOR_%04d.PNG"}}, [1, 2]),
    "what nobody means": (
        ["color.0001.png", "color.0002.png", ".color.0003.png", "notes.txt", "color.0003.png.part", "Thumbs.db"],
        {"": {"rgb": "color.%04d.png"}}, [1, 2]),
    "given controls": (
        [f"{kind}_{n:04d}.png" for n in (1, 2) for kind in ("color", "canny", "blur", "normal")],
        {"": {"rgb": "color_%04d.png", "edge": "canny_%04d.png", "vis": "blur_%04d.png"}}, [1, 2]),
    "videos": (["drive/rgb.mp4", "drive/depth.mov", "drive/seg.mkv"],
               {"drive": {"rgb": "drive/rgb.mp4", "depth": "drive/depth.mov", "seg": "drive/seg.mkv"}}, []),
}  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_naming_scheme(tmp_path: Path, scheme: str) -> None:
    names, expected, numbers = SCHEMES[scheme]
    root = tmp_path / "render"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    shots = find_shots(root)
    named = {
        shot.name if shot.name != "render" or "render" in expected else "": {
            modality: path.relative_to(root).as_posix() for modality, path in shot.sources.items()
        }
        for shot in shots
    }
    assert named == expected
    if numbers:
        first = next(iter(shots[0].sources.values()))
        files = files_of(first)
        assert list(files) == numbers
        assert {file.relative_to(root).as_posix() for file in files.values()} <= set(names)


def test_there_are_thirty_schemes() -> None:
    assert len(SCHEMES) >= 30


@pytest.mark.parametrize(
    ("pattern", "name", "number"),
    [
        ("a.%04d.png", "a.0007.png", 7),
        ("a.%04d.png", "a.12345.png", 12345),
        ("a.%04d.png", "a.007.png", None),
        ("a.%04d.png", "a.-007.png", -7),
        ("a.%04d.png", "a.-0007.png", -7),
        ("a.%d.png", "a.0.png", 0),
        ("a.%d.png", "a.0010.png", 10),
        ("a.####.png", "a.0007.png", 7),
        ("a.#.png", "a.7.png", 7),
        ("a.<F4>.png", "a.0007.png", 7),
        ("a.<f>.png", "a.7.png", 7),
        ("a.<frame>.png", "a.07.png", 7),
        ("a.$F4.png", "a.0007.png", 7),
        ("a.$F.png", "a.7.png", 7),
        ("a.${F4}.png", "a.0007.png", 7),
        ("a.$frame.png", "a.7.png", 7),
        ("a.{frame_number}.png", "a.0007.png", 7),
        ("a_10%%.%03d.png", "a_10%.007.png", 7),
        ("v2_%03d_rgb.png", "v2_007_rgb.png", 7),
        ("%04d_take#2.png", "0007_take#2.png", 7),
        ("take$F_%04d.png", "take$F_0007.png", 7),
        ("%04d_100%%d.png", "0007_100%d.png", 7),
        ("a%%%04d.png", "a%0007.png", 7),
        ("a.%04d.png", "b.0007.png", None),
        ("a.%04d.png", "a.00x7.png", None),
        ("a.%04d.png", "a.٠٠٠٧.png", None),
    ],
)
def test_a_pattern_stands_for_names(pattern: str, name: str, number: int | None) -> None:
    assert has_place(pattern)
    assert number_in(name, *pattern_of(pattern)) == number


def test_what_is_no_pattern() -> None:
    assert not any(map(has_place, ["a.0001.png", "100%.png", "a$.png", "<b>.png", "100%%d.png"]))


TEXT = st.text("abcXYZ._- %é#$Fd<>", max_size=8).filter(lambda text: not text.endswith("-"))


@given(
    before=TEXT,
    after=st.text("abc_.%#d$F", max_size=5),
    suffix=st.sampled_from(sorted(IMAGES - {".jp2", ".j2k"})),
    padding=st.integers(1, 8),
    numbers=st.sets(st.integers(-30, 12_000), min_size=1, max_size=12),
)
def test_any_padding_and_any_numbers(before: str, after: str, suffix: str, padding: int, numbers: set[int]) -> None:
    if before and before[-1] not in "._ ":
        numbers = {abs(number) for number in numbers}  # a dash behind a letter is no sign
    names = {number: f"{before}{'-' * (number < 0)}{abs(number):0{padding}d}{after}{suffix}" for number in numbers}
    sequences, unnumbered = sequences_in(names.values())
    assert unnumbered == []
    assert len(sequences) == 1
    assert sorted(sequences[0].files) == sorted((number, name) for number, name in names.items())
    pattern = sequences[0].pattern
    assert has_place(pattern)
    assert {number_in(name, *pattern_of(pattern)) for name in names.values()} == numbers


@given(st.lists(st.text("ab0129._-%# ", min_size=1, max_size=12), max_size=30, unique=True))
def test_no_name_is_lost_or_counted_twice(names: list[str]) -> None:
    sequences, unnumbered = sequences_in(names)
    listed = [name for sequence in sequences for _, name in sequence.files]
    assert sorted(listed + unnumbered) == sorted(names)
    for sequence in sequences:
        for number, name in sequence.files:
            assert (
                name
                == f"{sequence.before}{name[len(sequence.before) : len(name) - len(sequence.after)]}{sequence.after}"
            )
            assert int(name[len(sequence.before) : len(name) - len(sequence.after)]) == number


def test_two_clips_that_show_the_same_are_a_complaint(tmp_path: Path) -> None:
    for name in ("depth.0001.exr", "z.0001.exr"):
        (tmp_path / name).write_bytes(b"x")
    (shot,) = find_shots(tmp_path)
    assert shot.unclear == (
        f"2 clips of {tmp_path.name} show depth: depth.%04d.exr, z.%04d.exr", "say which: --depth 'depth.%04d.exr'"
    )  # fmt: skip


def test_what_is_not_used_is_told(tmp_path: Path) -> None:
    for name in ("color.0001.png", "normal.0001.png", "foo.0001.png"):
        (tmp_path / name).write_bytes(b"x")
    shots = {shot.name: shot for shot in find_shots(tmp_path)}
    assert shots[tmp_path.name].notes == ("not used, as no model takes normals: normal.%04d.png",)
    assert set(shots["foo"].sources) == {"rgb"}
    (tmp_path / "none").mkdir()
    assert find_shots(tmp_path / "none") == []
