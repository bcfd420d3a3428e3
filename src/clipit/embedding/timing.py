"""Where the time of an embedding job goes."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from clipit.artifacts.tables import write_json


class Stopwatch:
    """Sums the seconds of the steps of a job; steps in several threads may overlap."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._lock = Lock()
        self._begin = time.perf_counter()

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - begin
            with self._lock:
                self._seconds[step] += taken

    def write(self, path: str | Path, run: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Writes `run` (items, unit, batch, device, precision) with the `seconds` of each step and in all."""
        total = time.perf_counter() - self._begin
        seconds = {step: round(taken, 4) for step, taken in self._seconds.items()} | {"total": round(total, 4)}
        write_json(path, {**run, "seconds": seconds}, provenance)
