"""The whole chain on a tiny data set: what it leaves behind, and how it takes bad input."""

import csv
import json
import re

import pyarrow.parquet as pq
import pytest
from tests.pipeline.conftest import SECRET, VARIANTS, Project

pytestmark = pytest.mark.xdist_group("chain")


def test_the_table_has_every_variant(chain: Project) -> None:
    with open(chain.folder / "results/tables/tiny.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["variant"] for row in rows} == set(VARIANTS)


def test_textures_are_told_apart_by_structure_and_not_by_colour(chain: Project) -> None:
    def balanced_accuracy(variant: str) -> float:
        (path,) = (chain.folder / "results/runs/textures").glob(f"*/{variant}/*/seed0/metrics.json")
        return json.loads(path.read_text())["splits"]["test"]["metrics"]["balanced_accuracy"]["value"]

    assert balanced_accuracy("linear_probe") > balanced_accuracy("colour") + 0.1


def test_no_report_text_or_id_leaves_the_pipeline(chain: Project) -> None:
    results = chain.folder / "results"
    shown = [
        *results.glob("report/**/*"),
        *results.glob("tables/*"),
        *results.glob("logs/**/*"),
        *results.glob("runs/**/*"),
    ]
    files = [path for path in shown if path.is_file()]
    assert any(path.suffix == ".html" for path in files)
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".parquet":  # compressed on disk
            table = pq.read_table(path)
            content = str([table.to_pylist(), table.schema.metadata]).encode()
        assert SECRET.encode() not in content, path
        assert not re.search(rb"\bline\d+\b", content), path


def test_nothing_holds_the_place_where_it_was_made(chain: Project) -> None:
    results = chain.folder / "results"
    for path in results.rglob("*"):
        if path.is_file() and "logs" not in path.parts and "benchmarks" not in path.parts:
            assert str(chain.folder).encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "experiments={tiny: {backbone: tinyy}}",
            "experiments.tiny.backbone = 'tinyy' is not in the catalog, did you mean 'tiny'?",
        ),
        ("experiments={tiny: {seedz: [1]}}", "unknown key 'experiments.tiny.seedz', did you mean 'seeds'?"),
        ("datasets={textures: {path: data/nowhere}}", "datasets.textures.path = 'data/nowhere' does not exist"),
        ("corpora={notes: {path: data/nothing.txt}}", "corpora.notes.path = 'data/nothing.txt' does not exist"),
    ],
)
def test_a_mistake_in_the_config_stops_before_any_job(chain: Project, override: str, words: str) -> None:
    done = chain.snakemake("--configfile", "tiny.yaml", "--dry-run", "--config", override)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_corpus_without_text_fails_in_one_line(chain: Project) -> None:
    (chain.folder / "data" / "blank.txt").write_text("\n\n")
    corpus = "corpora={notes: {path: data/blank.txt}}"
    target = "other/corpora/notes/reports.parquet"
    done = chain.snakemake(target, "--configfile", "tiny.yaml", "--config", "results=other", corpus)
    (chain.folder / "data" / "blank.txt").unlink()
    assert done.returncode != 0
    assert "clipit: report corpus data/blank.txt has no text" in done.stdout + done.stderr
    assert not (chain.folder / "other/corpora/notes/reports.parquet").exists()
