"""What a model card is told of a run, from the configurations that are shipped."""

from pathlib import Path

import pytest
import yaml

from clipit.artifacts.paths import Paths
from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.made_of import exported_with, made_of

PROJECT = Path(__file__).parents[2]


def of_variant(name: str, variant: str, dataset: str | None = None) -> list[tuple[str, str, str | None]]:
    config = load_config(yaml.safe_load((PROJECT / "config" / name).read_text()), PROJECT / "config" / "catalog.yaml")
    runs = expand(config).runs
    key = next(k for k, run in runs.items() if run.variant == variant and dataset in (None, run.dataset))
    folder = Path(Paths(config.results).run_file("", *key))
    return [(one["role"], one["name"], one["licence"]) for one in made_of(config, folder)]


def test_a_model_names_all_that_it_read_and_their_licences() -> None:
    found = of_variant("paper.yaml", "clipit", "bach")
    assert [role for role, _, _ in found] == ["images and labels", "backbone", "reports", "retriever"]
    assert found[0][1:] == ("bach", "CC BY-NC-ND 4.0")
    assert all(licence for _, _, licence in found)


def test_what_was_trained_here_names_what_it_was_trained_on() -> None:
    found = {role: name for role, name, _ in of_variant("config.yaml", "clipit")}
    assert found["images that phantom_resnet was pretrained on"] == "phantom_source"
    assert found["captioned images that phantom_clip was aligned on"] == "phantom_source"
    assert not any("report" in role for role, _, _ in of_variant("config.yaml", "lora_only"))


def test_a_run_that_no_configuration_plans_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    found = exported_with([Path("config/config.yaml")], tmp_path)
    assert found == {"sources": [], "synthetic": False, "metrics": None, "store": None}
    assert "name its configuration by --config" in capsys.readouterr().err
