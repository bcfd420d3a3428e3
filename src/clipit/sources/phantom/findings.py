"""What a phantom patch or report can be about: 24 findings = 6 tissue classes x 2 grades x inflammation or none."""

from dataclasses import dataclass
from random import Random

import numpy as np

CLASSES = ("normal glands", "tumour", "lymphocytes", "stroma", "mucin", "debris")

# How a pathologist names each class, and how each of its two grades looks: two wordings each.
_NAMES = (
    ("normal glands", "benign glands"),
    ("tumour", "invasive tumour"),
    ("lymphocytes", "lymphocytes of a lymphoid aggregate"),
    ("stroma", "fibrous stroma"),
    ("mucin", "mucin pools"),
    ("debris", "necrotic debris"),
)
_GRADES = (
    (("round and evenly spaced", "regular with one row of nuclei"), ("crowded", "enlarged with stratified nuclei")),
    (("forming cribriform lumens", "moderately differentiated"), ("growing in solid sheets", "poorly differentiated")),
    (("in a diffuse infiltrate", "spread diffusely"), ("around a germinal centre", "arranged in a follicle")),
    (("loose and oedematous", "with thin wavy fibres"), ("dense and sclerotic", "with thick parallel bundles")),
    (("nearly acellular", "holding single cells"), ("holding cell clusters", "with floating strips of epithelium")),
    (("finely granular", "with pale ghost cells"), ("with coarse nuclear dust", "coarsely fragmented")),
)  # fmt: skip
_INFLAMMATION = (
    ("without granulocytes", "inflammation is absent"),
    ("with many granulocytes", "inflammation is marked"),
)
_TEMPLATES = (
    "Sections show {name}, {grade}, {inflammation}.",
    "The tissue consists of {name}, {grade}, {inflammation}.",
    "There is {name}, {grade}; {inflammation}.",
)

N_FINDINGS = len(CLASSES) * 4


@dataclass(frozen=True)
class Finding:
    """One of the `N_FINDINGS` findings; `grade` and `inflamed` are 0 or 1."""

    label: int
    grade: int
    inflamed: int

    @classmethod
    def of(cls, index: int) -> "Finding":
        """The finding at `index`, which counts label, then grade, then inflammation."""
        return cls(index // 4, index // 2 % 2, index % 2)

    @property
    def name(self) -> str:
        """A short unique name."""
        inflammation = "inflamed" if self.inflamed else "quiet"
        return f"{CLASSES[self.label]}, {_GRADES[self.label][self.grade][0]}, {inflammation}"


def sentence(index: int, rng: Random) -> str:
    """A sentence that tells finding `index`, in one of 24 wordings drawn from `rng`."""
    finding = Finding.of(index)
    return rng.choice(_TEMPLATES).format(
        name=rng.choice(_NAMES[finding.label]),
        grade=rng.choice(_GRADES[finding.label][finding.grade]),
        inflammation=rng.choice(_INFLAMMATION[finding.inflamed]),
    )


def balanced(n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` findings in random order, each as often as the others (or once more): int16 (n,)."""
    return rng.permutation(np.arange(n) % N_FINDINGS).astype(np.int16)
