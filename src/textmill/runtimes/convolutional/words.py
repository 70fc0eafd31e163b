"""The words of texts as rows of one table, remembered from text to text.

spaCy's tokeniser handles each run of characters between white space by itself, except that its special cases
may match across white space. So a piece of text that was tokenised once need not be tokenised again; pieces
are tokenised together where a special case could reach from one into the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from textmill.runtimes.base import NotRecognisedError
from textmill.runtimes.convolutional.encoder import Embedder, Ids
from textmill.runtimes.convolutional.layers import Floats

Counts: TypeAlias = NDArray[np.int64]
Tokenise: TypeAlias = Callable[[Collection[str]], list["Piece"]]

PIECE = re.compile(r"\S+ ?|\s+")
"""What spaCy's tokeniser handles by itself; a single space belongs to the word before it."""
CAPACITY = 32_768
"""Rows that are remembered; when they are used up, all are forgotten."""
LONGEST = 48
"""Characters of a piece that is remembered."""
ANY = ""
"""Stands for a token that cannot be known."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What the tokeniser made of a piece of text.

    Attributes:
        values: the attributes of each token that the embedding reads.
        measures: for each token its ORTH value, length, 1 where a space follows, 1 where it is white space.
        first, last: the text of its first and last token.
    """

    text: str
    values: Ids
    measures: Ids
    first: str
    last: str


class SpecialCases:
    """Whether a special case of a tokeniser could match across the white space between two pieces.

    Args:
        rules: the special cases.
        patterns: the tokens of each special case that the tokeniser looks for after splitting.
    """

    def __init__(self, rules: Collection[str], patterns: dict[str, list[str]]) -> None:
        if any(re.search(r"\s", rule) and not rule.isspace() for rule in patterns):
            raise NotRecognisedError("Its tokeniser has special cases with white space in them.")
        self._rules = frozenset(rules)
        self._texts = tuple(patterns)
        self._pairs = frozenset(chain.from_iterable(map(pairwise, patterns.values())))
        self._firsts = {first for first, _ in self._pairs}
        self._seconds = {second for _, second in self._pairs}
        self._heads: dict[str, str] = {}
        self._tails: dict[str, str] = {}

    def add(self, piece: Piece) -> None:
        """Remember how a piece begins and ends, where that matters."""
        text = piece.text.strip()
        changed = text not in self._rules
        first = ANY if changed and text.startswith(self._texts) else piece.first
        last = ANY if changed and text.endswith(self._texts) else piece.last
        if first == ANY or first in self._seconds:
            self._heads[piece.text] = first
        if last == ANY or last in self._firsts:
            self._tails[piece.text] = last

    def forget(self, text: str) -> None:
        self._heads.pop(text, None)
        self._tails.pop(text, None)

    def clear(self) -> None:
        self._heads.clear()
        self._tails.clear()

    def join(self, pieces: list[str]) -> list[str]:
        """Join neighbours of which a special case could match across; all of them were added before."""
        heads, tails = self._heads, self._tails
        reached = [
            index
            for index, piece in enumerate(pieces)
            if piece in heads
            and index
            and pieces[index - 1] in tails
            and self._meet(pieces[index - 1], piece)
        ]
        for index in reversed(reached):
            pieces[index - 1 : index + 1] = ["".join(pieces[index - 1 : index + 1])]
        return pieces

    def _meet(self, left: str, right: str) -> bool:
        pair = self._tails[left], self._heads[right]
        return ANY in pair or pair in self._pairs


class Words:
    """A bounded table with one row for each token of each piece that was seen; row 0 is padding.

    Attributes:
        vectors: the embedding of each row.
        lengths: its characters.
        advances: its characters and the space behind it.
        spaces: whether no entity may begin there: white space and padding.
    """

    def __init__(
        self, tokenise: Tokenise, embedder: Embedder, special: SpecialCases, capacity: int = CAPACITY
    ) -> None:
        self._tokenise = tokenise
        self._embedder = embedder
        self._special = special
        self._capacity = capacity
        self._rows: dict[str, range] = {}
        self._passing: list[str] = []
        self._used = 1
        self._allocate(capacity)

    def __len__(self) -> int:
        """How many rows are in use."""
        return self._used

    def rows(self, texts: Iterable[str]) -> list[list[int]]:
        """The rows of each text's tokens, good until the next call."""
        self._forget_passing()
        split = [PIECE.findall(text) for text in texts]
        self._learn(set(chain.from_iterable(split)))
        joined = [self._special.join(pieces) for pieces in split]
        self._learn(set(chain.from_iterable(joined)))
        return [list(chain.from_iterable(map(self._rows.__getitem__, pieces))) for pieces in joined]

    def _learn(self, wanted: set[str]) -> None:
        """Give rows to all these pieces."""
        missing = wanted.difference(self._rows)
        if not missing:
            return
        pieces = self._tokenise(missing)
        if self._used + _tokens(pieces) > len(self.vectors):
            pieces += self._tokenise(wanted - missing)
            self._clear(max(self._capacity, 1 + _tokens(pieces)))
        for piece in pieces:
            self._rows[piece.text] = range(self._used, self._used + len(piece.values))
            self._used += len(piece.values)
            self._special.add(piece)
        self._passing += [piece.text for piece in pieces if len(piece.text) > LONGEST]
        self._fill(slice(self._used - _tokens(pieces), self._used), pieces)

    def _fill(self, rows: slice, pieces: list[Piece]) -> None:
        orths, lengths, followed, spaces = np.concatenate([piece.measures for piece in pieces]).T
        self.lengths[rows] = lengths
        self.advances[rows] = lengths + followed
        self.spaces[rows] = spaces
        self.vectors[rows] = self._embedder(np.concatenate([piece.values for piece in pieces]), orths)

    def _forget_passing(self) -> None:
        """Forget pieces that are too long to keep; their rows are lost until the table is cleared."""
        if len(self.vectors) > self._capacity:
            self._clear(self._capacity)
        for text in self._passing:
            self._rows.pop(text, None)
            self._special.forget(text)
        self._passing.clear()

    def _clear(self, capacity: int) -> None:
        """Forget everything, and make room for so many rows."""
        if capacity != len(self.vectors):
            self._allocate(capacity)
        self._rows.clear()
        self._passing.clear()
        self._special.clear()
        self._used = 1

    def _allocate(self, capacity: int) -> None:
        """Make tables of this size, with the row of padding in them."""
        self.vectors: Floats = np.zeros((capacity, self._embedder.width), np.float32)
        self.lengths: Counts = np.zeros(capacity, np.int64)
        self.advances: Counts = np.zeros(capacity, np.int64)
        self.spaces: NDArray[np.bool_] = np.ones(capacity, np.bool_)


def _tokens(pieces: Iterable[Piece]) -> int:
    return sum(len(piece.values) for piece in pieces)
