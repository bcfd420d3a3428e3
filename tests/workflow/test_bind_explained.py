"""An experiment with the primary variant and its control on paired data is explained, any other is not."""

import pytest
from tests.workflow.test_bind_explorer import bound


def test_only_what_is_explained_is_read() -> None:
    binding = bound(demo={"variants": ["linear_probe", "clipit", "image_distillation", "lora_only"], "seeds": [0, 1]})
    content, files = binding.explained("demo"), binding.explained_files("demo")
    assert content is not None
    assert [(run["variant"], run["seed"]) for run in content["runs"]] == [
        ("clipit", 0), ("clipit", 1), ("lora_only", 0), ("lora_only", 1),
    ]  # fmt: skip
    assert content["row"]["dataset"] == "phantom"
    assert set(files) == {
        binding.paths.store_success("phantom"),
        binding.paths.patches("phantom"),
        binding.paths.features("phantom_resnet", "phantom"),
        *(run[name] for run in content["runs"] for name in ("predictions", "student")),
    }
    assert len(files) == len(set(files))


def test_metrics_are_read_where_they_choose() -> None:
    lists = {"training": {"lr": [0.001, 0.01]}}
    binding = bound(demo={"variants": ["clipit", "lora_only"], "seeds": [0], **lists})
    content = binding.explained("demo")
    assert content is not None
    assert len(content["runs"]) == 4
    assert {run["metrics"] for run in content["runs"]} <= set(binding.explained_files("demo"))


def test_of_several_rows_the_first_is_explained() -> None:
    binding = bound(demo={"variants": ["clipit", "lora_only"], "seeds": [0], "label_fraction": [0.5, 1.0]})
    content = binding.explained("demo")
    assert content is not None
    assert {run["row"]["label_fraction"] for run in content["runs"]} == {"0.5"}


@pytest.mark.parametrize("changes", [{"variants": ["clipit"]}, {"variants": ["lora_only"]}, {"variants": ["colour"]}])
def test_without_both_variants_nothing_is_explained_and_the_report_asks_for_nothing(changes: dict) -> None:
    binding = bound(demo=changes)
    assert binding.explained("demo") is None
    assert binding.explained_files("demo") == []
    assert binding.report_content()["experiments"][0]["explained"] is None
    assert not [file for file in binding.report_files() if "explained" in file]


def test_the_report_reads_what_is_written() -> None:
    binding = bound(demo={})
    written = binding.report_content()["experiments"][0]["explained"]
    assert written == {
        name: binding.paths.explained(f"{name}.parquet", "demo") for name in ("attributions", "embedding_map")
    }
    assert set(written.values()) <= set(binding.report_files())
