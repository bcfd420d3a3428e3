"""The hub's TCGA files: organs from one table, reports from another, patients kept."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.miniatures.reports import ADDENDUM, TEXTS, hub_clinical, hub_reports

from clipit.runtime.errors import UserError
from clipit.sources.report_source import RawReport, read_reports
from clipit.sources.tcga import read_tcga


def entry(folder: Path, organ: str | None = None) -> dict[str, object]:
    files = {"reports": str(hub_reports(folder)), "clinical": str(hub_clinical(folder))}
    return {"source": "tcga", "organ": organ, "files": files}


def by_id(reports: list[RawReport]) -> dict[str, RawReport]:
    return {report.report_id: report for report in reports}


def test_reports_of_patients_whose_organ_holds_the_word(tmp_path: Path) -> None:
    found = by_id(read_reports(entry(tmp_path, "Colo")))
    assert list(found) == ["TCGA-ZA-0001_1", "TCGA-ZA-0002", "TCGA-ZA-0001_2"]
    assert found["TCGA-ZA-0001_1"] == RawReport(
        "TCGA-ZA-0001_1",
        TEXTS["TCGA-ZA-0001"],
        "Pathology Report (gatortron-base).parquet:1",
        "Sigmoid colon",
        "TCGA-ZA-0001",
    )
    assert found["TCGA-ZA-0001_2"].text == ADDENDUM
    assert {report.patient for report in found.values()} == {"TCGA-ZA-0001", "TCGA-ZA-0002"}


def test_a_patient_of_several_rows_is_found_by_any_of_them(tmp_path: Path) -> None:
    found = by_id(read_tcga(entry(tmp_path, "descending")))
    assert {report.organ for report in found.values()} == {"Descending colon"}
    assert set(found) == {"TCGA-ZA-0001_1", "TCGA-ZA-0001_2"}


def test_without_an_organ_all_are_taken_and_a_missing_text_is_empty(tmp_path: Path, capsys) -> None:
    found = by_id(read_tcga(entry(tmp_path)))
    assert len(found) == len(TEXTS) + 2
    assert found["TCGA-ZB-A003_2"].text == ""
    assert found["TCGA-ZD-A006"].organ is None
    assert "8 of 8 reports taken" in capsys.readouterr().err


def test_patients_that_the_clinical_table_lacks_are_counted(tmp_path: Path, capsys) -> None:
    of_patients = entry(tmp_path, "breast")
    known = pq.read_table(of_patients["files"]["clinical"])
    pq.write_table(known.slice(2), of_patients["files"]["clinical"])
    assert len(read_tcga(of_patients)) == 2
    assert "2 of 8 reports taken (organ: breast); 1 are of patients" in capsys.readouterr().err


def test_an_unknown_organ_is_told_with_the_nearest_and_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Clinical.*holds 'brest' \(organ\), did you mean 'breast'\?.*Rectum, NOS 1"):
        read_tcga(entry(tmp_path, "brest"))


def test_an_organ_without_reports_is_told(tmp_path: Path) -> None:
    of_patients = entry(tmp_path, "rectum")
    reports = of_patients["files"]["reports"]
    pq.write_table(pq.read_table(reports).slice(0, 2), reports)
    with pytest.raises(UserError, match=r"has no report of a patient .* holds 'rectum'"):
        read_tcga(of_patients)


@pytest.mark.parametrize(
    ("role", "column"), [("reports", "report_text"), ("reports", "PatientID"), ("clinical", "case_submitter_id")]
)
def test_another_file_is_told_by_its_columns(tmp_path: Path, role: str, column: str) -> None:
    of_patients = entry(tmp_path)
    path = of_patients["files"][role]
    pq.write_table(pq.read_table(path).drop_columns(column), path)
    with pytest.raises(UserError, match=rf"parquet has no column '{column}' \(it is not the file that the catalog"):
        read_tcga(of_patients)


def test_other_columns_are_not_read(tmp_path: Path) -> None:
    of_patients = entry(tmp_path)
    path = Path(of_patients["files"]["reports"])
    columns = pq.read_metadata(path).row_group(0)
    embedding = next(i for i in range(columns.num_columns) if columns.column(i).path_in_schema == "embedding")
    start = columns.column(embedding).dictionary_page_offset or columns.column(embedding).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 16] = b"\xff" * 16
    path.write_bytes(data)
    with pytest.raises(OSError):
        pq.read_table(path)
    assert len(read_tcga(of_patients)) == 8


def test_a_cut_file_is_told(tmp_path: Path) -> None:
    of_patients = entry(tmp_path)
    path = Path(of_patients["files"]["reports"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read as PARQUET"):
        read_tcga(of_patients)
