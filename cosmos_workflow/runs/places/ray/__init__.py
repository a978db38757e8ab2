"""A batch on a Ray cluster, as a Ray Data pipeline; `api.run_on_ray` shows how a `Job` is made and followed.

Needs `pip install 'cosmos-workflow[ray]'`, and the distribution of the kind of work, here and on every machine of the
cluster.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.runs.places.ray.cluster import Cluster, connected
    from cosmos_workflow.runs.places.ray.parts import Format, Output
    from cosmos_workflow.runs.places.ray.pipeline import Job, run

__all__ = ["Cluster", "Format", "Job", "Output", "connected", "is_ray", "run"]

# Imported when first used: most runs are not on Ray.
__getattr__ = lazy_door(
    __name__,
    {
        "Cluster": "cluster",
        "Format": "parts",
        "Job": "pipeline",
        "Output": "parts",
        "connected": "cluster",
        "run": "pipeline",
    },
)


def is_ray(place: str) -> bool:
    """Whether a place is Ray: `ray`, the cluster of this machine (or one started for the run), or `ray://HEAD:PORT`."""
    return place == "ray" or place.startswith("ray:")
