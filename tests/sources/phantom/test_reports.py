from collections import Counter
from random import Random

import pytest

from clipit.sources.phantom.findings import N_FINDINGS, sentence
from clipit.sources.phantom.reports import PhantomReport, write_reports


@pytest.fixture(scope="module")
def reports() -> list[PhantomReport]:
    return write_reports(seed=0)


def closest(report: PhantomReport, telling: dict[str, int]) -> int:
    """The finding whose wording shares most words with what stands where the telling sentence should."""
    words = set(report.text.split()[report.telling_word : report.telling_word + 16])
    return telling[max(telling, key=lambda wording: len(words & set(wording.split())) / len(wording.split()))]


@pytest.fixture(scope="module")
def telling() -> dict[str, int]:
    rng = Random(0)
    return {sentence(f, rng): f for f in range(N_FINDINGS) for _ in range(200)}


def test_sixteen_reports_a_finding(reports):
    assert set(Counter(r.finding for r in reports).values()) == {16}
    assert all(r.label == r.finding // 4 for r in reports)


def test_ids_and_patients_are_unique(reports):
    assert len({r.report_id for r in reports}) == len({r.patient for r in reports}) == len(reports) == 384


def test_most_reports_tell_their_finding_beyond_what_a_clip_reads(reports):
    assert sum(r.telling_word >= 77 for r in reports) / 384 == pytest.approx(0.6, abs=0.01)
    assert all(r.telling_word < 50 for r in reports if r.telling_word < 77)


def test_the_telling_sentence_stands_where_it_is_said_to(reports, telling):
    right = sum(closest(r, telling) == r.finding for r in reports)
    assert right / 384 > 0.9  # OCR noise hides a few


def test_uninformative_reports_keep_their_truth_and_tell_another(reports, telling):
    null = write_reports(seed=0, informative=False)
    assert [r.finding for r in null] == [r.finding for r in reports]
    assert sum(closest(r, telling) == r.finding for r in null) / 384 < 0.15


def test_reports_share_boilerplate_and_carry_noise(reports):
    sentences = Counter(s for r in reports for s in set(r.text.split(". ")))
    assert sum(count > 40 for count in sentences.values()) >= 5
    assert sum("rn" in r.text or "1" in r.text for r in reports) > 100


def test_the_seed_decides(reports):
    assert write_reports(seed=0) == reports
    assert write_reports(seed=1) != reports
