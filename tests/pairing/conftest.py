"""Images and reports to pair, made of random vectors around a common mean, which makes hubs as CLIP's cones do."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import ReportVectors
from clipit.artifacts.tables import Stored
from clipit.pairing.problem import Problem, bar

ORIGIN = Origin("pair")
D = 16


def unit(rng: np.random.Generator, n: int, spread: float = 1.0, mean: np.ndarray | None = None) -> np.ndarray:
    """Unit vectors float32 (n, D)."""
    rows = rng.normal(size=(n, D)) * spread + (0 if mean is None else mean)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cones(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images and texts in two cones that lie apart."""
    rng = np.random.default_rng(seed)
    one, other = unit(rng, 2)
    return unit(rng, n, 0.2, one), unit(rng, m, 0.2, other)


def reports_of(chunks: np.ndarray, first: np.ndarray, pooling: str = "mean") -> ReportVectors:
    names = np.array([f"r{i:04}" for i in range(len(first) - 1)], dtype=object)
    return ReportVectors(
        Stored(Path("reports"), None, {}, {"lineage": {}}), names, chunks, first, np.arange(len(chunks)), pooling
    )


@dataclass(frozen=True)
class World:
    """A problem, and its similarities in float64, unblocked: what the tests compare with."""

    problem: Problem
    similarity: np.ndarray
    train: np.ndarray

    def with_(self, **changes: Any) -> "World":
        return replace(self, problem=replace(self.problem, **changes))


@pytest.fixture
def world() -> Callable[..., World]:
    def make(
        n: int = 60,
        m: int = 25,
        *,
        pooling: str = "mean",
        longest: int = 1,
        seed: int = 0,
        ranks: int = 10,
        group: list[str | None] | None = None,
        patients: list[list[str]] | None = None,
    ) -> World:
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, longest + 1, m)
        images, chunks = cones(n, int(lengths.sum()), seed)
        first = np.concatenate([[0], np.cumsum(lengths)])
        reports = reports_of(chunks, first, pooling)
        names = np.array([f"p{i:04}" for i in rng.permutation(n)], dtype=object)
        split = np.array(["train", "train", "val", "test"] * (n // 4) + ["train"] * (n % 4), dtype=object)
        barred = bar(group or [None] * n, patients or [[]] * m)
        problem = Problem(names, images, split, reports, barred, min(ranks, m - barred.most))
        wide = images.astype(np.float64)
        if pooling == "late":
            whole = wide @ chunks.astype(np.float64).T
            similarity = np.stack([whole[:, a:b].max(axis=1) for a, b in itertools.pairwise(first)], axis=1)
        else:
            similarity = wide @ reports.pooled.astype(np.float64).T
        return World(problem, similarity, split == "train")

    return make
