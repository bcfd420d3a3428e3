"""Sections are found by their headings, and together they are the report."""

import typing
from random import Random

import pytest

from clipit.config.encoders import SectionName
from clipit.sources.report_sections import NAMES, split_sections

ONE_LINE = (
    "TCGA-ZZ-0001 SPECIMEN A. Right colon CLINICAL NOTES PRE- OP DIAGNOSIS: Cancer. GROSS DESCRIPTION A. Received "
    "fresh, 4 cm. BLOCK SUMMARY: 1 margin; 2 tumour. MICROSCOPIC DESCRIPTION Histologic type: Adenocarcinoma. 5, 3260F "
    "DIAGNOSIS A. Colon, right: Adenocarcinoma, grade II. Note: Carcinoma invades the fat. I ATTEST THAT THE ABOVE "
    "DIAGNOSIS IS MINE, SEE SYNOPTIC REPORT"
)
LINES = """Patient 1

Clinical history
Mass at 25 cm.

**FINAL DIAGNOSIS**
1. Colon: adenocarcinoma, see comment.
2) Comment
Stage III.
Gross Description:
Received in formalin.
Diagnosis (addendum):
KRAS wild type.
"""


def names(text: str) -> list[str]:
    return [section.name for section in split_sections(text)]


def test_a_scan_read_as_one_line() -> None:
    sections = split_sections(ONE_LINE)
    assert [section.name for section in sections] == [
        "preamble", "specimen", "clinical", "gross", "blocks", "microscopic", "diagnosis", "comment",
    ]  # fmt: skip
    texts = {section.name: section.text for section in sections}
    assert texts["preamble"] == "TCGA-ZZ-0001 "
    assert texts["clinical"] == "CLINICAL NOTES PRE- OP DIAGNOSIS: Cancer. "
    assert texts["diagnosis"] == "DIAGNOSIS A. Colon, right: Adenocarcinoma, grade II. "


def test_headings_on_lines_of_their_own() -> None:
    sections = split_sections(LINES)
    assert [section.name for section in sections] == [
        "preamble", "clinical", "diagnosis", "comment", "gross", "diagnosis-2",
    ]  # fmt: skip
    assert sections[2].text.startswith("FINAL DIAGNOSIS**\n1. Colon")
    assert sections[3].text == "Comment\nStage III.\n"


@pytest.mark.parametrize("text", [ONE_LINE, LINES, "", " \n", "Diagnosis", "DIAGNOSIS:", "no heading at all"])
def test_the_sections_are_the_text(text: str) -> None:
    assert "".join(section.text for section in split_sections(text)) == text


@pytest.mark.parametrize("seed", range(30))
def test_no_character_is_lost_of_any_text(seed: int) -> None:
    rng = Random(seed)
    bits = ["Diagnosis:", "GROSS DESCRIPTION", "Comment", "Specimen(s) Submitted :", "pT1", "II", "\n", " ", ". ", ":",
            "腺癌", "\r\n", "\x0c", "\u2028", "History", "FINAL", "(", ")", "addendum", "Synoptic Report:"]  # fmt: skip
    text = "".join(rng.choice(bits) for _ in range(80))
    sections = split_sections(text)
    assert "".join(section.text for section in sections) == text
    assert len({section.name for section in sections}) == len(sections)
    assert all(section.text for section in sections)


@pytest.mark.parametrize(
    "text",
    [
        "the final diagnosis: unchanged",  # no capital
        "SEE MICROSCOPIC DESCRIPTION for details",  # a reference
        "The Final Diagnosis and Synoptic Data remain unchanged",  # in a sentence
        "B. SPECIMEN DESIGNATED RIGHT COLON",
        "SPECIMENS: ",  # heads nothing
        "Specimen type: colon",  # a field
        "Diagnoses' list: none",
        "Grosser: no",
    ],
)
def test_what_is_no_heading(text: str) -> None:
    assert names(text) == ["preamble"]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Diagnosis:", "diagnosis"),
        ("FINAL PATHOLOGIC DIAGNOSIS:", "diagnosis"),
        ("Diagnosis  Diagnoses:", "diagnosis"),
        ("DIAGNOSIS(ES):", "diagnosis"),
        ("Histopathological diagnosis :", "diagnosis"),
        ("Gross description:", "gross"),
        ("MACROSCOPIC EXAMINATION:", "gross"),
        ("Microscopic Description:", "microscopic"),
        ("Gross and Microscopic Description:", "microscopic"),
        ("Clinical Diagnosis & History:", "clinical"),
        ("Post-operative diagnosis:", "clinical"),
        ("Clinical Information:", "clinical"),
        ("Comment(s):", "comment"),
        ("Specimen(s) received:", "specimen"),
        ("Procedure:", "procedure"),
        ("INTRAOPERATIVE CONSULTATION:", "intraoperative"),
        ("FROZEN SECTION DIAGNOSIS:", "intraoperative"),
        ("Synoptic Report:", "synoptic"),
        ("Staging summary:", "synoptic"),
        ("ADDENDUM DIAGNOSIS:", "addendum"),
        ("Addendum (2):", "addendum"),
        ("Immunohistochemistry:", "stains"),
        ("Summary of sections:", "blocks"),
    ],
)
def test_headings(heading: str, name: str) -> None:
    assert names(f"Before it. {heading} Some text.") == ["preamble", name]
    assert names(f"{heading} Some text.") == [name]


def test_headings_with_nothing_between_are_one_and_neighbours_of_one_kind_too() -> None:
    assert names("CLINICAL DATA: History: none. Operation: resection. DIAGNOSIS: a. DIAGNOSIS: b. COMMENT: ") == [
        "clinical", "procedure", "diagnosis",
    ]  # fmt: skip
    assert names("GROSS DESCRIPTION MICROSCOPIC DESCRIPTION Type: adenocarcinoma") == ["microscopic"]


def test_a_long_report_without_a_line_break_takes_no_time() -> None:
    assert len(split_sections("NO DIAGNOSIS OF IT, " * 100_000)) == 1


def test_a_configuration_knows_the_names() -> None:
    assert sorted(typing.get_args(SectionName)) == sorted(NAMES)
