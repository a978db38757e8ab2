from __future__ import annotations

from pathlib import Path

import pytest

from cosmos_workflow.config import load_config, set_host
from cosmos_workflow.errors import UsageError
from cosmos_workflow.ssh import host_from


@pytest.mark.parametrize(
    ("ssh", "destination"),
    [
        ("gpu", ("", "gpu", 0)),
        ("ubuntu@203.0.113.7", ("ubuntu", "203.0.113.7", 0)),
        ("root@ssh4.vast.ai:13022", ("root", "ssh4.vast.ai", 13022)),
        ("me@[2001:db8::1]:22", ("me", "2001:db8::1", 22)),
    ],
)
def test_destinations(ssh: str, destination: tuple[str, str, int]) -> None:
    assert host_from("gpu", {"ssh": ssh}).destination == destination


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "SSH destination is missing"),
        ({"ssh": "-oProxyCommand=touch /tmp/x"}, "not an SSH destination"),
        ({"ssh": "a b"}, "not an SSH destination"),
        ({"ssh": "me@gpu:0"}, "not an SSH destination"),
        ({"ssh": "me@gpu:99999"}, "not an SSH destination"),
        ({"ssh": "gpu", "runtime": "lxc"}, "unknown runtime"),
        ({"ssh": "gpu", "runtime": "docker"}, "needs an image"),
        ({"ssh": "gpu", "colour": "red"}, "no setting named 'colour'"),
        ({"ssh": "gpu", "secrets": "HF_TOKEN"}, "secrets cannot be 'HF_TOKEN'"),
        ({"ssh": "gpu", "environment": ["A"]}, "environment cannot be"),
    ],
)
def test_what_is_wrong_is_said(values: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        host_from("gpu", values)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["local", "ray", "", "a b", "-x", "../x", "x" * 41])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a host"):
        host_from(name, {"ssh": "gpu"})


def test_an_entry_written_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cosmos.toml").write_text('# ours\nengine = "describe"\n')
    values = {"ssh": "gpu", "environment": {"A": "1"}, "run_options": ["--ipc=host", "--shm-size=8g"]}
    path = set_host("one", values, project=True)
    set_host("two", {"ssh": "other"})  # in the user's own settings
    assert load_config().hosts == {"one": values, "two": {"ssh": "other"}}
    assert host_from("one", load_config().hosts["one"]).run_options == ("--ipc=host", "--shm-size=8g")
    set_host("one", None, project=True)
    assert load_config().hosts == {"two": {"ssh": "other"}}
    assert path.read_text().startswith("# ours\n")


@pytest.mark.parametrize("workdir", ["~ubuntu/x", "~root", "-x", "", "  ", "a\0b"])
def test_a_workdir_that_cannot_be_meant_is_refused(workdir: str) -> None:
    with pytest.raises(UsageError, match="workdir"):
        host_from("gpu", {"ssh": "gpu", "workdir": workdir})


def test_the_home_folder_in_paths() -> None:
    host = host_from("gpu", {"ssh": "gpu", "workdir": "~/a b", "python": "~/venv/bin/python"})
    assert (host.workdir, host.folder, host.control_python) == ("~/a b", "a b", "./venv/bin/python")
    assert host_from("gpu", {"ssh": "gpu", "python": "~/python3"}).control_python == "./python3"
    assert host_from("gpu", {"ssh": "gpu", "workdir": "a~/~b"}).folder == "a~/~b"
