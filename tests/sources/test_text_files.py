"""Reports in every form a user may have them in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipit.runtime.errors import UserError
from clipit.sources.report_source import RawReport, numbered
from clipit.sources.text_files import read_text_reports

TEXTS = ['first, with a comma, "quotes" and\na line break', "second"]


def reports(
    path: Path, column: str = "text", id_column: str | None = None, patient_column: str | None = None
) -> list[RawReport]:
    return read_text_reports(
        {"path": str(path), "column": column, "id_column": id_column, "patient_column": patient_column}
    )


def read(path: Path, column: str = "text", id_column: str | None = None) -> list[tuple[str, str]]:
    return [(report.report_id, report.text) for report in reports(path, column, id_column)]


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        quoted = [['"{}"'.format(str(value).replace('"', '""')) for value in row.values()] for row in rows]
        path.write_text("\n".join(map(separator.join, [list(rows[0]), *quoted])) + "\n")
    return path


def test_one_report_a_line(tmp_path: Path) -> None:
    path = tmp_path / "reports.txt"
    path.write_text("first\n\nthird\x0c still third\u2028 and still\nlast")
    assert read(path) == [("line1", "first"), ("line2", ""), ("line3", "third\x0c still third\u2028 and still"),
                          ("line4", "last")]  # fmt: skip


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems(tmp_path: Path, end: str) -> None:
    path = tmp_path / "reports.txt"
    path.write_bytes(f"first{end}second{end}".encode())
    assert read(path) == [("line1", "first"), ("line2", "second")]


def test_a_folder_of_text_files(tmp_path: Path, capsys) -> None:
    for name in ("b.txt", "a.TXT", "a.txt", "deep/er/c.txt", ".hidden.txt", "._b.txt", ".git/d.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of\n{name}")
    assert read(tmp_path) == [
        ("a_1", "text of\na.TXT"),
        ("a_2", "text of\na.txt"),
        ("b", "text of\nb.txt"),
        ("deep/er/c", "text of\ndeep/er/c.txt"),
    ]
    assert "4/4 files" in capsys.readouterr().err


def test_reports_in_a_linked_folder_are_read_as_they_are_fingerprinted(tmp_path: Path) -> None:
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "a.txt").write_text("text")
    (tmp_path / "reports" / ".trash").mkdir(parents=True)
    (tmp_path / "reports" / ".trash" / "b.txt").write_text("hidden")
    (tmp_path / "reports" / "linked").symlink_to(tmp_path / "ward")
    (tmp_path / "reports" / "back").symlink_to(tmp_path / "reports")
    assert read(tmp_path / "reports") == [("linked/a", "text")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    rows = [{"case": f"00{i}", "other": i, "report": text, "who": "p1"} for i, text in enumerate(TEXTS)]
    path = write_table(tmp_path / f"reports{suffix}", rows)
    assert read(path, "report", "case") == [("000", TEXTS[0]), ("001", TEXTS[1])]
    assert [name for name, _ in read(path, "report")] == ["row1", "row2"]
    assert [report.patient for report in reports(path, "report", None, "who")] == ["p1", "p1"]
    assert [report.source for report in reports(path, "report")] == [f"reports{suffix}:1", f"reports{suffix}:2"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_what_looks_like_a_number_or_a_date_stays_as_written(tmp_path: Path, suffix: str) -> None:
    rows = [{"id": "007", "text": "1e5", "patient": "2020-01-01"}, {"id": "1.0", "text": "3", "patient": ""}]
    found = reports(write_table(tmp_path / f"r{suffix}", rows), "text", "id", "patient")
    assert [(r.report_id, r.text, r.patient) for r in found] == [("007", "1e5", "2020-01-01"), ("1.0", "3", None)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_null_is_no_text_and_no_patient(tmp_path: Path, suffix: str) -> None:
    rows = [{"id": 1, "text": "a", "patient": None}, {"id": 2, "text": None, "patient": "p"}]
    found = reports(write_table(tmp_path / f"r{suffix}", rows), "text", "id", "patient")
    assert [(r.report_id, r.text, r.patient) for r in found] == [("1", "a", None), ("2", "", "p")]


def test_a_report_longer_than_readers_expect(tmp_path: Path) -> None:
    text = "word " * 1_000_000
    path = write_table(tmp_path / "r.csv", [{"text": text}, {"text": "b"}])
    assert read(path) == [("row1", text), ("row2", "b")]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["reports.txt", "reports.csv"])
def test_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes("text\n5 µm – größer\n".encode(encoding))
    assert read(path)[-1][1] == "5 µm – größer"


def test_an_encoding_that_had_to_be_guessed_is_told(tmp_path: Path, capsys) -> None:
    path = tmp_path / "reports.txt"
    path.write_bytes("5 µm".encode("cp1252"))
    read(path)
    assert "reports.txt is not UTF-8: read as Windows-1252" in capsys.readouterr().err


def test_no_file_of_a_folder_is_named_in_the_log(tmp_path: Path, capsys) -> None:
    (tmp_path / "doe_jane.txt").write_bytes("5 µm".encode("cp1252"))
    (tmp_path / "roe.txt").write_text("x")
    assert read(tmp_path) == [("doe_jane", "5 µm"), ("roe", "x")]
    said = capsys.readouterr().err
    assert "1 of 2 files are not UTF-8" in said
    assert "doe" not in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("reports.csv", "a,texts\n1,2\n", r"no column 'text' \(column\), did you mean 'texts'\? it has a, texts"),
        ("reports.csv", "id;text\n1;2\n", "it has id;text"),
        ("reports.csv", "id,text\n1,one, two\n", r"csv:2 has 3 values where the header names 2: put a report"),
        ("reports.csv", 'id,text\n1,"open\n', "csv:2 cannot be read as CSV .*: check its double quotes"),
        ("reports.csv", 'id,text\n1,"a "bad" quote"\n', "csv:2 cannot be read as CSV"),
        ("reports.csv", "", "it has no header"),
        ("reports.txt", "", "has no text"),
        ("reports.jsonl", "{not json", "jsonl:1 cannot be read as JSONL"),
        ("reports.jsonl", '{"text": "a"}\n[1]\n', "jsonl:2 is not a JSON object"),
        ("reports.jsonl", '{"report": "a"}\n', "no column 'text'"),
        ("reports.parquet", "PAR1", "cannot be read as PARQUET"),
        ("reports.docx", "PK", "is not plain text: save it as a .txt"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read(path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("reports.csv", '4711,DOE^JANE,"Tubular adenoma of the colon."'),
        ("reports.tsv", "doe_jane\tno tumour seen"),
        ("reports.csv", f"doe_jane,{'adenoma' * 6}"),
        ("reports.csv", "4711,adenoma"),
        ("reports.jsonl", '{"DOE JANE": "adenoma"}'),
    ],
)
def test_a_table_without_a_header_shows_nothing_of_it(tmp_path: Path, name: str, line: str) -> None:
    path = tmp_path / name
    path.write_text(f"{line}\n")
    with pytest.raises(UserError, match=r"no column 'text' \(column\): its first line .* may be no header") as caught:
        read(path)
    assert not any(word in str(caught.value).lower() for word in ("doe", "adenoma", "tumour", "4711"))


def test_a_patient_is_one_name_however_a_table_holds_it(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "a", "who": 12.0},
        {"id": 2, "text": "b", "who": None},
        {"id": 3, "text": "c", "who": 1.5},
    ]
    found = reports(write_table(tmp_path / "r.parquet", rows), "text", "id", "who")
    assert [report.patient for report in found] == ["12", None, "1.5"]
    (tmp_path / "r.jsonl").write_text('{"id": 1, "text": "a", "who": 12.0}\n{"id": 2, "text": "b", "who": NaN}\n')
    assert [report.patient for report in reports(tmp_path / "r.jsonl", "text", "id", "who")] == ["12", None]
    (tmp_path / "r.csv").write_text("id,text,who\n1,a, p1 \n2,b,  \n")
    assert [report.patient for report in reports(tmp_path / "r.csv", "text", "id", "who")] == ["p1", None]


def test_a_missing_corpus_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "nothing")
    (tmp_path / "report.pdf").write_text("x")
    with pytest.raises(UserError, match=r"has no text: expected one report a line, \.txt files or a table"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [("a,x\na,y\n", r"names two reports the same \(rows 1 and 2\)"), ("a,x\n,y\n", "is empty in row 2")],
)
def test_ids_must_be_there_and_unique(tmp_path: Path, rows: str, words: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(f"id,text\n{rows}")
    with pytest.raises(UserError, match=words):
        read(path, id_column="id")


def test_a_missing_patient_column_is_named_by_its_key(tmp_path: Path) -> None:
    path = write_table(tmp_path / "r.csv", [{"text": "a", "patient_id": "p"}])
    with pytest.raises(UserError, match=r"no column 'patient' \(patient_column\), did you mean 'patient_id'\?"):
        reports(path, "text", None, "patient")


def test_repeated_names_are_numbered() -> None:
    assert numbered(["a", "b", "a", "c", "a"]) == ["a_1", "b", "a_2", "c", "a_3"]
