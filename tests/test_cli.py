"""The command line: what it prints, and its exit status."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from clipit.cli import app

PROJECT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    for folder in ("config", "envs"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_help_teaches():
    said = run("--help")
    assert said.exit_code == 0
    assert "snakemake --configfile my.yaml" in said.output
    said = run("doctor", "--help")
    assert "Exit status: 0" in said.output
    assert "clipit doctor --config config/paper.yaml" in said.output


def test_the_default_configuration_lacks_nothing():
    said = run("doctor")
    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert lines[0].startswith("PASS  python ")
    assert lines[-1].endswith(" 0 fail; nothing to fetch")
    named = ("retrievers.phantom_clip ", "backbones.phantom_resnet ", "datasets.phantom ", "corpora.phantom_reports ")
    assert all(any(line.startswith(f"PASS  {subject}") for line in lines) for subject in named)
    assert "examine [" in said.stderr


def test_a_failure_is_told_with_its_remedy_and_the_exit_status(project):
    (project / "own.yaml").write_text(yaml.safe_dump({"corpora": {"mine": {"source": "text", "path": "none.txt"}}}))
    (project / "more.yaml").write_text(yaml.safe_dump({"experiments": {"demo": {"corpus": "mine"}}}))
    said = run("doctor", "--config", "config/config.yaml", "--config", "own.yaml", "--config", "more.yaml")
    assert said.exit_code == 1
    at = next(i for i, line in enumerate(said.stdout.splitlines()) if line.startswith("FAIL  corpora.mine.path"))
    assert said.stdout.splitlines()[at + 1].strip() == "-> correct the path"


def test_json_is_one_document_alone():
    said = run("doctor", "--json")
    document = json.loads(said.stdout)
    assert document["ok"] is True
    assert document["fetch"] == 0
    assert [finding["subject"] for finding in document["findings"][:2]] == ["python", "packages"]
    assert set(document["findings"][0]) == {"subject", "status", "detail", "remedy", "fetch", "room", "size"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("experiments: {demo: {dataset: nothing}}", "clipit: config:"),
        ("experiments: [", "own.yaml is no YAML"),
        ("- 1", "own.yaml is no configuration"),
        (None, "own.yaml cannot be read"),
    ],
)
def test_a_wrong_configuration_is_one_line(project, content, said):
    if content is not None:
        (project / "own.yaml").write_text(content)
    answer = run("doctor", "--config", "own.yaml")
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_outside_a_project_it_says_where_to_go(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    answer = run("doctor")
    assert answer.exit_code == 2
    assert "run clipit in the project's folder" in answer.stderr


@pytest.mark.parametrize("files", [["none.yaml"], ["config/config.yaml", "--config", "none.yaml"]])
def test_triage_of_a_wrong_configuration_is_one_line(files):
    answer = run("triage", *files)
    assert answer.exit_code == 2
    assert answer.stderr == "clipit: none.yaml cannot be read (No such file or directory): name a configuration file\n"


def test_triage_passes_snakemake_s_exit_status_on(capfd):
    # No Snakefile here.
    answer = run("triage", "config/config.yaml", "--cores", "1")
    assert answer.exit_code == 1
    assert "Snakefile" in capfd.readouterr().err


def test_the_command_starts_without_the_heavy_libraries():
    code = "import sys, clipit.cli, clipit.doctor.examine; print({'torch', 'timm', 'snakemake'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: addresses.append(address) or True)
    return addresses


def test_explore_opens_the_page_and_prints_where_it_is(project, opened):
    page = project / "results/report/explorer.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    said = run("explore")
    assert (said.exit_code, said.stdout) == (0, "results/report/explorer.html\n")
    assert opened == [page.as_uri()]
    assert run("explore", "--results", str(project / "results")).stdout == f"{page}\n"
    assert opened == [page.as_uri()] * 2


def test_explore_without_a_page_says_what_to_run(project, opened):
    demo = (project / "config" / "config.yaml").read_text()
    (project / "mine.yaml").write_text(f"{demo}\nresults: elsewhere\n")
    said = run("explore", "--config", "mine.yaml")
    assert said.exit_code == 2
    page = "elsewhere/report/explorer.html"
    assert said.stderr == f"clipit: {page} does not exist: run `snakemake {page} --configfile mine.yaml` to make it\n"
    assert opened == []


def test_explore_without_a_browser_leaves_the_path(project, monkeypatch):
    page = project / "results/report/explorer.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    said = run("explore")
    assert said.exit_code == 0
    assert "no browser was found here" in said.stderr


def test_predict_and_export_from_the_command_line(project):
    import numpy as np
    from PIL import Image
    from tests.prediction.conftest import save_random_student

    from clipit.prediction.export import FORMATS

    model = save_random_student(project / "results/runs/mine/net/clipit/12345678/seed0")
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(image).save(project / "good.png")
    (project / "bad.png").write_bytes(b"no picture")

    said = run("export", str(model), "--to", "onnx", "--out", "exported")
    assert said.exit_code == 0, said.output
    assert "exported/model.onnx" in said.stdout
    assert "name its configuration by --config" in said.stderr

    for source in (str(model), "exported"):
        said = run("predict", source, "good.png", "bad.png", "--out", "out.csv", "--threads", "1")
        assert said.exit_code == 1
        assert "not read: bad.png: not a readable image" in said.stderr
        assert "1 predictions, 1 could not be read (column error): out.csv" in said.stdout
    assert run("predict", str(model), "good.png", "--out", "out.csv").exit_code == 0
    unknown = run("export", str(model), "--to", "tflite", "--out", "exported")
    assert unknown.exit_code == 2
    assert all(f"'{form}'" in unknown.stderr for form in FORMATS)
    refused = run("predict", "nowhere", "good.png")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "nowhere is no model of clipit's" in refused.stderr
