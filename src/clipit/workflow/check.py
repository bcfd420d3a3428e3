"""What must be so before any job starts: own data and saved models are there, licences are accepted."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from clipit.config.corpora import TextCorpus
from clipit.config.datasets import CaptionedDataset, Dataset, FolderDataset, SlidesDataset
from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone, TextPolicyRetriever
from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.config.licence import Licensed
from clipit.config.lists import as_list
from clipit.config.load import hint
from clipit.config.names import whole_corpus
from clipit.runtime.errors import UserError
from clipit.runtime.names import LOCAL
from clipit.sources.folder import FolderImages
from clipit.sources.image_source import READERS
from clipit.workflow.entries import plain


@dataclass(frozen=True)
class OwnPath:
    """A file or folder that a configuration names, and that no job makes."""

    key: str
    """Where the configuration names it."""
    path: str | None
    model: bool = False
    """Whether it is the folder of a saved model."""

    def fault(self) -> str | None:
        """What is wrong with it, and what to do; None: it is there."""
        if self.path is None:
            return f"{self.key} is missing: name the folder (or CSV) of its images"
        if self.model and not Path(self.path).is_dir():
            return f"{self.key} = {self.path!r} is not a folder: name the folder of a saved model"
        if not Path(self.path).exists():
            return f"{self.key} = {self.path!r} does not exist: correct the path"
        return None


def check_present(config: Config, plan: Plan) -> None:
    """Looks for every file and folder that the planned runs read from outside the results folder.

    Raises:
        UserError: one is missing, or is of the wrong kind; names the key that gives its path.
    """
    for own in own_paths(config, plan):
        if fault := own.fault():
            raise UserError(f"config: {fault}")


def own_paths(config: Config, plan: Plan) -> Iterator[OwnPath]:
    """Every file and folder that the planned runs read from outside the results folder."""
    used = planned_entries(config, plan)
    for name in used["corpora"]:
        corpus = config.corpora[name]
        if isinstance(corpus, TextCorpus):
            yield OwnPath(f"corpora.{name}.path", corpus.path)
    for name in used["retrievers"]:
        retriever = config.retrievers[name]
        if isinstance(retriever, TextPolicyRetriever):
            continue
        if not isinstance(retriever, AlignedRetriever):
            yield from _model(retriever.name, f"retrievers.{name}.name")
        elif isinstance(retriever.text_tower, str):
            yield OwnPath(f"retrievers.{name}.text_tower", retriever.text_tower, model=True)
    for name in used["backbones"]:
        backbone = config.backbones[name]
        if backbone.kind == "timm":
            yield from _model(backbone.name, f"backbones.{name}.name")
    for name in used["datasets"]:
        yield from _data_paths(config.datasets[name], f"datasets.{name}")


def check_class_maps(config: Config) -> None:
    """Looks at the class maps of extra tests, as far as the classes are known before any data are read.

    Raises:
        UserError: a map names an unknown class, or no class of the data set is one of the models'.
    """
    for title, experiment in config.experiments.items():
        for extra in experiment.extra_tests:
            theirs = _known_classes(config, extra.dataset)
            for dataset in as_list(experiment.dataset):
                ours = _known_classes(config, dataset)
                at = f"config: experiments.{title}.extra_tests ({extra.dataset})"
                for known, of, named in (
                    (theirs, extra.dataset, extra.classes or {}),
                    (ours, dataset, (extra.classes or {}).values()),
                ):
                    for name in named:
                        if known is not None and name not in known:
                            raise UserError(f"{at}: {name!r} is no class of {of}{hint(name, known)}")
                if extra.classes is None and theirs is not None and ours is not None and not set(theirs) & set(ours):
                    raise UserError(
                        f"{at}: none of its classes ({', '.join(theirs)}) is one of {dataset} ({', '.join(ours)}): say "
                        "under classes which is which"
                    )


def _known_classes(config: Config, dataset: str) -> Sequence[str] | None:
    """The classes of a public data set, the phantom or own images; None of what is not here yet, and of slides."""
    entry = config.datasets[dataset]
    if isinstance(entry, FolderDataset) and not entry.download:
        return FolderImages(plain(entry)).classes
    reader = import_module(READERS[entry.source].partition(":")[0])
    return getattr(reader, "CLASSES", None)


def tell_enlarged(config: Config, plan: Plan) -> None:
    """Prints a line for each data set whose patches a backbone enlarges, which adds nothing and costs what it costs."""
    used = sorted({(run.dataset, run.backbone) for run in plan.runs.values() if run.backbone in config.backbones})
    for dataset, backbone in used:
        wanted, size = getattr(config.backbones[backbone], "image_size", None), config.datasets[dataset].size
        if wanted is not None and size < wanted:
            print(
                f"clipit: datasets.{dataset} keeps patches of {size} px, which backbones.{backbone} enlarges to "
                f"{wanted}: set size: {wanted} to keep what the images have",
                file=sys.stderr,
            )


def check_accepted(config: Config, plan: Plan, *, dry_run: bool) -> None:
    """Looks for a restriction that the user has not accepted on anything that the planned runs use.

    Raises:
        UserError: there is one; the message says what is to be accepted, and by which key. A dry run, which fetches
            nothing, shows its plan all the same: there each is printed, a line each.
    """
    planned = planned_entries(config, plan).items()
    lines = (refusal(config, section, name) for section, names in planned for name in names)
    refused = list(dict.fromkeys(line for line in lines if line))
    if dry_run:
        for line in refused:
            _tell(line)
    elif refused:
        raise UserError("config: " + "; ".join(refused))


def check_one_accepted(config: Config, users: Sequence[tuple[str, str]], *, dry_run: bool) -> None:
    """As `check_accepted`, of a single file, which may be asked for by its path without any run that uses it.

    `users` are the entries that it is fetched for, (section, name) each; that one of them is accepted is enough.
    """
    refused = [line for section, name in users if (line := refusal(config, section, name))]
    if not refused or len(refused) < len(users):
        return
    if not dry_run:
        raise UserError(f"config: {refused[0]}")
    _tell(refused[0])


def refusal(config: Config, section: str, name: str) -> str | None:
    """What is to be accepted of an entry and has not been, and by which key; None: nothing."""
    entry = getattr(config, section)[name]
    name = whole_corpus(name)  # one with words removed is accepted as what it is made of
    if not isinstance(entry, Licensed) or not entry.restriction or entry.accept_licence:
        return None
    return (
        f"{section}.{name} is under {entry.licence or 'terms of its own'} ({entry.restriction}): to accept that, "
        f"write accept_licence: true in {section}.{name}"
    )


def _tell(line: str) -> None:
    print(f"clipit: not yet accepted: {line}", file=sys.stderr)


def planned_entries(config: Config, plan: Plan) -> dict[str, list[str]]:
    """Names of the data sets, corpora, retrievers and backbones that the planned runs use, directly or not."""
    runs = list(plan.runs.values())
    shown = [pairs for rows in plan.pairs.values() for pairs in rows]
    datasets = {run.dataset for run in runs} | {pairs.dataset for pairs in shown}
    retrievers = {run.retriever for run in runs if run.retriever} | {pairs.retriever for pairs in shown}
    backbones = {run.backbone for run in runs if run.has_backbone}
    retrievers |= {
        entry.retriever for name in backbones if isinstance(entry := config.backbones[name], RetrieverBackbone)
    }
    retrievers |= {
        read.retriever for name in retrievers if isinstance(read := config.retrievers[name], TextPolicyRetriever)
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
    datasets |= {extra.dataset for experiment in config.experiments.values() for extra in experiment.extra_tests}
    corpora = {run.corpus for run in runs if run.corpus} | {pairs.corpus for pairs in shown}
    found = {"datasets": datasets, "corpora": corpora, "retrievers": retrievers, "backbones": backbones}
    return {section: sorted(names) for section, names in found.items()}


def _data_paths(entry: Dataset, key: str) -> Iterator[OwnPath]:
    if isinstance(entry, CaptionedDataset):
        yield OwnPath(f"{key}.path", entry.path)
        yield OwnPath(f"{key}.captions", entry.captions)
    elif isinstance(entry, SlidesDataset):
        yield OwnPath(f"{key}.path", entry.path)
        if entry.annotations is not None:
            yield OwnPath(f"{key}.annotations", entry.annotations)
    elif isinstance(entry, FolderDataset) and not entry.download:
        yield OwnPath(f"{key}.path", entry.path)


def _model(name: str, key: str) -> Iterator[OwnPath]:
    if name.startswith(LOCAL):
        yield OwnPath(key, name.removeprefix(LOCAL), model=True)
