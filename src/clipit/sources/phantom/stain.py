"""From dye to pixels: Beer-Lambert absorption by haematoxylin and eosin, and a scanner that sees the light left over.

The dyes' optical densities lie between those of Ruifrok and Johnston (2001) and of Macenko et al. (2009).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Optical density in red, green and blue of a unit of dye.
_HAEMATOXYLIN = np.array([0.63, 0.70, 0.33])
_EOSIN = np.array([0.16, 0.86, 0.48])


@dataclass(frozen=True)
class Exposure:
    """The light that each dye (haematoxylin, eosin) of a patch lets through: mean and standard deviation, (2,) each."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Exposure":
        """A patch's exposure, which knows nothing of the tissue."""
        return cls(rng.uniform([0.52, 0.58], [0.70, 0.76]), rng.uniform([0.16, 0.10], [0.23, 0.17]))


@dataclass(frozen=True)
class Stain:
    """One slide's dyes and scanner."""

    dyes: np.ndarray  # (2, 3) optical densities of haematoxylin and eosin
    white: np.ndarray  # (3,) the scanner's white point, 0 to 1
    gamma: float
    blur: float  # standard deviation of the scanner's point spread, pixels
    noise: float  # standard deviation of the sensor's noise, 0 to 1

    @classmethod
    def draw(cls, patient: np.random.Generator, slide: np.random.Generator) -> "Stain":
        """A slide of a patient: the dyes vary mostly between patients, the scanner between slides."""
        change = patient.normal(0, 0.09, (2, 3)) + slide.normal(0, 0.03, (2, 3))
        dyes = np.stack([_HAEMATOXYLIN, _EOSIN]) * np.exp(change)
        return cls(
            dyes=(dyes / np.linalg.norm(dyes, axis=1, keepdims=True)).astype(np.float32),
            white=(slide.uniform(0.93, 0.98) + slide.normal(0, 0.008, 3)).astype(np.float32),
            gamma=float(slide.uniform(0.85, 1.15)),
            blur=float(slide.uniform(0.35, 0.65)),
            noise=float(slide.uniform(0.006, 0.018)),
        )

    def image(self, dye: np.ndarray, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
        """The scanned image, uint8 (size, size, 3), of dye amounts (2, size, size).

        The light is brought to `exposure` dye by dye, then channel by channel to the moments that unrelated dyes would
        give. This takes the tissue class out of a patch's overall colour: what tells classes apart is structure.
        """
        blur = _blur_matrix(dye.shape[-1], self.blur)
        power = self.gamma * self.dyes
        light = _equalised(blur @ np.exp(-_LN10 * dye) @ blur.T, exposure.mean, exposure.std)
        seen = np.exp(np.tensordot(power, np.log(light), axes=(0, 0)))  # (3, size, size)
        mean = np.exp(np.log(exposure.mean) @ power)
        std = mean * np.hypot(*(power * (exposure.std / exposure.mean)[:, None]))
        seen = _equalised(seen, mean, std) * self.white[:, None, None]
        seen += self.noise * rng.standard_normal(seen.shape, dtype=np.float32)
        return (np.clip(seen, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


_LN10 = np.float32(np.log(10))


def _equalised(light: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """`light` (channels, size, size) shifted and scaled to `mean` and `std` (channels,), within 0.04 to 1."""
    for _ in range(2):  # cutting moves both moments, so fit again
        scale = (std / np.maximum(light.std(axis=(1, 2)), 1e-6)).astype(np.float32)
        shift = (mean - light.mean(axis=(1, 2)) * scale).astype(np.float32)
        light = np.clip(light * scale[:, None, None] + shift[:, None, None], 0.04, 1)
    return light


@lru_cache(maxsize=512)
def _blur_matrix(size: int, sigma: float) -> np.ndarray:
    """Gaussian blur as a (size, size) matrix; rows sum to 1."""
    offset = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-0.5 * (offset / sigma) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
