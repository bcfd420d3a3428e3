"""The tables that are made from files which no rule makes carry the digests of these."""

import hashlib
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tests.pipeline.conftest import copy_project
from tests.servers.http import FileServer

from clipit.artifacts.provenance import file_digest
from clipit.artifacts.schemas import items, labels, reports, splits
from clipit.artifacts.tables import read_table

pytestmark = pytest.mark.xdist_group("interrupted")


def test_tables_say_what_they_were_made_from(tmp_path: Path, file_server: FileServer) -> None:
    project = copy_project(tmp_path)
    (tmp_path / "images").mkdir()
    rows = ["path,label,split"]
    for i, split in enumerate(("train", "val", "test") * 2):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "images" / f"{i}.png")
        rows.append(f"{i}.png,{'ab'[i // 3]},{split}")
    (tmp_path / "images" / "images.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "reports.txt").write_text("Adenoma.\nNormal mucosa.\n")
    file_server.files["/reports.csv"] = b"patient_filename,text\nTCGA-AA-0001.X,Adenoma.\n"
    file_server.files["/types.csv"] = b"patient_id,cancer_type\nTCGA-AA-0001,COAD\n"
    config = {
        "downloads": {
            "tcga_reports": {"url": file_server.url("/reports.csv")},
            "tcga_cancer_types": {"url": file_server.url("/types.csv")},
        },
        "datasets": {"mine": {"source": "folder", "path": "images/images.csv", "size": 8}},
        "corpora": {
            "notes": {"source": "text", "path": "reports.txt"},
            "tcga_reports_colorectal": {"cancer_types": ["COAD"]},
        },
        "experiments": {
            "mine": {
                "dataset": "mine",
                "corpus": "notes",
                "retriever": "phantom_clip",
                "backbone": "phantom_resnet",
                "variants": ["colour"],
            }
        },
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    here = tmp_path / "results/patches/mine"
    tables = [
        "results/patches/mine/labels.parquet",
        "results/corpora/notes/reports.parquet",
        "results/corpora/tcga_reports_colorectal/reports.parquet",
    ]
    stale = tmp_path / "results/tables/mine.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("of another configuration")
    done = project.snakemake(*tables, "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "another configuration" not in done.stderr and "onsuccess" not in done.stderr
    label = read_table(here / "labels.parquet", labels.SCHEMA).provenance["inputs"]
    assert set(label) == {"patches", "splits", "column label"}
    assert label["splits"] == file_digest(here / "splits.parquet")
    assert set(read_table(here / "splits.parquet", splits.SCHEMA).provenance["inputs"]) == {"patches", "column split"}
    assert read_table(here / "items.parquet", items.SCHEMA).provenance["inputs"] == {}
    own, public = (read_table(tmp_path / table, reports.SCHEMA).provenance["inputs"] for table in tables[1:])
    assert own == {"reports": hashlib.sha256(b"Adenoma.\nNormal mucosa.\n").hexdigest()}
    assert public == {
        name: file_digest(tmp_path / "results/data" / name / "_COMPLETE.json")
        for name in ("tcga_reports", "tcga_cancer_types")
    }
