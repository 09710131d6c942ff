"""Known feature vectors by whom they show, bounded, and the nearest of them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Hashable, Tuple

import numpy as np

from aai.errors import UsageError

if TYPE_CHECKING:
    from aai.vision.image import Array

DROP_METHODS = ("oldest", "newest")
PER_ID = 50
MOST = 20_000
"""Vectors in a gallery; with 512 elements each, 40 MB."""

Match = Tuple[Hashable, float]


class Gallery:
    """Unit vectors by id; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vectors: dict[Hashable, deque[Array]] = {}
        self._count = 0
        self._limit, self._drop = PER_ID, "oldest"
        self._table: tuple[Array, Array, list[Hashable]] | None = None

    def set_limit(self, count: int, drop_method: str) -> None:
        """At most `count` vectors for each id; `drop_method` says which go: "oldest" or "newest".

        Raises:
            UsageError: another method, or a count below 1.
        """
        if drop_method not in DROP_METHODS:
            raise UsageError(f'drop_method is "{drop_method}"', "drop_method", f"use one of: {', '.join(DROP_METHODS)}")
        if count < 1:
            raise UsageError(f"count is {count}, where 1 or more belongs", "count", f"{PER_ID} is the default")
        with self._lock:
            self._limit, self._drop, self._table = count, drop_method, None
            for vectors in self._vectors.values():
                self._trim(vectors)

    def add(self, name: Hashable, vector: Array) -> None:
        """Takes in a vector of an id.

        Raises:
            UsageError: the gallery is full, or its other vectors have another length.
        """
        with self._lock:
            vectors = self._vectors.get(name, deque())
            others = next((known[0] for known in self._vectors.values() if known), vector)
            if len(others) != len(vector):
                raise UsageError(
                    f"the feature has {len(vector)} elements, and those in the gallery have {len(others)}",
                    "gallery",
                    "clear_gallery() when the model is changed",
                )
            if len(vectors) < self._limit and self._count >= MOST:
                raise UsageError(
                    f"the gallery is full: it has {MOST:,} features",
                    "gallery",
                    "remove_from_gallery(id) for those that are gone, or set_per_id_gallery_limit(count=...)",
                )
            vectors.append(vector)
            self._count += 1
            self._trim(vectors)
            self._vectors[name] = vectors
            self._table = None

    def remove(self, name: Hashable) -> None:
        """Forgets an id; one that is not there is forgotten already."""
        with self._lock:
            self._count -= len(self._vectors.pop(name, ()))
            self._table = None

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._vectors.clear()
            self._count = 0
            self._table = None

    def sizes(self) -> dict[Hashable, int]:
        """Number of vectors of each id, in the order of their first."""
        with self._lock:
            return {name: len(vectors) for name, vectors in self._vectors.items()}

    def nearest(self, vector: Array, count: int) -> list[Match]:
        """The ids whose best vector is most alike, with the cosine of the angle between, in -1..1, falling.

        Raises:
            UsageError: the gallery's vectors have another length.
        """
        with self._lock:
            if self._table is None:
                self._table = self._tabled()
            matrix, starts, names = self._table
        if not names:
            return []
        if matrix.shape[1] != len(vector):
            raise UsageError(
                f"the feature has {len(vector)} elements, and those in the gallery have {matrix.shape[1]}",
                "gallery",
                "clear_gallery() when the model is changed",
            )
        best = np.maximum.reduceat(matrix @ vector, starts)
        order = np.argsort(-best, kind="stable")[:count]
        return [(names[place], float(best[place])) for place in order.tolist()]

    def _tabled(self) -> tuple[Array, Array, list[Hashable]]:
        """All vectors as rows, the first row of each id, and the ids."""
        rows: list[Array] = [vector for vectors in self._vectors.values() for vector in vectors]
        lengths = [len(vectors) for vectors in self._vectors.values()]
        starts = np.cumsum([0, *lengths[:-1]]) if lengths else np.zeros(0, np.intp)
        return np.array(rows, np.float32), starts, list(self._vectors)

    def _trim(self, vectors: deque[Array]) -> None:
        while len(vectors) > self._limit:
            self._count -= 1
            if self._drop == "oldest":
                vectors.popleft()
            else:
                vectors.pop()
