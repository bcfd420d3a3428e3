"""Jobs beside each other on one machine, each a process of its own, as they are."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import clipit
from clipit.runtime import cards
from clipit.runtime.errors import UserError

SOURCE = str(Path(clipit.__file__).parents[1])
JOB = """
import os, sys
from clipit.runtime import cards
from clipit.runtime.errors import UserError
cards._WAIT_S = 0.05
cards._cards_present = lambda: 3
cards.take_cards(int(sys.argv[1]))
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path):
    """Starts a job on a machine of three cards that keeps what it takes until its input ends."""
    running: list[subprocess.Popen[str]] = []

    def start(n: int, visible: str | None = None) -> "subprocess.Popen[str]":
        env = {**os.environ, "PYTHONPATH": SOURCE, "TMPDIR": str(tmp_path)}
        env.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            env["CUDA_VISIBLE_DEVICES"] = visible
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen([sys.executable, "-c", JOB, str(n)], env=env, text=True, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def told(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_jobs_see_cards_of_their_own_and_wait_for_one_that_is_free(start: Start) -> None:
    first, pair = start(1), None
    assert told(first) == "0"
    pair = start(2)
    assert told(pair) == "1,2"
    third = start(1)
    assert third.stderr is not None
    assert third.stderr.readline() == "waiting for 1 of the GPUs 0, 1, 2: other jobs have them\n"
    first.kill()
    assert told(third) == "0", "a killed job's card is free at once"


def test_a_job_that_finds_too_few_holds_none_of_them(start: Start) -> None:
    assert told(start(2, "2,0,1")) == "2,0"
    waiting = start(2)
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("waiting for 2")
    assert told(start(1)) == "1"


def test_a_job_that_needs_all_that_it_sees_takes_them_as_they_are(start: Start) -> None:
    assert told(start(3)) == "None"
    assert told(start(1, "GPU-ab")) == "GPU-ab"


def test_locks_lie_in_a_folder_that_is_closed_to_others(start: Start, tmp_path: Path) -> None:
    assert told(start(1)) == "0"
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_made_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"clipit-cards-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    _, error = start(1).communicate()
    assert "is not yours: set TMPDIR to another folder" in error
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, ["0", "1"]), ("1, 0", ["1", "0"]), ("GPU-ab", ["GPU-ab"]), ("", []), ("-1", []), ("NoDevFiles", [])],
)
def test_what_is_visible(monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: list[str]) -> None:
    monkeypatch.setattr(cards, "_cards_present", lambda: 2)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert cards.visible_cards() == expected


def test_no_card_is_visible_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_cards_present", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert cards.visible_cards() == []


def test_a_job_that_was_promised_a_card_and_finds_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_cards_present", lambda: 0)
    cards.take_cards(0)
    with pytest.raises(UserError, match="no GPU is visible on"):
        cards.take_cards(1)
