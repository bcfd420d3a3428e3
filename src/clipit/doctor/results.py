"""How much room the results that are still to come will take."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from clipit.artifacts.paths import Paths
from clipit.config.encoders import RetrieverBackbone
from clipit.config.expand import Plan, tower_of
from clipit.config.experiment import Config
from clipit.config.variants import VARIANTS
from clipit.doctor.counts import image_count
from clipit.doctor.finding import Finding, size_text

_VECTOR = 4 * 1024
"""Bytes of an image's embedding or features; no tower of the catalog gives more than 1,024 numbers."""


def results_to_come(config: Config, plan: Plan, used: Mapping[str, list[str]], findings: Iterable[Finding]) -> Finding:
    """Estimates what patches, vectors of images and students will take, from above where it is not known exactly.

    `findings` tell the sizes of models. What cannot be told (slides, models that are trained here) is named.
    """
    paths, sizes = Paths(config.results), {finding.subject: finding.size for finding in findings if finding.size}
    counts = {name: image_count(name, config.datasets[name], paths) for name in used["datasets"]}
    unknown = [f"datasets.{name}" for name, count in counts.items() if count is None]
    patches = sum(
        (counts[name] or 0) * config.datasets[name].size ** 2 * 3
        for name in counts
        if not Path(paths.store_success(name)).is_file()
    )
    vectors = sum((counts[dataset] or 0) * _VECTOR for dataset in _vectors(config, plan, paths))
    students, nameless = _students(config, plan, paths, sizes)
    parts = {"patches": patches, "embeddings and features": vectors, "students": students}
    told = [f"{size_text(size)} of {what}" for what, size in parts.items() if size]
    detail = f"at most {', '.join(told)} to come" if told else "nothing of a known size to come"
    uncounted = unknown + ([f"students of {', '.join(nameless)}"] if nameless else [])
    if uncounted:
        detail += f"; not counted: {', '.join(uncounted)}"
    return Finding("results", "PASS", detail, room={config.results: sum(parts.values())})


def _vectors(config: Config, plan: Plan, paths: Paths) -> Iterator[str]:
    """The data set of each table of vectors that is not there yet: of retrievers and of backbones."""
    pairs = {(tower_of(config, run.retriever), run.dataset) for run in plan.runs.values() if run.retriever}
    pairs |= {(tower_of(config, one.retriever), one.dataset) for shown in plan.pairs.values() for one in shown}
    features = {(run.backbone, run.dataset) for run in plan.runs.values() if run.has_backbone}
    yield from (data for name, data in pairs if not Path(paths.image_embeddings_part(name, data, 0, 1)).parent.is_dir())
    yield from (data for name, data in features if not Path(paths.features(name, data)).is_file())


def _students(config: Config, plan: Plan, paths: Paths, sizes: Mapping[str, int]) -> tuple[int, list[str]]:
    """Bytes of the students to come, and the models whose size is not known; checkpoints hold adapters alone."""
    to_come = [
        _model(config, run.backbone)
        for run in plan.runs.values()
        if run.variant in VARIANTS
        and VARIANTS[run.variant].trains == "student"
        and not Path(paths.run_file("student.safetensors", **run.wildcards)).is_file()
    ]
    known = [sizes[name] for name in to_come if name in sizes]
    return sum(known), sorted({name for name in to_come if name not in sizes})


def _model(config: Config, backbone: str) -> str:
    """The key of the model whose weights a backbone has."""
    entry = config.backbones[backbone]
    return f"retrievers.{entry.retriever}" if isinstance(entry, RetrieverBackbone) else f"backbones.{backbone}"
