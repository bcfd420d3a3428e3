"""What must be so before any job starts: own data and saved models are there, licences are accepted."""

import sys
from collections.abc import Iterator
from pathlib import Path

from clipit.config.corpora import TextCorpus
from clipit.config.datasets import CaptionedDataset, FolderDataset, SlidesDataset
from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone
from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.config.licence import Licensed
from clipit.config.names import COLOUR, TEACHER
from clipit.runtime.errors import UserError


def check_present(config: Config, plan: Plan) -> None:
    """Looks for every file and folder that the planned runs read from outside the results folder.

    Raises:
        UserError: one is missing, or is of the wrong kind; names the key that gives its path.
    """
    used = planned_entries(config, plan)
    for name in used["corpora"]:
        corpus = config.corpora[name]
        if isinstance(corpus, TextCorpus):
            _exists(corpus.path, f"corpora.{name}.path")
    for name in used["retrievers"]:
        retriever = config.retrievers[name]
        if not isinstance(retriever, AlignedRetriever):
            _model(retriever.name, f"retrievers.{name}.name")
        elif isinstance(retriever.text, str):
            _folder(retriever.text, f"retrievers.{name}.text")
    for name in used["backbones"]:
        backbone = config.backbones[name]
        if backbone.kind == "timm":
            _model(backbone.name, f"backbones.{name}.name")
    for key, path in _data_paths(config, used["datasets"]):
        _exists(path, key)


def check_accepted(config: Config, plan: Plan, *, dry_run: bool) -> None:
    """Looks for a restriction that the user has not accepted on anything that the planned runs use.

    Raises:
        UserError: there is one; the message says what is to be accepted, and by which key. A dry run, which fetches
            nothing, shows its plan all the same: there each is printed, a line each.
    """
    refused = [
        f"{section}.{name} is under {entry.licence or 'terms of its own'} ({entry.restriction}): to accept that, "
        f"write accept_licence: true in {section}.{name}"
        for section, names in planned_entries(config, plan).items()
        for name in names
        if isinstance(entry := getattr(config, section)[name], Licensed)
        and entry.restriction
        and not entry.accept_licence
    ]
    if dry_run:
        for line in refused:
            print(f"clipit: not yet accepted: {line}", file=sys.stderr)
    elif refused:
        raise UserError("config: " + "; ".join(refused))


def planned_entries(config: Config, plan: Plan) -> dict[str, list[str]]:
    """Names of the data sets, corpora, retrievers and backbones that the planned runs use, directly or not."""
    runs = list(plan.runs.values())
    datasets = {run.dataset for run in runs}
    retrievers = {run.retriever for run in runs if run.retriever}
    backbones = {run.backbone for run in runs if run.variant != TEACHER} - {COLOUR}
    retrievers |= {
        entry.retriever for name in backbones if isinstance(entry := config.backbones[name], RetrieverBackbone)
    }
    for name in retrievers:
        retriever = config.retrievers[name]
        if isinstance(retriever, AlignedRetriever):
            datasets.add(retriever.captioned)
            backbones.add(retriever.image)
    for name in backbones:
        backbone = config.backbones[name]
        if isinstance(backbone, SimclrBackbone):
            datasets.add(backbone.dataset)
    corpora = {run.corpus for run in runs if run.corpus}
    found = {"datasets": datasets, "corpora": corpora, "retrievers": retrievers, "backbones": backbones}
    return {section: sorted(names) for section, names in found.items()}


def _data_paths(config: Config, datasets: list[str]) -> Iterator[tuple[str, str]]:
    for name in datasets:
        entry = config.datasets[name]
        if isinstance(entry, CaptionedDataset):
            yield f"datasets.{name}.path", entry.path
            yield f"datasets.{name}.captions", entry.captions
        elif isinstance(entry, SlidesDataset):
            yield f"datasets.{name}.path", entry.path
            if entry.annotations is not None:
                yield f"datasets.{name}.annotations", entry.annotations
        elif isinstance(entry, FolderDataset) and not entry.download:
            if entry.path is None:
                raise UserError(f"config: datasets.{name}.path is missing: name the folder (or CSV) of its images")
            yield f"datasets.{name}.path", entry.path


def _exists(path: str, key: str) -> None:
    if not Path(path).exists():
        raise UserError(f"config: {key} = {path!r} does not exist: correct the path")


def _model(name: str, key: str) -> None:
    kind, _, path = name.partition(":")
    if kind == "local-dir":
        _folder(path, key)


def _folder(path: str, key: str) -> None:
    if not Path(path).is_dir():
        raise UserError(f"config: {key} = {path!r} is not a folder: name the folder of a saved model")
