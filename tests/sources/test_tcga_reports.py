"""TCGA-Reports: the CSV of its archive, filtered by cancer type."""

from pathlib import Path

import pytest
from tests.miniatures.reports import TEXTS, cancer_types, tcga_reports_zip

from clipit.runtime.errors import UserError
from clipit.sources.archives import unpack
from clipit.sources.report_source import read_reports
from clipit.sources.tcga_reports import read_tcga_reports


def entry(folder: Path, *types: str) -> dict[str, object]:
    unpack(tcga_reports_zip(folder), folder)
    files = {"reports": str(folder), "clinical": str(cancer_types(folder))}
    return {"source": "tcga_reports", "cancer_types": list(types), "files": files}


def test_reports_of_the_wanted_cancer_types(tmp_path: Path) -> None:
    found = read_reports(entry(tmp_path, "COAD", "READ"))
    assert [(report.patient, report.organ) for report in found] == [
        ("TCGA-ZA-0001", "COAD"),
        ("TCGA-ZA-0002", "COAD"),
        ("TCGA-ZB-A003", "READ"),
    ]
    assert found[1].text == TEXTS["TCGA-ZA-0002"]  # quotes, commas and line breaks as they were
    assert found[0].report_id == "TCGA-ZA-0001.00000000-0000-4000-8000-000000000000"
    assert found[0].source == "TCGA_Reports.csv:1"


def test_without_types_all_are_taken(tmp_path: Path) -> None:
    assert [report.text for report in read_tcga_reports(entry(tmp_path))] == list(TEXTS.values())


def test_patients_without_a_type_are_taken_only_when_all_are(tmp_path: Path, capsys) -> None:
    every = entry(tmp_path)
    types = Path(every["files"]["clinical"])
    types.write_text("".join(line for line in types.open() if "ZA-0001" not in line))
    assert read_tcga_reports(every)[0].organ is None
    assert len(read_tcga_reports(every | {"cancer_types": ["COAD"]})) == 1
    assert "1 of 6 reports taken (cancer types: COAD); 1 are of patients" in capsys.readouterr().err


def test_an_unknown_type_is_told_with_the_nearest_and_all(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no patient has 'COADD' \(cancer_types\), did you mean 'COAD'\?.*BRCA 2.*UVM 1"
    ):
        read_tcga_reports(entry(tmp_path, "READ", "COADD"))


def test_a_type_without_reports_is_told(tmp_path: Path) -> None:
    of_types = entry(tmp_path, "UVM")
    reports = tmp_path / "TCGA_Reports.csv"
    reports.write_text("".join(line for line in reports.open() if "ZD-A006" not in line))
    with pytest.raises(UserError, match="has no report of a patient with UVM"):
        read_tcga_reports(of_types)


def test_an_empty_folder_and_another_csv_are_told(tmp_path: Path) -> None:
    of_types = entry(tmp_path)
    (tmp_path / "TCGA_Reports.csv").write_text("id,report\n1,x\n")
    with pytest.raises(UserError, match="has no column 'patient_filename'"):
        read_tcga_reports(of_types)
    (tmp_path / "TCGA_Reports.csv").unlink()
    with pytest.raises(UserError, match=r"holds no TCGA_Reports\.csv"):
        read_tcga_reports(of_types)
