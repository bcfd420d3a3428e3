"""A horizontal axis with round ticks, for the drawings that the template makes itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, MARGIN = 220, 12
_STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Axis:
    """Maps values to horizontal positions in a drawing of `WIDTH` units; `ticks` are (position, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def over(cls, values: Sequence[float], *, signed: bool = False) -> "Axis":
        """An axis over `values` (shares) with at most five round ticks in percent."""
        low, high = min(values), max(values)
        step = next((s for s in _STEPS if (high - low) / s <= 4), _STEPS[-1])
        first = math.floor(low / step + 1e-9)
        last = max(math.ceil(high / step - 1e-9), first + 1)
        axis = cls(first * step, last * step, ())
        digits = 1 if step < 0.01 else 0
        form = f"{{:+.{digits}f}}" if signed else f"{{:.{digits}f}}"
        values = [n * step for n in range(first, last + 1)]
        labels = ["0" if signed and v == 0 else form.format(100 * v).replace("-", "−") for v in values]
        return cls(axis.low, axis.high, tuple((axis.at(v), label) for v, label in zip(values, labels, strict=True)))

    def at(self, share: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (share - self.low) / (self.high - self.low), 2)

    def mark(self, middle: float, bounds: Mapping[str, Any]) -> dict[str, Any]:
        """Positions of a point and its interval; what lies beyond the axis ends at its edge, `beyond` says where."""
        low, high = (self.at(min(max(bounds[end], self.low), self.high)) for end in ("low", "high"))
        beyond = "low" if middle < self.low else "high" if middle > self.high else None
        return {"x": self.at(middle), "low": low, "high": high, "beyond": beyond}


def window(core: Sequence[float], values: Sequence[float]) -> list[float]:
    """The ends of `values`, no farther from `core` than twice its span: a weak baseline must not crush the rest."""
    reach = 2 * (max(core) - min(core))
    return [max(min(values), min(core) - reach), min(max(values), max(core) + reach)]
