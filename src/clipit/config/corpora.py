"""Corpora of reports that the catalog names."""

from typing import Annotated, Literal

from pydantic import Field

from clipit.config.licence import Data, Key


class Corpus(Data):
    """What every corpus has."""

    cleaning: Literal["lossless", "upstream"] = "lossless"
    """`lossless` keeps every word; `upstream` deletes every 1, I, i and |, as the authors' code did for PCam."""
    split_sections: bool = False
    """True: each section (diagnosis, gross description, ...) of a report becomes a report of its own."""
    words_removed: Annotated[int, Field(ge=0, lt=100)] = 0
    """Percent of every report's words that are left out, drawn at random: the control of `words_removed_…`."""


class PhantomCorpus(Corpus):
    """Synthetic reports written from findings (docs/phantom.md)."""

    source: Literal["phantom"]
    seed: int = 0
    informative: bool = True
    """False: the findings are drawn without regard to what the reports' sentences tell (the null phantom)."""
    split_sections: Literal[False] = False
    """Stays false: the audit knows the truth about whole reports."""


class TextCorpus(Corpus):
    """Own reports: a text file with one a line, a folder of .txt files, or a CSV, TSV, JSONL or Parquet table."""

    source: Literal["text"]
    path: str
    column: str = "text"
    """Column of a table that holds the report."""
    id_column: str | None = None
    """Column of a table that names the report; None: its row."""
    patient_column: str | None = None
    """Column of a table that names the patient."""


class TcgaCorpus(Corpus):
    """The reports of the hub's Lab-Rasool/TCGA, of patients whose tissue or organ of origin holds `organ`."""

    source: Literal["tcga"]
    reports: Key
    """The download with the reports."""
    clinical: Key
    """The download with the clinical table."""
    organ: str | None = None
    """Looked for in the lower-cased tissue_or_organ_of_origin (`breast`, `colo`). None: all."""

    @property
    def downloads(self) -> dict[str, str]:
        return {"reports": self.reports, "clinical": self.clinical}


class TcgaReportsCorpus(Corpus):
    """TCGA-Reports (Kefeli and Tatonetti), of patients with one of `cancer_types`."""

    source: Literal["tcga_reports"]
    reports: Key
    """The download with the reports."""
    clinical: Key
    """The download with the table of cancer types."""
    cancer_types: list[str] = []
    """TCGA's names (BRCA, COAD, READ). Empty: all."""

    @property
    def downloads(self) -> dict[str, str]:
        return {"reports": self.reports, "clinical": self.clinical}


AnyCorpus = Annotated[PhantomCorpus | TextCorpus | TcgaCorpus | TcgaReportsCorpus, Field(discriminator="source")]
