"""`clipit why` names what changed, and what only follows."""

import shutil
from pathlib import Path

import pytest
from tests.pipeline.conftest import OWN, Project, copy_project

pytestmark = pytest.mark.xdist_group("chain")


def test_nothing_changed(chain: Project) -> None:
    assert chain.why() == "Nothing would run: all is up to date.\n"


def test_the_working_folder_may_be_another_than_the_code_s(chain: Project, tmp_path: Path) -> None:
    elsewhere = copy_project(tmp_path)
    for file in OWN:
        shutil.copy(chain.folder / file, tmp_path)
    assert elsewhere.why(directory=chain.folder) == "Nothing would run: all is up to date.\n"


def test_every_kind_of_change_is_named_with_the_jobs_that_it_touches(edited: Project) -> None:
    edited.edit("src/clipit/pairing/hubness.py", "-alpha *", "-1.0 * alpha *")
    edited.edit("smaller.yaml", "    epochs: 2\n", "    epochs: 3\n")
    edited.edit("data/images/images.csv", "0.png,striped", "0.png,grainy")
    (edited.folder / "results/corpora/my_reports/reports.parquet").unlink()
    said = edited.why().splitlines()
    assert said[0].endswith("jobs would run.")
    assert said[said.index("clipit.pairing.hubness changed") + 1].strip() == "pair 3"
    assert said[said.index("settings.epochs is 3, was 2") + 1].strip() == "train_retriever"
    assert said[said.index("own files changed") + 1].strip() == "label_dataset"
    assert said[said.index("results/corpora/my_reports/reports.parquet is gone") + 1].strip() == "clean_reports"
    assert "evaluate" in said[said.index("follows from these") + 1]


def test_a_run_of_other_settings_is_a_new_one(edited: Project) -> None:
    edited.edit("smaller.yaml", "      steps: 10", "      steps: 10\n      lambda: 0.5")
    said = edited.why().splitlines()
    assert said[said.index("not made yet") + 1].strip() == "evaluate 3, train_student 3"


def test_a_target_is_asked_for_alone(edited: Project) -> None:
    edited.edit("src/clipit/pairing/hubness.py", "-alpha *", "-1.0 * alpha *")
    assert edited.why("results/corpora/my_reports/reports.parquet").startswith("Nothing would run")
