"""A small experiment's artefacts, made by the evaluation itself from invented predictions."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.paired_experiment import Experiment
from tests.reporting.measured import write_cost, write_job_list
from tests.stores import write_store

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import attributions, embedding_map, labels, pairs, patches, predictions, reports
from clipit.artifacts.tables import read_json, write_json, write_table
from clipit.config.variants import VARIANTS
from clipit.evaluation.compare import compare
from clipit.evaluation.evaluate import evaluate
from clipit.explaining.won_lost import read_contest, sides

N = 1440
CLASSES = ["glands", "tumour", "lymphocytes", "stroma", "mucin", "debris"]
SKILLS = {
    "colour": 0.5, "linear_probe": 1.7, "lora_only": 2.2, "random_pairing": 2.1, "image_distillation": 2.45,
    "clipit": 2.35,
}  # fmt: skip
HISTORY = ["step", "train_loss", "train_ce", "train_kd", "val_loss", "val_balanced_accuracy", "skill"]
PRECISION = {"finding": 0.6, "class": 0.93, "chance_finding": 0.04, "chance_class": 0.17}
AGREEMENT = {"ami": 0.41, "ami_by_chance": 0.02, "p": 0.005, "leave_one_out": 0.78, "leave_one_out_by_chance": 0.16}
NAMES = {"dataset": "phantom", "corpus": "reports", "retriever": "clip"}
HOSTILE = "</figcaption><script>alert('carcinoma')</script> <img src=x onerror=alert(1)> zymogenic mucosa"


def _run(root: Path, variant: str, seed: int, n: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, len(variant)])
    truth = np.arange(n) % len(CLASSES)
    logits = rng.normal(size=(n, len(CLASSES)))
    logits[np.arange(n), truth] += SKILLS[variant]
    logits[truth == 4, 3] += 1.2
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {
        "patch_id": [f"patch-{i:04d}" for i in range(n)],
        "split": ["val" if i % 5 == 0 else "test" for i in range(n)],
        "label": truth.tolist(),
        "group": [f"patient-{i // 20}" for i in range(n)],
        "source": [f"slide-{i // 20}" for i in range(n)],
        "prob": prob.tolist(),
    }
    folder = root / variant / f"seed{seed}"
    made = Origin("train", seed=seed).provenance(lineage={"patches": "p"})
    write_table(folder / "predictions.parquet", columns, predictions.SCHEMA, made, {"classes": CLASSES})
    origin = Origin("evaluate", code="e" * 64, seed=seed)
    evaluate(folder / "predictions.parquet", folder / "metrics.json", variant=variant, resamples=50, origin=origin)
    trained = variant not in ("colour", "linear_probe")
    if trained:
        with open(folder / "history.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HISTORY)
            for epoch in range(1, 13):
                ce, skill = 1.6 / epoch + 0.05 * rng.random(), 0.4 * (1 - 1 / epoch) + 0.03 * rng.random()
                accuracy = SKILLS[variant] / 3 - 0.4 / epoch + 0.02 * rng.random()
                writer.writerow([epoch, ce, ce, "", ce, accuracy, "" if variant == "lora_only" else skill])
    return {
        "row": {"dataset": "phantom", "backbone": "resnet", "corpus": "reports" if variant == "clipit" else None},
        "variant": variant,
        "seed": seed,
        "metrics": folder / "metrics.json",
        "predictions": folder / "predictions.parquet",
        "history": folder / "history.csv" if trained else None,
        "student": f"runs/{variant}/seed{seed}/student.safetensors" if trained else None,
    }


def _montage(root: Path) -> dict[str, Path]:
    """Two patches a class with a hostile report among theirs."""
    rng = np.random.default_rng(0)
    n, size = 4 * len(CLASSES), 32
    colours = rng.integers(90, 230, (len(CLASSES), 1, 1, 3))
    pixels = np.concatenate([colours] * (N // len(CLASSES))) + rng.integers(-25, 25, (N, size, size, 3))
    files = {name: root / f"{name}.parquet" for name in ("patches", "labels", "pairs", "reports")}
    files["store"] = root / "patches.zarr"
    write_store(files["store"], pixels.astype(np.uint8))
    ids = [f"patch-{i:04d}" for i in range(N)]
    rows = {"index": range(N), "patch_id": ids, "source": ids, "group": [None] * N, "x": [0] * N, "y": [0] * N,
            "width": [0] * N, "mpp": [None] * N, "sha256": ids}  # fmt: skip
    by_patches, by_reports = {"patches": "p"}, {"reports": "r"}
    origin = Origin("test")
    write_table(files["patches"], rows, patches.SCHEMA, origin.provenance(lineage=by_patches))
    ids = ids[:n]
    rows = {"patch_id": ids, "label": [None if i == 0 else i % len(CLASSES) for i in range(n)]}
    write_table(files["labels"], rows, labels.SCHEMA, origin.provenance(lineage=by_patches), {"classes": CLASSES})
    texts = [HOSTILE] + [
        f"Colonic mucosa, biopsy. Specimen {i} received in formalin. Moderately differentiated glands with abundant "
        + "mucin and a brisk lymphocytic infiltrate at the margin; no perforation seen. " * 6
        for i in range(n - 1)
    ]
    keys = [f"TCGA-ZZ-{i:04d}" for i in range(n)]
    rows = {"report_id": keys, "text": texts, "organ": [None] * n, "patient": [None] * n, "n_words": [9] * n,
            "source": keys, "sha256": keys, "duplicates": [[]] * n}  # fmt: skip
    write_table(files["reports"], rows, reports.SCHEMA, origin.provenance(lineage=by_reports))
    rows = {"patch_id": ids * 2, "rank": [0] * n + [1] * n, "report_id": [keys[(i // 6) % 2] for i in range(n)] + keys,
            "chunk": [0] * 2 * n, "similarity": [0.4] * 2 * n, "score": [0.4] * 2 * n,
            "weight": [1.0] * n + [0.0] * n}  # fmt: skip
    write_table(files["pairs"], rows, pairs.SCHEMA, origin.provenance(lineage=by_patches | by_reports))
    return files


def _explained(root: Path, runs: list[dict[str, Any]]) -> dict[str, Path]:
    """Maps of the patches to show, strongest at the top, and 900 of the test patches in a plane."""
    files = {name: root / f"{name}.parquet" for name in ("attributions", "embedding_map")}
    contest = read_contest(sides(runs, ("clipit", "lora_only"), NAMES))
    names = [contest.patch_id[i] for rows in contest.picked.values() for i in rows]
    cells = np.concatenate([np.full(64, 0.05), np.full(192, -0.01)])
    rows = [(name, variant, 1, 0.8, cells, 1.28, 0.0128) for variant in ("clipit", "lora_only") for name in names]
    made = Origin("explain").provenance(lineage={"patches": "p"})
    columns = dict(zip(attributions.SCHEMA.names, zip(*rows, strict=True), strict=True))
    meta: dict[str, Any] = {"classes": CLASSES, "seeds": {"clipit": 0, "lora_only": 0}, "steps": 32}
    write_table(files["attributions"], columns, attributions.SCHEMA, made, meta)
    points = np.random.default_rng(0).normal(size=(4, 900)) * [[3], [1], [3], [2]]
    columns = {"patch_id": contest.patch_id[:900], "label": contest.label[:900], "before_x": points[0],
               "before_y": points[1], "after_x": points[2], "after_y": points[3]}  # fmt: skip
    meta = {"classes": CLASSES, "variant": "clipit", "seed": 0, "n": 1152, "neighbours": 10, "grouped": True}
    meta["before"] = {"variance": [0.9, 0.1], "agreement": 0.731, "chance": 0.166}
    meta["after"] = {"variance": [0.69, 0.31], "agreement": None, "chance": None}
    write_table(files["embedding_map"], columns, embedding_map.SCHEMA, made, meta)
    return files


def _audit(path: Path, method: str, *, truth: bool) -> dict[str, Any]:
    hubs = [round(300 / (rank + 1) ** (0.9 if truth else 0.1)) for rank in range(20)]
    content = {
        "method": method, "n_patches": 2880, "n_reports": 384, "coverage": 0.41 if truth else 0.99,
        "top_hub_share": hubs[0] / 2880, "skewness": 3.2 if truth else 0.2, "skewness_1": 4.1 if truth else 0.3,
        "entropy": 0.72 if truth else 0.98,
        "similarity": {"q05": 0.12, "q25": 0.21, "q50": 0.28, "q75": 0.33, "q95": 0.41} if truth else
                      {"q05": -0.05, "q25": 0.01, "q50": 0.06, "q75": 0.1, "q95": 0.18},
        "hub_counts": hubs, "label_agreement": AGREEMENT if truth else None,
        "precision_at_1": PRECISION if truth else None,
    }  # fmt: skip
    write_json(path, content, Origin("pair", code="a" * 64).provenance())
    return {"row": NAMES | {"pairing": method}, "audit": path}


def _timing(path: Path, part: int) -> Path:
    seconds = {"load": 2.0, "read": 0.5, "transform": 1.0, "infer": 7.0 + part, "write": 0.25, "total": 10.5 + part}
    run = {"items": 100 * part, "unit": "patches", "batch": 64, "device": "cpu", "precision": "bf16"}
    write_json(path, {**run, "seconds": seconds}, Origin("embed_images").provenance())
    return path


def _pairings(root: Path) -> Path:
    """The table of four pairings, two of which are the same."""
    compared = Experiment(root / "compared")
    for pairing, right, seed in (("top1", 0.5, 1), ("top5", 0.5, 1), ("csls", 0.8, 2), ("random", 0.1, 3)):
        compared.pair(pairing, right, seed=seed)
    compared.table(synthetic=True)
    return compared.outs[2]


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The keyword arguments of `build_report` for one finished experiment."""
    root = tmp_path_factory.mktemp("artefacts")
    runs = [_run(root, variant, seed, N) for variant in SKILLS for seed in range(3)]
    outs = [root / f"demo.{suffix}" for suffix in ("csv", "md", "json")]
    compare(runs, *outs, origin=Origin("compare", code="c" * 64), resamples=300)
    return {
        "experiments": [
            {
                "name": "demo",
                "title": "Phantom, 60 labels",
                "table_json": outs[2],
                "runs": runs,
                "audits": [
                    _audit(root / "top1.json", "top1", truth=True),
                    _audit(root / "random.json", "random", truth=False),
                ],
                "pairings_json": _pairings(root),
                "montage": {"row": NAMES | {"pairing": "top1"}, "files": _montage(root)},
                "explained": _explained(root, runs),
                "slides": [],
            }
        ],
        "meanings": {name: variant.meaning for name, variant in VARIANTS.items()},
        "show_text": True,
        "explorer": True,
        "embeddings": [{"what": "phantom by phantom_clip", "files": [_timing(root / f"t{i}.json", i) for i in (1, 2)]}],
        "costs": [
            {
                "experiment": "demo",
                "file": write_cost(root / "cost.json"),
                "student": NAMES | {"backbone": "resnet", "variant": "clipit", "seed": 0},
            }
        ],
        "job_list": write_job_list(root),
        "configuration": {"experiments": {"demo": {"seeds": [0, 1], "training": {"lambda": 0.25}}}},
        "sources": [
            {
                "role": "images and labels",
                "name": "phantom",
                "licence": None,
                "restriction": None,
                "citation": None,
                "synthetic": True,
            },
            {
                "role": "backbone",
                "name": "uni",
                "licence": "CC BY-NC-ND 4.0",
                "restriction": "academic research only",
                "citation": "Chen et al. 2024, UNI",
                "synthetic": False,
            },
            {
                "role": "reports",
                "name": "mine",
                "licence": None,
                "restriction": None,
                "citation": None,
                "synthetic": False,
            },
        ],
        "synthetic": True,
        "origin": Origin("report", {"lambda": 1.0}, code="b" * 64),
    }


