"""Retrievers and backbones that the catalog names."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from clipit.config.licence import Key, Model
from clipit.config.strict import Strict
from clipit.runtime.names import HUB, LOCAL


def _no_path(revision: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", revision):  # it becomes part of a file's name
        raise ValueError(f"{revision!r} cannot be used: name the commit, or a branch or tag without a slash")
    return revision


Revision = Annotated[str, AfterValidator(_no_path)]


def _hub_or_folder(name: str) -> str:
    if not name.startswith((HUB, LOCAL)):
        raise ValueError(f"{name!r} does not say where it is: write {HUB}organisation/model or {LOCAL}folder")
    return name


HubOrFolder = Annotated[str, AfterValidator(_hub_or_folder)]

Precision = Literal["auto", "fp32", "bf16"]
"""Of inference. `auto`: bfloat16 where the device multiplies it natively (GPUs since Ampere, CPUs with AVX-512 BF16 or
AMX), else float32."""


SectionName = Literal[
    "preamble", "addendum", "intraoperative", "clinical", "specimen", "procedure", "microscopic", "gross", "blocks",
    "stains", "synoptic", "conclusion", "comment", "diagnosis",
]  # fmt: skip
"""What `sources.report_sections` calls the sections of a report; those of one kind share a name."""


class Text(Strict):
    """How much of a report the text tower reads, and how an image is compared with it (docs/retrieval.md)."""

    policy: Literal["truncate", "chunks"] = "truncate"
    """`truncate`: the first tokens, as many as the tower takes (the paper's). `chunks`: all, cut where sentences end
    into pieces that the tower takes."""
    pooling: Literal["mean", "max", "late"] = "mean"
    """Of the chunks. `mean`, `max`: of their embeddings, so that a report has one; `late`: an image is compared with
    every chunk, and the best one counts."""
    overlap: NonNegativeInt = 0
    """Tokens that a chunk repeats of the one before, in whole sentences."""
    sections: list[SectionName] = []
    """Names of the sections that are read (docs/reports.md); empty: all. Reports without any of them are read whole."""

    @model_validator(mode="after")
    def _chunks_alone(self) -> Self:
        if self.policy == "truncate" and (self.overlap or self.pooling != "mean"):
            raise ValueError("overlap and pooling belong to policy: chunks")
        return self


class OpenClipRetriever(Model):
    """Any open_clip model: a name, `hf-hub:organisation/model` or `local-dir:path`."""

    kind: Literal["open_clip"]
    name: str
    revision: Revision | None = None
    """Commit, branch or tag of the hub's repository; None: its main branch."""
    text: Text = Text()
    batch: PositiveInt = 64
    precision: Precision = "auto"


class TransformersRetriever(Model):
    """A CLIPModel or SiglipModel of `transformers`, PLIP say: `hf-hub:organisation/model` or `local-dir:path`."""

    kind: Literal["transformers"]
    name: HubOrFolder
    revision: Revision | None = None
    """Commit, branch or tag of the hub's repository; None: its main branch."""
    text: Text = Text()
    batch: PositiveInt = 64
    precision: Precision = "auto"


class ConchRetriever(Model):
    """CONCH, through its authors' package `conch` (not in the lock: its licence is not ours to pass on)."""

    kind: Literal["conch"]
    name: HubOrFolder = f"{HUB}MahmoodLab/conch"
    """The hub's repository, or `local-dir:path` with its pytorch_model.bin."""
    revision: Revision | None = None
    """Commit, branch or tag of the hub's repository; None: its main branch."""
    text: Text = Text()
    batch: PositiveInt = 32
    precision: Precision = "auto"


HubRetriever = OpenClipRetriever | TransformersRetriever | ConchRetriever
"""One that others trained: from the hub, where its name says so."""


class WordsTower(Strict):
    """A text transformer trained from scratch over the captions' own words."""

    layers: PositiveInt = 2
    width: PositiveInt = 128
    heads: PositiveInt = 4
    context_length: PositiveInt = 77


class AlignedRetriever(Strict):
    """An image tower and a text tower joined by projection heads trained on a captioned data set."""

    kind: Literal["aligned"]
    captioned: Key
    """The captioned data set (catalog key)."""
    image: Key
    """The backbone (catalog key) that the image tower is, or starts from."""
    train_image: bool = False
    """True: the image tower trains too; False: it stays frozen and only the projections train."""
    text_tower: str | WordsTower
    """Folder of a `transformers` encoder (frozen), or a tower over the captions' own words (trained)."""
    text: Text = Text()
    d: PositiveInt = 256
    epochs: PositiveInt = 40
    batch: PositiveInt = 128
    lr: PositiveFloat = 1e-3
    seed: int = 0
    threads: PositiveInt = 2
    precision: Precision = "auto"
    """Of embedding."""


class TextPolicyRetriever(Strict):
    """A retriever that reads reports in another way; it shares the image embeddings, nothing is trained again."""

    kind: Literal["text_policy"]
    retriever: Key
    """The retriever (catalog key)."""
    text: Text


AnyRetriever = Annotated[
    HubRetriever | AlignedRetriever | TextPolicyRetriever,
    Field(discriminator="kind"),
]


class TimmBackbone(Model):
    """Any timm name, `hf-hub:organisation/model` or `local-dir:path`."""

    kind: Literal["timm"]
    name: str
    revision: Revision | None = None
    """Commit, branch or tag of the hub's repository; None: its main branch."""
    model_args: dict[str, bool | int | float | str | list[int]] = {}
    """Further arguments of the architecture, where the hub's copy does not say them."""
    image_size: PositiveInt | None = None
    """Side of its input, pixels; None: the model's own."""
    pretrained: bool = True
    batch: PositiveInt = 64
    precision: Precision = "auto"


HubModel = HubRetriever | TimmBackbone


def pinned(entry: HubModel) -> str:
    """A model's name, with its revision where it has one: `hf-hub:organisation/model@revision`."""
    return f"{entry.name}@{entry.revision}" if entry.revision else entry.name


class SimclrBackbone(Strict):
    """A timm architecture trained here, without text or labels, on the images of a data set (SimCLR)."""

    kind: Literal["simclr"]
    dataset: Key
    architecture: str
    model_args: dict[str, int | str | list[int]] = {}
    epochs: PositiveInt = 5
    batch: PositiveInt = 128
    lr: PositiveFloat = 1e-3
    temperature: PositiveFloat = 0.2
    seed: int = 0
    threads: PositiveInt = 2
    precision: Precision = "auto"
    """Of feature extraction."""


class RetrieverBackbone(Strict):
    """The image tower of a retriever."""

    kind: Literal["retriever"]
    retriever: Key
    batch: PositiveInt = 64
    precision: Precision = "auto"


AnyBackbone = Annotated[TimmBackbone | SimclrBackbone | RetrieverBackbone, Field(discriminator="kind")]
