"""From a text to its terms, as a vectorizer's own analyzer gives them, but faster; and where they stand.

The usual token patterns need no regular expression in a text of ASCII letters alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from textmill.runtimes.base import NotRecognisedError

Terms: TypeAlias = Callable[[str], list[str]]
Located: TypeAlias = tuple[str, int, int]
"""A term with its start and end in the original text."""

STRIPPERS = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}
WORDS = {
    r"(?u)\w+": 1,
    r"\w+": 1,
    r"(?u)\b\w+\b": 1,
    r"\b\w+\b": 1,
    r"(?u)\b\w\w+\b": 2,
    r"\b\w\w+\b": 2,
    r"(?u)\b\w{2,}\b": 2,
    r"\b\w{2,}\b": 2,
}
"""The patterns that mean whole words, and the length of the shortest."""
BLANKS = re.compile(r"\s\s+")
WORD = re.compile(r"\S+")
_LETTERS = [chr(code) if chr(code).isalnum() or chr(code) == "_" else " " for code in range(128)]
KEPT, LOWERED = "".join(_LETTERS), "".join(_LETTERS).lower()


@dataclass(frozen=True, slots=True)
class Analyzer:
    """How one vectorizer reads a text.

    Attributes:
        terms: all terms of a text in the vectorizer's order, repeated as often as they occur.
        locate: the same with their places, in reading order; slower.
        words, pieces: where terms never reach over white space, the words of a text and the terms of a word.
    """

    terms: Terms
    locate: Callable[[str], list[Located]]
    words: Terms | None = None
    pieces: Terms | None = None


@dataclass(frozen=True, slots=True)
class Aligned:
    """A changed text that knows where each of its letters came from."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def located(self, term: str, start: int, end: int) -> Located:
        """A piece of the changed text as a piece of the original one; without letters it has no width."""
        if start == end:
            at = self.starts[start] if start < len(self.text) else (self.ends[-1] if self.ends else 0)
            return term, at, at
        return term, self.starts[start], self.ends[end - 1]


def analyzer(vectorizer: Any) -> Analyzer:
    """The analyzer of a vectorizer whose class is known.

    Raises:
        NotRecognisedError: it runs functions of its own, or has options that cannot be used.
    """
    _refuse_own_functions(vectorizer)
    low, high = _range(vectorizer)
    prepare, align = _preparation(bool(vectorizer.lowercase), vectorizer.strip_accents)
    if vectorizer.analyzer == "word":
        return _word_analyzer(vectorizer, prepare, align, (low, high))
    if vectorizer.analyzer == "char":
        return Analyzer(
            lambda text: char_ngrams(BLANKS.sub(" ", prepare(text)), low, high),
            lambda text: list(_located_chars(_single_blanks(align(text)), low, high)),
        )
    return Analyzer(
        lambda text: padded_ngrams(prepare(text).split(), low, high),
        lambda text: list(_located_padded(align(text), low, high)),
        lambda text: prepare(text).split(),
        lambda word: padded_ngrams([word], low, high),
    )


def word_ngrams(tokens: list[str], low: int, high: int) -> list[str]:
    """Neighbouring tokens joined by a space: all of one length, then all of the next."""
    found = tokens if low == 1 else []
    for length in range(max(low, 2), min(high, len(tokens)) + 1):
        found = found + list(map(" ".join, zip(*(tokens[at:] for at in range(length)), strict=False)))
    return found


def char_ngrams(text: str, low: int, high: int) -> list[str]:
    """All pieces of a text, shortest first."""
    size = len(text)
    return [
        text[at : at + length]
        for length in range(low, min(high, size) + 1)
        for at in range(size - length + 1)
    ]


def padded_ngrams(words: list[str], low: int, high: int) -> list[str]:
    """All pieces of each word with a space on both sides; a word shorter than a piece counts once."""
    found: list[str] = []
    for word in words:
        padded = f" {word} "
        size = len(padded)
        for length in range(low, min(high, size - 1) + 1):
            found += [padded[at : at + length] for at in range(size - length + 1)]
        if high >= size:
            found.append(padded)
    return found


def _refuse_own_functions(vectorizer: Any) -> None:
    name = type(vectorizer).__name__
    for option in ("tokenizer", "preprocessor"):
        if getattr(vectorizer, option) is not None:
            raise NotRecognisedError(f"Its {name} has a {option} of its own.")
    for option in ("analyzer", "strip_accents"):
        if callable(getattr(vectorizer, option)):
            raise NotRecognisedError(f"Its {name} has a function as {option}.")
    if vectorizer.analyzer not in ("word", "char", "char_wb") or vectorizer.input != "content":
        raise NotRecognisedError(f"Its {name} has an analyzer or an input that is not known.")
    if vectorizer.strip_accents not in (None, False, *STRIPPERS):
        raise NotRecognisedError(f"Its {name} strips accents in a way that is not known.")


def _range(vectorizer: Any) -> tuple[int, int]:
    low, high = vectorizer.ngram_range
    if type(low) is not int or type(high) is not int or not 1 <= low <= high:
        raise NotRecognisedError(f"Its {type(vectorizer).__name__} has an unusual n-gram range.")
    return low, high


