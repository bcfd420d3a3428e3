"""What runs and pairings are made of, also through others, with the terms and the citation of each part."""

from collections.abc import Iterable, Iterator
from typing import Any

from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone, TextPolicyRetriever
from clipit.config.expand import Pairs
from clipit.config.experiment import Config
from clipit.config.licence import Licensed
from clipit.config.names import whole_corpus
from clipit.config.runs import Run

Part = tuple[str, str, Licensed]
"""The role that it plays, its name in the catalog, its entry."""


def terms(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """{"role", "name", "licence", "restriction", "citation", "synthetic": it is the phantom's}, each part once."""
    return [
        {
            "role": role,
            "name": name,
            "licence": part.licence,
            "restriction": part.restriction,
            "citation": part.citation,
            "synthetic": getattr(part, "source", None) == "phantom",
        }
        for (role, name), part in {(role, name): part for role, name, part in parts}.items()
    ]


def parts_of_run(config: Config, run: Run) -> Iterator[Part]:
    """What a run reads."""
    yield "images and labels", run.dataset, config.datasets[run.dataset]
    if run.has_backbone:
        yield from _of_backbone(config, run.backbone)
    if run.corpus:
        yield _reports(config, run.corpus)
    if run.retriever:
        yield from _of_retriever(config, run.retriever)


def parts_of_pairs(config: Config, pairs: Pairs) -> Iterator[Part]:
    """What a pairing reads."""
    yield "images and labels", pairs.dataset, config.datasets[pairs.dataset]
    yield _reports(config, pairs.corpus)
    yield from _of_retriever(config, pairs.retriever)


def _reports(config: Config, name: str) -> Part:
    """One with words removed is under the terms of what it is made of."""
    return "reports", whole_corpus(name), config.corpora[whole_corpus(name)]


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
