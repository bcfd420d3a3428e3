"""Decoded pieces of a slide, each decoded once while it is in use, within a bounded memory."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

import numpy as np

Key = tuple[int, int]


class TileCache:
    """Gives `decode(key)`, keeping the results used last; threads that ask for one tile at once share one decoding.

    Args:
        decode: makes the array of a key; what it raises, `get` raises, and the next call tries again.
        capacity: bytes of arrays to keep.
    """

    def __init__(self, decode: Callable[[Key], np.ndarray], capacity: int) -> None:
        self._decode, self._capacity = decode, capacity
        self._decoded: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._pending: dict[Key, Future[np.ndarray]] = {}
        self._lock = Lock()
        self._bytes = 0

    def get(self, key: Key) -> np.ndarray:
        """The array of `key`, shared with other callers: do not write into it."""
        with self._lock:
            if key in self._decoded:
                self._decoded.move_to_end(key)
                return self._decoded[key]
            pending = self._pending.get(key)
            if pending is None:
                mine = self._pending[key] = Future()
        return pending.result() if pending else self._make(key, mine)

    def _make(self, key: Key, future: Future[np.ndarray]) -> np.ndarray:
        try:
            tile = self._decode(key)
        except BaseException as error:
            with self._lock:
                del self._pending[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._pending[key]
            self._decoded[key] = tile
            self._bytes += tile.nbytes
            while self._bytes > self._capacity and len(self._decoded) > 1:
                self._bytes -= self._decoded.popitem(last=False)[1].nbytes
        future.set_result(tile)
        return tile
