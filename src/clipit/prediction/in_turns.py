"""Arithmetic and time of a forward pass, the time beside that of others in the same run."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from clipit.runtime.progress import Progress
from clipit.statistics.medians import Median, median

Work = Callable[[], object]
"""A forward pass on images that are in memory."""

SECONDS = 3.0
"""That one measuring takes, unless the fewest rounds take longer."""
FEWEST, MOST = 6, 300
"""Rounds; of fewer than six, no interval covers 95%."""


class Timed(NamedTuple):
    """How long a forward pass takes.

    Attributes:
        ms: its median, milliseconds.
        ratio: the median of its time over that of the first in the same round, with a 95% interval.
        rounds: how often it was timed.
    """

    ms: float
    ratio: Median
    rounds: int


def flops(work: Work) -> int:
    """Floating-point operations of `work`: of its products and convolutions, a multiply-add counts as two.

    Counted in plain matrix products: what fused attention does, torch (2.13) counts on some devices and not on others.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            work()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops())


def in_turns(works: Mapping[str, Work], device: str, *, seconds: float = SECONDS) -> dict[str, Timed]:
    """Times all `works` in every round, each against the first of them.

    They take turns, and who begins changes: what else the machine does then meets all of them alike, and the ratios
    hold where the times themselves do not.

    Args:
        works: by name; the first is what the others are compared with.
        device: where they compute.
        seconds: to spend, at least `FEWEST` rounds and at most `MOST`.
    """
    names = list(works)
    times: dict[str, list[float]] = {name: [] for name in names}
    with torch.no_grad():
        for work in works.values():
            _timed(work, device)  # the first pass allocates, and chooses its kernels
        once = sum(_timed(work, device) for work in works.values())
        rounds = min(max(round(seconds / once), FEWEST), MOST)
        with Progress("measure cost", rounds, "rounds") as progress:
            for i in range(rounds):
                first = i // 2 % len(names)
                order = names[first:] + names[:first]
                for name in order if i % 2 else reversed(order):
                    times[name].append(_timed(works[name], device))
                progress.advance(1)
    against = times[names[0]]
    return {
        name: Timed(
            1e3 * median(own).value, median([one / other for one, other in zip(own, against, strict=True)]), rounds
        )
        for name, own in times.items()
    }


def _timed(work: Work, device: str) -> float:
    begin = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
