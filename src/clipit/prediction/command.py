"""What the command `clipit predict` does and says."""

import sys
from collections.abc import Sequence
from pathlib import Path

from clipit.prediction.model import Precision, load_model
from clipit.prediction.predict import Outcome, predict

_TOLD = 20


def run_predict(
    model: str,
    inputs: Sequence[Path],
    out: Path,
    *,
    device: str,
    threads: int | None,
    precision: Precision,
    mpp: float | None,
) -> int:
    """Predicts, says what came of it, and gives the exit status: 1 where something could not be read."""
    loaded = load_model(model, device=device, threads=threads, precision=precision)
    maps = out.with_name(f"{out.stem}_slides")
    outcome = predict(loaded, inputs, out, threads=threads, mpp=mpp, maps=maps)
    _tell(outcome, out, maps)
    return 1 if outcome.failed else 0


def _tell(outcome: Outcome, out: Path, maps: Path) -> None:
    for what, why in outcome.failed[:_TOLD]:
        print(f"not read: {what}: {why}", file=sys.stderr)
    if len(outcome.failed) > _TOLD:
        print(f"… and {len(outcome.failed) - _TOLD:,} more", file=sys.stderr)
    failed = f", {len(outcome.failed):,} could not be read (column error)" if outcome.failed else ""
    print(f"{outcome.predicted:,} predictions{failed}: {out}")
    if outcome.mapped:
        print(f"maps of {len(outcome.mapped):,} slides: {maps}")
