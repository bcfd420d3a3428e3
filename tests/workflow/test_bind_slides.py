"""The report asks for the pictures of slides, of each data set once."""

from pathlib import Path

import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.bind import Binding

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
    binding = Binding(config, expand(config), PROJECT)
    first, second = binding.report_content()["experiments"]
    assert first["slides"] == [{"dataset": "ward", "slides": binding.paths.slides("ward")}]
    assert second["slides"] == [{"dataset": "clinic", "slides": binding.paths.slides("clinic")}]
    pictures = [file for file in binding.report_files() if file.endswith("slides.parquet")]
    assert pictures == [binding.paths.slides("ward"), binding.paths.slides("clinic")]
