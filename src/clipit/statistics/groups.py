"""Patients or slides, whose patches are not independent."""

from collections.abc import Sequence

import numpy as np

FEW_GROUPS = 20
"""Patients below which bootstrap intervals are known to be too narrow."""


def group_codes(groups: Sequence[str | None]) -> np.ndarray | None:
    """Group names as codes 0..G-1, int64; where some are unknown, each of those patches is a group of its own.

    None where no group is known.
    """
    if all(group is None for group in groups):
        return None
    keys = [f"patch {row}" if group is None else f"group {group}" for row, group in enumerate(groups)]
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)
