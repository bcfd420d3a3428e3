"""TCGA's pathology reports as the hub's data set Lab-Rasool/TCGA has them: Parquet files of reports and of patients."""

import re
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
_UNKNOWN = {"", "'--", "not reported"}  # how the clinical table says that it does not know


def read_tcga(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports of a `tcga` entry (config.corpora.TcgaCorpus).

    `organ` is the patient's tissue_or_organ_of_origin as the clinical table writes it (`Sigmoid colon`). A report is
    named after its patient, numbered where a patient has several: `TCGA-AA-0001_2`.

    Raises:
        UserError: a file has not the hub's columns, or no patient or no report is of `entry["organ"]`.
    """
    reports, clinical = (Path(entry["files"][role]) for role in ("reports", "clinical"))
    wanted = entry["organ"].lower() if entry["organ"] else None
    origins = _origins(clinical)
    organ_of = {
        patient: next((organ for organ in organs if wanted is None or wanted in organ.lower()), None)
        for patient, organs in origins.items()
    }
    if wanted and not any(organ_of.values()):
        raise UserError(_no_such_organ(clinical, wanted, origins))
    patients, texts = read_columns(reports, dict.fromkeys(("PatientID", "report_text"), _AGAIN))
    ids = numbered([patient or "unnamed" for patient in patients])
    found = [
        RawReport(ids[i], text or "", f"{reports.name}:{i + 1}", organ_of.get(patient or ""), patient)
        for i, (patient, text) in enumerate(zip(patients, texts, strict=True))
        if wanted is None or organ_of.get(patient or "")
    ]
    if not found:
        of_organ = (
            f" of a patient for whom {clinical.name} names an organ that holds {wanted!r} (organ)" if wanted else ""
        )
        raise UserError(f"{reports} has no report{of_organ}: choose another organ, or download both files again")
    absent = sum(patient not in origins for patient in patients)
    print(
        f"{len(found)} of {len(ids)} reports taken (organ: {wanted or 'all'}); {absent} are of patients that "
        f"{clinical.name} does not list",
        file=sys.stderr,
    )
    return found


def _origins(clinical: Path) -> dict[str, list[str]]:
    """Patient -> the organs that the table names for them, in its order; a patient may stand in several rows."""
    patients, organs = read_columns(clinical, dict.fromkeys(("case_submitter_id", "tissue_or_organ_of_origin"), _AGAIN))
    origins: dict[str, list[str]] = {}
    for patient, organ in zip(patients, organs, strict=True):
        known = origins.setdefault(patient or "", [])
        if organ and organ.strip().lower() not in _UNKNOWN:
            known.append(organ)
    return origins


def _no_such_organ(clinical: Path, wanted: str, origins: Mapping[str, list[str]]) -> str:
    times = Counter(organ for organs in origins.values() for organ in organs)
    words = {word for organ in times for word in (organ.lower(), *re.findall(r"\w{3,}", organ.lower()))}
    organs = shown(f"{organ} {n}" for organ, n in times.most_common())
    return (
        f"{clinical}: no tissue_or_organ_of_origin holds {wanted!r} (organ){nearest(wanted, sorted(words)) or ':'} "
        f"it has {organs}"
    )
