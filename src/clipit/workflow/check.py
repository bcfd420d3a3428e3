"""What must lie on this machine before any job starts: own data and saved models."""

from collections.abc import Iterator
from pathlib import Path

from clipit.config.catalog import AlignedRetriever, CaptionedDataset, FolderDataset, TextCorpus
from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.config.names import COLOUR, TEACHER
from clipit.runtime.errors import UserError


def check_present(config: Config, plan: Plan) -> None:
    """Looks for every file and folder that the planned runs read from outside the results folder.

    Raises:
        UserError: one is missing, or is of the wrong kind; names the key that gives its path.
    """
    runs = list(plan.runs.values())
    datasets = {run.dataset for run in runs}
    retrievers = {run.retriever for run in runs if run.retriever}
    backbones = {run.backbone for run in runs if run.variant != TEACHER}
    for name in sorted({run.corpus for run in runs if run.corpus}):
        corpus = config.corpora[name]
        if isinstance(corpus, TextCorpus):
            _exists(corpus.path, f"corpora.{name}.path")
    for name in sorted(retrievers):
        retriever = config.retrievers[name]
        if isinstance(retriever, AlignedRetriever):
            datasets.add(retriever.captioned)
            backbones.add(retriever.image)
            if isinstance(retriever.text, str):
                _folder(retriever.text, f"retrievers.{name}.text")
        else:
            _model(retriever.name, f"retrievers.{name}.name")
    for name in sorted(backbones - {COLOUR}):
        backbone = config.backbones[name]
        if backbone.kind == "timm":
            _model(backbone.name, f"backbones.{name}.name")
        elif backbone.kind == "simclr":
            datasets.add(backbone.dataset)
    for key, path in _data_paths(config, datasets):
        _exists(path, key)


def _data_paths(config: Config, datasets: set[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(datasets):
        entry = config.datasets[name]
        if isinstance(entry, CaptionedDataset):
            yield f"datasets.{name}.path", entry.path
            yield f"datasets.{name}.captions", entry.captions
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
