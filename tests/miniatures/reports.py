"""Miniature report files in exactly the formats of their originals; every text and patient in them is synthetic.

files = {"reports": hub_reports(folder), "clinical": hub_clinical(folder)}        # source: tcga
archive, types = tcga_reports_zip(folder), cancer_types(folder)                   # source: tcga_reports
"""

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PATIENTS = {
    "TCGA-ZA-0001": ("COAD", "Sigmoid colon"),
    "TCGA-ZA-0002": ("COAD", "Colon, NOS"),
    "TCGA-ZB-A003": ("READ", "Rectum, NOS"),
    "TCGA-ZC-A004": ("BRCA", "Breast, NOS"),
    "TCGA-ZC-A005": ("BRCA", "Overlapping lesion of breast"),
    "TCGA-ZD-A006": ("UVM", None),
}
"""Patient -> (cancer type, tissue or organ of origin; None where the clinical table does not say)."""

TEXTS = {
    "TCGA-ZA-0001": "SURGICAL PATHOLOGY REPORT CLINICAL HISTORY: Mass at 25 cm. GROSS DESCRIPTION: Received fresh, "
    '11 x 4.5 x 1 cm, labelled "sigmoid". DIAGNOSIS: Colon, sigmoid: adenocarcinoma, grade II, pT3 pN1 1/11.',
    "TCGA-ZA-0002": "FINAL DIAGNOSIS\nAscending colon, resection: mucinous adenocarcinoma, G3, pT4a.\n"
    "GROSS DESCRIPTION\nA segment of 31 cm with a tumour of 6 cm.\nCOMMENT\nDeficient mismatch repair, stage III.",
    "TCGA-ZB-A003": "Diagnosis: Rectum: moderately differentiated adenocarcinoma, 0.1 cm from the margin, pT2 pN0 0/14",
    "TCGA-ZC-A004": "Gross Description: 2.1 cm mass. Microscopic Description: Invasive ductal carcinoma, tubules 3, "
    "nuclei 2, mitoses 1, II of III. ER 95 %, Ki-67 15 %.",
    "TCGA-ZC-A005": "Clinical History: Lump.\nMicroscopic Description: Lobular carcinoma in files, pT1c, ER 100 %.",
    "TCGA-ZD-A006": "Choroid, enucleation: melanoma of spindle cells, largest diameter 11 mm.",
}
ADDENDUM = "ADDENDUM: KRAS wild type, I of II blocks tested."
"""A second report of the first patient, in the hub's file only."""
EMBEDDING = 8  # 1,024 in the original

Patients = Mapping[str, tuple[str, str | None]]


def many(kinds: Mapping[str, tuple[str | None, int]]) -> tuple[Patients, dict[str, str]]:
    """More patients and their texts: cancer type -> (tissue or organ of origin, how many)."""
    patients = {f"TCGA-{kind[:2]}-{i:04d}": (kind, organ) for kind, (organ, n) in kinds.items() for i in range(n)}
    findings = ("invasive carcinoma, moderately differentiated", "no malignancy", "abundant mucin and stroma")
    texts = {
        patient: f"SYNTHETIC. Specimen {i}, received in formalin.\nDIAGNOSIS: {findings[i % 3]}, margin {i} mm."
        for i, patient in enumerate(patients)
    }
    return patients, texts


def hub_reports(folder: Path, texts: Mapping[str, str] | None = None) -> Path:
    """`Pathology Report (gatortron-base).parquet` of Lab-Rasool/TCGA: a row a PDF, beside it an embedding as bytes."""
    rows = [*(texts or TEXTS).items()] + ([] if texts else [("TCGA-ZA-0001", ADDENDUM), ("TCGA-ZB-A003", None)])
    cases = list(dict.fromkeys(patient for patient, _ in rows))
    embedding = [None if text is None else np.full(EMBEDDING, i, dtype=np.float32) for i, (_, text) in enumerate(rows)]
    table = {
        "id": [_uuid(i) for i in range(len(rows))],
        "file_name": [f"{patient}.{_uuid(i).upper()}.PDF" for i, (patient, _) in enumerate(rows)],
        "file_size": [100_000 + i for i in range(len(rows))],
        "md5sum": [f"{i:032x}" for i in range(len(rows))],
        "PatientID": [patient for patient, _ in rows],
        "gdc_case_id": [_uuid(cases.index(patient)) for patient, _ in rows],
        "report_text": [text for _, text in rows],
        "embedding": [None if e is None else e.tobytes() for e in embedding],
        "embedding_shape": [None if e is None else [EMBEDDING] for e in embedding],
    }
    return _parquet(folder / "Pathology Report (gatortron-base)/Pathology Report (gatortron-base).parquet", table)


def hub_clinical(folder: Path, patients: Patients | None = None) -> Path:
    """`Clinical Data (gatortron-base).parquet` of Lab-Rasool/TCGA; of our own patients, one stands in two rows."""
    rows = [*(patients or PATIENTS).items()] + ([] if patients else [("TCGA-ZA-0001", ("COAD", "Descending colon"))])
    table = {
        "case_submitter_id": [patient for patient, _ in rows],
        "project_id": [f"TCGA-{cancer}" for _, (cancer, _) in rows],
        "age_at_index": [40.0 + i for i in range(len(rows))],
        "gender": ["female"] * len(rows),
        "tissue_or_organ_of_origin": [organ for _, (_, organ) in rows],
        "site_of_resection_or_biopsy": [organ for _, (_, organ) in rows],
        "text": [f"project id: TCGA-{cancer}; gender: female" for _, (cancer, _) in rows],
        "embedding_shape": [[1, 1, EMBEDDING]] * len(rows),
        "embedding": [np.zeros(EMBEDDING, dtype=np.float32).tobytes()] * len(rows),
    }
    return _parquet(folder / "Clinical Data (gatortron-base)/Clinical Data (gatortron-base).parquet", table)


def tcga_reports_zip(folder: Path, texts: Mapping[str, str] = TEXTS) -> Path:
    """`TCGA_Reports.csv.zip` of tatonetti-lab/tcga-path-reports, one report a patient."""
    content = io.StringIO(newline="")
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(["patient_filename", "text"])
    rows.writerows((f"{patient}.{_uuid(i).upper()}", text) for i, (patient, text) in enumerate(texts.items()))
    path = folder / "TCGA_Reports.csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("TCGA_Reports.csv", content.getvalue())
    return path


def cancer_types(folder: Path, patients: Patients = PATIENTS) -> Path:
    """`tcga_patient_to_cancer_type.csv` of tatonetti-lab/tcga-path-reports."""
    path = folder / "tcga_patient_to_cancer_type.csv"
    lines = ["patient_id,cancer_type", *(f"{patient},{cancer}" for patient, (cancer, _) in patients.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def _parquet(path: Path, columns: dict[str, list]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def _uuid(i: int) -> str:
    return f"{i:08x}-0000-4000-8000-000000000000"
