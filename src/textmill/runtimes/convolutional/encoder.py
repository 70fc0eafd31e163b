"""spaCy's convolutional encoder in numpy: words to vectors, then vectors in their context.

Texts lie behind one another, with `halo` rows of zeros before, between and after them. Those rows take part
in the layers, as they do in spaCy. Each layer needs neighbours and so gives fewer rows than it gets: what is
left in the end is exactly what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textmill.runtimes.convolutional.layers import Convolution, Embedding, Floats, Mixing

Ids: TypeAlias = NDArray[np.uint64]
Hash: TypeAlias = Callable[[Ids, int], Any]
"""thinc's own hash: four numbers for each value, for a seed."""
StaticVectors: TypeAlias = Callable[[Ids], Floats]
"""The vocabulary's vectors for ORTH values; zeros for unknown ones."""

BLOCK = 256
"""Rows that are computed at once: few enough for the processor's cache."""
EPSILON = np.float32(1e-8)


class Embedder:
    """Turns the attributes of words into vectors that do not depend on context.

    Args:
        static: looks up static vectors; needed where the embedding has a projection for them.
    """

    def __init__(self, embedding: Embedding, hash_ids: Hash, static: StaticVectors | None) -> None:
        self.width = len(embedding.mixing.gain)
        self._embedding = embedding
        self._hash = hash_ids
        self._static = static

    def __call__(self, values: Ids, orths: Ids) -> Floats:
        """One vector for each word.

        Args:
            values: the words' attributes, one column for each table.
            orths: their ORTH values, for static vectors.
        """
        found = np.empty((len(values), self.width), np.float32)
        for start in range(0, len(values), BLOCK):
            block = slice(start, start + BLOCK)
            found[block] = mix(self._features(values[block], orths[block]), self._embedding.mixing)
        return found

    def _features(self, values: Ids, orths: Ids) -> Floats:
        parts = []
        for column, table in enumerate(self._embedding.tables):
            ids = np.ascontiguousarray(values[:, column])
            rows = self._hash(ids, table.seed) % len(table.rows)
            parts.append(table.rows[rows].sum(axis=1))
        if self._embedding.projection is not None and self._static is not None:
            parts.append(self._static(orths) @ self._embedding.projection.T)
        return np.concatenate(parts, axis=1)


class Encoder:
    """Turns the vectors of words into vectors in their context.

    Attributes:
        halo: rows of zeros that each text needs before and after it.
    """

    def __init__(self, convolutions: tuple[Convolution, ...]) -> None:
        self.halo = sum(each.window for each in convolutions)
        self._convolutions = convolutions

    def __call__(self, rows: Floats) -> Floats:
        """Encode rows that begin and end with a halo; the halo is not in the result."""
        count = len(rows) - 2 * self.halo
        blocks = [
            self._encode(rows[start : min(start + BLOCK, count) + 2 * self.halo])
            for start in range(0, count, BLOCK)
        ]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _encode(self, rows: Floats) -> Floats:
        for layer in self._convolutions:
            window = layer.window
            count = len(rows) - 2 * window
            neighbours = [rows[shift : shift + count] for shift in range(2 * window + 1)]
            changed = mix(np.concatenate(neighbours, axis=1), layer.mixing)
            changed += neighbours[window]
            rows = changed
        return rows


def mix(rows: Floats, mixing: Mixing) -> Floats:
    """The best of several linear layers, centred and scaled."""
    pieces = rows @ mixing.weights
    pieces += mixing.bias
    best = highest(pieces)
    width = np.float32(best.shape[1])
    best -= np.add.reduce(best, axis=1, keepdims=True) / width
    spread = np.einsum("ij,ij->i", best, best) / width
    best *= ((spread + EPSILON) ** np.float32(-0.5))[:, None]
    best *= mixing.gain
    best += mixing.shift
    return best


def highest(pieces: Floats) -> Floats:
    """The maximum over the first axis, written over its first item."""
    best: Floats = pieces[0]
    for piece in pieces[1:]:
        np.maximum(best, piece, out=best)
    return best
