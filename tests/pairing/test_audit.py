"""The audit of a small pairing whose figures are known by hand."""

from pathlib import Path

import numpy as np
import pytest
from tests.paired import ORIGIN, DataSet, write_data_set, write_pairs, write_truth

from clipit.artifacts.tables import read_json
from clipit.pairing.audit import audit_pairs
from clipit.runtime.errors import UserError

SPLITS = ["train"] * 4 + ["val"] * 2 + ["test"] * 2


def audited(data: DataSet, report: np.ndarray, truth: dict[str, Path]) -> dict:
    write_pairs(data.file("pairs"), report, 4)
    out = data.folder / "audit.json"
    audit_pairs(data.file("pairs"), **data.tables, out=out, method="top1", truth=truth, origin=ORIGIN)
    return read_json(out)


def test_figures_are_over_all_and_split_by_split(tmp_path: Path) -> None:
    data = write_data_set(tmp_path, label=[0, 0, 1, None, 1, 0, 2, 2], split=SPLITS)
    report = np.array([[0], [1], [2], [0], [0], [0], [3], [3]])
    truth = write_truth(tmp_path, of_image=[0, 1, 2, 3, 0, 0, 3, 2], of_report=[0, 1, 3, 2])
    audit = audited(data, report, truth)
    assert (audit["n_patches"], audit["n_reports"], audit["coverage"]) == (8, 4, 1)
    assert audit["precision_at_1"] == {"finding": 5 / 8, "chance_finding": 0.25, "class": 7 / 8, "chance_class": 0.5}
    assert {name: part["n_patches"] for name, part in audit["splits"].items()} == {"train": 4, "val": 2, "test": 2}
    assert audit["splits"]["train"]["coverage"] == 0.75
    assert audit["splits"]["val"]["top_hub_share"] == 1
    precision = {name: part["precision_at_1"]["finding"] for name, part in audit["splits"].items()}
    assert precision == {"train": 0.5, "val": 1, "test": 0.5}


def test_agreement_looks_at_no_test_label(tmp_path: Path) -> None:
    label = [0, 0, 1, None, 1, 0, 2, 2]
    report = np.array([[0], [1], [2], [0], [0], [0], [3], [3]])
    found = []
    for name, tested in (("one", [2, 2]), ("other", [0, 1])):
        (tmp_path / name).mkdir()
        data = write_data_set(tmp_path / name, label=label[:6] + tested, split=SPLITS, group=list("aabbccdd"))
        found.append(audited(data, report, {})["label_agreement"])
    assert found[0] == found[1]
    assert (found[0]["n_patches"], found[0]["n_groups"]) == (5, 3)


def test_without_truth_or_labels_there_is_no_such_figure(tmp_path: Path) -> None:
    audit = audited(write_data_set(tmp_path, label=[None] * 3), np.array([[0], [1], [1]]), {})
    assert audit["precision_at_1"] is None
    assert audit["label_agreement"] is None
    assert audit["top_hub_share"] == pytest.approx(2 / 3)


def test_truth_of_other_reports_is_refused(tmp_path: Path) -> None:
    data = write_data_set(tmp_path, label=[0, 1])
    truth = write_truth(tmp_path, of_image=[0, 1], of_report=[0])
    with pytest.raises(UserError, match="lacks 'r002'"):
        audited(data, np.array([[0], [2]]), truth)
