"""A batch on a Ray cluster, as a Ray Data pipeline; for notebooks too:

    from cosmos_workflow.engines import ChosenEngine
    from cosmos_workflow.kinds.upsample import Settings
    from cosmos_workflow.runs.places.ray import Job, Output, connected

    engine = ChosenEngine("vllm", "upsampler", "frames", "as asked", {"model_path": "/models/upsampler"})
    job = Job("s3://bucket/prompts/", Output("s3://bucket/upsampled/"), engine, Settings(), engines=8)
    with connected("ray://head:10001") as cluster:
        cluster.follow(job, print)

Needs `pip install 'cosmos-workflow[ray]'`, here and on every machine of the cluster.
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
