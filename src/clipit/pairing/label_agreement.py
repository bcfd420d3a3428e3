"""Whether paired reports follow the labels, looked at after the fact: no pairing reads a label."""

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

PERMUTATIONS = 200
_ALIKE = 8
"""Units, sorted by size, that change labels among themselves."""


def label_agreement(
    label: np.ndarray, report: np.ndarray, groups: np.ndarray | None, seed: int = 0
) -> dict[str, float | int | None] | None:
    """How far label and best report agree over labelled patches, beside what labels dealt anew reach.

    Labels are dealt anew by `deal`, patient by patient where patients are known. Permuting single patches would be the
    wrong null there: patches of a patient resemble each other in stain, so they share reports, and in diagnosis, so
    they share labels, and any pairing would seem to follow the labels.

    Args:
        label: int64 (n,) classes.
        report: int64 (n,) codes of the best reports.
        groups: int64 (n,) codes 0..G-1 of patients or slides, None where unknown.
        seed: of the permutations.

    Returns:
        `ami`: adjusted mutual information (I - E[I]) / ((H(label) + H(report)) / 2 - E[I]), E over independent patches
        (Vinh, Epps and Bailey, JMLR 2010). Adjusted, since a report that is used once agrees with any label.
        `leave_one_out`: see that function. `ami_by_chance`, `leave_one_out_by_chance`: their means over 200 deals.
        `p`: share of the deals, the observed labels counted as one, that reach `ami`. `n_patches`, `n_groups` (None:
        unknown): over how many. None for fewer than two classes.
    """
    if len(np.unique(label)) < 2:
        return None
    label, report = (np.unique(side, return_inverse=True)[1] for side in (label, report))
    units = np.arange(len(label)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_classes, rng = int(label.max()) + 1, np.random.default_rng(seed)
    observed = float(adjusted_mutual_info_score(label, report))
    chance = np.empty((PERMUTATIONS, 2))
    for row in chance:
        dealt = deal(label, units, rng)
        row[:] = adjusted_mutual_info_score(dealt, report), leave_one_out(dealt, report, units, n_classes)
    reached = int(np.count_nonzero(chance[:, 0] >= observed - 1e-12))
    return {
        "ami": observed,
        "ami_by_chance": float(chance[:, 0].mean()),
        "p": (reached + 1) / (PERMUTATIONS + 1),
        "leave_one_out": leave_one_out(label, report, units, n_classes),
        "leave_one_out_by_chance": float(chance[:, 1].mean()),
        "n_patches": len(label),
        "n_groups": None if groups is None else int(units.max()) + 1,
    }


def leave_one_out(label: np.ndarray, report: np.ndarray, units: np.ndarray, n_classes: int) -> float:
    """Accuracy of calling a patch what most of the other units' patches with the same report are.

    The whole unit (a patient, or where none is known the patch) is left out: its other patches would betray the label
    without any help of the report. Where k classes tie for most, the right one counts 1/k; where no other unit has the
    report, nothing is known and the patch counts 1/C. Arrays are int64 (n,), `label` codes of the C = `n_classes`.
    """
    shared = _counts(report, label, n_classes)[report]
    pair = np.unique(report * (int(units.max()) + 1) + units, return_inverse=True)[1]
    votes = shared - _counts(pair, label, n_classes)[pair]
    most = votes == votes.max(axis=1, keepdims=True)
    return float(np.mean(most[np.arange(len(label)), label] / most.sum(axis=1)))


def _counts(rows: np.ndarray, columns: np.ndarray, n_columns: int) -> np.ndarray:
    """Contingency table of two codings, int64 (rows, n_columns)."""
    return np.bincount(rows * n_columns + columns, minlength=(int(rows.max()) + 1) * n_columns).reshape(-1, n_columns)


def deal(label: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The labels of whole units dealt anew to units of about their size, int64 (n,).

    Each unit is given the labels of another, in their order, from a random place on and round. So what a unit's labels
    have in common stays as it is (all of one class, or runs of one class in the order of the store), and what ties
    labels to reports is cut, within units and between them. A permutation within units alone could not judge patients
    of one class each; one between units alone keeps the order of patches, which alone may tie labels to reports. With
    units of one patch this is the plain permutation.

    Exact where units are exchangeable. Labels are stretched or thinned to the size of who is given them; to keep that
    small, units change labels with those next to them by size, about eight at a time.
    """
    order = np.argsort(units, kind="stable")
    size = np.bincount(units)
    start = np.cumsum(size) - size
    by_size = np.lexsort((rng.random(len(size)), size))
    block = (np.arange(len(size)) + rng.integers(_ALIKE)) // _ALIKE
    giver = np.empty_like(by_size)
    giver[by_size] = by_size[np.lexsort((rng.random(len(size)), block))]
    shift = rng.integers(0, size[giver])
    unit = units[order]
    position = np.arange(len(units)) - start[unit]
    given = size[giver][unit]
    source = (position * given // size[unit] + shift[unit]) % given + start[giver][unit]
    dealt = np.empty_like(label)
    dealt[order] = label[order][source]
    return dealt
