"""What an experiment compares."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt
from pydantic_core import PydanticCustomError

from clipit.config.corpora import AnyCorpus
from clipit.config.datasets import AnyDataset
from clipit.config.downloads import AnyDownload
from clipit.config.encoders import AnyBackbone, AnyRetriever
from clipit.config.licence import Key
from clipit.config.pairings import Pairing
from clipit.config.strict import Strict
from clipit.config.training import Training
from clipit.config.variants import VARIANTS


def _known(name: str) -> str:
    if name not in VARIANTS:
        raise PydanticCustomError("literal_error", "unknown variant", {"expected": ", ".join(sorted(VARIANTS))})
    return name


VariantName = Annotated[str, AfterValidator(_known)]
Keys = Key | Annotated[list[Key], Field(min_length=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class Experiment(Strict):
    """One table. Lists multiply: every combination is run, and a run that two experiments share is trained once."""

    dataset: Keys
    corpus: Keys
    retriever: Keys
    backbone: Keys
    pairing: Keys = "top1"
    audit: list[Key] = []
    """Further pairings to audit and to look at in the explorer, without training on them."""
    variants: Annotated[list[VariantName], Field(min_length=1)]
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] = [0, 1, 2]
    label_fraction: Fraction | Annotated[list[Fraction], Field(min_length=1)] = 1.0
    """Share of the labelled train and val patches that keep their label: whole patients, class by class. Others
    count as unlabelled."""
    training: Training = Training()


class Report(Strict):
    """What the HTML report shows."""

    show_text: bool | None = None
    """Report texts and ids in the HTML. None: only where no corpus is one's own."""


class Compute(Strict):
    """Where jobs compute."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: PositiveInt = 1
    """Threads of one job that does not set its own. Part of the result: other threads, other rounding."""
    processes: PositiveInt = 1
    """Processes, each with a GPU where there are any, that share a student's training; they divide its batch."""


class Config(Strict):
    """The whole configuration: the catalog with the user's entries, and the experiments."""

    experiments: Annotated[dict[Key, Experiment], Field(min_length=1)]
    downloads: dict[Key, AnyDownload] = {}
    datasets: dict[Key, AnyDataset] = {}
    corpora: dict[Key, AnyCorpus] = {}
    retrievers: dict[Key, AnyRetriever] = {}
    backbones: dict[Key, AnyBackbone] = {}
    pairings: dict[Key, Pairing] = {}
    report: Report = Report()
    compute: Compute = Compute()
    results: str = "results"
    """The folder that everything is written to."""
