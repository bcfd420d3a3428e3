"""Object storage on this machine, by moto's server: what speaks S3 needs no account and no network.

It runs in an environment of its own (envs/storage.txt), which `make test-storage` installs.
"""

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import requests

NEEDED = "CLIPIT_NEED_STORAGE"
_SERVER = Path(__file__).parents[2] / ".venv" / "storage" / "bin" / "moto_server"


class ObjectStorage:
    """A server that keeps what it is given in memory.

    Without moto its tests are skipped, or fail where CLIPIT_NEED_STORAGE is set.
    """

    def __enter__(self) -> Self:
        if not _SERVER.is_file():
            missing = f"{_SERVER} is not installed: make test-storage"
            (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(missing)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        """What AWS_ENDPOINT_URL is set to."""
        command = [str(_SERVER), "--host", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait()
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _wait(self) -> None:
        for _ in range(600):
            assert self._process.poll() is None, "moto's server has ended"
            try:
                requests.get(self.url, timeout=120)  # the first answer takes it seconds
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("moto's server does not answer")

    @property
    def environment(self) -> dict[str, str]:
        """What clients of S3 look at."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def upload(self, folder: Path, bucket: str, key: str) -> None:
        """Puts every file of `folder` under a new `key` in the bucket: folder/a.txt at s3://bucket/key/a.txt."""
        requests.put(f"{self.url}/{bucket}", timeout=30).raise_for_status()
        for file in folder.rglob("*"):
            if file.is_file():
                name = f"{key}/{file.relative_to(folder).as_posix()}"
                requests.put(f"{self.url}/{bucket}/{name}", data=file.read_bytes(), timeout=30).raise_for_status()
