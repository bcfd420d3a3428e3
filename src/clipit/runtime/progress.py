"""Progress as whole lines, so that jobs running side by side and log files stay readable."""

import sys
import time
from types import TracebackType
from typing import Self

_BAR = 20


class Progress:
    """Prints at most one line every `every` seconds: what, a bar, done/total, rate, time left, figures.

    Use as a context manager; the last line is printed on leaving, so even a short job leaves one line in its log.
    The unit "bytes" is shown in MB and MB/s; a total of 0 bytes is an unknown one. `done` is what an earlier try did:
    it counts for the bar and not for the rate.
    """

    def __init__(self, what: str, total: int, unit: str = "items", *, done: int = 0, every: float = 5.0) -> None:
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.done = self._before = done
        self.figures: dict[str, float] = {}
        self._start = self._printed = time.monotonic()

    def advance(self, n: int = 1, **figures: float) -> None:
        """Counts `n` more units as done; `figures` (a loss, say) are shown beside the bar."""
        self.done += n
        self.figures.update(figures)
        now = time.monotonic()
        if now - self._printed >= self.every:
            self._printed = now
            self._print(now)

    def _print(self, now: float) -> None:
        elapsed = max(now - self._start, 1e-9)
        rate = (self.done - self._before) / elapsed
        filled = _BAR * min(self.done, self.total) // max(self.total, 1)
        parts = self._megabytes(rate) if self.unit == "bytes" else self._items(rate)
        if self.done < self.total and rate > 0:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        else:
            parts.append(f"{elapsed:,.1f} s")
        parts += [f"{name} {value:.3g}" for name, value in self.figures.items()]
        print(f"{self.what} [{'#' * filled:.<{_BAR}}] {' · '.join(parts)}", file=sys.stderr, flush=True)

    def _items(self, rate: float) -> list[str]:
        return [f"{self.done:,}/{self.total:,} {self.unit}", f"{rate:,.{0 if rate >= 10 else 1}f}/s"]

    def _megabytes(self, rate: float) -> list[str]:
        done, total, rate = self.done / 1e6, self.total / 1e6, rate / 1e6
        digits = 0 if total >= 100 else 1
        of = f"/{total:,.{digits}f}" if total else ""
        return [f"{done:,.{digits}f}{of} MB", f"{rate:,.{0 if rate >= 10 else 1}f} MB/s"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._print(time.monotonic())
