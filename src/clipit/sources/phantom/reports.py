"""Synthetic pathology reports and captions: one telling sentence each, in much text that tells nothing."""

from dataclasses import dataclass
from random import Random

import numpy as np

from clipit.sources.phantom.findings import balanced, sentence

N_REPORTS = 384
CONTEXT_WORDS = 77  # what a CLIP text tower commonly reads
LATE_SHARE = 0.6  # of reports tell their finding beyond that
WRAPPED_SHARE = 0.6  # of captions stand between sentences of reports
_STREAM = 3  # of random draws; the cohorts have their own

_HISTORY = (
    "Clinical history: routine follow up of a known lesion of the colon.",
    "Clinical history: change of bowel habit for {n} weeks, no weight loss.",
    "Clinical history: iron deficiency, polyp seen on colonoscopy at {n} cm.",
    "Clinical history: previous resection {n} years ago, now for control.",
    "Clinical history: abdominal pain, wall thickening on imaging.",
)
_GROSS = (
    "Gross description: received in formalin is a segment of colon, {n} x {m} x {k} cm.",
    "Gross description: the specimen is labelled with the patient name and measures {n} x {m} cm.",
    "Gross description: received fresh is a soft tan fragment of {n} x {m} x {k} mm.",
    "Gross description: {n} pieces of pink tissue, the largest {m} mm across.",
)
_GROSS_MORE = (
    "The serosal surface is smooth and shiny.",
    "The margins are inked blue and the specimen is opened along its length.",
    "The cut surface is white and firm with a central depression of {n} mm.",
    "Representative sections are submitted in cassettes A{n} to A{m}.",
    "The remaining wall is {n} mm thick and unremarkable.",
    "{n} candidate nodes are found in the surrounding fat, the largest {m} mm.",
    "The specimen is submitted entirely in {n} blocks.",
)
_BOILERPLATE = (
    "The slides were reviewed by the undersigned pathologist, who has verified this report.",
    "This test was developed and its performance determined by the laboratory and has not been cleared for other use.",
    "Controls stained appropriately.",
    "Please correlate with clinical and imaging data.",
    "The case was discussed at the weekly conference and the clinician was informed by telephone.",
    "Results of additional stains will follow in an addendum.",
    "Intraoperative consultation was not requested.",
    "All measurements are in fixed tissue and may differ from those in life.",
    "This report replaces all earlier versions and is electronically signed.",
    "Levels were cut at {n} depths and stained with haematoxylin and eosin.",
)
# They name tissue that the report is not about.
_DISTRACTORS = (
    "A biopsy taken {n} years ago was reported elsewhere as tumour.",
    "The referring letter asks to exclude lymphocytes within the wall.",
    "Mucin was suspected at endoscopy.",
    "Some debris was lost in processing.",
    "The request form mentions normal glands in an outside specimen.",
    "Stroma could not be assessed on the outside slides.",
    "A second opinion on granulocytes was sought in block A{n}.",
)
_CLOSING = (
    "Diagnosis: see microscopic description.",
    "Diagnosis: colon, resection, as described above.",
    "Comment: findings are as stated in the microscopic description.",
    "Diagnosis: specimen adequate, description as given.",
)
_FILLER = (_BOILERPLATE, _BOILERPLATE, _GROSS_MORE, _DISTRACTORS)  # drawn alike, so boilerplate is half of it
_OCR = (("l", "1"), ("o", "0"), ("m", "rn"), ("e", "c"), ("i", "l"), ("h", "b"), ("s", "5"), ("t", "f"))
_OCR_RATE = 0.03  # of words


@dataclass(frozen=True)
class PhantomReport:
    """A synthetic report and what is known about it.

    `telling_word` counts the words before the telling sentence. `finding` is the truth about the patient: what the
    telling sentence says, except in an uninformative corpus.
    """

    report_id: str
    text: str
    organ: str
    patient: str
    finding: int
    label: int
    telling_word: int


def write_reports(seed: int, informative: bool = True) -> list[PhantomReport]:
    """384 reports, 16 a finding, of patients of whom there is no image.

    With `informative` False each telling sentence tells a finding drawn without regard to the truth (the phantom_null).
    """
    draw = np.random.default_rng((seed, _STREAM))
    truth = balanced(N_REPORTS, draw)
    late = draw.permutation(np.arange(N_REPORTS) < round(LATE_SHARE * N_REPORTS))
    told = truth if informative else draw.permutation(truth)
    rng = Random(f"reports {seed}")
    reports = []
    for i, finding in enumerate(truth.tolist()):
        text, word = _report(int(told[i]), bool(late[i]), rng)
        reports.append(PhantomReport(f"phantom_{i:03d}", text, "colon", f"report{i:03d}", finding, finding // 4, word))
    return reports


def write_captions(findings: np.ndarray, seed: int) -> list[str]:
    """A caption for each finding; 60% stand between sentences that reports are made of."""
    rng = Random(f"captions {seed}")
    captions = []
    for finding in findings.tolist():
        told = sentence(finding, rng)
        if rng.random() < WRAPPED_SHARE:
            told = " ".join([*_filler(rng.randrange(4), rng), told, *_filler(rng.randrange(4), rng)])
        captions.append(told)
    return captions


def _report(finding: int, late: bool, rng: Random) -> tuple[str, int]:
    """A report's text and how many words stand before its telling sentence."""
    history = [_one(_HISTORY, rng)]
    gross = [_one(_GROSS, rng), *(_one(_GROSS_MORE, rng) for _ in range(rng.randint(1, 3)))]
    before = history + gross if late else history
    after = [] if late else gross
    while late and _words(before) <= CONTEXT_WORDS + 10:  # noise may glue words together
        before += _filler(1, rng)
    after += [*_filler(rng.randint(1, 4), rng), _one(_CLOSING, rng)]
    before, after = ([_noisy(text, rng) for text in part] for part in ([*before, "Microscopic description:"], after))
    return " ".join([*before, _noisy(sentence(finding, rng), rng), *after]), _words(before)


def _words(sentences: list[str]) -> int:
    return sum(len(text.split()) for text in sentences)


def _one(pool: tuple[str, ...], rng: Random) -> str:
    """A sentence of `pool`, its blanks filled with measurements."""
    text = rng.choice(pool)
    return text.format(n=rng.randint(2, 29), m=rng.randint(2, 29), k=rng.randint(2, 29)) if "{" in text else text


def _filler(n: int, rng: Random) -> list[str]:
    """`n` sentences that tell nothing about the finding."""
    return [_one(rng.choice(_FILLER), rng) for _ in range(n)]


def _noisy(text: str, rng: Random) -> str:
    """`text` as character recognition might have read it from a scan: a few letters wrong, a few spaces lost."""
    words = text.split()
    for i, word in enumerate(words):
        if rng.random() < _OCR_RATE:
            words[i] = word.replace(*rng.choice(_OCR), 1)
    if len(words) > 3 and rng.random() < 0.05:
        i = rng.randrange(len(words) - 1)
        words[i : i + 2] = [words[i] + words[i + 1]]
    return " ".join(words)
