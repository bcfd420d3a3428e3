"""How a patch store lies on the disk: one Zarr v3 array `image` (N, H, W, 3) uint8, sharded, a patch an inner chunk.

`patches.zarr/` is a Zarr group, `_SUCCESS.json` beside it (the sentinel) declares it finished. A copy of both in object
storage is laid out alike.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.object_store import inside, is_remote, kvstore, names_in, read_bytes
from clipit.runtime.errors import UserError

SHARD_BYTES = 128_000_000
SENTINEL = "_SUCCESS.json"

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_INDEX_CODECS = [_BYTES, {"name": "crc32c"}]


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
    return hashlib.sha256(np.ascontiguousarray(patch).data).hexdigest()


def sentinel(store: str | Path) -> Path:
    """The file that declares the store at `store` finished."""
    return Path(store).parent / SENTINEL


@dataclass(frozen=True)
class Layout:
    """Where the patches of a store lie.

    Attributes:
        folder: the store, an absolute path or an address in object storage.
        n_rows: patches in it.
        size: side of a patch in pixels.
        shard_rows: patches in a full shard.
        plain: the shards hold uncompressed patches, with an index at their end as `array_metadata` asks for.
    """

    folder: Path | str
    n_rows: int
    size: int
    shard_rows: int
    plain: bool

    @property
    def shape(self) -> list[int]:
        return [self.n_rows, self.size, self.size, 3]

    @property
    def remote(self) -> bool:
        """Whether the store lies in object storage, whose files cannot be mapped."""
        return is_remote(self.folder)

    @property
    def patch_bytes(self) -> int:
        return self.size * self.size * 3

    @property
    def index_bytes(self) -> int:
        """Of a plain shard: offset and length of every patch as uint64, and a CRC-32C of them."""
        return 16 * self.shard_rows + 4

    @property
    def n_shards(self) -> int:
        return -(-self.n_rows // self.shard_rows)

    def rows_in(self, shard: int) -> int:
        """Patches in a shard; the last one may hold fewer."""
        return min(self.shard_rows, self.n_rows - shard * self.shard_rows)

    def file(self, shard: int) -> Path:
        """The file of a plain shard."""
        return Path(self.folder) / "image" / "c" / str(shard) / "0" / "0" / "0"

    def file_bytes(self, shard: int) -> int:
        """The least size of a plain shard's file in which every patch is present."""
        return self.rows_in(shard) * self.patch_bytes + self.index_bytes


def array_metadata(n_rows: int, size: int) -> dict[str, Any]:
    """The array's metadata, as TensorStore takes it for a new store."""
    sharding = {"chunk_shape": [1, size, size, 3], "codecs": [_BYTES], "index_codecs": _INDEX_CODECS}
    return {
        "shape": [n_rows, size, size, 3],
        "data_type": "uint8",
        "dimension_names": ["patch", "y", "x", "channel"],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows_per_shard(size), size, size, 3]}},
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
    }


def tensorstore_spec(store: str | Path) -> dict[str, Any]:
    """What TensorStore opens. Black patches are written too: a row of the store always has its bytes."""
    return {
        "driver": "zarr3",
        "kvstore": kvstore(inside(store, "image")),
        "store_data_equal_to_fill_value": True,
    }


def read_layout(store: str | Path) -> Layout:
    """The layout of the store at `store`.

    Raises:
        UserError: there is none, or it is no array of square RGB patches.
    """
    file = inside(store, "image", "zarr.json")
    try:
        metadata = json.loads(read_bytes(file))
        n_rows, size, width, channels = metadata["shape"]
        outer, *plane = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        right = metadata["data_type"] == "uint8" and width == size and channels == 3
        plain = plane == [size, size, 3] and _is_plain(metadata, size)
    except FileNotFoundError as error:
        raise UserError(f"{store} is not a patch store ({file} is missing): run snakemake to make it") from error
    except (ValueError, KeyError, TypeError, NotADirectoryError) as error:
        raise UserError(f"{store} is not a patch store: delete it and run snakemake again") from error
    if not right:
        raise UserError(f"{store} is not a patch store (no uint8 N x H x H x 3): delete it and run snakemake again")
    return Layout(store if is_remote(store) else Path(store).absolute(), n_rows, size, outer, plain)


def check_shards(store: str | Path) -> None:
    """Looks for every shard of the store at `store`, as far as files can tell (compressed stores leave shards out).

    Raises:
        UserError: a shard is missing or cut short.
    """
    layout, again = read_layout(store), f"delete {Path(store).parent} and run snakemake again"
    if not layout.plain:  # may leave out shards of zeros, and its files are of any size
        return
    if layout.remote:  # a shard that is not there would be read as black patches
        present = names_in(f"{layout.folder}/image/c")
        missing = [shard for shard in range(layout.n_shards) if f"{shard}/0/0/0" not in present]
        if missing:
            raise UserError(
                f"{store} is incomplete (shard {missing[0]} of {layout.n_shards} is missing): copy it there again"
            )
        return
    for shard in range(layout.n_shards):
        file = layout.file(shard)
        size = file.stat().st_size if file.is_file() else None
        if size is None:
            raise UserError(f"{store} is incomplete ({file} is missing): {again}")
        if size < layout.file_bytes(shard):
            raise UserError(f"{store} is incomplete ({file} has {size:,} bytes, too few): {again}")


def _is_plain(metadata: dict[str, Any], size: int) -> bool:
    """Whether shards can be read without decoding, as far as the metadata tell."""
    if metadata.get("storage_transformers") or len(metadata["codecs"]) != 1:
        return False
    keys = metadata.get("chunk_key_encoding", {"name": "default"})
    sharding = metadata["codecs"][0]
    inner = sharding.get("configuration", {})
    return (
        keys["name"] == "default"
        and keys.get("configuration", {}).get("separator", "/") == "/"
        and sharding["name"] == "sharding_indexed"
        and inner["chunk_shape"] == [1, size, size, 3]
        and [codec["name"] for codec in inner["codecs"]] == ["bytes"]
        and inner["index_codecs"] == _INDEX_CODECS
        and inner.get("index_location", "end") == "end"
    )
