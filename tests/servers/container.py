"""A real container runtime on a plain machine: podman with runc, and an image that the test makes.

The image holds folders alone: the machine's own /usr is mounted into it, with the Python that a test names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

__all__ = ["IMAGE", "PODMAN", "RUN_OPTIONS", "containers", "make_image", "remove_all"]

IMAGE = "localhost/cosmos-test:2"
PODMAN = ["podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime", "/usr/sbin/runc"]
PREFIXES = {sys.prefix, sys.base_prefix, str(Path(sysconfig.get_paths()["stdlib"]).parents[1])}
MOUNTED = ["/usr", "/lib", "/lib64", "/etc/ssl", *sorted(PREFIXES)]
RUN_OPTIONS = [
    *("--ipc=host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network=host"),
    *(word for path in MOUNTED if Path(path).exists() for word in ("-v", f"{path}:{path}:ro")),
]


def make_image() -> None:
    """Import the image, unless it is there. Raises RuntimeError where podman is missing."""
    if not shutil.which("podman") or not Path("/usr/sbin/runc").exists():
        raise RuntimeError("no podman: run scripts/debian-parts.sh")
    if not subprocess.run([*PODMAN, "image", "exists", IMAGE], check=False).returncode:
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        with tarfile.open(archive, "w") as tar:
            link = tarfile.TarInfo("bin")
            link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
            tar.addfile(link)
            for name in ("tmp", "proc", "dev", "root", "etc", *[path.strip("/") for path in MOUNTED]):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
                tar.addfile(entry)
        subprocess.run([*PODMAN, "import", str(archive), IMAGE], check=True, capture_output=True)


def remove_all() -> None:
    """Remove our containers, which a test that failed left."""
    if shutil.which("podman") and (names := containers()):
        subprocess.run([*PODMAN, "rm", "-f", *names], check=False, capture_output=True)


def containers() -> list[str]:
    """The names of our containers that exist, running or not."""
    said = subprocess.run([*PODMAN, "ps", "-a", "--format", "{{.Names}}"], check=True, capture_output=True, text=True)
    return [name for name in said.stdout.split() if name.startswith("cosmos-")]
