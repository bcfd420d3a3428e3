"""Miniatures of the public report corpora: synthetic reports in exactly the originals' names, columns and formats."""

import csv
import io
import zipfile
from typing import Any

FINDINGS = ("invasive carcinoma, moderately differentiated", "no evidence of malignancy", "abundant mucin and stroma")


def report(i: int) -> str:
    """A synthetic report."""
    return f"SYNTHETIC. Specimen {i}, received in formalin.\nDIAGNOSIS: {FINDINGS[i % 3]}, margin {i} mm."


def hub_tables(organs: dict[str, int]) -> dict[str, dict[str, list[Any]]]:
    """Lab-Rasool/TCGA's two Parquet files, path -> column -> values: so many patients of each organ, a report each."""
    organ_of = {f"TCGA-{name[:2].upper()}-{i:04d}": name for name, n in organs.items() for i in range(n)}
    reports = [report(i) for i in range(len(organ_of))]
    return {
        "Pathology Report (gatortron-base)/Pathology Report (gatortron-base).parquet": {
            "PatientID": list(organ_of),
            "report_text": reports,
            "embedding": [b"not read"] * len(reports),
        },
        "Clinical Data (gatortron-base)/Clinical Data (gatortron-base).parquet": {
            "case_submitter_id": list(organ_of),
            "tissue_or_organ_of_origin": list(organ_of.values()),
            "embedding": [b"not read"] * len(reports),
        },
    }


def reports_zip(patients: list[str]) -> bytes:
    """TCGA-Reports' archive: one CSV, a report of each patient."""
    rows = [(f"{patient}.00000000-0000-0000-0000-{i:012d}", report(i)) for i, patient in enumerate(patients)]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("TCGA_Reports.csv", _csv(["patient_filename", "text"], rows))
    return content.getvalue()


def cancer_types(type_of: dict[str, str]) -> bytes:
    """TCGA-Reports' table of each patient's cancer type."""
    return _csv(["patient_id", "cancer_type"], list(type_of.items())).encode()


def _csv(header: list[str], rows: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([header, *rows])
    return text.getvalue()
