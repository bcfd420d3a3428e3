"""The shipped configs for public data, run on miniatures of it served from here: only hosts and sizes are changed."""

import csv
import gzip
import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.miniatures import images
from tests.miniatures import reports as report_files
from tests.pipeline.conftest import PROJECT, Project, copy_project
from tests.servers.http import FileServer
from tests.servers.hub import StandInHub
from tests.servers.hub_models import CONCH_PACKAGE, conch_repo, quiltnet_repo, timm_repo

from clipit.artifacts.schemas import labels, reports, splits
from clipit.artifacts.tables import read_table

CATALOG = yaml.safe_load((PROJECT / "config" / "catalog.yaml").read_text())
PATIENTS = {"BRCA": ("Breast, NOS", 20), "COAD": ("Sigmoid colon", 15), "THCA": ("Thyroid gland", 5)}
YES = {"accept_licence": True}
FEW_STEPS = {"steps": 5, "batch": 8, "lora": {"r": 2}, "probe": {"epochs": 5}, "teacher": {"epochs": 2}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    with StandInHub() as hub:
        for name, value in hub.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield hub


def served(server: FileServer, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Serves `files` at the originals' paths; what to change in the catalog's downloads: hosts and checksums."""
    named = {entry["url"].rpartition("/")[2]: name for name, entry in CATALOG["downloads"].items() if "url" in entry}
    changes = {}
    for file, content in files.items():
        entry = CATALOG["downloads"][named[file]]
        path = "/" + entry["url"].split("/", 3)[3]
        server.files[path] = content
        changes[named[file]] = {"url": server.url(path)}
        if "md5" in entry:
            changes[named[file]]["md5"] = images.md5(content)
        if "unpacked_md5" in entry:
            changes[named[file]]["unpacked_md5"] = images.md5(gzip.decompress(content))
    return changes


def served_reports(hub: StandInHub, folder: Path, kinds: dict[str, tuple[str, int]]) -> dict[str, dict[str, Any]]:
    """Publishes Lab-Rasool/TCGA in miniature; what to change in the catalog's downloads: commit and checksums."""
    patients, texts = report_files.many(kinds)
    contents = [report_files.hub_reports(folder, texts).read_bytes()]
    contents.append(report_files.hub_clinical(folder, patients).read_bytes())
    commit = hub.add_dataset("Lab-Rasool/TCGA", folder)
    return {
        name: {"revision": commit, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in zip(("tcga_reports_hub", "tcga_clinical_hub"), contents, strict=True)
    }


def write_yaml(project: Project, name: str, content: Mapping[str, Any]) -> str:
    (project.folder / name).write_text(yaml.safe_dump(content))
    return name


def table_rows(project: Project, table: str) -> list[dict[str, str]]:
    with open(project.folder / "results" / "tables" / f"{table}.csv") as file:
        return list(csv.DictReader(file))


def counts(project: Project, dataset: str) -> tuple[dict[str, int], list[int]]:
    """Patches of each split, and of each class."""
    folder = project.folder / "results" / "patches" / dataset
    split = read_table(folder / "splits.parquet", splits.SCHEMA).column("split")
    stored = read_table(folder / "labels.parquet", labels.SCHEMA)
    label = stored.column("label")
    return {name: split.count(name) for name in sorted(set(split))}, [
        label.count(i) for i in range(len(stored.meta["classes"]))
    ]


@pytest.mark.published
@pytest.mark.xdist_group("quickstart")
def test_the_first_run_on_real_data(project: Project, hub: StandInHub, file_server: FileServer, tmp_path: Path) -> None:
    images.write_crc(tmp_path / "crc", [1] * 9, 10, size=48)
    patients, texts = report_files.many(dict.fromkeys(("COAD", "READ", "BRCA"), (None, 10)))
    changed = served(
        file_server,
        {
            "CRC-VAL-HE-7K.zip": images.published(tmp_path / "crc")["CRC-VAL-HE-7K.zip"],
            "TCGA_Reports.csv.zip": report_files.tcga_reports_zip(tmp_path, texts).read_bytes(),
            "tcga_patient_to_cancer_type.csv": report_files.cancer_types(tmp_path, patients).read_bytes(),
        },
    )
    hub.add_model("wisdomik/QuiltNet-B-32", quiltnet_repo(tmp_path / "quiltnet"))
    hub.add_model("timm/vit_small_patch16_224.augreg_in21k_ft_in1k", timm_repo(tmp_path / "vit"))
    small = {
        "downloads": changed,
        "datasets": {"crc_val_he_7k": {"size": 32}},
        "experiments": {"quickstart": {"seeds": [0], "training": FEW_STEPS}},
    }
    configs = "config/quickstart.yaml", write_yaml(project, "small.yaml", small)
    project.run("--configfile", *configs)

    assert counts(project, "crc_val_he_7k") == ({"test": 27, "train": 54, "val": 9}, [10] * 9)
    shipped = yaml.safe_load((PROJECT / "config" / "quickstart.yaml").read_text())["experiments"]["quickstart"]
    assert [row["variant"] for row in table_rows(project, "quickstart")] == shipped["variants"]
    assert (project.folder / "results" / "report" / "index.html").exists()
    assert project.would_run(configfile=configs) == {}


@pytest.mark.xdist_group("plan")
def test_the_whole_plan_of_the_paper_is_shown_before_anything_is_accepted(project: Project) -> None:
    planned = project.would_run(configfile="config/paper.yaml")
    total, in_parts = sum(planned.values()), planned["tile_dataset"] + planned["embed_images"]
    assert f"\n{total} jobs: " in (PROJECT / "docs" / "paper.md").read_text()
    scale = (PROJECT / "docs" / "scale.md").read_text()
    assert f"plans {total} jobs (a test counts them), {in_parts} of which follow the number of patches" in scale
    assert total < 1000, "hundreds of jobs, whatever the number of patches"
    assert planned == {
        "download_file": 11,
        "download_model": 8,
        "unpack_download": 11,
        "clean_reports": 2,
        "index_dataset": 3,
        "tile_dataset": 8 + 1 + 10,
        "seal_dataset": 3,
        "split_dataset": 3,
        "label_dataset": 3,
        "embed_reports": 2,
        "embed_images": 8 + 1 + 10,
        "extract_features": 3 * 8,
        "pair": 3 * (1 + 3),
        "audit_pairs": 3 * 2,
        "train_probe": 3 * 8 * 3,
        "train_teacher": 3 * 3 * 3,
        "embed_class_prompts": 3 * 2,
        "train_student": 3 * (6 * 4 + 2 * 5) * 3,
        "evaluate": 3 * (6 * 5 + 2 * 6) * 3,
        "compare": 6,
        "compare_pairings": 6,
        "explain": 6,
        "measure_cost": 6,
        "explorer": 1,
        "report": 1,
        "all": 1,
    }
    refused = project.snakemake("--configfile", "config/paper.yaml")
    assert refused.returncode != 0
    assert "write accept_licence: true in retrievers.conch" in refused.stdout + refused.stderr
    assert not (project.folder / "results").exists()


@pytest.mark.xdist_group("plan")
def test_the_ablations_are_the_paper_s_settings_and_all_its_variants_with_their_controls(project: Project) -> None:
    paper, ablations = (
        yaml.safe_load((PROJECT / "config" / f"{name}.yaml").read_text())["experiments"]
        for name in ("paper", "ablations")
    )
    table1, asked = paper["table1_pcam"], ablations["ablations"]
    assert {key: asked[key] for key in ("dataset", "corpus", "retriever", "pairing", "seeds", "training")} == {
        key: table1[key] for key in ("dataset", "corpus", "retriever", "pairing", "seeds", "training")
    }
    published = {"clipit", "words_removed_30", "early_fusion", "direct_distillation", "random_pairing", "modules_only"}
    assert published | {"linear_probe", "no_lora", "lora_only", "shuffled_text", "constant_text"} <= set(
        asked["variants"]
    )
    planned = project.would_run(configfile="config/ablations.yaml")
    assert planned["clean_reports"] == 1 + 5, "the corpus, and five with words removed"
    assert planned["train_student"] == 3 * (len(asked["variants"]) - 3)


@pytest.mark.xdist_group("plan")
@pytest.mark.parametrize("name", ["paper_mini", "ablations_mini", "label_efficiency_mini", "label_efficiency"])
def test_miniatures_are_planned_and_mirror_what_they_are_of(project: Project, name: str) -> None:
    planned = project.would_run(configfile=f"config/{name}.yaml")
    assert planned["train_student"] > 10
    whole = PROJECT / "config" / f"{name.removesuffix('_mini')}.yaml"
    one, other = (
        set().union(*(set(e["variants"]) for e in yaml.safe_load(path.read_text())["experiments"].values()))
        for path in (PROJECT / "config" / f"{name}.yaml", whole)
    )
    assert one - {"oracle_pairing"} == other


@pytest.mark.xdist_group("plan")
def test_all_pairings_of_three_phantoms_are_planned_without_any_student(project: Project) -> None:
    planned = project.would_run("pairings", configfile=("config/phantom_seeds.yaml", "config/phantom_pairings.yaml"))
    assert planned["train_retriever"] == 3 + 1 and planned["compare_pairings"] == 3 + 7
    assert planned["embed_images"] == 3 + 1 and planned["embed_reports"] == 3 * 3 + 1  # text policies share the images
    assert not {"train_student", "train_teacher", "train_probe"} & set(planned)


@pytest.fixture
def conch_package(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """CONCH's package stands where the jobs, and this process, import from."""
    shutil.copytree(CONCH_PACKAGE / "conch", project.folder / "src" / "conch")
    monkeypatch.syspath_prepend(CONCH_PACKAGE)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "conch"]:
        del sys.modules[name]


@pytest.mark.published
@pytest.mark.xdist_group("paper")
@pytest.mark.usefixtures("conch_package")
def test_the_paper_s_tables_of_three_data_sets(
    project: Project, hub: StandInHub, file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.write_pcam(tmp_path / "data", {"train": 48, "valid": 24, "test": 24})
    images.write_crc(tmp_path / "data", [5] * 9, 2, size=48)
    images.write_bach(tmp_path / "data", width=64, height=48)
    changed = served(file_server, images.published(tmp_path / "data"))
    changed |= served_reports(hub, tmp_path / "reports", PATIENTS)
    monkeypatch.setenv("HF_TOKEN", hub.member)
    hub.add_model("MahmoodLab/conch", conch_repo(tmp_path / "conch"), gated=True)
    hub.add_model(CATALOG["backbones"]["kaiko_vits16"]["name"].removeprefix("hf-hub:"), timm_repo(tmp_path / "kaiko"))
    datasets = ("pcam", "bach", "crc")
    # Few students, since each costs seconds: of Table 1 on PCam, of Table 2 on CRC.
    one = {"backbone": "kaiko_vits16", "variants": ["linear_probe"], "seeds": [0], "training": FEW_STEPS}
    both = ["linear_probe", "clipit"]
    experiments = {f"table{table}_{name}": one for table in (1, 2) for name in datasets}
    experiments["table1_pcam"] = one | {"variants": both}
    experiments["table2_crc"] = one | {"variants": both, "backbone": "conch_image"}
    small = {
        "downloads": changed,
        "datasets": {name: {"size": 32, "parts": 1} for name in datasets} | {"bach": {"size": 32, **YES}},
        "corpora": {"tcga_breast": YES, "tcga_colon": YES},
        "retrievers": {"conch": YES},
        "backbones": {"kaiko_vits16": YES},
        "experiments": experiments,
    }
    project.run("--configfile", "config/paper.yaml", write_yaml(project, "small.yaml", small))

    assert counts(project, "pcam") == ({"test": 24, "train": 48, "val": 24}, [48, 48])
    assert counts(project, "bach") == ({"test": 132, "train": 218, "val": 50}, [100] * 4)
    assert counts(project, "crc") == ({"test": 18, "train": 36, "val": 9}, [7] * 9)
    for name, experiment in experiments.items():
        assert [row["variant"] for row in table_rows(project, name)] == experiment["variants"]
    for corpus, n in (("tcga_breast", 20), ("tcga_colon", 15)):
        assert len(read_table(project.folder / f"results/corpora/{corpus}/reports.parquet", reports.SCHEMA).table) == n
    assert (project.folder / "results/report/index.html").exists()
