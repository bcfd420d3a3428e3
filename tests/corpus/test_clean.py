"""A corpus accounts for every report it read: kept, folded or empty."""

from pathlib import Path

import pytest
from tests.miniatures.reports import TEXTS, cancer_types, tcga_reports_zip

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import report_truth, reports
from clipit.artifacts.tables import Stored, read_table
from clipit.corpus.clean import clean_reports, reveal_report_truth
from clipit.runtime.errors import UserError
from clipit.sources.archives import unpack
from clipit.sources.phantom.reports import write_reports

ORIGIN = Origin("clean_reports")
SETTINGS = {"cleaning": "lossless", "split_sections": False}


def corpus(tmp_path: Path, content: str, name: str = "reports.txt", **settings: object) -> Stored:
    source = tmp_path / name
    source.write_text(content)
    entry = {"source": "text", "path": str(source), "column": "text", "id_column": None, "patient_column": None}
    clean_reports(entry | SETTINGS | settings, tmp_path / "out.parquet", origin=ORIGIN)
    return read_table(tmp_path / "out.parquet", reports.SCHEMA)


def test_duplicates_are_folded_and_empty_ones_named(tmp_path: Path, capsys) -> None:
    stored = corpus(tmp_path, "one  report\n\nanother\none report\nOne report\n")
    assert stored.column("text") == ["one report", "another", "One report"]
    assert stored.column("duplicates") == [["line4"], [], []]
    assert stored.column("n_words") == [2, 1, 2]
    assert stored.meta == {"read": 5, "empty": ["line2"], "folded": 1, "patients_of_folded": {}}
    assert set(stored.lineage) == {"reports"}
    said = capsys.readouterr().err
    assert "5 reports read: 3 texts kept, 1 duplicates folded, 1 without text" in said
    assert "5/5 reports" in said


def test_patients_of_a_folded_text_are_kept(tmp_path: Path) -> None:
    rows = "id,text,who\n1,same,p1\n2,same,p2\n3,other,p3\n4,other,p3\n5,same,\n"
    stored = corpus(tmp_path, rows, "r.csv", id_column="id", patient_column="who")
    assert stored.column("patient") == ["p1", "p3"]
    assert stored.column("duplicates") == [["2", "5"], ["4"]]
    assert stored.meta["patients_of_folded"] == {"1": ["p1", "p2"]}


def test_the_patient_of_a_text_whose_first_report_names_none_is_kept(tmp_path: Path) -> None:
    rows = "id,text,who\n1,same,\n2,same,p2\n3,other,\n4,other,\n"
    stored = corpus(tmp_path, rows, "r.csv", id_column="id", patient_column="who")
    assert stored.column("patient") == [None, None]
    assert stored.meta["patients_of_folded"] == {"1": ["p2"]}


def test_line_breaks_are_kept_and_tell_no_two_reports_apart(tmp_path: Path) -> None:
    stored = corpus(
        tmp_path, 'id,text\n1,"DIAGNOSIS\n\nfine  words"\n2,DIAGNOSIS fine words\n', "r.csv", id_column="id"
    )
    assert stored.column("text") == ["DIAGNOSIS\nfine words"]
    assert stored.column("duplicates") == [["2"]]
    assert stored.column("n_words") == [3]
    flat = corpus(tmp_path, "id,text\n1,DIAGNOSIS fine words\n", "r.csv", id_column="id")
    assert flat.column("sha256") == stored.column("sha256")
    assert flat.lineage != stored.lineage  # sentences and sections end elsewhere: its embeddings are others


def test_upstream_cleaning_folds_what_it_makes_equal(tmp_path: Path) -> None:
    stored = corpus(tmp_path, "grade I\ngrade II\n|\n", cleaning="upstream")
    assert stored.column("text") == ["grade"]
    assert stored.column("duplicates") == [["line2"]]
    assert stored.meta["empty"] == ["line3"]


