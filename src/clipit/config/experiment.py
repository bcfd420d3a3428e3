"""What an experiment compares."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, field_validator
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


class ExtraTest(Strict):
    """Another data set that the trained models are tested on as they are; it has a table of its own."""

    dataset: Key
    split: Literal["test", "all"] = "test"
    """Which of its labelled patches: `all` only where no model saw any of them."""
    classes: Annotated[dict[str, str], Field(min_length=1)] | None = None
    """Which class of the trained data set each of its classes counts as. None: the one of the same name. Patches of
    other classes are left out."""

    @property
    def id(self) -> str:
        """The data set, and the first 8 hexadecimal digits of a hash over what is asked of it."""
        asked = json.dumps([self.split, self.classes], sort_keys=True)
        return f"{self.dataset}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


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
    extra_tests: list[ExtraTest] = []
    """Other data sets to test on: what was trained elsewhere, on other stains, scanners or patients."""


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

    @field_validator("results")
    @classmethod
    def _on_this_machine(cls, results: str) -> str:
        if "://" in results:
            raise ValueError(f"{results} is an address: name a folder, and see docs/object_storage.md")
        return results
