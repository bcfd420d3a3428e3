"""TCGA-Reports (Kefeli and Tatonetti 2024): one CSV of reports, another that gives each patient's cancer type."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.runtime.names import nearest
from clipit.sources.report_source import RawReport, numbered
from clipit.sources.report_tables import read_columns, shown

_AGAIN = "it is not the file that the catalog's download names"
_PATIENT = len("TCGA-XX-XXXX")


def read_tcga_reports(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports of a `tcga_reports` entry (config.corpora.TcgaReportsCorpus).

    `organ` is the patient's cancer type by TCGA's code (`COAD`), which says a little more than the organ. A report is
    named as in the file: `TCGA-AA-0001.` and a UUID; its first 12 characters are the patient.

    Raises:
        UserError: a file has not the expected columns, a cancer type is unknown, or no report is left.
    """
    reports, types = _reports_csv(Path(entry["files"]["reports"])), Path(entry["files"]["clinical"])
    patients, cancers = read_columns(types, dict.fromkeys(("patient_id", "cancer_type"), _AGAIN))
    type_of = dict(zip(patients, cancers, strict=True))
    wanted = set(entry["cancer_types"])
    times = Counter(cancer for cancer in cancers if cancer)
    for name in sorted(wanted - set(times)):
        known = shown(f"{cancer} {n}" for cancer, n in times.most_common())
        raise UserError(f"{types}: no patient has {name!r} (cancer_types){nearest(name, times) or ':'} it has {known}")
    names, texts = read_columns(reports, dict.fromkeys(("patient_filename", "text"), _AGAIN))
    found = []
    for i, (name, text) in enumerate(zip(numbered([name or "unnamed" for name in names]), texts, strict=True)):
        patient = name[:_PATIENT]
        if not wanted or type_of.get(patient) in wanted:
            found.append(RawReport(name, text or "", f"{reports.name}:{i + 1}", type_of.get(patient), patient))
    if not found:
        of_types = f" of a patient with {shown(sorted(wanted))} (cancer_types)" if wanted else ""
        raise UserError(f"{reports} has no report{of_types}: choose other types, or download both files again")
    absent = sum((name or "")[:_PATIENT] not in type_of for name in names)
    print(
        f"{len(found)} of {len(names)} reports taken (cancer types: {shown(sorted(wanted)) or 'all'}); {absent} are of "
        f"patients that {types.name} does not list",
        file=sys.stderr,
    )
    return found


def _reports_csv(path: Path) -> Path:
    """TCGA_Reports.csv in the folder that its archive was unpacked to; a path to a file is that file."""
    if not path.is_dir():
        return path
    found = sorted(path.rglob("TCGA_Reports.csv"), key=lambda file: (len(file.parts), file))
    if not found:
        raise UserError(f"{path} holds no TCGA_Reports.csv: delete {path} and download it again")
    return found[0]
