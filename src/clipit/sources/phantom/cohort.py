"""Patients of the phantom: which patch shows which finding, and how each is rendered."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from clipit.sources.phantom import tissue
from clipit.sources.phantom.findings import Finding, balanced
from clipit.sources.phantom.reports import write_captions
from clipit.sources.phantom.stain import Exposure, Stain

MPP = 1.0
_SLIDES = 2  # a patient

# Every random draw belongs to one of these streams, so that no cohort shares a patient with another.
_SOURCE, _TARGET = 1, 2
_PATIENT, _SLIDE, _PATCH = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Cohort:
    """Synthetic patches, one a row: lists and arrays of equal length.

    Attributes:
        patch_id: unique names.
        group: the patient of each patch.
        split: 'train', 'val' or 'test'; no patient is in two.
        finding: int16 (n,), index of the latent finding.
        label: int16 (n,), its class.
        caption: what each image shows, in words; empty in the target cohort.
        size: side of a patch, pixels.
        mpp: microns per pixel.
    """

    patch_id: list[str]
    group: list[str]
    split: list[str]
    finding: np.ndarray
    label: np.ndarray
    caption: list[str]
    size: int
    mpp: float
    seed: int = field(repr=False)
    role: int = field(repr=False)
    patient: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.patch_id)

    def render(self, row: int) -> np.ndarray:
        """The patch at `row`, uint8 (size, size, 3): the same whatever was rendered before."""
        rng = np.random.default_rng((self.seed, self.role, _PATCH, row))
        stain = _stain(self.seed, self.role, int(self.patient[row]), int(rng.integers(_SLIDES)))
        exposure = Exposure.draw(rng)
        return stain.image(tissue.dyes(Finding.of(int(self.finding[row])), rng, self.size), exposure, rng)


@lru_cache(maxsize=1024)
def _stain(seed: int, role: int, patient: int, slide: int) -> Stain:
    return Stain.draw(
        np.random.default_rng((seed, role, _PATIENT, patient)),
        np.random.default_rng((seed, role, _SLIDE, patient, slide)),
    )


def _cohort(seed: int, role: int, prefix: str, size: int, splits: dict[str, tuple[int, int]]) -> Cohort:
    """`splits` maps each split to its number of patients and of patches a patient."""
    rng = np.random.default_rng((seed, role))
    patch_id, group, split, finding, patient_of = [], [], [], [], []
    first = 0
    for name, (n_patients, n_patches) in splits.items():
        patient = np.repeat(np.arange(first, first + n_patients), n_patches)
        first += n_patients
        split += [name] * len(patient)
        group += [f"{prefix}{p:03d}" for p in patient]
        patch_id += [f"{prefix}{p:03d}_{i:02d}" for p in range(first - n_patients, first) for i in range(n_patches)]
        patient_of.append(patient)
        finding.append(balanced(len(patient), rng))
    findings, patients = np.concatenate(finding), np.concatenate(patient_of)
    labels = (findings // 4).astype(np.int16)
    return Cohort(patch_id, group, split, findings, labels, [], size, MPP, seed, role, patients)


def target_cohort(seed: int, size: int = 64) -> Cohort:
    """The data set to classify: 24, 12 and 48 patients (train, val, test) with 20, 10 and 20 patches each."""
    return _cohort(seed, _TARGET, "target", size, {"train": (24, 20), "val": (12, 10), "test": (48, 20)})


def source_cohort(seed: int, size: int = 64, informative: bool = True) -> Cohort:
    """The captioned images a retriever learns from: 120 patients with 40 patches each, all 'train'.

    With `informative` False every caption tells a finding drawn without regard to the image (the phantom_null).
    """
    cohort = _cohort(seed, _SOURCE, "source", size, {"train": (120, 40)})
    told = cohort.finding if informative else np.random.default_rng((seed, _SOURCE)).permutation(cohort.finding)
    return replace(cohort, caption=write_captions(told, seed))
