"""The slides of a data set: in split/class/ folders, or named by a CSV."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from clipit.runtime.errors import UserError
from clipit.sources.image_files import visible_files
from clipit.sources.listing import read_listing, utf8_name

SLIDE_SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".svslide", ".vms", ".vmu")


@dataclass(frozen=True)
class SlideFile:
    """A slide as the user lists it: `path` relative to the data set; `label`, `mpp`, `centre` None where not given."""

    path: str
    split: str
    group: str
    label: str | None = None
    mpp: float | None = None
    centre: str | None = None


def list_slides(path: Path, splits: Mapping[str, str]) -> list[SlideFile]:
    """The slides at `path`, a folder or a CSV, sorted by path.

    Raises:
        UserError: there is none, or the CSV cannot be read as one.
    """
    if not path.exists():
        raise UserError(f"data set folder {path} does not exist: set its path in the config's datasets section")
    found = _read_csv(path) if path.is_file() else _read_folders(path, splits)
    if not found:
        expected = "a line a slide" if path.is_file() else f"{path}/train/<class>/*.svs (or another slide format)"
        raise UserError(f"{path} holds no slide: expected {expected}")
    stems = Counter(Path(slide.path).stem for slide in found)
    # Two slides of one name in different folders are different slides.
    named = [slide if slide.group else replace(slide, group=_name(slide.path, stems)) for slide in found]
    return sorted(named, key=lambda slide: slide.path)


def companions(slide: Path) -> list[Path]:
    """The other files that a slide is made of, sorted: the folder of an .mrxs, what a .vms or .vmu names beside it."""
    match slide.suffix.lower():
        case ".mrxs":
            return sorted(visible_files(slide.with_suffix("")))
        case ".vms" | ".vmu":
            values = {line.partition("=")[2].strip() for line in slide.read_text("latin-1").splitlines()}
            return sorted(slide.parent / name for name in values if os.path.isfile(slide.parent / name))
    return []


def _name(path: str, stems: Mapping[str, int]) -> str:
    stem = Path(path).stem
    return stem if stems[stem] == 1 else path


def _read_folders(root: Path, splits: Mapping[str, str]) -> list[SlideFile]:
    found = []
    for split, name in splits.items():
        for path in visible_files(root / name):
            if path.suffix.lower() in SLIDE_SUFFIXES:
                inside = path.relative_to(root / name).parts
                label = inside[0] if len(inside) > 1 else None
                found.append(SlideFile(utf8_name(path.relative_to(root)), split, "", label))
    return found


def _read_csv(path: Path) -> list[SlideFile]:
    rows = read_listing(path, ("path", "split"), ("label", "group", "mpp", "centre"))
    return [
        SlideFile(row["path"], row["split"], row["group"], row["label"] or None, _mpp(path, row), row["centre"] or None)
        for row in rows
    ]


def _mpp(table: Path, row: Mapping[str, str]) -> float | None:
    if not row["mpp"]:
        return None
    try:
        mpp = float(row["mpp"])
        if 0 < mpp < float("inf"):
            return mpp
    except ValueError:
        pass
    raise UserError(f"{table}: mpp {row['mpp']!r} of slide {row['path']} is not a positive number of microns per pixel")
