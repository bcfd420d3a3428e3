import pytest

from clipit.runtime import progress
from clipit.runtime.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_few_seconds_and_one_at_the_end(clock, capsys):
    with Progress("embed", 100, "patches", every=5.0) as shown:
        for _ in range(10):
            clock[0] += 2.0
            shown.advance(10, loss=0.51234)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "embed [######..............] 30/100 patches · 5.0/s · 14 s left · loss 0.512",
        "embed [############........] 60/100 patches · 5.0/s · 8 s left · loss 0.512",
        "embed [##################..] 90/100 patches · 5.0/s · 2 s left · loss 0.512",
        "embed [####################] 100/100 patches · 5.0/s · 20.0 s · loss 0.512",
    ]


def test_nothing_to_do_still_leaves_a_line(clock, capsys):
    with Progress("embed", 0):
        pass
    assert capsys.readouterr().err.startswith("embed [....................] 0/0 items")


def test_a_failure_prints_no_last_line(clock, capsys):
    with pytest.raises(ValueError), Progress("embed", 10) as shown:
        shown.advance(3)
        raise ValueError
    assert capsys.readouterr().err == ""


def test_bytes_are_shown_in_megabytes_and_an_earlier_part_does_not_count_for_the_rate(clock, capsys):
    with Progress("set.zip", 2_000_000_000, "bytes", done=1_500_000_000) as shown:
        clock[0] += 10.0
        shown.advance(125_000_000)
        clock[0] += 10.0
        shown.advance(375_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "set.zip [################....] 1,625/2,000 MB · 12 MB/s · 30 s left",
        "set.zip [####################] 2,000/2,000 MB · 25 MB/s · 20.0 s",
        "set.zip [####################] 2,000/2,000 MB · 25 MB/s · 20.0 s",
    ]


def test_an_unknown_total_is_left_out(clock, capsys):
    with Progress("set.zip", 0, "bytes") as shown:
        clock[0] += 2.0
        shown.advance(3_000_000)
    assert capsys.readouterr().err.endswith("] 3.0 MB · 1.5 MB/s · 2.0 s\n")
