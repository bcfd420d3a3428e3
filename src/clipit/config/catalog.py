"""What the catalog names: data sets, corpora, retrievers, backbones and pairings."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from clipit.config.strict import Strict

Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Share = Annotated[float, Field(ge=0, le=1)]


# ------------------------------------------------------------------------------------------------------- data sets


class Dataset(Strict):
    """What every data set of labelled images has."""

    size: PositiveInt = 224
    """Side of a stored patch, pixels: the shorter side is resized to it, the centre cropped."""
    parts: PositiveInt = 1
    """Jobs that tile and embed it; a part should be worth ten minutes."""
    max_rejected: Share = 0.1
    """Share of unreadable images past which tiling fails."""
    train_labels: PositiveInt | None = None
    """Train patches whose label is used, drawn evenly over the classes; the rest count as unlabelled. None: all."""
    label_seed: int = 0
    """Seed of that draw."""


class PhantomDataset(Dataset):
    """Synthetic H&E-like patches (docs/phantom.md)."""

    source: Literal["phantom"]
    cohort: Literal["target", "source"] = "target"
    """`target`: labelled patients with splits; `source`: other patients, captioned, for pretraining."""
    seed: int = 0
    informative: bool = True
    """False: captions are written without looking at the image (the null phantom)."""
    size: PositiveInt = 64


class Download(Strict):
    """A file to fetch; `.zip` files are unpacked."""

    url: str
    md5: str | None = None


class FolderDataset(Dataset):
    """Images in `path`/split/class/, or a CSV at `path` with the columns path, label, split and, if known, group."""

    source: Literal["folder"]
    path: str | None = None
    """A folder or a CSV; not needed with `download`."""
    splits: dict[Literal["train", "val", "test"], str] = {"train": "train", "val": "val", "test": "test"}
    """Folder of each split."""
    val_share: Share = 0.2
    """Share of the train groups (patients; images where unknown) that becomes `val` where there is no such split."""
    val_seed: int = 0
    mpp: PositiveFloat | None = None
    """Microns per pixel of the stored patches, where known."""
    download: dict[str, Download] = {}
    """File name -> where to fetch it; unpacked under results/data/."""
    licence: str | None = None
    citation: str | None = None


class CaptionedDataset(Dataset):
    """Images with captions, for training a retriever: a folder and a CSV with the columns image and caption."""

    source: Literal["captioned"]
    path: str
    """The folder that the CSV's image paths are relative to."""
    captions: str
    """The CSV."""


AnyDataset = Annotated[PhantomDataset | FolderDataset | CaptionedDataset, Field(discriminator="source")]


# --------------------------------------------------------------------------------------------------------- corpora


class PhantomCorpus(Strict):
    """Synthetic reports written from findings (docs/phantom.md)."""

    source: Literal["phantom"]
    seed: int = 0
    informative: bool = True


class TextCorpus(Strict):
    """Own reports: a text file with one a line, a folder of .txt files, or a CSV, TSV, JSONL or Parquet table."""

    source: Literal["text"]
    path: str
    column: str = "text"
    """Column of a table that holds the report."""
    id_column: str | None = None
    """Column of a table that names the report; None: its row."""


AnyCorpus = Annotated[PhantomCorpus | TextCorpus, Field(discriminator="source")]


# ------------------------------------------------------------------------------------------------------ retrievers


class OpenClipRetriever(Strict):
    """Any open_clip model: a name, `hf-hub:organisation/model` or `local-dir:path`."""

    kind: Literal["open_clip"]
    name: str
    batch: PositiveInt = 64
    precision: Literal["fp32", "bf16"] = "fp32"


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
    text: str | WordsTower
    """Folder of a `transformers` encoder (frozen), or a tower over the captions' own words (trained)."""
    d: PositiveInt = 256
    epochs: PositiveInt = 40
    batch: PositiveInt = 128
    lr: PositiveFloat = 1e-3
    seed: int = 0
    threads: PositiveInt = 2
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of embedding; training always autocasts to bfloat16."""


AnyRetriever = Annotated[OpenClipRetriever | AlignedRetriever, Field(discriminator="kind")]


# ------------------------------------------------------------------------------------------------------- backbones


class TimmBackbone(Strict):
    """Any timm name, `hf-hub:organisation/model` or `local-dir:path`."""

    kind: Literal["timm"]
    name: str
    image_size: PositiveInt | None = None
    """Side of its input, pixels; None: the model's own."""
    pretrained: bool = True
    batch: PositiveInt = 64
    precision: Literal["fp32", "bf16"] = "fp32"


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
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of feature extraction; training always autocasts to bfloat16."""


class RetrieverBackbone(Strict):
    """The image tower of a retriever."""

    kind: Literal["retriever"]
    retriever: Key
    batch: PositiveInt = 64
    precision: Literal["fp32", "bf16"] = "fp32"


AnyBackbone = Annotated[TimmBackbone | SimclrBackbone | RetrieverBackbone, Field(discriminator="kind")]


# -------------------------------------------------------------------------------------------------------- pairings


class Pairing(Strict):
    """How reports are chosen for an image."""

    method: Literal["top1", "topk", "random"]
    k: PositiveInt = 1
    """Reports that make up the target (`topk`)."""
    temperature: PositiveFloat = 0.07
    """Of the softmax over the k similarities (`topk`)."""
    seed: int = 0
    """Of the draw (`random`)."""
