"""Reports in every form a user may have them in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipit.runtime.errors import UserError
from clipit.sources.text_files import read_text_reports

TEXTS = ["first, with a comma", "second"]


def read(path: Path, column: str = "text", id_column: str | None = None) -> list[tuple[str, str]]:
    found = read_text_reports({"path": str(path), "column": column, "id_column": id_column})
    return [(report.report_id, report.text) for report in found]


def test_one_report_a_line(tmp_path: Path) -> None:
    path = tmp_path / "reports.txt"
    path.write_text("\n".join(TEXTS))
    assert read(path) == [("line1", TEXTS[0]), ("line2", TEXTS[1])]


def test_a_folder_of_text_files(tmp_path: Path) -> None:
    for name, text in zip("ba", TEXTS, strict=True):
        (tmp_path / f"{name}.txt").write_text(text)
    assert read(tmp_path) == [("a", TEXTS[1]), ("b", TEXTS[0])]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"reports{suffix}"
    rows = [{"case": f"c{i}", "report": text} for i, text in enumerate(TEXTS)]
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        separator = "," if suffix == ".csv" else "\t"
        path.write_text(
            "\n".join(
                separator.join((a, f'"{b}"'))
                for a, b in [("case", "report"), *((r["case"], r["report"]) for r in rows)]
            )
        )
    assert read(path, "report", "case") == [("c0", TEXTS[0]), ("c1", TEXTS[1])]
    assert [name for name, _ in read(path, "report")] == ["row1", "row2"]


def test_bytes_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    path = tmp_path / "reports.txt"
    path.write_bytes("5 µm".encode("cp1252"))
    assert read(path) == [("line1", "5 µm")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("reports.csv", "a,b\n1,2\n", "no column 'text'"),
        ("reports.txt", "", "has no text"),
        ("reports.jsonl", "{not json", "cannot be read as JSONL"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read(path)


def test_a_missing_corpus_and_repeated_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "nothing")
    path = tmp_path / "reports.csv"
    path.write_text("id,text\na,x\na,y\n")
    with pytest.raises(UserError, match="names two reports the same"):
        read(path, id_column="id")
