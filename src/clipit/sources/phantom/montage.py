"""`python -m clipit.sources.phantom.montage OUT.png`: what the phantom looks like, a row a class."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from clipit.sources.phantom.cohort import target_cohort
from clipit.sources.phantom.findings import CLASSES

_GAP, _CAPTION, _COLOURS = 2, 12, 128


def montage(out: Path, *, seed: int = 0, columns: int = 8) -> None:
    """Writes a PNG of `columns` patches of each class, an equal share of each grade and inflammation."""
    cohort = target_cohort(seed)
    cell = cohort.size + _GAP
    sheet = Image.new("RGB", (columns * cell + _GAP, len(CLASSES) * (cell + _CAPTION) + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for label, name in enumerate(CLASSES):
        top = label * (cell + _CAPTION)
        pen.text((_GAP, top), f"{name} (synthetic)", fill="black")
        for column in range(columns):
            row = int(np.flatnonzero(cohort.finding == label * 4 + column * 4 // columns)[column])
            sheet.paste(Image.fromarray(cohort.render(row)), (_GAP + column * cell, top + _CAPTION + _GAP))
    sheet.quantize(_COLOURS).save(out, optimize=True)


if __name__ == "__main__":
    montage(Path(sys.argv[1]))
