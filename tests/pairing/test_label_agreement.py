"""Label agreement on planted data: what is above chance, and that a patient's likeness to itself is not."""

import numpy as np
import pytest

from clipit.pairing.label_agreement import deal, label_agreement, leave_one_out

EACH = np.arange(90)


def test_agreement_is_adjusted_for_reports_used_once() -> None:
    label = EACH % 3
    follows, once = label_agreement(label, label, None), label_agreement(label, EACH, None)
    assert follows is not None
    assert once is not None
    assert (follows["ami"], follows["leave_one_out"]) == (pytest.approx(1), 1)
    assert follows["p"] == pytest.approx(1 / 201)
    assert once["ami"] == pytest.approx(0, abs=1e-6)
    assert once["p"] == 1
    assert once["leave_one_out"] == pytest.approx(1 / 3)
    assert (once["n_patches"], once["n_groups"]) == (90, None)


def test_reports_drawn_at_random_do_not_agree() -> None:
    found = label_agreement(EACH % 3, np.random.default_rng(0).integers(0, 5, 90), None)
    assert found is not None
    assert found["p"] > 0.05
    assert found["ami"] == pytest.approx(found["ami_by_chance"], abs=0.05)


def test_without_two_classes_there_is_nothing_to_agree_with() -> None:
    assert label_agreement(np.zeros(5, int), np.arange(5), None) is None
    assert label_agreement(np.zeros(0, int), np.zeros(0, int), None) is None


def _patients(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients of unequal size, each of one class and with one report, drawn apart from each other."""
    units = np.repeat(np.arange(24), rng.integers(2, 20, 24))
    return rng.integers(0, 3, 24)[units], rng.integers(0, 30, 24)[units], units


def test_what_patches_of_a_patient_share_is_no_agreement() -> None:
    """Reports know nothing of the classes here; patch by patch they seem to in every one of ten data sets."""
    by_patient, by_patch = [], []
    for seed in range(10):
        label, report, units = _patients(np.random.default_rng(seed))
        for p, groups in ((by_patient, units), (by_patch, None)):
            found = label_agreement(label, report, groups, seed)
            assert found is not None
            p.append(found["p"])
    assert max(by_patch) < 0.01
    assert np.mean(np.array(by_patient) < 0.05) <= 0.2
    assert np.median(by_patient) > 0.2


@pytest.mark.parametrize("pure", [True, False])
def test_agreement_shows_whether_patients_are_of_one_class_or_of_all(pure: bool) -> None:
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(24), rng.integers(2, 20, 24))
    label = (units if pure else np.arange(len(units))) % 3
    report = np.where(rng.random(len(units)) < 0.6, label, rng.integers(0, 3, len(units)))
    found = label_agreement(label, report, units)
    assert found is not None
    assert found["p"] < 0.01
    assert found["n_groups"] == 24
    assert found["leave_one_out"] > found["leave_one_out_by_chance"] + 0.2


def test_leave_one_out_leaves_the_whole_patient_out() -> None:
    # Each patient has a report and a class of its own: no other patient can tell.
    units = np.repeat(np.arange(4), 5)
    assert leave_one_out(units, units, units, 4) == pytest.approx(1 / 4)
    assert leave_one_out(units, units, np.arange(20), 4) == 1


def test_leave_one_out_shares_ties() -> None:
    # One report. Patch 0 sees classes 1, 1, 0: wrong. Patch 1 sees 0, 0, 1: wrong. So do the others.
    assert leave_one_out(np.array([0, 1, 0, 1]), np.zeros(4, int), np.arange(4), 2) == 0
    # Patch 0 sees 0 and 1, a tie: a half. Patch 1 the same. Patch 2 sees 0 and 0: wrong.
    assert leave_one_out(np.array([0, 0, 1]), np.zeros(3, int), np.arange(3), 2) == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_dealing_single_patches_is_a_permutation() -> None:
    label = EACH % 4
    dealt = deal(label, EACH, np.random.default_rng(0))
    assert (np.sort(dealt) == np.sort(label)).all()
    assert (dealt != label).any()


def test_dealing_keeps_patients_together() -> None:
    rng = np.random.default_rng(3)
    label, _, units = _patients(rng)
    shuffled = rng.permutation(len(units))
    dealt = deal(label[shuffled], units[shuffled], rng)
    given = {unit: set(dealt[units[shuffled] == unit]) for unit in range(24)}
    assert all(len(classes) == 1 for classes in given.values())
    assert any(given[unit] != {label[units == unit][0]} for unit in range(24))


def test_dealing_cuts_what_the_order_of_patches_ties() -> None:
    # Every patient shows the classes in the same order, so that the place in it tells the class.
    units, label = np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30)
    kept = np.mean([np.mean(deal(label, units, np.random.default_rng(seed)) == label) for seed in range(50)])
    assert kept == pytest.approx(1 / 6, abs=0.03)
