"""The order of the round; licences, own files, disks and stores."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.doctor.conftest import MACHINE
from tests.stores import write_store

from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import patches
from clipit.artifacts.tables import write_table
from clipit.doctor import room
from clipit.doctor.finding import Finding


def test_the_machine_comes_first_and_the_disks_last(doctor):
    found = list(doctor(corpus="tcga_colon", deep=True))
    assert tuple(found[: len(MACHINE)]) == MACHINE
    assert found[len(MACHINE)] == "corpora.tcga_colon licence"
    assert found[-2] == "results" and found[-1].startswith("disk of ")


def test_a_device_that_is_not_here_fails(doctor, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert doctor(entries={"compute": {"device": "cuda"}})["gpu"].status == "FAIL"
    assert doctor(entries={"compute": {"device": "cpu"}})["gpu"].status == "PASS"


def test_a_licence_that_is_not_accepted_fails_and_names_the_key(doctor):
    found = doctor(corpus="tcga_colon")["corpora.tcga_colon licence"]
    assert found.status == "FAIL"
    assert found.detail == "CC BY-NC-ND 4.0: no commercial use, no sharing of changed copies"
    assert "write accept_licence: true in corpora.tcga_colon of your config" in found.remedy
    entries = {"corpora": {"tcga_colon": {"accept_licence": True}}}
    assert doctor(corpus="tcga_colon", entries=entries)["corpora.tcga_colon licence"].status == "PASS"
    assert "corpora.phantom_reports licence" not in doctor()


def test_own_files_are_looked_for(doctor, tmp_path):
    entries = {"corpora": {"mine": {"source": "text", "path": str(tmp_path / "reports.txt")}}}
    found = doctor(corpus="mine", entries=entries)["corpora.mine.path"]
    assert (found.status, found.remedy) == ("FAIL", "correct the path")
    (tmp_path / "reports.txt").write_text("one report")
    assert doctor(corpus="mine", entries=entries)["corpora.mine.path"].status == "PASS"
    entries = {"datasets": {"mine": {"source": "folder"}}}
    assert doctor(dataset="mine", entries=entries)["datasets.mine.path"].detail == "datasets.mine.path is missing"


@pytest.mark.parametrize(("free", "status"), [(999, "FAIL"), (1_200, "WARN"), (1_600, "PASS")])
def test_disks_hold_what_is_to_come(tmp_path, monkeypatch, free, status):
    monkeypatch.setattr(room, "free_space", lambda folder: free * 1_000_000)
    cache = {str(tmp_path / "cache"): 400_000_000}
    data = {str(tmp_path / "results" / "data"): 600_000_000}
    findings = [Finding("a", "PASS", "", "", 4, cache), Finding("b", "PASS", "", "", 6, data)]
    (found,) = room.disks(findings, str(tmp_path / "results"))
    assert found.status == status, "one disk: both count"
    assert "1.0 GB needed" in found.detail
    assert bool(found.remedy) == (status != "PASS")


def test_nothing_to_come_needs_no_room(tmp_path):
    (found,) = room.disks([], str(tmp_path / "results"))
    assert (found.status, "needed" in found.detail) == ("PASS", False)


@pytest.fixture
def store(project) -> Path:
    folder = project / "results" / "patches" / "phantom"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), np.uint8)
    write_store(folder / "patches.zarr", images)
    columns = {
        "index": range(12),
        "patch_id": [f"p{i}" for i in range(12)],
        "source": ["test"] * 12,
        "group": ["g"] * 12,
        **{name: [0] * 12 for name in ("x", "y", "width")},
        "mpp": [1.0] * 12,
        "sha256": [patch_digest(image) for image in images],
    }
    write_table(folder / "patches.parquet", columns, patches.SCHEMA, Origin("test").provenance())
    return folder


def test_stores_are_read_only_when_asked(doctor, store):
    assert not any("patches of" in subject for subject in doctor())
    found = doctor(deep=True)["patches of datasets.phantom"]
    assert found.status == "PASS"
    assert "patches of datasets.phantom_source" not in doctor(deep=True), "it has not been made yet"


def test_a_changed_patch_is_found(doctor, store):
    table = store / "patches.parquet"
    other = store.with_name("other")
    shutil.copytree(store, other)
    images = np.random.default_rng(1).integers(0, 255, (12, 16, 16, 3), np.uint8)
    shutil.rmtree(store / "patches.zarr")
    write_store(store / "patches.zarr", images)
    assert table.is_file()
    found = doctor(deep=True)["patches of datasets.phantom"]
    assert found.status == "FAIL"
    assert "12 patches of results/patches/phantom/patches.zarr changed, p0 first" in found.detail
    assert found.remedy == "delete results/patches/phantom and run snakemake again"
