"""Classes of patches, images and slides by a trained model: a table in a file, and maps of slides."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clipit.prediction.inputs import (
    Run,
    find_inputs,
    image_patches,
    slide_patches,
    store_length,
    store_patches,
    survey_slide,
)
from clipit.prediction.model import Model
from clipit.prediction.slide_maps import write_maps
from clipit.prediction.table import Predicted, TableFile
from clipit.runtime.cores import usable_cores
from clipit.runtime.progress import Progress
from clipit.sources.image_source import BadImage, Item
from clipit.sources.slide_image import open_slide


@dataclass
class Outcome:
    """How many patches got a prediction, what could not be read (what, why), and the slides that maps were drawn of."""

    predicted: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    mapped: list[Path] = field(default_factory=list)


def predict(
    model: Model,
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    threads: int | None = None,
    mpp: float | None = None,
    maps: Path | None = None,
) -> Outcome:
    """Writes a row for each patch of `inputs` to `out`, Parquet or CSV by its suffix; it appears when it is whole.

    An image file is one patch, its centre, as in training. A slide is cut into tiles of the model's patch size where
    there is tissue. What cannot be read has a row with the reason, and the rest goes on.

    Args:
        model: see `load_model`.
        inputs: paths, as `inputs.find_inputs` has them.
        out: the table (`table.schema`).
        threads: that decode; None: one for each core that this process may use.
        mpp: microns per pixel of a slide's tiles; None: those of the model's patches, and where these are unknown the
            slide's own.
        maps: folder for a map of every slide, PNG, and its tiles for QuPath, GeoJSON, in folders as the slides are;
            None: no maps.

    Raises:
        UserError: an input does not exist, or `out` cannot be written.
    """
    found, outcome = find_inputs(inputs), Outcome()
    threads = threads or usable_cores()
    plain = [("images", len(found.images), image_patches(found.images, model.patch_size, threads))]
    plain += [(str(store), store_length(store), store_patches(store)) for store in found.stores]
    with TableFile(Path(out), model.classes) as table:
        for what, total, runs in plain:
            for predicted in _told(_predicted(model, runs), what, total):
                _keep(predicted, table, outcome)
        for slide, name in _below_one_folder(found.slides).items():
            pictures = maps and maps / name
            for predicted in _of_slide(model, slide, threads, mpp or model.patch_mpp, pictures, outcome):
                _keep(predicted, table, outcome)
    return outcome


def _keep(predicted: Predicted, table: TableFile, outcome: Outcome) -> None:
    table.append(predicted)
    bad = [(item.patch_id, reason) for item, reason in zip(predicted.items, predicted.reasons, strict=True) if reason]
    outcome.failed += bad
    outcome.predicted += len(predicted.items) - len(bad)


def _told(stream: Iterable[Predicted], what: str, total: int) -> Iterator[Predicted]:
    if total:
        with Progress(f"predict {what}", total, "patches") as progress:
            for predicted in stream:
                yield predicted
                progress.advance(len(predicted.items))


def _below_one_folder(files: Sequence[Path]) -> dict[Path, Path]:
    """Each file's path below the deepest folder that holds them all: names that differ."""
    whole = {file: os.path.abspath(file) for file in files}
    above = os.path.commonpath([os.path.dirname(path) for path in whole.values()]) if files else ""
    return {file: Path(path).relative_to(above) for file, path in whole.items()}


def _of_slide(
    model: Model, file: Path, threads: int, mpp: float | None, maps: Path | None, outcome: Outcome
) -> Iterator[Predicted]:
    try:
        with closing(open_slide(file)) as slide:
            surveyed = survey_slide(slide, model.patch_size, mpp)
            runs = slide_patches(slide, file, surveyed, model.patch_size, threads)
            said = []
            for predicted in _told(_predicted(model, runs), file.name, len(surveyed.tiles)):
                said.append(predicted.probabilities)
                yield predicted
            if maps is not None:
                write_maps(maps, surveyed, slide.origin, model.classes, np.concatenate(said))
                outcome.mapped.append(file)
    except BadImage as reason:
        yield Predicted([Item(str(file), str(file))], np.full((1, len(model.classes)), np.nan), [str(reason)])


def _predicted(model: Model, runs: Iterable[Run]) -> Iterator[Predicted]:
    """The probabilities of all patches, in their order, as many at a time as the model likes best."""
    for items, patches in _batches(runs, model.batch):
        probabilities = np.full((len(items), len(model.classes)), np.nan, np.float32)
        good = {i: patch for i, patch in enumerate(patches) if not isinstance(patch, BadImage)}
        if good:
            probabilities[list(good)] = model.probabilities(np.stack(list(good.values())))
        yield Predicted(items, probabilities, [str(p) if isinstance(p, BadImage) else None for p in patches])


def _batches(runs: Iterable[Run], batch: int) -> Iterator[Run]:
    items: list[Item] = []
    patches: list[np.ndarray | BadImage] = []
    for more, read in runs:
        items += more
        patches += read
        while len(items) >= batch:
            yield items[:batch], patches[:batch]
            items, patches = items[batch:], patches[batch:]
    if items:
        yield items, patches