@pytest.fixture
def page(artefacts: dict[str, Any], tmp_path: Path) -> Callable[..., str]:
    """Builds the report with some arguments replaced and returns its HTML."""
    from clipit.reporting.build import build_report

    def build(**changes: Any) -> str:
        out = tmp_path / "index.html"
        build_report(out, **{**artefacts, **changes})
        return out.read_text(encoding="utf-8")

    return build


@pytest.fixture
def with_extras(artefacts, page, tmp_path):
    """The page of an experiment with one extra test and two centres, one of a hostile name."""

    def build(**changes: Any) -> str:
        (experiment,) = artefacts["experiments"]
        table = read_json(experiment["table_json"])
        lines = [line | {"own": line["metrics"]["balanced_accuracy"], "drop": 0.123} for line in table["rows"]]
        figures = [
            {"row": line["row"], "variant": line["variant"], "centre": centre, "n": 576, "n_groups": 36, "absent": [],
             "warning": None,
             "values": [0.5], "mean": 0.5, "std": None, "low": 0.4, "high": 0.6}
            for line in lines for centre in ("north", "<script>south")
        ]  # fmt: skip
        levels = [one | {"level": "group"} for one in figures if one["centre"] == "north"]
        section = {name: table[name] for name in ("primary", "columns", "comparisons")}
        section |= {"id": "other-0", "dataset": "other", "split": "all", "rows": lines, "notes": ["Secondary: so."]}
        table |= {
            "extra_tests": [section | {"centres": figures, "levels": levels}],
            "centres": figures,
            "levels": levels,
        } | changes
        write_json(tmp_path / "table.json", table, table["provenance"])
        return page(experiments=[experiment | {"table_json": tmp_path / "table.json"}])

    return build
