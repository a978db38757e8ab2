"""Reads depth from one image of a rendered sequence: distances, shares from near to far, disparity, or grey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from cosmos_workflow.media.depth import FAR
from cosmos_workflow.media.layers import LAYERED, layers_of, read_channels
from cosmos_workflow.media.plates import image_data
from cosmos_workflow.media.shots import modality_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

__all__ = ["DepthKind", "DepthMeans", "Distances", "depth_means", "read_distances"]

# "distance": from the camera. "share": 0 near to 1 far, as Blender's mist. "disparity": one over the distance.
DepthMeans = Literal["distance", "share", "disparity"]
# "grey": already a control, near bright.
DepthKind = Literal["distance", "share", "disparity", "grey"]


class Distances(NamedTuple):
    """Depth: of kind "grey" 8-bit values, of kind "share" from 0 to 1, else distances; shape (height, width)."""

    values: Floats | Pixels
    kind: DepthKind


def depth_means(path: Path) -> DepthMeans:
    """What the values of a depth file mean, by its name, else by its folder's.

    >>> depth_means(Path("mist/0001.exr")), depth_means(Path("mist_valley/z.%04d.exr")), depth_means(Path("disp.exr"))
    ('share', 'distance', 'distance')
    """
    name = next((name for name in (path.name, path.absolute().parent.name) if modality_in(name)), "")
    if modality_in(name) != "depth":
        return "distance"
    return "share" if "mist" in name.lower() else "disparity" if "disparity" in name.lower() else "distance"


def read_distances(path: Path, layer: str = "", means: DepthMeans = "distance") -> Distances:
    """Depth from a file; `layer` is the channel, where the file has several. Raises BadInputError.

    `means` is what the values mean, where the channel's own name does not say it. 8-bit images of distances are taken
    for controls that are ready. The greatest value and 0 of 16-bit ones mean that nothing is there.
    """
    if path.suffix.lower() in LAYERED:
        layers = layers_of(path)
        name = layer or layers.depth(alone=True)
        own = name.rpartition(".")[0]
        return _meant(read_channels(path, [name])[..., 0], depth_means(Path(own)) if modality_in(own) else means)
    data = image_data(path)
    grey = data if data.ndim == 2 else data[..., 0]
    if data.dtype.kind == "f":
        return _meant(grey.astype(np.float32), means)
    if means == "share":
        return Distances(grey.astype(np.float32) / np.float32(np.iinfo(data.dtype).max), means)
    if data.dtype == np.uint8:
        return Distances(grey, "grey")
    values = grey.astype(np.float32)
    if means == "distance":
        values[grey == 65_535] = np.inf
    return _meant(values, means)


def _meant(values: Floats, means: DepthMeans) -> Distances:
    if means == "disparity":
        return Distances(np.divide(1, values, out=np.full_like(values, np.inf), where=values > 0), means)
    return Distances(values if means == "share" else _forward(values), means)


def _forward(values: Floats) -> Floats:
    """Distances along the camera's view: some renderers look along the negative axis, so that all are below 0."""
    finite = values[np.isfinite(values) & (np.abs(values) < FAR)]
    return -values if finite.size and not (finite > 0).any() and (finite < 0).any() else values
