"""Measurements as the chain leaves them, with invented numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json

_MODELS = {
    "plain": (10_000_000, 2_000_000_000, {1: (5.0, 1.0, 1.0, 1.0), 64: (100.0, 1.0, 1.0, 1.0)}),
    "student": (10_100_000, 2_001_000_000, {1: (5.1, 1.02, 0.99, 1.04), 64: (99.0, 0.99, 0.97, 1.01)}),
    "image_tower": (9_000_000, 1_900_000_000, {1: (5.0, 1.0, 0.98, 1.02), 64: (98.0, 0.98, 0.96, 0.99)}),
    "zeroshot": (150_000_000, 9_000_000_000, {1: (20.0, 4.0, 3.8, 4.2), 64: (130.0, 1.3, 1.2, 1.4)}),
}


def write_cost(path: Path, *, batches: Sequence[int] = (1, 64), device: str = "cpu") -> Path:
    """What `measure_cost` writes."""
    models = [
        {
            "name": name,
            "size": 64,
            "parameters": parameters,
            "flops": flops,
            "latency": [
                dict(zip(("batch", "ms", "ratio", "low", "high", "rounds"), (batch, *latency[batch], 20), strict=True))
                for batch in batches
            ],
        }
        for name, (parameters, flops, latency) in _MODELS.items()
    ]
    content = {"device": device, "processor": "EPYC", "threads": 2, "precision": "fp32", "classes": 6, "models": models}
    write_json(path, content, Origin("measure_cost", code="d" * 64).provenance())
    return path


def write_job_list(folder: Path) -> Path:
    """A list of three jobs, two of which have a benchmark."""
    benchmark = folder / "a.tsv"
    benchmark.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t812.3\n")
    path = folder / "jobs.json"
    path.write_text(json.dumps({"embed_images": [str(benchmark)], "train_student": [str(benchmark), "gone.tsv"]}))
    return path
