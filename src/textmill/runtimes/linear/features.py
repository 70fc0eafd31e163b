"""From a text to its weighted columns: what vectorizers and their unions compute, without matrices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from operator import mul
from typing import Any, TypeAlias

import numpy as np
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import murmurhash3_32

from textmill.runtimes.base import NotRecognisedError
from textmill.runtimes.linear.analyzer import Analyzer, analyzer
from textmill.runtimes.linear.structure import require

Counts: TypeAlias = Mapping[int, int]
"""How often each column of a vectorizer occurs; negative where hashing gave a sign."""
Weights: TypeAlias = Collection[float]
Get: TypeAlias = Callable[[str], int | None]

VECTORIZERS = (CountVectorizer, TfidfVectorizer, HashingVectorizer)
DTYPES = ("float64", "float32", "int64", "int32")
FLOATS = ("float64", "float32")
WORDS = 8192
"""So many words are remembered, if they have no more than `LETTERS` letters: a few megabytes at most."""
LETTERS = 40


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one vectorizer.

    Attributes:
        analyzer: how it reads a text.
        width: how many columns it has.
        columns: the column of a term, and -1 for the sign that hashing may give it; None for an unknown term.
        count: from a text to its counts.
        vocabulary: the columns by term; None where terms are hashed.
        signed: counts may be negative or cancel out.
        binary: a column counts once.
        sublinear: a count becomes 1 + its logarithm.
        idf: one factor a column, which shares the model's own memory; None where there is none.
        norm: `l1`, `l2` or None.
        factor: of the union.
        single: it computes in single precision.
    """

    analyzer: Analyzer
    width: int
    columns: Callable[[str], tuple[int, int] | None]
    count: Callable[[str], Counts]
    vocabulary: Mapping[str, int] | None = None
    signed: bool = False
    binary: bool = False
    sublinear: bool = False
    idf: memoryview | None = None
    norm: str | None = None
    factor: float = 1.0
    single: bool = False

    @property
    def highest(self) -> float:
        """The largest factor of a column, without its count."""
        return abs(self.factor) * (1.0 if self.idf is None else float(np.abs(self.idf).max(initial=0.0)))

    def weigh(self) -> Callable[[Counts], Weights]:
        """The function from counts to weights in the same order, before the norm."""
        if self.binary:
            return _once(self.idf)
        if self.sublinear:
            return _logarithmic(self.idf)
        return _plain(self.idf)

    def scale(self) -> Callable[[Weights], float]:
        """The function from weights to the number that they are all multiplied by."""
        factor = self.factor
        if self.norm == "l2":
            return lambda weights: factor / (math.sqrt(sum(map(mul, weights, weights))) or 1.0)
        if self.norm == "l1":
            return lambda weights: factor / (sum(map(abs, weights)) or 1.0)
        return lambda _: factor


def blocks(steps: list[Any]) -> tuple[Block, ...]:
    """The blocks of a pipeline's steps before its classifier, in the order of their columns.

    Raises:
        NotRecognisedError: there is something else among them, and what.
    """
    if not steps:
        raise NotRecognisedError("It has no vectorizer.")
    first, *others = steps
    if type(first) is FeatureUnion:
        require(first, FeatureUnion)
        found = tuple(_union(first))
    else:
        require(first, *VECTORIZERS)
        found = (_block(first),)
    for other in others:
        require(other, TfidfTransformer)
        if type(first) is FeatureUnion:
            raise NotRecognisedError("Its TfidfTransformer stands behind a FeatureUnion.")
        found = (_transformed(found[0], other),)
    return found


def flat(pipeline: Any) -> Iterator[Any]:
    """The steps of a pipeline, and of pipelines inside it, without those that do nothing."""
    require(pipeline, Pipeline)
    for _, step in pipeline.steps:
        if type(step) is Pipeline:
            yield from flat(step)
        elif step is not None and not (isinstance(step, str) and step == "passthrough"):
            yield step


def _union(union: Any) -> Iterator[Block]:
    factors = union.transformer_weights or {}
    for name, part in union.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        factor = factors.get(name)
        for block in blocks(list(flat(part)) if type(part) is Pipeline else [part]):
            yield block if factor is None else replace(block, factor=block.factor * float(factor))


def _block(vectorizer: Any) -> Block:
    name = type(vectorizer).__name__
    dtype = np.dtype(vectorizer.dtype).name
    if dtype not in (FLOATS if type(vectorizer) is HashingVectorizer else DTYPES):
        raise NotRecognisedError(f"Its {name} counts in {dtype}.")
    found = _hashing(vectorizer) if type(vectorizer) is HashingVectorizer else _counting(vectorizer)
    found = replace(found, single=dtype == "float32")
    return _transformed(found, vectorizer._tfidf) if type(vectorizer) is TfidfVectorizer else found  # noqa: SLF001 - its weights are nowhere else


def _counting(vectorizer: Any) -> Block:
    vocabulary = _vocabulary(vectorizer)
    reading = analyzer(vectorizer)
    get = vocabulary.get

    def columns(term: str) -> tuple[int, int] | None:
        return None if (column := get(term)) is None else (column, 1)

    count = _count_terms(reading, get) if reading.pieces is None else _count_words(reading, get)
    return Block(reading, len(vocabulary), columns, count, vocabulary, binary=bool(vectorizer.binary))