def test_sections_become_reports_of_their_own(tmp_path: Path, capsys) -> None:
    content = (
        "Header. CLINICAL HISTORY: None given. DIAGNOSIS: Cancer, grade II. DIAGNOSIS: more.\n"
        "Gross description: 4 cm. Clinical history: lump. Gross description: 5 cm.\n"
        "no heading\n"
        "CLINICAL HISTORY: None given. \n"
        "\n"
    )
    stored = corpus(tmp_path, content, split_sections=True)
    assert dict(zip(stored.column("report_id"), stored.column("text"), strict=True)) == {
        "line1/preamble": "Header.",
        "line1/clinical": "CLINICAL HISTORY: None given.",
        "line1/diagnosis": "DIAGNOSIS: Cancer, grade II. DIAGNOSIS: more.",
        "line2/gross": "Gross description: 4 cm.",
        "line2/clinical": "Clinical history: lump.",
        "line2/gross-2": "Gross description: 5 cm.",
        "line3": "no heading",
    }
    assert stored.column("report_id") == sorted(stored.column("report_id"))
    folded = stored.column("report_id").index("line1/clinical")
    assert stored.column("duplicates")[folded] == ["line4/clinical"]
    assert stored.meta == {
        "read": 5,
        "empty": ["line5"],
        "folded": 1,
        "patients_of_folded": {},
        "sections": {"preamble": 1, "clinical": 3, "diagnosis": 1, "gross": 2},
        "unsplit": 2,
    }
    assert "5 reports read, 2 without a heading: 7 texts kept" in capsys.readouterr().err


def test_a_section_that_is_named_as_another_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes" / "a").mkdir(parents=True)
    (tmp_path / "notes" / "a.txt").write_text("DIAGNOSIS: cancer.\nGROSS DESCRIPTION: 4 cm.\n")
    (tmp_path / "notes" / "a" / "gross.txt").write_text("something else")
    entry = {"source": "text", "path": str(tmp_path / "notes"), "cleaning": "lossless", "split_sections": False}
    clean_reports(entry, tmp_path / "out.parquet", origin=ORIGIN)
    assert read_table(tmp_path / "out.parquet", reports.SCHEMA).column("report_id") == ["a", "a/gross"]
    with pytest.raises(UserError, match=r"notes: the reports read as number 1 and 2, or sections .* have one id"):
        clean_reports(entry | {"split_sections": True}, tmp_path / "split.parquet", origin=ORIGIN)
    assert not (tmp_path / "split.parquet").exists()


def test_sections_of_a_public_corpus_keep_patient_and_organ(tmp_path: Path) -> None:
    unpack(tcga_reports_zip(tmp_path), tmp_path)
    files = {"reports": str(tmp_path), "clinical": str(cancer_types(tmp_path))}
    entry = {"source": "tcga_reports", "cancer_types": ["BRCA"], "files": files, **SETTINGS, "split_sections": True}
    clean_reports(entry, tmp_path / "out.parquet", origin=ORIGIN)
    stored = read_table(tmp_path / "out.parquet", reports.SCHEMA)
    sections = [name.rpartition("/")[2] for name in stored.column("report_id")]
    assert sections == ["gross", "microscopic", "clinical", "microscopic"]
    assert set(stored.column("patient")) == {"TCGA-ZC-A004", "TCGA-ZC-A005"}
    assert set(stored.column("organ")) == {"BRCA"}
    words = [word for text in stored.column("text") for word in text.split()]
    assert sorted(words) == sorted((TEXTS["TCGA-ZC-A004"] + " " + TEXTS["TCGA-ZC-A005"]).split())


def test_equal_corpora_are_equal_bytes(tmp_path: Path) -> None:
    corpus(tmp_path, "b\na\n")
    first = (tmp_path / "out.parquet").read_bytes()
    corpus(tmp_path, "b\na\n")
    assert (tmp_path / "out.parquet").read_bytes() == first


def test_a_corpus_of_blank_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no text"):
        corpus(tmp_path, "\n  \n")
    with pytest.raises(UserError, match="has no report with text"):
        corpus(tmp_path, "\ufeff\u200b|\n", cleaning="upstream")
    assert not (tmp_path / "out.parquet").exists()


def test_the_truth_of_the_phantom_is_of_its_reports(tmp_path: Path) -> None:
    reveal_report_truth({"seed": 0, "informative": True}, tmp_path / "truth.parquet", origin=ORIGIN)
    truth = read_table(tmp_path / "truth.parquet", report_truth.SCHEMA)
    assert truth.column("report_id") == [report.report_id for report in write_reports(0)]
