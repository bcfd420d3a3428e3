"""Where a file comes from, written into the file itself and checked by whoever reads it.

Provenance holds no time, host or path: equal work gives equal bytes.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError

# The libraries whose version can change a number.
_LIBRARIES = (
    "captum", "clipit", "faiss-cpu", "faiss-gpu", "h5py", "imagecodecs", "numpy", "open_clip_torch", "openslide-bin",
    "openslide-python", "peft", "pillow", "pyarrow", "pytorch-lightning", "scikit-image", "scikit-learn", "scipy",
    "shapely", "tensorstore", "tifffile", "tiffslide", "timm", "torch", "transformers",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """What a stage is told about itself by its caller: its name, its parameters, its code digest, its seed.

    `inputs` are digests of what its source reads: downloads, own tables and reports.
    """

    stage: str
    params: Mapping[str, Any] = field(default_factory=dict)
    code: str = "unversioned"
    seed: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)

    def provenance(
        self, *, lineage: Mapping[str, str] | None = None, inputs: Mapping[str, str | Path] | None = None
    ) -> dict[str, Any]:
        """The provenance of one output.

        `lineage` names what the output describes by content digest (`patches`, `reports`, `retriever`, `backbone`):
        two files that disagree on a shared name must never be combined. `inputs` are files, stored by their SHA-256
        beside those of the origin.
        """
        return {
            "stage": self.stage,
            "params": dict(self.params),
            "seed": self.seed,
            "code": self.code,
            "lineage": dict(sorted((lineage or {}).items())),
            "inputs": dict(
                sorted({**self.inputs, **{name: file_digest(path) for name, path in (inputs or {}).items()}}.items())
            ),
            "libraries": _versions(),
        }


@cache
def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def marker_digests(markers: Iterable[str | Path]) -> dict[str, str]:
    """SHA-256 of the markers of downloads, which hold those of the files, by the downloads' names."""
    return {Path(marker).parent.name: file_digest(marker) for marker in markers}


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value with sorted keys, hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_lineage(*files: tuple[str, Mapping[str, str]]) -> dict[str, str]:
    """The united lineage of `files`, each a (path, lineage).

    Raises:
        UserError: two of them describe different things under one name, another retriever's embeddings, say.
    """
    united: dict[str, tuple[str, str]] = {}
    for path, lineage in files:
        for name, digest in lineage.items():
            other_path, other = united.setdefault(name, (path, digest))
            if other != digest:
                raise UserError(
                    f"{path} and {other_path} were made from different {name} ({digest[:12]} and {other[:12]}): "
                    "delete the older of the two and run snakemake again"
                )
    return {name: digest for name, (_, digest) in sorted(united.items())}
