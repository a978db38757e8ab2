"""What container runtimes print when they fail, and what to do about it."""

from __future__ import annotations

import re

__all__ = ["container_trouble"]

NO_RIGHT = "permission denied while trying to connect|got permission denied|dial unix [^:]*: connect: permission denied"
NO_DAEMON = "cannot connect to the docker daemon|is the docker daemon running|unable to connect to podman"
TOOLKIT = (
    "could not select device driver|unknown or invalid runtime name: nvidia|unresolvable cdi device"
    "|nvidia-container-cli: initialization|libnvidia-ml|cdi device injection failed"
)
# The patterns match texts of Docker, containerd, Podman and libnvidia-container; each has its remedy.
REMEDIES = {
    NO_RIGHT: "allow your user to use it there: sudo usermod -aG docker YOU, then log in again; or set "
    'runtime_command = ["sudo", "-n", "docker"]',
    NO_DAEMON: "start it there: sudo systemctl start docker (Podman: systemctl --user start podman.socket)",
    "unknown device|no such device": "set gpu to an index that the host has (nvidia-smi -L)",
    TOOLKIT: "install NVIDIA's container toolkit there and register it with the runtime: "
    "sudo nvidia-ctk runtime configure, then restart it "
    "(Podman: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml)",
    "unauthorized|authentication required|no basic auth|pull access denied|requested access .* denied": (
        "log in to the image's registry there (docker login), or correct image"
    ),
    "no such image|image not known|manifest unknown|manifest for .* not found|name unknown|repository .*not found"
    "|no such host|short-name .*did not resolve": "build or pull the image there, or correct image",
    "no space left on device": "free space on the disk that holds the images (docker system df)",
    "executable file not found|no such file or directory: unknown": "set python to the path of Python inside the image",
    "cannot find mappings|newuidmap|/etc/subuid": "assign your user ids for rootless containers there (/etc/subuid)",
}


def container_trouble(text: str) -> tuple[str, str]:
    """The line of a runtime's output that says what is wrong, and its remedy; empty if we know none.

    >>> container_trouble("Error: inspecting object: foo: image not known")
    ('Error: inspecting object: foo: image not known', 'build or pull the image there, or correct image')
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern, remedy in REMEDIES.items():
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return line, remedy
    return (lines[-1] if lines else ""), ""
