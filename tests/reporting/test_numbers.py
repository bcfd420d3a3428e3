"""The numbers of the page's main tables are those of the files that it was made from."""

import csv
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from clipit.artifacts.tables import read_json
from clipit.evaluation.table_text import NOT_SHARES
from clipit.statistics.metrics import METRICS

IN_PERCENT = 0.05 + 1e-9  # half of the last digit that is shown


class Tables(HTMLParser):
    """The tables of a page: of each the rows, of each row the texts of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self._hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append([])
        elif tag == "tr":
            self.found[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "svg":
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.found[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "svg":
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._hidden:
            self._cell.append(data)

    def with_header(self, *names: str) -> list[list[str]]:
        """The rows below the header of the one table whose first row begins like that."""
        (rows,) = [rows for rows in self.found if rows and tuple(rows[0][: len(names)]) == names]
        return rows[1:]


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text.replace("−", "-").replace(",", ""))]


@pytest.fixture
def shown(page: Callable[..., str]) -> Tables:
    return Tables(page())


@pytest.fixture
def table(artefacts: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = read_json(artefacts["experiments"][0]["table_json"])
    return content


def test_the_main_table(shown: Tables, table: dict[str, Any]) -> None:
    rows = next(rows for rows in shown.found if any("balanced accuracy" in cell for cell in rows[0]))
    bodies = {row[0].split()[0]: row[1:] for row in rows if row and row[0].split()}
    for line in table["rows"]:
        said = numbers(re.sub(r"p (=|<) [\d.]+", "", " ".join(bodies[line["variant"]])))
        metric, gap = line["metrics"]["balanced_accuracy"], line["difference"]
        expected = [100 * metric[name] for name in ("mean", "std", "low", "high")]
        if gap is not None:
            expected += [100 * gap[name] for name in ("value", "low", "high")]
        assert said[: len(expected)] == pytest.approx(expected, abs=IN_PERCENT), line["variant"]


def test_all_metrics_and_every_seed(shown: Tables, table: dict[str, Any], artefacts: dict[str, Any]) -> None:
    (rows,) = [rows for rows in shown.found if any(row and row[0] == "seed 0" for row in rows)]
    lines, seeds = iter(table["rows"]), iter(())
    with open(Path(artefacts["experiments"][0]["table_json"]).with_suffix(".csv"), newline="") as file:
        by_csv = {row["variant"]: row for row in csv.DictReader(file)}
    for row in rows[1:]:
        if row[0].startswith("seed "):
            seed = next(seeds)
            assert row[0] == f"seed {seed['seed']}"
            for metric, cell in zip(METRICS, row[1:], strict=True):
                assert matches(numbers(cell)[0], seed["metrics"][metric], metric), (row[0], metric)
            continue
        assert next(seeds, None) is None
        line = next(lines)
        seeds = iter(line["seeds"])
        assert row[0] == line["variant"]
        for metric, cell in zip(METRICS, row[1:], strict=True):
            for said, key in zip(numbers(cell), ("mean", "std", "low", "high"), strict=True):
                assert matches(said, line["metrics"][metric][key], metric), (line["variant"], metric, key)
                assert float(by_csv[line["variant"]][f"{metric}_{key}"]) == line["metrics"][metric][key]
    assert next(lines, None) is None


def matches(said: float, value: float, metric: str) -> bool:
    """Whether `said` is `value` with three decimals, of a share in percent with one."""
    return abs(said - value) <= 0.0005 + 1e-9 if metric in NOT_SHARES else abs(said - 100 * value) <= IN_PERCENT


def test_every_comparison(shown: Tables, table: dict[str, Any]) -> None:
    rows = shown.with_header("comparison", "difference, points")
    for row, one in zip(rows, table["comparisons"], strict=True):
        assert row[0].startswith(f"{one['variant']} − {one['against']}")
        expected = [100 * one["value"], 100 * one["low"], 100 * one["high"]]
        assert numbers(f"{row[1]} {row[2]}") == pytest.approx(expected, abs=IN_PERCENT)
        for cell, p in zip(row[3:5], (one["p"], one["p_adjusted"]), strict=True):
            assert (p < 0.001 and cell == "< 0.001") or numbers(cell)[0] == pytest.approx(p, abs=0.005)
        assert numbers(row[5])[0] == pytest.approx(one["effect_size"], abs=0.005 + 1e-9)


def test_the_confusion_matrices(shown: Tables, artefacts: dict[str, Any]) -> None:
    runs = artefacts["experiments"][0]["runs"]
    counts: dict[str, Any] = {}
    for run in runs:
        counts.setdefault(run["variant"], []).append(read_json(run["metrics"])["splits"]["test"]["confusion"])
    matrices = [rows for rows in shown.found if rows[0] and rows[0][-1] == "patches"]
    assert len(matrices) == len(counts)
    seen = []
    for rows in matrices:
        cells = [[numbers(cell)[0] for cell in row[1:]] for row in rows[1:]]
        fitting = [
            variant
            for variant, seeds in counts.items()
            if all(
                abs(100 * sum(seed[i][j] for seed in seeds) / sum(sum(seed[i]) for seed in seeds) - cells[i][j])
                <= 0.5001
                for i in range(len(cells))
                for j in range(len(cells))
            )
        ]
        assert len(fitting) == 1
        seen += fitting
        assert [row[-1] for row in cells] == [sum(row) for row in counts[fitting[0]][0]]
    assert sorted(seen) == sorted(counts)


def test_the_headline(page: Callable[..., str], table: dict[str, Any]) -> None:
    (primary,) = [one for one in table["comparisons"] if one["primary"]]
    (headline,) = re.findall(r'<p class="headline">(.*?)</p>', page(), re.S)
    said = numbers(headline)[:3]
    assert said == pytest.approx([100 * primary[name] for name in ("value", "low", "high")], abs=IN_PERCENT)


def test_what_a_student_costs(shown: Tables, artefacts: dict[str, Any]) -> None:
    (cost,) = artefacts["costs"]
    models = read_json(cost["file"])["models"]
    plain = models[0]
    for row, model in zip(shown.with_header("model", "parameters", "GFLOPs"), models, strict=True):
        assert rounded(row[1], [model["parameters"] / 1e6])
        assert rounded(row[2], [model["flops"] / 1e9])
        for cell, one in zip(row[3:], model["latency"], strict=True):
            assert rounded(cell, [one["ms"]])
            if model is not plain and one["ratio"] <= 2:
                expected = [100 * (one[name] - 1) for name in ("ratio", "low", "high")]
                assert numbers(cell)[1:] == pytest.approx(expected, abs=IN_PERCENT)


def rounded(text: str, expected: list[float]) -> bool:
    """Whether `text` begins with these numbers, to three digits."""
    return numbers(text)[: len(expected)] == pytest.approx(expected, rel=0.005)


def test_other_test_sets_centres_and_patients(with_extras: Callable[..., str], artefacts: dict[str, Any]) -> None:
    shown, table = Tables(with_extras()), read_json(artefacts["experiments"][0]["table_json"])
    own = [100 * line["metrics"]["balanced_accuracy"]["mean"] for line in table["rows"]]
    for row, mean in zip(shown.with_header("variant", "own test set"), own, strict=True):
        means = [numbers(cell)[0] for cell in row[1:3]]
        assert [*means, *numbers(row[3])] == pytest.approx([mean, mean, 12.3], abs=IN_PERCENT), row
    parts = [rows for rows in shown.found if "n = 576" in rows[1][-1]]
    assert [len(rows[0]) for rows in parts] == [2, 3, 2, 3], "of patients, of two centres; here and there"
    for cell in (cell for rows in parts for row in rows[1:] for cell in row[1:]):
        assert numbers(cell) == [50.0, 40.0, 60.0, 576.0]


def test_how_fast_was_embedded(shown: Tables, artefacts: dict[str, Any]) -> None:
    for row, line in zip(shown.with_header("what", "items", "rate"), artefacts["embeddings"], strict=True):
        steps = ("load", "read", "transform", "infer", "write", "total")
        parts = [read_json(file) for file in line["files"]]
        items = sum(part["items"] for part in parts)
        assert numbers(row[1])[0] == items
        for cell, step in zip(row[4:], steps, strict=True):
            total = sum(part["seconds"].get(step, 0) for part in parts)
            assert numbers(cell)[0] == pytest.approx(total, abs=0.06), (row[0], step)
