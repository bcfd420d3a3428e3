"""Data sets of images that the catalog names."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from clipit.config.licence import Data, Key
from clipit.config.strict import Strict

Share = Annotated[float, Field(ge=0, le=1)]
Overlap = Annotated[float, Field(ge=0, lt=1)]


class Dataset(Data):
    """What every data set of images has."""

    size: PositiveInt = 224
    """Side of a stored patch, pixels."""
    parts: PositiveInt = 1
    """Jobs that tile and embed it; a part should be worth ten minutes."""
    max_rejected: Share = 0.1
    """Share of unreadable images past which tiling fails."""
    train_labels: PositiveInt | None = None
    """Train patches whose label is used, drawn evenly over the classes; the rest count as unlabelled. None: all."""
    label_seed: int = 0
    """Seed of that draw."""


class Grid(Strict):
    """Square tiles over an image or a slide, in place of one resized and cropped patch an image.

    All lie inside it: what remains at its right and bottom, less than the step to a next tile, is in none."""

    mpp: PositiveFloat | None = None
    """Microns per pixel of the stored patches. None: those of the source."""
    overlap: Overlap = 0.0
    """Share of its side that a tile shares with the next one."""


class SlideGrid(Grid):
    """Square tiles over a slide."""

    mpp: PositiveFloat | None = 0.5
    """Microns per pixel of the stored tiles. None: those of each slide."""


class PhantomDataset(Dataset):
    """Synthetic H&E-like patches (docs/phantom.md)."""

    source: Literal["phantom"]
    cohort: Literal["target", "source"] = "target"
    """`target`: labelled patients with splits; `source`: other patients, captioned, for pretraining."""
    seed: int = 0
    informative: bool = True
    """False: captions are written without looking at the image (the null phantom)."""
    size: PositiveInt = 64


class PcamFiles(Strict):
    """Names of the six files among the downloads."""

    train_x: Key
    train_y: Key
    valid_x: Key
    valid_y: Key
    test_x: Key
    test_y: Key


class PcamDataset(Dataset):
    """PatchCamelyon, HDF5 files with its own splits; patches are stored as they are."""

    source: Literal["pcam"]
    files: PcamFiles
    size: PositiveInt = 96

    @property
    def downloads(self) -> dict[str, str]:
        return self.files.model_dump()


class CrcFiles(Strict):
    """Names of the two archives among the downloads."""

    train: Key
    test: Key


class CrcDataset(Dataset):
    """NCT-CRC-HE: class folders; train is split 80/20 into train and val, stratified, with seed 42."""

    source: Literal["crc"]
    files: CrcFiles
    mpp: PositiveFloat = 0.5

    @property
    def downloads(self) -> dict[str, str]:
        return self.files.model_dump()


class BachFiles(Strict):
    """Name of the archive among the downloads."""

    photos: Key


class BachDataset(Dataset):
    """BACH's 400 photographs. All splits test on the same 132 images."""

    source: Literal["bach"]
    files: BachFiles
    split: Literal["fair", "released"] = "fair"
    """`fair`: 218 train, 50 val; `released`: every 20th of the 268 others is val, as in the authors' code."""
    mpp: PositiveFloat = 0.42
    grid: Grid | None = None
    """None: the shorter side is resized to `size`, the centre cropped."""

    @property
    def downloads(self) -> dict[str, str]:
        return self.files.model_dump()


class FolderDataset(Dataset):
    """Images in `path`/split/class/ or `path`/class/, or a CSV at `path`: path, label, split and, if known, group
    and centre."""

    source: Literal["folder"]
    path: str | None = None
    """A folder or a CSV; with `download`, relative to what was unpacked."""
    download: Key | None = None
    """Name of a download whose unpacked files are the images."""
    splits: dict[Literal["train", "val", "test"], str] | None = {"train": "train", "val": "val", "test": "test"}
    """Folder of each split. None: `path` holds the class folders, and the splits are drawn, class by class."""
    val_share: Share = 0.2
    """Share of the train groups (patients; images where unknown) that becomes `val` where there is no such split.

    Where `splits` is None, the share of what is not test, of each class."""
    test_share: Share = 0.3
    """Share of each class that becomes `test` where `splits` is None; at least one image does, and one is `val`."""
    split_seed: int = 0
    """Seed of these draws."""
    mpp: PositiveFloat | None = None
    """Microns per pixel of the images, where known."""
    grid: Grid | None = None
    """None: the shorter side is resized to `size`, the centre cropped."""

    @property
    def downloads(self) -> dict[str, str]:
        return {"download": self.download} if self.download else {}


class CaptionedDataset(Dataset):
    """Images with captions, for training a retriever: a folder and a CSV with the columns image and caption."""

    source: Literal["captioned"]
    path: str
    """The folder that the CSV's image paths are relative to."""
    captions: str
    """The CSV."""


class SlidesDataset(Dataset):
    """Whole slides in `path`/split/class/, or a CSV at `path`: path, split and, if known, label, group, mpp, centre.

    Labels come from regions where `annotations` names a folder; else a tile takes its slide's label, which is weak.
    """

    source: Literal["slides"]
    path: str
    """A folder or a CSV."""
    splits: dict[Literal["train", "val", "test"], str] = {"train": "train", "val": "val", "test": "test"}
    """Folder of each split."""
    val_share: Share = 0.2
    """Share of the train groups (patients; slides where unknown) that becomes `val` where there is no such split."""
    split_seed: int = 0
    """Seed of that draw."""
    mpp: PositiveFloat | None = None
    """Microns per pixel at full resolution, of slides that do not say theirs."""
    grid: SlideGrid = SlideGrid()
    min_tissue: Share = 0.5
    """Share of a tile that must be tissue."""
    annotations: str | None = None
    """Folder of QuPath GeoJSON or ASAP XML files named as the slides."""
    min_cover: Share = 0.5
    """Share of a tile that the regions of one label must cover; below it, the tile is unlabelled."""


AnyDataset = Annotated[
    PhantomDataset | PcamDataset | CrcDataset | BachDataset | FolderDataset | CaptionedDataset | SlidesDataset,
    Field(discriminator="source"),
]
