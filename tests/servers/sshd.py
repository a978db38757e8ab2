"""A real sshd (Debian's openssh-server) on loopback, as a process of its own, in a temporary folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import asyncssh
import psutil

from .ports import reserved

__all__ = ["SSHD"]


class SSHD:
    """`config` is an OpenSSH client config that reaches it as `there`; used as `SSHPeer` is.

    `settings` are lines of sshd_config that come before ours and outdo them, `matches` Match blocks behind.
    """

    def __init__(self, folder: Path, *, settings: str = "", matches: str = "") -> None:
        self._settings, self._matches = settings, matches
        if not Path("/usr/sbin/sshd").exists():
            raise RuntimeError("no sshd: run scripts/debian-parts.sh")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        # A session of a real sshd begins in the account's home: the host's workdir is absolute here.
        self.home = folder / "home"
        self.home.mkdir()
        user = asyncssh.generate_private_key("ssh-ed25519")
        user.write_private_key(folder / "user_key")
        (folder / "user_key").chmod(0o600)
        user.write_public_key(folder / "authorized_keys")
        self.config = folder / "ssh_config"
        self._process: psutil.Popen | None = None
        self._reserved = reserved()
        self.port = int(self._reserved.getsockname()[1])
        self.new_host_key()

    def __enter__(self) -> SSHD:
        self.listen()
        self.config.write_text(
            f"Host there\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {self.folder / 'user_key'}\n"
            "  IdentitiesOnly yes\n"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reserved.close()

    def new_host_key(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key.write_private_key(self.folder / "host_key")
        (self.folder / "host_key").chmod(0o600)

    def listen(self) -> None:
        (self.folder / "sshd_config").write_text(
            f"{self._settings}\nPort {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder / 'host_key'}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 500\nMaxSessions 500\n"
            "Subsystem sftp internal-sftp\n"
            # bash then leaves the account's own .bashrc alone: a version manager in it takes a second of each command.
            f"SetEnv SHLVL=1\n{self._matches}\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        """End it, and every session of its; what was started detached goes on."""
        if self._process is None:
            return
        self._process.suspend()  # it begins no session between the look and its end
        sessions = self._process.children(recursive=True)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for one in sessions:
            with suppress(psutil.NoSuchProcess):
                if one.name() == "sshd":
                    one.kill()
        self._process = None
