"""The audit's figures on pairings whose hubs and agreement are known."""

from pathlib import Path

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_truth, labels, pairs, report_truth
from clipit.artifacts.tables import read_json, write_table
from clipit.pairing.audit import audit_pairs, hubness, label_agreement

ORIGIN = Origin("audit_pairs")


def test_a_uniform_pairing_covers_everything_evenly() -> None:
    reports = [f"r{i % 10}" for i in range(100)]
    figures = hubness(reports, reports, 10)
    assert figures["coverage"] == 1
    assert figures["top_hub_share"] == pytest.approx(0.1)
    assert figures["entropy"] == pytest.approx(1)
    assert figures["skewness"] == 0


def test_a_hub_shows() -> None:
    reports = ["hub"] * 90 + [f"r{i}" for i in range(10)]
    figures = hubness(reports, reports, 100)
    assert figures["coverage"] == pytest.approx(0.11)
    assert figures["top_hub_share"] == pytest.approx(0.9)
    assert figures["entropy"] < 0.2
    assert figures["skewness"] > 5
    assert figures["hub_counts"][0] == 90


def test_agreement_is_adjusted_for_reports_used_once() -> None:
    label = [i % 3 for i in range(90)]
    follows = label_agreement(label, [f"r{c}" for c in label])
    once = label_agreement(label, [f"r{i}" for i in range(90)])
    drawn = np.random.default_rng(0).integers(0, 5, 90)
    apart = label_agreement(label, [f"r{i}" for i in drawn])
    assert follows is not None
    assert follows["ami"] == pytest.approx(1)
    assert follows["p"] < 0.01
    assert once is not None
    assert once["ami"] == pytest.approx(0, abs=1e-6)
    assert apart is not None
    assert apart["p"] > 0.01
    assert label_agreement([None] * 5, list("abcde")) is None


def test_precision_stands_beside_its_chance(tmp_path: Path) -> None:
    lineage = ORIGIN.provenance(lineage={"patches": "x"})
    columns = {
        "patch_id": ["p0", "p1", "p2", "p3"],
        "rank": np.zeros(4, np.int16),
        "report_id": ["r0", "r1", "r2", "r0"],
        "chunk": np.zeros(4, np.int16),
        "similarity": np.ones(4, np.float32),
        "score": np.ones(4, np.float32),
        "weight": np.ones(4, np.float32),
    }
    write_table(tmp_path / "pairs", columns, pairs.SCHEMA, lineage, {"n_reports": 4})
    write_table(
        tmp_path / "labels", {"patch_id": columns["patch_id"], "label": [0, 0, 1, None]}, labels.SCHEMA, lineage
    )
    truth = {"patch_id": columns["patch_id"], "finding": [0, 1, 2, 3], "label": [0, 0, 1, 1]}
    write_table(tmp_path / "images", truth, image_truth.SCHEMA, lineage)
    written = {"report_id": ["r0", "r1", "r2", "r3"], "finding": [0, 1, 3, 2], "label": [0, 0, 1, 1]}
    write_table(tmp_path / "reports", written | {"telling_word": [0] * 4}, report_truth.SCHEMA, ORIGIN.provenance())
    audit_pairs(
        tmp_path / "pairs",
        tmp_path / "labels",
        tmp_path / "audit.json",
        method="top1",
        truth={"image_truth": tmp_path / "images", "report_truth": tmp_path / "reports"},
        origin=ORIGIN,
    )
    audit = read_json(tmp_path / "audit.json")
    assert audit["precision_at_1"] == {
        "finding": 0.5,
        "chance_finding": 0.25,
        "class": 0.75,
        "chance_class": 0.5,
    }
    assert audit["n_patches"] == 4
    assert audit["coverage"] == 0.75