def _vocabulary(vectorizer: Any) -> dict[str, int]:
    """A vectorizer's own dictionary of columns by term.

    `max_features` leaves numpy's numbers in it; they become Python's in the model too, so that it is not
    kept twice: they are equal.
    """
    found = vectorizer.vocabulary_
    if not _is_usual(found):
        raise NotRecognisedError(f"Its {type(vectorizer).__name__} has an unusual vocabulary.")
    if any(type(column) is not int for column in found.values()):
        found = vectorizer.vocabulary_ = {term: int(column) for term, column in found.items()}
    vocabulary: dict[str, int] = found
    return vocabulary


def _is_usual(vocabulary: Any) -> bool:
    """Whether its terms are words, and every column has exactly one."""
    if type(vocabulary) is not dict or not all(issubclass(kind, str) for kind in set(map(type, vocabulary))):
        return False
    if not all(issubclass(kind, int | np.integer) for kind in set(map(type, vocabulary.values()))):
        return False
    found = np.fromiter(vocabulary.values(), dtype=np.intp, count=len(vocabulary))
    return np.array_equal(np.sort(found), np.arange(len(vocabulary)))


def _count_terms(reading: Analyzer, get: Get) -> Callable[[str], Counts]:
    terms = reading.terms

    def count(text: str) -> Counts:
        counts: dict[int, int] = {}
        for column in map(get, terms(text)):
            if column is None:  # most terms are not in the vocabulary: a Counter would count them too
                continue
            if column in counts:
                counts[column] += 1
            else:
                counts[column] = 1
        return counts

    return count


def _count_words(reading: Analyzer, get: Get) -> Callable[[str], Counts]:
    """Terms that never reach over white space are looked up once for each of the words seen lately."""
    words: Any = reading.words
    pieces: Any = reading.pieces

    def known(word: str) -> tuple[int, ...]:
        return tuple(column for column in map(get, pieces(word)) if column is not None)

    remembered = lru_cache(WORDS)(known)

    def count(text: str) -> Counts:
        found = [remembered(word) if len(word) <= LETTERS else known(word) for word in words(text)]
        return Counter(chain.from_iterable(found))

    return count


def _hashing(vectorizer: Any) -> Block:
    reading, width = analyzer(vectorizer), int(vectorizer.n_features)
    signed = bool(vectorizer.alternate_sign)
    terms = reading.terms

    def columns(term: str) -> tuple[int, int]:
        code = murmurhash3_32(term, 0)
        return abs(code) % width, -1 if signed and code < 0 else 1

    def count(text: str) -> Counts:
        counts: dict[int, int] = {}
        for code in map(murmurhash3_32, terms(text)):
            column = abs(code) % width
            counts[column] = counts.get(column, 0) + (-1 if signed and code < 0 else 1)
        return counts

    found = Block(reading, width, columns, count, signed=signed, binary=bool(vectorizer.binary))
    return replace(found, norm=_norm(vectorizer))


def _transformed(block: Block, transformer: Any) -> Block:
    """A TfidfTransformer behind a vectorizer; a norm before it is undone by its own."""
    require(transformer, TfidfTransformer)
    norm, sublinear = _norm(transformer), bool(transformer.sublinear_tf)
    if block.idf is not None or block.sublinear or (block.norm and (sublinear or not norm)):
        raise NotRecognisedError("Its TfidfTransformer stands behind a vectorizer that weighs already.")
    if sublinear and block.signed:
        raise NotRecognisedError("It takes logarithms of counts with a sign.")
    weights = getattr(transformer, "idf_", None)
    if weights is not None and np.shape(weights) != (block.width,):
        raise NotRecognisedError("Its TfidfTransformer belongs to another vectorizer.")
    idf = None if weights is None else numbers(weights, "idf")
    single = block.single or getattr(weights, "dtype", None) == np.float32
    return replace(block, idf=idf, norm=norm, sublinear=sublinear, single=single)


def numbers(values: Any, what: str) -> memoryview:
    """Finite numbers as Python floats on demand; where they are float64 already, in the same memory.

    Raises:
        NotRecognisedError: there is one that is not finite.
    """
    array = np.ascontiguousarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise NotRecognisedError(f"Its {what} has a value that is no number.")
    return array.data


def _norm(part: Any) -> str | None:
    if part.norm not in (None, "l1", "l2"):
        raise NotRecognisedError(f"Its {type(part).__name__} has a norm that is not known.")
    norm: str | None = part.norm
    return norm


def _logarithmic(idf: memoryview | None) -> Callable[[Counts], Weights]:
    log = math.log
    if idf is None:
        return lambda counts: [1.0 if count == 1 else 1.0 + log(count) for count in counts.values()]
    return lambda counts: [
        idf[column] if count == 1 else idf[column] * (1.0 + log(count)) for column, count in counts.items()
    ]


def _once(idf: memoryview | None) -> Callable[[Counts], Weights]:
    if idf is None:
        return lambda counts: [1.0] * len(counts)
    return lambda counts: [idf[column] for column in counts]


def _plain(idf: memoryview | None) -> Callable[[Counts], Weights]:
    if idf is None:
        return lambda counts: counts.values()
    factor = idf.__getitem__
    return lambda counts: list(map(mul, counts.values(), map(factor, counts)))
