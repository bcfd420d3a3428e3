"""The whole chain on tiny data by the shipped own_data.yaml: what it leaves behind, and how it takes bad input."""

import csv
import json
import re

import pyarrow.parquet as pq
import pytest
from tests.explored import unpacked
from tests.pipeline.conftest import OWN, Project
from tests.pipeline.own_data import OWN_VARIANTS, SECRET, TRAINED_VARIANTS

pytestmark = pytest.mark.xdist_group("chain")


def test_a_worker_gets_whole_groups(request: pytest.FixtureRequest) -> None:
    # Silently without effect in some versions of pytest and pytest-xdist: the chain then runs once a worker.
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@chain")


@pytest.mark.parametrize(("table", "variants"), [("own_data", OWN_VARIANTS), ("trained", TRAINED_VARIANTS)])
def test_the_table_has_every_variant(chain: Project, table: str, variants: list[str]) -> None:
    with open(chain.folder / f"results/tables/{table}.csv") as file:
        assert {row["variant"] for row in csv.DictReader(file)} == set(variants)


def test_textures_are_told_apart_by_structure_and_not_by_colour(chain: Project) -> None:
    def balanced_accuracy(run: str) -> float:
        (path,) = (chain.folder / "results/runs/my_images").glob(f"{run}/*/seed0/metrics.json")
        return json.loads(path.read_text())["splits"]["test"]["metrics"]["balanced_accuracy"]["value"]

    assert balanced_accuracy("my_backbone/linear_probe") > balanced_accuracy("colour/colour") + 0.2


def test_models_are_tested_on_images_of_elsewhere(chain: Project) -> None:
    table = json.loads((chain.folder / "results/tables/trained.json").read_text())
    (extra,) = table["extra_tests"]
    assert {(line["variant"], line["n_items"]) for line in extra["rows"]} == {(name, 24) for name in TRAINED_VARIANTS}
    assert {figure["centre"] for figure in extra["centres"]} == {"north", "south"}
    assert any("blank (2 patches)" in note for note in extra["notes"])
    page = (chain.folder / "results/report/index.html").read_text()
    assert page.count("<h3>Tested on elsewhere</h3>") == 1


def test_a_single_value_is_changed_without_a_file(chain: Project) -> None:
    larger = "--config", "datasets={my_images: {size: 224}}"
    jobs = chain.would_run(*larger)
    assert jobs["tile_dataset"] == jobs["index_dataset"] == 1
    assert "train_retriever" not in jobs
    as_shipped = chain.would_run(*larger, configfile="my.yaml")
    assert (as_shipped["tile_dataset"], as_shipped["train_student"]) == (2, 4 * 3)


def test_the_report_tells_the_time_of_every_job(chain: Project) -> None:
    results = chain.folder / "results"
    listed = json.loads((results / "benchmarks/jobs.json").read_text())
    made = {str(path.relative_to(chain.folder)) for path in (results / "benchmarks").rglob("*.tsv")}
    later = {f"results/benchmarks/report/{page}.tsv" for page in ("report", "explorer")}
    assert {path for paths in listed.values() for path in paths} == made - later
    html = (results / "report/index.html").read_text()
    assert "Where the time went" in html
    assert "no record here" not in html
    assert all(f"<code>{rule}</code>" in html for rule in listed)


def test_snakemake_s_own_report_is_made_without_a_network(chain: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")  # nobody answers there
    chain.run("--report", "all.html", "--configfile", *OWN)
    html = (chain.folder / "all.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', html)
    assert SECRET not in html
    shown, results = (
        json.loads(html.partition(f'<script id="{name}">')[2].partition("= ")[2].partition(";\n")[0])
        for name in ("categories", "results")
    )
    assert set(shown) == {"The report", "Tables", "Pairings", "Metrics", "Cost"}
    assert set(shown["Metrics"]) == set(shown["Pairings"]) == {"my_images"}
    assert {path for kind in shown.values() for paths in kind.values() for path in paths} == set(results)
    for path, result in results.items():
        assert "<p>" in result["caption"] and "{" not in result["caption"], path
        assert SECRET.encode() not in (chain.folder / path).read_bytes(), path
    assert "own_data</tt>" in results["results/tables/own_data.csv"]["caption"]
    assert "Synthetic" not in results["results/tables/own_data.csv"]["caption"]
    assert results["results/costs/own_data.json"]["labels"] == {"experiment": "own_data"}


def test_no_report_text_or_id_leaves_the_pipeline(chain: Project) -> None:
    results = chain.folder / "results"
    shown = [
        *results.glob("report/**/*"),
        *results.glob("tables/*"),
        *results.glob("logs/**/*"),
        *results.glob("runs/**/*"),
    ]
    files = [path for path in shown if path.is_file()]
    assert {path.name for path in files if path.suffix == ".html"} == {"index.html", "explorer.html"}
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".parquet":  # compressed on disk
            table = pq.read_table(path)
            content = str([table.to_pylist(), table.schema.metadata]).encode()
        if path.name == "explorer.html":  # packed
            blocks = unpacked(content.decode())
            assert len(blocks["pairs-0"]["methods"]) == 2
            content += json.dumps([block for name, block in blocks.items() if not name.startswith("sheet-")]).encode()
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
            "experiments={own_data: {backbone: my_backbon}}",
            "experiments.own_data.backbone = 'my_backbon' is not in the catalog, did you mean 'my_backbone'?",
        ),
        ("experiments={own_data: {seedz: [1]}}", "unknown key 'experiments.own_data.seedz', did you mean 'seeds'?"),
        ("datasets={my_images: {path: data/nowhere}}", "datasets.my_images.path = 'data/nowhere' does not exist"),
        (
            "corpora={my_reports: {path: data/nothing.txt}}",
            "corpora.my_reports.path = 'data/nothing.txt' does not exist",
        ),
        (
            "datasets={my_images: {path: data/captioned/captions.csv}}",
            "clipit: data/captioned/captions.csv has no column 'path': it has image, caption",
        ),
    ],
)
def test_a_mistake_in_the_config_stops_before_any_job(chain: Project, override: str, words: str) -> None:
    done = chain.snakemake("--configfile", *OWN, "--dry-run", "--config", override)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_corpus_without_text_fails_in_one_line(chain: Project) -> None:
    (chain.folder / "data" / "blank.txt").write_text("\n\n")
    corpus = "corpora={my_reports: {path: data/blank.txt}}"
    target = "other/corpora/my_reports/reports.parquet"
    done = chain.snakemake(target, "--configfile", *OWN, "--config", "results=other", corpus)
    (chain.folder / "data" / "blank.txt").unlink()
    assert done.returncode != 0
    assert "clipit: report corpus data/blank.txt has no text" in done.stdout + done.stderr
    assert not (chain.folder / "other/corpora/my_reports/reports.parquet").exists()
