"""What an experiment compares, and how its models are trained."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

from clipit.config.corpora import AnyCorpus
from clipit.config.datasets import AnyDataset
from clipit.config.downloads import AnyDownload
from clipit.config.encoders import AnyBackbone, AnyRetriever
from clipit.config.licence import Key
from clipit.config.pairings import Pairing
from clipit.config.strict import Strict
from clipit.config.variants import VARIANTS


def _known(name: str) -> str:
    if name not in VARIANTS:
        raise PydanticCustomError("literal_error", "unknown variant", {"expected": ", ".join(sorted(VARIANTS))})
    return name


VariantName = Annotated[str, AfterValidator(_known)]


class Lora(Strict):
    """Low-rank adapters on the vision encoder."""

    r: PositiveInt = 8
    alpha: PositiveFloat = 8.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Head(Strict):
    """How a head is fitted to frozen features: the probe and the teacher."""

    epochs: PositiveInt = 100
    batch: PositiveInt = 256
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-4


class ColourHead(Head):
    """How the head on the six colour features is fitted: so few need larger steps."""

    epochs: PositiveInt = 300
    lr: PositiveFloat = 0.01


class Training(Strict):
    """The `corrected` protocol (docs/architecture.md); shared by every variant of an experiment."""

    protocol: Literal["corrected"] = "corrected"
    steps: PositiveInt = 150
    """Optimiser steps of a student."""
    batch: PositiveInt = 48
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-4
    clip: PositiveFloat = 0.5
    """Bound on the gradient's norm."""
    augment: Literal["dihedral", "none"] = "dihedral"
    lora: Lora = Lora()
    lambda_: Annotated[NonNegativeFloat, Field(alias="lambda")] = 1.0
    """Weight of the distillation loss."""
    hidden: PositiveInt = 512
    """Hidden units of the text head."""
    colour: ColourHead = ColourHead()
    """How the head on the six colour features is fitted."""
    probe: Head = Head()
    """How the linear head on a frozen backbone's features is fitted; students start from it."""
    teacher: Head = Head()
    """How the text head is fitted to the targets; students start from it."""
    precision: Literal["fp32", "bf16"] = "fp32"


class Experiment(Strict):
    """One table. Lists multiply: every combination is run, and a run that two experiments share is trained once."""

    dataset: Key | list[Key]
    corpus: Key | list[Key]
    retriever: Key | list[Key]
    backbone: Key | list[Key]
    pairing: Key | list[Key] = "top1"
    audit: list[Key] = []
    """Further pairings to audit and to look at in the explorer, without training on them."""
    variants: list[VariantName]
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] = [0, 1, 2]
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


class Config(Strict):
    """The whole configuration: the catalog with the user's entries, and the experiments."""

    experiments: dict[Key, Experiment]
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
