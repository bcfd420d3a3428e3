"""Cleaning loses nothing that carries meaning, folds duplicates and names what was empty."""

from pathlib import Path

import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import reports
from clipit.artifacts.tables import read_table
from clipit.corpus.clean import clean, clean_reports
from clipit.runtime.errors import UserError

ORIGIN = Origin("clean_reports")


def entry(path: Path) -> dict[str, object]:
    return {"source": "text", "path": str(path), "column": "text", "id_column": None}


def test_digits_roman_numerals_and_bars_survive() -> None:
    text = "Grade II | stage pT1 (1 of 11), I.  iIl\tG2\x0cend"
    assert clean(text) == "Grade II | stage pT1 (1 of 11), I. iIl G2 end"


def test_duplicates_are_folded_and_empty_ones_named(tmp_path: Path) -> None:
    source = tmp_path / "reports.txt"
    source.write_text("one  report\n\nanother\none report\n")
    clean_reports(entry(source), tmp_path / "out.parquet", origin=ORIGIN)
    stored = read_table(tmp_path / "out.parquet", reports.SCHEMA)
    assert stored.column("text") == ["one report", "another"]
    assert stored.column("duplicates") == [["line4"], []]
    assert stored.column("n_words") == [2, 1]
    assert stored.meta["empty"] == ["line2"]
    assert set(stored.lineage) == {"reports"}


def test_a_corpus_of_blank_lines_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "reports.txt"
    source.write_text("\n  \n")
    with pytest.raises(UserError, match="has no text"):
        clean_reports(entry(source), tmp_path / "out.parquet", origin=ORIGIN)
    assert not (tmp_path / "out.parquet").exists()
