from random import Random

import numpy as np
import pytest

from clipit.sources.phantom.cohort import Cohort, source_cohort, target_cohort
from clipit.sources.phantom.findings import CLASSES, N_FINDINGS, Finding, sentence


@pytest.fixture(scope="module")
def target() -> Cohort:
    return target_cohort(seed=0)


def rows_of(cohort: Cohort, split: str) -> list[int]:
    return [row for row, name in enumerate(cohort.split) if name == split]


def test_a_patch_does_not_depend_on_what_was_rendered_before(target):
    first = target.render(5)
    again = target_cohort(seed=0)
    again.render(900)
    np.testing.assert_array_equal(again.render(5), first)


def test_a_patch_is_rgb_of_the_asked_size():
    patch = target_cohort(seed=0, size=48).render(0)
    assert patch.shape == (48, 48, 3)
    assert patch.dtype == np.uint8


@pytest.mark.parametrize("change", ["seed", "row", "role"])
def test_seed_row_and_role_change_the_patch(target, change):
    other = {
        "seed": lambda: target_cohort(seed=1).render(0),
        "row": lambda: target.render(1),
        "role": lambda: source_cohort(seed=0).render(0),
    }[change]()
    assert not np.array_equal(other, target.render(0))


def test_splits_have_their_sizes_and_share_no_patient(target):
    rows = {split: rows_of(target, split) for split in ("train", "val", "test")}
    assert {split: len(r) for split, r in rows.items()} == {"train": 480, "val": 120, "test": 960}
    patients = {split: {target.group[i] for i in r} for split, r in rows.items()}
    assert {split: len(p) for split, p in patients.items()} == {"train": 24, "val": 12, "test": 48}
    assert len(set().union(*patients.values())) == 84
    assert len(set(target.patch_id)) == len(target)


def test_cohorts_share_no_patient(target):
    assert not set(target.group) & set(source_cohort(seed=0).group)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_finding_is_equally_frequent_in_a_split(target, split):
    counts = np.bincount(target.finding[rows_of(target, split)], minlength=N_FINDINGS)
    assert len(set(counts)) == 1


def test_label_is_the_class_of_the_finding(target):
    assert target.label.dtype == target.finding.dtype == np.int16
    assert [Finding.of(f).label for f in target.finding] == target.label.tolist()


def test_only_the_source_cohort_has_captions_and_they_tell_its_findings(target):
    source = source_cohort(seed=0)
    assert target.caption == []
    assert len(source.caption) == len(source) == 4800
    wordings = wordings_of_findings()
    told = [any(w in caption for w in wordings[f]) for caption, f in zip(source.caption, source.finding, strict=True)]
    assert all(told)
    bare = np.mean([c in wordings[f] for c, f in zip(source.caption, source.finding, strict=True)])
    assert bare == pytest.approx(0.4 + 0.6 / 16, abs=0.03)  # wrapped in nothing now and then


def test_uninformative_captions_tell_another_finding():
    source = source_cohort(seed=0, informative=False)
    wordings = wordings_of_findings()
    right = np.mean([any(w in c for w in wordings[f]) for c, f in zip(source.caption, source.finding, strict=True)])
    assert right == pytest.approx(1 / N_FINDINGS, abs=0.02)
    np.testing.assert_array_equal(source.render(3), source_cohort(seed=0).render(3))


def test_mean_and_spread_of_colour_hardly_tell_the_class(target):
    """A nearest-centroid classifier on them stays near chance (1/6)."""
    rows = [*rows_of(target, "train")[:240], *rows_of(target, "test")[:240]]
    images = np.stack([target.render(row) for row in rows])
    colour = np.concatenate([images.mean(axis=(1, 2)), images.std(axis=(1, 2))], axis=1)
    colour = (colour - colour.mean(axis=0)) / colour.std(axis=0)
    label = target.label[rows]
    centroids = np.stack([colour[:240][label[:240] == c].mean(axis=0) for c in range(len(CLASSES))])
    guess = np.linalg.norm(colour[240:, None] - centroids, axis=2).argmin(axis=1)
    assert np.mean(guess == label[240:]) < 0.3


def test_patients_differ_in_stain(target):
    groups = np.array(target.group)
    first = [np.flatnonzero(groups == group) for group in sorted(set(groups))[:8]]
    means = [np.mean([target.render(row).mean(axis=(0, 1)) for row in rows], axis=0) for rows in first]
    assert np.std(means, axis=0).max() > 4  # grey levels


def wordings_of_findings() -> list[set[str]]:
    """Every sentence that can tell each finding, without reading the generator's tables."""
    rng = Random(0)
    return [{sentence(f, rng) for _ in range(400)} for f in range(N_FINDINGS)]
