"""Pairs as rows of codes."""

from pathlib import Path

import numpy as np
import pytest
from tests.paired import write_pairs

from clipit.artifacts.paired_reports import read_paired_reports, report_names
from clipit.runtime.errors import UserError

REPORT = np.array([[5, 2, 7], [2, 5, -1], [9, -1, -1]])


def test_a_row_is_a_patch_and_holds_its_reports_best_first(tmp_path: Path) -> None:
    paired = read_paired_reports(write_pairs(tmp_path / "pairs", REPORT, 12, similarity=[0.3, 0.2, 0.1]))
    assert paired.patch_id.tolist() == ["p0000", "p0001", "p0002"]
    assert paired.report_id.tolist() == ["r002", "r005", "r007", "r009"]
    assert paired.report.tolist() == [[1, 0, 2], [0, 1, -1], [3, -1, -1]]
    assert paired.similarity.tolist() == pytest.approx([0.3, 0.2, 0.1])
    assert paired.n_reports == 12
    assert paired.rows(["p0002", "p0000"]).tolist() == [2, 0]
    assert len(paired.stored.table) == 0  # many pairings are held side by side, their rows must not be


def test_pairings_are_coded_alike(tmp_path: Path) -> None:
    one = read_paired_reports(write_pairs(tmp_path / "one", REPORT, 12))
    other = read_paired_reports(write_pairs(tmp_path / "other", np.array([[1, 5], [3, -1], [2, 9]]), 12))
    names = report_names([one, other])
    assert names.tolist() == ["r001", "r002", "r003", "r005", "r007", "r009"]
    assert one.coded(names).tolist() == [[3, 1, 4], [1, 3, -1], [5, -1, -1]]
    assert other.coded(names).tolist() == [[0, 3], [2, -1], [1, 5]]


def test_a_patch_without_a_pair_is_named(tmp_path: Path) -> None:
    paired = read_paired_reports(write_pairs(tmp_path / "pairs", REPORT, 12))
    with pytest.raises(UserError, match="has no pair for patch 'p0007'"):
        paired.rows(["p0000", "p0007"])


@pytest.mark.parametrize("report", [np.empty((0, 2), dtype=int), np.array([[-1, 3], [4, 5]])])
def test_no_pair_or_no_best_one_is_said(tmp_path: Path, report: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"holds no pair|one best report"):
        read_paired_reports(write_pairs(tmp_path / "pairs", report, 12))
