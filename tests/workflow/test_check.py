"""What stops a run before any job, and what a dry run only tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.expand import Plan, expand
from clipit.config.experiment import Config
from clipit.config.load import load_config
from clipit.runtime.errors import UserError
from clipit.workflow.bind import Binding
from clipit.workflow.check import check_accepted, tell_enlarged

PROJECT = Path(__file__).parents[2]
CONFIG = PROJECT / "config"


def paper(**accepted: Any) -> tuple[Config, Plan]:
    config = load_config(yaml.safe_load((CONFIG / "paper.yaml").read_text()) | accepted, CONFIG / "catalog.yaml")
    return config, expand(config)


def test_a_run_is_refused_until_every_restriction_is_accepted() -> None:
    with pytest.raises(UserError) as caught:
        check_accepted(*paper(datasets={"bach": {"accept_licence": True}}), dry_run=False)
    message = str(caught.value)
    assert "\n" not in message
    assert "backbones.uni is under CC BY-NC-ND 4.0 (academic research only" in message
    assert "write accept_licence: true in retrievers.conch" in message
    assert "datasets.bach" not in message
    assert "quiltnet" not in message  # no restriction


def test_a_dry_run_tells_what_is_to_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    check_accepted(*paper(), dry_run=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[4] for line in lines] == [
        "datasets.bach",
        "corpora.tcga_breast",
        "corpora.tcga_colon",
        "retrievers.conch",
        "backbones.kaiko_vitb16",
        "backbones.kaiko_vitb8",
        "backbones.kaiko_vitl14",
        "backbones.kaiko_vits16",
        "backbones.kaiko_vits8",
        "backbones.uni",
    ]


def test_what_the_page_of_the_paper_accepts_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    page = (PROJECT / "docs" / "paper.md").read_text()
    accepted = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    check_accepted(*paper(**accepted), dry_run=False)
    assert capsys.readouterr().err == ""


ASKED: list[tuple[str, Callable[[Binding], Any]]] = [
    ("datasets.bach", lambda bind: bind.downloaded("bach")),
    ("datasets.bach", lambda bind: bind.download("bach")),
    ("corpora.tcga_breast", lambda bind: bind.corpus_downloaded("tcga_breast")),
    ("corpora.tcga_breast", lambda bind: bind.download("tcga_reports_hub")),
    ("retrievers.conch", lambda bind: bind.retriever_files("conch")),
    ("retrievers.conch", lambda bind: bind.backbone_files("conch_image")),
    ("retrievers.conch", lambda bind: bind.hub_name("MahmoodLab--conch")),
    ("backbones.uni", lambda bind: bind.backbone_files("uni")),
    ("backbones.uni", lambda bind: bind.hub_name("MahmoodLab--uni")),
]


@pytest.mark.parametrize(("key", "ask"), ASKED)
def test_what_no_run_uses_is_refused_too_when_its_file_is_asked_for(
    key: str, ask: Callable[[Binding], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    config = load_config(raw, CONFIG / "catalog.yaml")
    with pytest.raises(UserError, match=f"write accept_licence: true in {key}$"):
        ask(Binding(config, expand(config), PROJECT))
    dry = Binding(config, expand(config), PROJECT, dry_run=True)
    assert ask(dry) == ask(dry)
    assert [line.partition(" is under")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"clipit: not yet accepted: {key}"
    ]
    section, _, name = key.partition(".")
    accepted = load_config(raw | {section: {name: {"accept_licence": True}}}, CONFIG / "catalog.yaml")
    assert ask(Binding(accepted, expand(accepted), PROJECT)) == ask(dry)
    assert capsys.readouterr().err == ""


def test_patches_that_a_backbone_enlarges_are_told(capsys) -> None:
    raw = yaml.safe_load((CONFIG / "own_data.yaml").read_text())
    for size, told in ((112, False), (224, True)):
        raw["backbones"]["my_backbone"]["image_size"] = size
        config = load_config(raw, CONFIG / "catalog.yaml")
        tell_enlarged(config, expand(config))
        said = capsys.readouterr().err
        assert (
            "datasets.my_images keeps patches of 112 px, which backbones.my_backbone enlarges to 224" in said
        ) == told
        assert said.count("\n") == told
