"""Tiles are decoded once, kept within bounds, and shared by threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clipit.sources.slide_cache import Key, TileCache


def test_the_tiles_used_last_are_kept() -> None:
    decoded: list[Key] = []
    cache = TileCache(lambda key: decoded.append(key) or np.full(100, key[1], np.uint8), 250)
    for index in (0, 1, 0, 2, 0, 1):
        assert (cache.get((0, index)) == index).all()
    assert [index for _, index in decoded] == [0, 1, 2, 1]


def test_threads_that_ask_at_once_share_one_decoding() -> None:
    decoded: list[Key] = []
    wait = threading.Event()

    def decode(key: Key) -> np.ndarray:
        decoded.append(key)
        wait.wait(5)
        return np.zeros(10, np.uint8)

    cache = TileCache(decode, 1000)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cache.get, (0, 7)) for _ in range(4)]
        wait.set()
        arrays = [future.result() for future in waiting]
    assert decoded == [(0, 7)]
    assert all(array is arrays[0] for array in arrays)


def test_what_fails_fails_again_and_leaves_nothing_behind() -> None:
    calls: list[Key] = []

    def decode(key: Key) -> np.ndarray:
        calls.append(key)
        if len(calls) < 3:
            raise OSError("damaged")
        return np.zeros(10, np.uint8)

    cache = TileCache(decode, 1000)
    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            cache.get((0, 0))
    assert cache.get((0, 0)).nbytes == 10
    assert len(calls) == 3


def test_many_threads_stay_within_bounds_and_get_what_they_asked_for() -> None:
    cache = TileCache(lambda key: np.full(1000, key[1], np.uint16), 20_000)
    keys = np.random.default_rng(0).integers(0, 60, 4000)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda key: (cache.get((0, int(key))) == key).all(), keys))
    assert sum(tile.nbytes for tile in cache._decoded.values()) == cache._bytes <= 20_000
