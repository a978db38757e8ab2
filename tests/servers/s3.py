"""An S3-compatible object store on loopback (moto's server, in an environment of its own)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request

from .ports import reserved

__all__ = ["S3"]

START_SECONDS = 120  # its packages may have to be fetched first


class S3:
    """`environment` is what clients of it need; `bucket` is there."""

    bucket = "cosmos"

    def __enter__(self) -> S3:
        self._reserved = reserved()
        port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        command = [sys.executable, "-m", "uv", "run", "--no-project", "--isolated", "--with", "moto[s3,server]==5.2.5"]
        self._process = subprocess.Popen(
            [*command, "moto_server", "-H", "127.0.0.1", "-p", str(port)], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                request = urllib.request.Request(f"{self.url}/{self.bucket}", method="PUT")
                with urllib.request.urlopen(request, timeout=5):
                    return self
            except OSError:  # noqa: PERF203
                if time.monotonic() > end or self._process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reserved.close()
