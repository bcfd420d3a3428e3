"""The patch store: one Zarr v3 array `image` (N, H, W, 3) uint8, sharded, a patch an inner chunk, uncompressed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts

from clipit.runtime.errors import UserError

SHARD_BYTES = 128_000_000


def rows_per_shard(size: int) -> int:
    """Patches of `size` x `size` pixels in a shard of about 128 MB."""
    return max(1, SHARD_BYTES // (size * size * 3))


def part_rows(n_rows: int, size: int, part: int, parts: int) -> range:
    """The rows that part `part` of `parts` tiles: whole shards, so that two parts never write one file.

    A part may be empty.
    """
    step = rows_per_shard(size)
    shards = -(-n_rows // step)
    first, last = shards * part // parts, shards * (part + 1) // parts
    return range(min(first * step, n_rows), min(last * step, n_rows))


def patch_digest(patch: np.ndarray) -> str:
    """SHA-256 of a patch's pixels, hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(patch).tobytes()).hexdigest()


class PatchStore:
    """Reads and writes blocks of patches, uint8 (rows, size, size, 3)."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __len__(self) -> int:
        return int(self._array.shape[0])

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return int(self._array.shape[1])

    @classmethod
    def create(cls, path: str | Path, n_rows: int, size: int) -> "PatchStore":
        """Makes an empty store of `n_rows` patches, in place of whatever is at `path`."""
        metadata = {
            "shape": [n_rows, size, size, 3],
            "data_type": "uint8",
            "dimension_names": ["patch", "y", "x", "channel"],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows_per_shard(size), size, size, 3]}},
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [1, size, size, 3],
                        "codecs": [{"name": "bytes"}],
                        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                    },
                }
            ],
        }
        group = Path(path)
        group.mkdir(parents=True, exist_ok=True)
        (group / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}\n')
        return cls(ts.open({**_spec(path), "metadata": metadata}, create=True, delete_existing=True).result())

    @classmethod
    def open(cls, path: str | Path) -> "PatchStore":
        """Opens an existing store.

        Raises:
            UserError: there is none at `path`.
        """
        try:
            return cls(ts.open(_spec(path), open=True).result())
        except ValueError as error:
            raise UserError(f"{path} is not a patch store: delete it and run snakemake again") from error

    def write(self, start: int, block: np.ndarray) -> None:
        """Writes consecutive patches from row `start`; blocks aligned to shards are written once."""
        self._array[start : start + len(block)].write(block).result()

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The patches at `rows`, in that order."""
        return np.asarray(self._array[np.asarray(rows, dtype=np.int64)].read().result())


def _spec(path: str | Path) -> dict[str, Any]:
    return {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{Path(path).resolve()}/image/"},
        "store_data_equal_to_fill_value": True,
    }
