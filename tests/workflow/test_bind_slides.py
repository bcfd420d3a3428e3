"""Slides in the workflow: the report asks for their pictures, edits are noticed."""

from pathlib import Path

import pytest
import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.bind import Binding
from clipit.workflow.bind_pages import PageBinding

PROJECT = Path(__file__).parents[2]


def test_pictures_of_slides_are_shown_where_their_data_set_is_first_used() -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    demo = raw["experiments"]["demo"] | {"variants": ["colour"]}
    raw["datasets"] = {name: {"source": "slides", "path": name} for name in ("ward", "clinic")}
    raw["experiments"] = {
        "first": demo | {"dataset": ["ward", "phantom"]},
        "second": demo | {"dataset": ["ward", "clinic"]},
    }
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    plan = expand(config)
    binding = PageBinding(Binding(config, plan, PROJECT), config, plan)
    first, second = binding.report_content()["experiments"]
    assert first["slides"] == [{"dataset": "ward", "slides": binding.paths.slides("ward")}]
    assert second["slides"] == [{"dataset": "clinic", "slides": binding.paths.slides("clinic")}]
    pictures = [file for file in binding.report_files() if file.endswith("slides.parquet")]
    assert pictures == [binding.paths.slides("ward"), binding.paths.slides("clinic")]


@pytest.mark.parametrize("listed", [False, True])
def test_a_changed_part_of_a_slide_of_several_files_is_noticed(tmp_path: Path, listed: bool) -> None:
    slide, part = tmp_path / "train" / "a.mrxs", tmp_path / "train" / "a" / "Data0000.dat"
    part.parent.mkdir(parents=True)
    slide.touch()
    table = tmp_path / "slides.csv"
    table.write_text("path,split\ntrain/a.mrxs,train\n")
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["datasets"] = {"ward": {"source": "slides", "path": str(table if listed else tmp_path)}}
    raw["experiments"]["demo"] |= {"variants": ["colour"], "dataset": "ward"}
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")

    def fingerprint() -> str | None:
        return Binding(config, expand(config), PROJECT).images_fingerprint("ward")  # another run each

    found = []
    for content in ("", "pixels", "other pixels"):
        part.write_text(content)
        found.append(fingerprint())
    assert len(set(found)) == 3
    (tmp_path / "train" / "notes.txt").touch()
    assert fingerprint() == found[2]
