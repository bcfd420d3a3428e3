"""A run that is killed at every stage ends as one that was not."""

from pathlib import Path

import pytest
from tests.faults.torture import torture

pytestmark = pytest.mark.torture


@pytest.mark.timeout(3600)
def test_a_run_killed_at_every_stage_ends_as_one_that_was_not(tmp_path: Path) -> None:
    assert len(torture(tmp_path / "project", kills=33, seed=0).done) == 33
