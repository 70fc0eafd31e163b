"""Split a text that is too long for a model, at places where no entity is likely to be cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

WINDOW = 100_000
"""Characters that a pipeline sees at once; longer texts are split."""
BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"[.!?\u3002\uff01\uff1f\u061f\u0964][\"')\]\u201d\u2019]*(?:\s+|(?<=[\u3002\uff01\uff1f]))"),
    re.compile(r"\s+"),
)
"""Good places first: between paragraphs, lines, sentences, words."""
TAIL = 4
"""A window ends in its last quarter, so that windows stay long."""
JOINER = "\u200d"
SKINS = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""Emoji's skin tones: each belongs to the sign before it."""


def windows(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Cover a text with windows of at most `limit` characters, in order and without gaps.

    Args:
        limit: at least 1.

    Yields:
        Start and end of each window, as offsets into the text; nothing for an empty text.
    """
    start = 0
    while len(text) - start > limit:
        end = _end(text, start, start + limit)
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def _end(text: str, start: int, stop: int) -> int:
    """The best place to end a window, between its last quarter and `stop`."""
    lowest = max(start + 1, stop - (stop - start) // TAIL)
    for pattern in BREAKS:
        ends = [found.end() for found in pattern.finditer(text, lowest - 1, stop)]
        if ends and ends[-1] >= lowest:
            return ends[-1]
    return _between_characters(text, lowest, stop)


def _between_characters(text: str, lowest: int, stop: int) -> int:
    """Do not part a letter from its accents, nor one emoji into several, where that can be helped."""
    return next((end for end in range(stop, lowest - 1, -1) if not _belongs(text, end)), stop)


def _belongs(text: str, place: int) -> bool:
    """Whether what begins at a place is a part of the sign before it."""
    before, after = text[place - 1], text[place]
    return JOINER in {before, after} or after in SKINS or unicodedata.category(after).startswith("M")
