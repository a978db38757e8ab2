"""How scene-linear light is shown on a screen: the plain sRGB curve, or a view of an OpenColorIO configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.media.layers import EXTRA
from cosmos_workflow.media.numbering import some

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

__all__ = ["BACKGROUNDS", "PLAIN", "Background", "View", "check_view", "config_of", "to_screen"]

Background = Literal["white", "black"]
BACKGROUNDS: tuple[Background, ...] = ("white", "black")
PLAIN = "sRGB"
BUILT_IN = "ocio://cg-config-latest"
LATEST = ("cg-config-latest", "studio-config-latest")
REC709 = "Linear Rec.709 (sRGB)"
# Primaries that files state, by the x and y of red, and what the built-in configurations call their light.
STATED = {(0.713, 0.293): "ACEScg", (0.7347, 0.2653): "ACES2065-1"}


@dataclass(frozen=True)
class View:
    """How light becomes a picture.

    `name` is "sRGB" (the curve alone, values above 1 are cut off) or a view of `config`: a file, or one of the
    configurations that OpenColorIO has built in. Without a name it is the configuration's own first view. `exposure` is
    in stops. `light` is the configuration's name for the light of the files, by default its scene-linear role, and
    what the files state. `background` is behind what is transparent.
    """

    name: str = ""
    exposure: float = 0.0
    config: str = ""
    light: str = ""
    background: Background = "white"

    @property
    def is_plain(self) -> bool:
        """Whether the sRGB curve is meant, for which no library is needed."""
        return not self.config and self.name.lower() in ("", PLAIN.lower())


def check_view(view: View) -> str:
    """What will be done, in words. Raises UsageError for a configuration or a view that is not there."""
    exposure = f", exposure {view.exposure:+g}" if view.exposure else ""
    if view.is_plain:
        return f"the sRGB curve{exposure}"
    _, display, name, light = _chosen(view, ())
    config = view.config or BUILT_IN
    if Path(config).is_file():
        config = Path(config).name  # where it lies differs from machine to machine
    return f"{name} for {display} of {config}, from {light}{exposure}"


def to_screen(light: Floats, view: View, primaries: tuple[float, ...] = ()) -> Pixels:
    """Light as 8-bit RGB, shape (height, width, 3), from (height, width, 1, 3 or 4).

    Colours are already multiplied by alpha, as in OpenEXR; `primaries` are those that the file states.
    """
    import numpy as np

    alpha = np.clip(light[..., 3:4], 0, 1) if light.shape[2] == 4 else None
    rgb = np.repeat(light, 3, axis=2) if light.shape[2] == 1 else light[..., :3]
    if alpha is not None and (view.background == "black" or bool((alpha >= 1).all())):
        alpha = None  # over black, light is as it is
    if alpha is not None:
        rgb = np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 0)
    rgb = np.ascontiguousarray(np.nan_to_num(rgb, nan=0.0, posinf=65504.0, neginf=0.0), np.float32)
    if view.exposure:
        rgb = rgb * np.float32(2.0**view.exposure)
    if view.is_plain and primaries[:2] not in STATED:
        pixels = _srgb()[rgb.clip(0, 1).astype(np.float16).view(np.uint16)]
    else:
        if not rgb.flags.writeable:
            rgb = rgb.copy()
        _processor(view, primaries[:2]).applyRGB(rgb)
        pixels = (np.clip(rgb, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if alpha is not None:
        pixels = (pixels * alpha + np.float32(255) * (1 - alpha) + np.float32(0.5)).astype(np.uint8)
    return pixels


@lru_cache(1)
def _srgb() -> Pixels:
    """The sRGB curve (IEC 61966-2-1) of each half float, by its bits; rounding to halves moves no value by a step."""
    import numpy as np

    light = np.arange(65_536, dtype=np.uint16).view(np.float16).astype(np.float64)
    light = np.clip(np.nan_to_num(light), 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * curve + 0.5).astype(np.uint8)


@lru_cache(8)
def _processor(view: View, red: tuple[float, ...]) -> Any:
    import PyOpenColorIO

    config, display, name, light = _chosen(view, red)
    transform = PyOpenColorIO.DisplayViewTransform(src=light, display=display, view=name)
    return config.getProcessor(transform).getDefaultCPUProcessor()


def _chosen(view: View, red: tuple[float, ...]) -> tuple[Any, str, str, str]:
    """The configuration, its display, its view, and its name for the light of the files."""
    config = config_of(view.config or BUILT_IN)
    displays = list(config.getDisplays())
    display = next((each for each in displays if "srgb" in each.lower()), config.getDefaultDisplay())
    views = list(config.getViews(display))
    wanted = view.name.lower()
    if view.is_plain:  # of light that only a configuration can convert
        wanted = "un-tone-mapped"
    elif wanted == "aces" and wanted not in map(str.lower, views):
        wanted = ""
    exact = [each for each in views if each.lower() == wanted]
    names = exact or [each for each in views if wanted in each.lower()]
    if not names:
        remedy = f"it has {', '.join(views)}"
        if wanted.startswith(("filmic", "agx", "standard")) and not view.config:
            remedy = (
                "Blender's views are in its own configuration: --ocio BLENDER/datafiles/colormanagement/config.ocio"
            )
        raise UsageError(f"no view {view.name!r} in {view.config or BUILT_IN}", remedy=remedy)
    return config, display, names[0], _light(config, view, red)


def _light(config: Any, view: View, red: tuple[float, ...]) -> str:
    spaces = list(config.getColorSpaceNames())
    for name in (view.light, STATED.get((red[0], red[1]), "") if red else ""):
        if name and config.getColorSpace(name) is not None:
            return name
        if name and name == view.light:
            raise UsageError(f"no colour space {name!r}", remedy=f"there are {some(spaces, 12)}")
    if not view.config and REC709 in spaces:
        return REC709  # the scene-linear role of the built-in ones is ACEScg, which few renderers write unasked
    return "scene_linear"


@lru_cache(8)
def config_of(name: str) -> Any:
    """A configuration: a file, or one that OpenColorIO has built in. Raises UsageError, or BadInputError without it."""
    try:
        import PyOpenColorIO
    except ImportError as error:
        raise BadInputError("this view needs OpenColorIO, which is not installed", remedy=EXTRA) from error
    path = Path(name)
    try:
        if path.is_file():
            return PyOpenColorIO.Config.CreateFromFile(str(path))
        if name.startswith("ocio://"):
            return PyOpenColorIO.Config.CreateFromFile(name)
        known = [each[0] for each in PyOpenColorIO.BuiltinConfigRegistry().getBuiltinConfigs()]
        if name in known or name in LATEST:
            return PyOpenColorIO.Config.CreateFromBuiltinConfig(name)
    except PyOpenColorIO.Exception as error:
        raise UsageError(
            f"not a configuration of OpenColorIO ({str(error).splitlines()[0]})", where=name,
            remedy="give a config.ocio, with the folder of its tables beside it",
        ) from error  # fmt: skip
    raise UsageError("no such configuration of OpenColorIO", where=name, remedy=f"give a file, or {some(known, 12)}")
