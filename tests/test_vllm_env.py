"""The CPU vLLM's environment has what the project needs: its script names the libraries one by one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
# Those whose versions vLLM's own list states.
FROM_VLLM = {"numpy", "opencv-python-headless", "pillow", "torch", "torchvision", "transformers"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [Requirement(line) for line in PROJECT["dependencies"]] + [
    Requirement(line)
    for extra in ("serve", "ray", "report", "transformers")
    for line in PROJECT["optional-dependencies"][extra]
]


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_script_installs_what_the_project_needs(wanted: Requirement) -> None:
    script = (ROOT / "scripts" / "vllm-env.sh").read_text(encoding="utf-8")
    given = [Requirement(text) for text in re.findall(r"'([a-z][\w-]*(?:\[[\w,]+\])?>=[^']+)'", script)]
    if canonicalize_name(wanted.name) not in FROM_VLLM:
        assert wanted in given
