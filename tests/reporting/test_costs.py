from pathlib import Path
from typing import Any

from tests.reporting.measured import write_cost

from clipit.reporting.costs import costs

STUDENT = {"dataset": "phantom", "backbone": "resnet", "retriever": "clip", "variant": "clipit", "seed": 0}


def table(path: Path, **changes: Any) -> dict[str, Any]:
    (found,) = costs([{"experiment": "demo", "file": write_cost(path, **changes), "student": STUDENT}])
    return found


def test_every_difference_is_to_the_plain_backbone(tmp_path: Path) -> None:
    found = table(tmp_path / "cost.json")
    assert found["columns"] == ["parameters", "GFLOPs", "ms, batch of 1", "ms, batch of 64"]
    plain, student, tower, zeroshot = found["rows"]
    assert [row["name"] for row in found["rows"]] == ["resnet", "clipit", "clip", "clip"]
    assert plain["cells"] == [("10 M", ""), ("2", ""), ("5", ""), ("100", "")]
    assert student["cells"][:2] == [("10.1 M", "+1.00%"), ("2", "+0.05%")]
    assert student["cells"][2:] == [("5.1", "+2.0% [−1.0, +4.0]"), ("99", "−1.0% [−3.0, +1.0]")]
    assert tower["cells"][1] == ("1.9", "−5.00%")
    assert zeroshot["cells"][0] == ("150 M", "× 15")
    assert zeroshot["cells"][2] == ("20", "× 4 [3.8, 4.2]")
    assert found["how"] == "EPYC, 2 threads"


def test_a_batch_that_did_not_fit_has_no_column(tmp_path: Path) -> None:
    found = table(tmp_path / "cost.json", batches=(1,), device="cuda")
    assert found["columns"][2:] == ["ms, batch of 1"]
    assert all(len(row["cells"]) == 3 for row in found["rows"])
    assert found["how"] == "EPYC"
