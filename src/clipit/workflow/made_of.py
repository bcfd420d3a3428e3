"""What a trained model was made of, with the terms of each part, for its model card."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.artifacts.tables import read_json
from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone, TextPolicyRetriever
from clipit.config.expand import expand
from clipit.config.experiment import Config
from clipit.config.licence import Licensed
from clipit.config.runs import Run
from clipit.workflow.launch import read_config


def exported_with(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """What `prediction.export.export_student` is told of the run in `folder`, as far as it is known.

    Raises:
        UserError: the configuration in `files` is wrong.
    """
    config = read_config(files)
    sources, metrics = made_of(config, folder), folder / "metrics.json"
    if not sources:
        print(
            f"clipit: {', '.join(map(str, files))} plans no run {folder}, so the card cannot say what it was made of: "
            "name its configuration by --config",
            file=sys.stderr,
        )
    store = Path(Paths(config.results).store(str(sources[0]["name"]))) if sources else None
    return {
        "sources": sources,
        "synthetic": bool(sources) and config.datasets[str(sources[0]["name"])].source == "phantom",
        "metrics": read_json(metrics) if metrics.is_file() else None,
        "store": store if store is not None and store.is_dir() else None,
    }


def made_of(config: Config, folder: Path) -> list[dict[str, str | None]]:
    """{"role", "name", "licence", "restriction", "citation"} of what the run in `folder` read, also through others.

    Empty where the configuration plans no such run.
    """
    paths = Paths(config.results)
    planned = expand(config).runs.items()
    at = {Path(paths.run_file("", *key)).resolve(): run for key, run in planned}
    run = at.get(folder.resolve())
    if run is None:
        return []
    return [
        {
            "role": role,
            "name": name,
            "licence": part.licence,
            "restriction": part.restriction,
            "citation": part.citation,
        }
        for (role, name), part in {(role, name): part for role, name, part in _parts(config, run)}.items()
    ]


Part = tuple[str, str, Licensed]


def _parts(config: Config, run: Run) -> Iterator[Part]:
    yield "images and labels", run.dataset, config.datasets[run.dataset]
    if run.has_backbone:
        yield from _of_backbone(config, run.backbone)
    if run.corpus:
        yield "reports", run.corpus, config.corpora[run.corpus]
    if run.retriever:
        yield from _of_retriever(config, run.retriever)


def _of_backbone(config: Config, name: str) -> Iterator[Part]:
    entry = config.backbones[name]
    if isinstance(entry, RetrieverBackbone):
        yield from _of_retriever(config, entry.retriever)
    elif isinstance(entry, SimclrBackbone):
        yield f"images that {name} was pretrained on", entry.dataset, config.datasets[entry.dataset]
    else:
        yield "backbone", name, entry


def _of_retriever(config: Config, name: str) -> Iterator[Part]:
    entry = config.retrievers[name]
    if isinstance(entry, TextPolicyRetriever):
        yield from _of_retriever(config, entry.retriever)
    elif isinstance(entry, AlignedRetriever):
        yield from _of_backbone(config, entry.image)
        yield f"captioned images that {name} was aligned on", entry.captioned, config.datasets[entry.captioned]
    else:
        yield "retriever", name, entry
