"""Progress as whole lines, so that jobs running side by side and log files stay readable."""

import sys
import time
from types import TracebackType
from typing import Self

_BAR = 20


class Progress:
    """Prints at most one line every `every` seconds: what, a bar, done/total, rate, time left, figures.

    Use as a context manager; the last line is printed on leaving, so even a short job leaves one line in its log.
    """

    def __init__(self, what: str, total: int, unit: str = "items", *, every: float = 5.0) -> None:
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.done = 0
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
        rate = self.done / elapsed
        filled = _BAR * self.done // max(self.total, 1)
        parts = [f"{self.done:,}/{self.total:,} {self.unit}", f"{rate:,.{0 if rate >= 10 else 1}f}/s"]
        if self.done < self.total and rate > 0:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        else:
            parts.append(f"{elapsed:,.1f} s")
        parts += [f"{name} {value:.3g}" for name, value in self.figures.items()]
        print(f"{self.what} [{'#' * filled:.<{_BAR}}] {' · '.join(parts)}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._print(time.monotonic())
