"""Miniatures of the public image data sets: synthetic textures in exactly the originals' names, trees and formats.

A class is a direction and a width of stripes, so that a small model can tell them apart and a mean colour cannot.
"""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

PCAM = "camelyonpatch_level_2_split_{split}_{part}.h5"
CRC_CLASSES = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
BACH_CLASSES = {"Benign": "b", "InSitu": "is", "Invasive": "iv", "Normal": "n"}
"""Folder, and what the names of its photographs begin with."""


def texture(rng: np.random.Generator, label: int, width: int, height: int) -> np.ndarray:
    """A synthetic texture of class `label`, uint8 (height, width, 3), pink as H&E is."""
    y, x = np.mgrid[:height, :width]
    angle, period = np.pi * (label % 4) / 4, 3 + 2 * (label // 4)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6))
    pink = np.array([205, 150, 190]) + rng.uniform(-20, 20, 3)
    noisy = pink + 35 * wave[..., None] + rng.normal(0, 6, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def write_pcam(
    folder: Path,
    counts: Mapping[str, int],
    *,
    chunks: tuple[int, int, int, int] | None = (32, 96, 96, 3),
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The six `.h5` files of `counts` (train, valid, test) patches; the patches of each split.

    `chunks`: of the patches, compressed by gzip; None: contiguous.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    written = {}
    for split, count in counts.items():
        label = np.arange(count, dtype=np.uint8) % 2
        patches = np.stack([texture(rng, int(c), 96, 96) for c in label])
        fitting = chunks and (min(chunks[0], count), *chunks[1:])
        packed = {"chunks": fitting, "compression": "gzip"} if chunks else {}
        with h5py.File(folder / PCAM.format(split=split, part="x"), "w") as file:
            file.create_dataset("x", data=patches, **packed)
        with h5py.File(folder / PCAM.format(split=split, part="y"), "w") as file:
            file.create_dataset("y", data=label.reshape(-1, 1, 1, 1), **({"compression": "gzip"} if chunks else {}))
        written[split] = patches
    return written


def write_crc(folder: Path, train: Sequence[int], test: int, *, size: int = 224, stem: str = "NCT-CRC-HE-100K") -> None:
    """Class folders of TIFF tiles: `train` tiles of each of the nine classes, and `test` of each.

    Packed by PackBits, as the originals are.
    """
    rng = np.random.default_rng(1)
    for name, counts in ((stem, train), ("CRC-VAL-HE-7K", [test] * len(CRC_CLASSES))):
        for label, (folder_name, count) in enumerate(zip(CRC_CLASSES, counts, strict=True)):
            (folder / name / folder_name).mkdir(parents=True)
            for i in range(count):
                tile = Image.fromarray(texture(rng, label, size, size))
                tile.save(folder / name / folder_name / f"{folder_name}-{_letters(i)}.tif", compression="packbits")


def write_bach(folder: Path, *, width: int = 32, height: int = 24) -> None:
    """The tree of 400 TIFF photographs, and the files beside them that are none."""
    rng = np.random.default_rng(2)
    photos = folder / "ICIAR2018_BACH_Challenge" / "Photos"
    for label, (name, prefix) in enumerate(BACH_CLASSES.items()):
        (photos / name).mkdir(parents=True)
        for i in range(1, 101):
            Image.fromarray(texture(rng, label, width, height)).save(photos / name / f"{prefix}{i:03d}.tif")
        (photos / name / "Thumbs.db").write_bytes(b"not a photograph")
    (photos / "microscopy_ground_truth.csv").write_text("b001.tif,Benign\n")


def packed_gz(file: Path) -> bytes:
    """A file as the `.gz` that it is published as."""
    return gzip.compress(file.read_bytes(), 1, mtime=0)


def packed_zip(folder: Path) -> bytes:
    """A folder as the `.zip` that it is published as: the folder itself is at its top."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))
    return content.getvalue()


def published(folder: Path) -> dict[str, bytes]:
    """What stands in `folder` (by the writers above) as the files that the original sites serve, by their names."""
    files = {f"{path.name}.gz": packed_gz(path) for path in sorted(folder.glob("*.h5"))}
    return files | {f"{path.name}.zip": packed_zip(path) for path in sorted(folder.iterdir()) if path.is_dir()}


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _letters(i: int) -> str:
    """Eight letters, as the tiles of NCT-CRC are named; in the order of `i`."""
    return "".join(chr(ord("A") + i // 26**place % 26) for place in reversed(range(8)))