def _preparation(
    lower: bool,  # noqa: FBT001 - the vectorizer's own option
    accents: str | None,
) -> tuple[Callable[[str], str], Callable[[str], Aligned]]:
    strip = STRIPPERS[accents] if accents else None

    def prepare(text: str) -> str:
        if lower:
            text = text.lower()
        return text if strip is None else strip(text)

    def align(text: str) -> Aligned:
        changed = prepare(text)
        if strip is None and len(changed) == len(text):
            return Aligned(changed, range(len(text)), range(1, len(text) + 1))
        return _aligned(text, changed, lambda letter: _letters(letter, lower, accents))

    return prepare, align


def _letters(letter: str, lower: bool, accents: str | None) -> str:  # noqa: FBT001 - as above
    """What becomes of one letter alone."""
    letter = letter.lower() if lower else letter
    if not accents:
        return letter
    parts = unicodedata.normalize("NFKD", letter)
    if accents == "ascii":
        return "".join(part for part in parts if part.isascii())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _aligned(text: str, changed: str, become: Callable[[str], str]) -> Aligned:
    """Follow each letter; a combining mark that is dropped belongs to the letter before it.

    Only the final sigma depends on its neighbours, and it stays one letter: lengths can be added up.
    """
    starts: list[int] = []
    ends: list[int] = []
    for at, letter in enumerate(text):
        count = len(become(letter))
        starts += [at] * count
        ends += [at + 1] * count
        if not count and ends and ends[-1] == at and unicodedata.combining(letter):
            ends[-1] = at + 1
    return Aligned(changed, starts, ends)


def _single_blanks(aligned: Aligned) -> Aligned:
    """Runs of white space as one space, which stands for all of the run."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for run in BLANKS.finditer(aligned.text):
        pieces += aligned.text[last : run.start()], " "
        starts += [*aligned.starts[last : run.start()], aligned.starts[run.start()]]
        ends += [*aligned.ends[last : run.start()], aligned.ends[run.end() - 1]]
        last = run.end()
    return Aligned(
        "".join(pieces) + aligned.text[last:],
        [*starts, *aligned.starts[last:]],
        [*ends, *aligned.ends[last:]],
    )


def _word_analyzer(
    vectorizer: Any,
    prepare: Callable[[str], str],
    align: Callable[[str], Aligned],
    lengths: tuple[int, int],
) -> Analyzer:
    pattern = re.compile(vectorizer.token_pattern)
    if pattern.groups > 1:
        raise NotRecognisedError(f"Its {type(vectorizer).__name__} has a pattern with several groups.")
    stop = vectorizer.get_stop_words()
    tokens = _tokens(vectorizer, pattern, prepare)
    low, high = lengths
    kept = tokens if not stop else lambda text: [token for token in tokens(text) if token not in stop]
    if high == 1:
        terms: Terms = kept
    elif lengths == (1, 2):
        terms = lambda text: _with_pairs(kept(text))  # noqa: E731 - one of three of the same kind
    else:
        terms = lambda text: word_ngrams(kept(text), low, high)  # noqa: E731 - as above

    def locate(text: str) -> list[Located]:
        aligned = align(text)
        found = [(match[match.re.groups] or "", *_span(match)) for match in pattern.finditer(aligned.text)]
        return list(
            _located_words(aligned, [one for one in found if not stop or one[0] not in stop], low, high)
        )

    return Analyzer(terms, locate)


def _tokens(vectorizer: Any, pattern: re.Pattern[str], prepare: Callable[[str], str]) -> Terms:
    findall = pattern.findall
    shortest = WORDS.get(vectorizer.token_pattern)
    table = LOWERED if vectorizer.lowercase else KEPT
    if shortest is None:
        return lambda text: findall(prepare(text))
    if shortest == 1:
        return lambda text: text.translate(table).split() if text.isascii() else findall(prepare(text))

    def long_tokens(text: str) -> list[str]:
        if not text.isascii():
            return findall(prepare(text))
        return [token for token in text.translate(table).split() if len(token) > 1]

    return long_tokens


def _with_pairs(tokens: list[str]) -> list[str]:
    return tokens + list(map(" ".join, pairwise(tokens)))


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Of the group, if there is one; a group without a part in the match is an empty token."""
    start, end = match.span(match.re.groups)
    return (start, end) if start >= 0 else (match.start(), match.start())


def _located_words(aligned: Aligned, tokens: list[Located], low: int, high: int) -> Iterator[Located]:
    for at in range(len(tokens)):
        for length in range(low, high + 1):
            if at + length > len(tokens):
                break
            joined = tokens[at : at + length]
            term = " ".join(token for token, _, _ in joined)
            yield aligned.located(term, joined[0][1], joined[-1][2])


def _located_chars(aligned: Aligned, low: int, high: int) -> Iterator[Located]:
    text = aligned.text
    for at in range(len(text)):
        for length in range(low, min(high, len(text) - at) + 1):
            yield aligned.located(text[at : at + length], at, at + length)


def _located_padded(aligned: Aligned, low: int, high: int) -> Iterator[Located]:
    for match in WORD.finditer(aligned.text):
        padded = f" {match[0]} "
        for length in range(low, high + 1):
            for at in range(max(1, len(padded) - length + 1)):
                start = min(max(match.start(), match.start() + at - 1), match.end())
                end = max(start, min(match.end(), match.start() + at - 1 + length))
                yield aligned.located(padded[at : at + length], start, end)
            if length >= len(padded):
                break
