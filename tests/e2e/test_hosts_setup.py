"""`cosmos hosts setup` on "the host", by a real sshd: interrupted, refused, and gone on with.

`git`, `uv`, `hf` and `nvidia-smi` are STAND-INS on the host's PATH: they write the files that the real ones bring.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import hub as answers
from servers.hub import TOKEN, HubServer, hub_server
from servers.peers import host_settings
from servers.sshd import SSHD

from cosmos_workflow.cli import main
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.ssh import Pins

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]

STANDINS = {
    "git": """case "$*" in
  clone*) mkdir -p "$3/examples" "$3/.git" && echo x > "$3/examples/inference.py" && echo x > "$3/.git/HEAD";;
  *rev-parse*) echo 2ff49d0aaaa;;
  *ls-files*) test -e "$2/fetched" && echo "abc * assets/a.mp4" || echo "abc - assets/a.mp4";;
  "lfs pull") echo x > fetched;;
esac""",
    "uv": "mkdir -p .venv/bin && echo x > .venv/bin/python && echo x > .venv/bin/torchrun",
    "hf": """repository=$2; shift 2; echo "hf has token $HF_TOKEN"
echo "$repository" >> "$LOG"
if test "$repository" = "$DROPS" && test ! -e "$LOG.dropped"; then
  echo x > "$LOG.dropped"; process=$PPID
  while ! grep -q ^sshd "/proc/$process/comm"; do process=$(cut -d ' ' -f 4 "/proc/$process/stat"); done
  kill -9 "$process"; exit
fi
test "$repository" = "$BREAKS" && test ! -e "$LOG.broken" && echo x > "$LOG.broken" && echo "503 of the hub" && exit 1
folder="$HF_HOME/hub/models--$(echo "$repository" | sed s,/,--,)/snapshots/abc"
for name in "${@:-config.json}" config.json model.safetensors blocklist/words face_blur_filter/words \
  video_content_safety_filter/safety_filter.pt; do
mkdir -p "$(dirname "$folder/$name")" && echo x > "$folder/$name"; done""",
    "nvidia-smi": """case "$1" in
*compute_cap*) echo '0, 570.124.06, 9.0';; *memory*) echo '0, NVIDIA H100 80GB HBM3, 81559, 81079, 0';;
*) echo "| Driver Version: ${DRIVER:-570.124.06}   CUDA Version: 12.8 |";; esac""",
}


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SSHD]:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in STANDINS.items():
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    log, home = tmp_path / "hf.log", tmp_path / "hf"
    variables = (
        f"PATH={tools}:{os.environ['PATH']} LOG={log} BREAKS=Qwen/Qwen3Guard-Gen-0.6B DROPS=nvidia/Cosmos-Predict2.5-2B"
    )
    with SSHD(tmp_path / "sshd", settings=f"SetEnv {variables} HF_HOME={home} NO_PROXY=127.0.0.1 SHLVL=1") as server:
        yield server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with hub_server() as server:
        yield server


def test_steps_are_shown_run_and_gone_on_with(sshd: SSHD, hub: HubServer, tmp_path: Path, capsys: Any) -> None:
    settings = {"environment": {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}, "secrets": ["HF_TOKEN"]}
    set_host("gpu", {**host_settings(sshd), **settings})
    Pins(known_keys_file()).pin("gpu", sshd.host_key)
    command = ["hosts", "setup", "gpu", "--model", "transfer2.5-2b", "--model-path", str(tmp_path / "programs")]
    (tmp_path / "programs").mkdir()
    log = tmp_path / "hf.log"

    hub.answers["nvidia/Cosmos-Guardrail1"] = answers.GATED
    assert main([*command, "--yes"]) == 3
    assert "access to nvidia/Cosmos-Guardrail1" in capsys.readouterr().err
    hub.answers.clear()

    assert main(command) == 2  # nobody can be asked
    shown = capsys.readouterr()
    clone = tmp_path / "programs" / "cosmos-transfer2.5"
    assert f"$ git clone https://github.com/nvidia-cosmos/cosmos-transfer2.5.git {clone}" in shown.out
    assert f"cd {clone} && uv sync --extra=cu128" in shown.out
    assert "--yes" in shown.err
    assert not log.exists()
    assert not clone.exists()

    assert main([*command, "--yes"]) == 3
    shown = capsys.readouterr()
    assert "the connection broke" in shown.err
    assert f"go on afterwards with: cosmos {' '.join(command)}" in shown.err
    assert log.read_text().splitlines()[-1] == "nvidia/Cosmos-Predict2.5-2B"
    dropped = len(log.read_text().splitlines())

    assert main([*command, "--yes"]) == 3
    shown = capsys.readouterr()
    assert "503 of the hub" in shown.err
    assert f"go on afterwards with: cosmos {' '.join(command)}" in shown.err
    first = log.read_text().splitlines()
    assert first[-1] == "Qwen/Qwen3Guard-Gen-0.6B"
    assert first[dropped] == "nvidia/Cosmos-Predict2.5-2B"

    assert main([*command, "--yes"]) == 0
    shown = capsys.readouterr()
    assert "hf has token ***" in shown.err
    assert TOKEN not in shown.out + shown.err
    # What was there is not downloaded again, and what failed is.
    assert log.read_text().splitlines()[len(first) :] == ["Qwen/Qwen3Guard-Gen-0.6B"]
    assert main([*command, "--dry-run"]) == 0
    assert "$" not in capsys.readouterr().out

    checked = main(["doctor", "--on", "gpu", "--model", "transfer2.5-2b", "--engine", "program",
                    "--model-path", str(tmp_path / "programs"), "--json"])  # fmt: skip
    shown = capsys.readouterr()
    assert '"name": "program", "status": "ok"' in shown.out
    assert checked == 1  # the settings name another Python than the program's own, beside which there is no torchrun
    assert f"python={clone}/.venv/bin/python" in shown.out
