import hashlib

import numpy as np
import pytest

from clipit.artifacts import patch_layout
from clipit.artifacts.patch_layout import part_rows, patch_digest, rows_per_shard


@pytest.mark.parametrize("n_rows", [0, 1, 5, 6, 23, 100])
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_share_out_whole_shards(monkeypatch, n_rows, parts):
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * 8 * 8 * 3)
    ranges = [part_rows(n_rows, 8, part, parts) for part in range(parts)]
    assert [row for rows in ranges for row in rows] == list(range(n_rows))
    assert all(rows.start % 5 == 0 and (rows.stop % 5 == 0 or rows.stop == n_rows) for rows in ranges if rows)


def test_a_shard_is_about_128_megabytes():
    for size in (64, 96, 224, 512):
        assert 0.9 * 128e6 < rows_per_shard(size) * size * size * 3 <= 128e6
    assert rows_per_shard(10_000) == 1


def test_a_digest_is_of_the_pixels():
    patch = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    strided = np.repeat(patch, 2, axis=1)[:, ::2]
    assert patch_digest(strided) == patch_digest(patch) == hashlib.sha256(patch.tobytes()).hexdigest()
