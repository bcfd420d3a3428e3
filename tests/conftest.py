"""Fixtures for tests of every floor."""

from collections.abc import Iterator

import pytest
from tests.servers.http import FileServer


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `gpu` need a CUDA device."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")


@pytest.fixture
def file_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A file server on this machine, empty as yet; no proxy stands before it, for subprocesses neither."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with FileServer() as server:
        yield server
