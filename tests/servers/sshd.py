"""A real sshd (Debian's openssh-server) on loopback, as a process of its own, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

__all__ = ["SSHD", "free_port"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class SSHD:
    """`config` is an OpenSSH client config that reaches it as `there`, with a key of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.new_host_key()
        _keygen(folder / "user_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.config = folder / "ssh_config"
        self.config.write_text(
            f"Host there\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {folder / 'user_key'}\n"
            "  IdentitiesOnly yes\n"
        )
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 200:30:400\nMaxSessions 200\n"
            "Subsystem sftp internal-sftp\n"
        )

    def new_host_key(self) -> None:
        (self.folder / "host_key").unlink(missing_ok=True)
        _keygen(self.folder / "host_key")

    def start(self) -> SSHD:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise RuntimeError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        """End it with every session of its; what runs detached goes on."""
        import psutil

        if self._process is None:
            return
        # A session's processes are sshd's children, and leave with it; what they started is not.
        sessions = [one for one in psutil.Process(self._process.pid).children(recursive=True) if one.name() == "sshd"]
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for one in sessions:
            if one.is_running():
                one.kill()
        self._process = None


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
