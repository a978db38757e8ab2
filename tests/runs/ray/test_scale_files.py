"""The cluster files of docs/scale, each read by what it is for, as far as that goes without a cloud."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

FILES = Path(__file__).parents[3] / "docs" / "scale"


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FILES / name).read_text(encoding="utf-8"))
    return document


def with_tool(package: str, code: str, *words: str) -> str:
    """What code prints that needs a package which the project does not."""
    command = [sys.executable, "-m", "uv", "run", "--no-project", "--isolated", "--with", package, "python", "-c", code]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_rays_launcher_takes_the_aws_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(load("ray-cluster.yaml"))
    validate_config(config)
    assert config["available_node_types"]["gpu"]["resources"]["GPU"] == 1
    spoilt = load("ray-cluster.yaml")
    spoilt["available_node_types"]["gpu"]["max_worker"] = 3
    with pytest.raises(Exception, match="max_worker"):
        validate_config(spoilt)


def test_rays_autoscaler_reads_the_kuberay_file() -> None:
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
    from ray.autoscaler._private.util import validate_config

    cluster = load("kuberay.yaml")
    cluster["metadata"]["namespace"] = "default"
    config = _derive_autoscaling_config_from_ray_cr(cluster)
    validate_config(config)
    assert config["available_node_types"]["gpu"]["resources"]["GPU"] == 1
    assert config["available_node_types"]["headgroup"]["resources"]["CPU"] == 0


PODS = """
import sys, yaml, kubernetes_validate
spec = yaml.safe_load(open(sys.argv[1]))["spec"]
for template in [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": template["spec"]}
    kubernetes_validate.validate(pod, "1.31", strict=True)
    print("good")
"""


def test_kubernetes_schema_takes_the_pods() -> None:
    assert with_tool("kubernetes-validate==1.37.0", PODS, str(FILES / "kuberay.yaml")).split() == ["good", "good"]


TASK = """
import sys, sky
task = sky.Task.from_yaml(sys.argv[1])
print(task.num_nodes, all(resource.use_spot for resource in task.resources), len(task.resources))
"""


def test_skypilot_takes_the_task() -> None:
    assert with_tool("skypilot==0.14.1", TASK, str(FILES / "sky.yaml")).split()[-3:] == ["8", "True", "3"]
