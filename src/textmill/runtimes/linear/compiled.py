"""Linear text classifiers without scikit-learn's cost for each call, and with its answers.

A text costs its terms: each is looked up once in the vectorizer's vocabulary and meets its coefficients,
both in the model's own memory. Where rounding could show, in ties and in very long sums, scikit-learn
computes the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import mul
from typing import Any, TypeAlias

import numpy as np

from textmill.runtimes.base import Explained, NotRecognisedError, Runtime, Scores
from textmill.runtimes.linear.explanations import explain
from textmill.runtimes.linear.features import Block, Counts, Weights
from textmill.runtimes.linear.parts import TOLERANCE, Parts, placed, recognise
from textmill.runtimes.linear.texts import texts_of_terms, verification_texts
from textmill.runtimes.verification import Candidate

Features: TypeAlias = Callable[[str], tuple[Counts, Weights, float]]
"""One block's columns of a text, their weights, and what all weights are multiplied by (NaN: too long)."""
Decide: TypeAlias = Callable[[str], Sequence[float]]

CLOSE = 2e-5
"""Scores that lie closer, relative to the higher, are scikit-learn's to order; it looks twice at 1e-5."""
BINARY = 2


class CompiledLinear:
    """A linear text classifier that computes its own answers.

    Attributes:
        native: the runtime that it replaces, and asks in doubt.
        parts: what was recognised.
        info: the model card.
    """

    concurrent = True

    def __init__(self, native: Runtime, parts: Parts) -> None:
        self.native = native
        self.parts = parts
        self.info = replace(native.info, explains=parts.decision.explains)
        self._decide = decide(parts)
        self._link = parts.decision.link

    def predict(self, texts: Sequence[str]) -> list[Scores]:
        """Scores for each text, in the order of `info.labels`, as the native runtime gives them."""
        link, values, native = self._link, self._decide, self.native.predict
        found: list[Any] = []
        for text in texts:
            scores = link(values(text))
            found.append(tuple(scores) if _is_clear(scores) else native([text])[0])
        return found

    def explain(self, texts: Sequence[str]) -> list[Explained]:
        """As `predict`, with what each term adds to the decision; only where `info.explains`."""
        scores, labels = self.predict(texts), self.info.labels
        return [
            Explained(found, explain(self.parts, labels, text))
            for found, text in zip(scores, texts, strict=True)
        ]


def candidate(native: Runtime, pipeline: Any) -> Candidate:
    """The compiled form of a fitted pipeline beside the native runtime, or why there is none."""
    try:
        parts = recognise(pipeline)
    except NotRecognisedError as error:
        return Candidate(native, reason=str(error))
    return Candidate(
        native, CompiledLinear(native, parts), texts=lambda: _texts(parts), tolerance=TOLERANCE[parts.single]
    )


def decide(parts: Parts) -> Decide:
    """The function from a text to one decision value for each row of coefficients."""
    if len(parts.decision.intercepts) == 1:
        return _one_row(parts)
    return _rows(parts)


def _one_row(parts: Parts) -> Decide:
    """Floats and dictionaries: for one row numpy would cost more than it saves."""
    row = np.ascontiguousarray(parts.decision.matrices[0][0], dtype=np.float64).data
    (intercept,) = parts.decision.intercepts
    found = [
        (_features(block, parts.longest(block)), row[start : start + block.width].__getitem__)
        for block, start in placed(parts)
    ]

    def values(text: str) -> Sequence[float]:
        total = intercept
        for features, coefficient in found:
            counts, weights, scale = features(text)
            total += scale * sum(map(mul, weights, map(coefficient, counts)))
        return (total,)

    return values


def _rows(parts: Parts) -> Decide:
    intercepts = np.array(parts.decision.intercepts)
    products = [_product(matrix) for matrix in parts.decision.matrices]
    found = [(_features(block, parts.longest(block)), start) for block, start in placed(parts)]

    def values(text: str) -> Sequence[float]:
        at: list[int] = []
        vector: list[float] = []
        for features, start in found:
            counts, weights, scale = features(text)
            at += [column + start for column in counts]
            vector += [weight * scale for weight in weights]
        sums = [product(at, vector) for product in products]
        answer: list[float] = (intercepts + np.concatenate(sums)).tolist()
        return answer

    return values


def _product(matrix: Any) -> Callable[[list[int], list[float]], Any]:
    """Some columns of a matrix times a vector, in the order in which the matrix lies in memory."""
    if matrix.flags.f_contiguous:
        turned = matrix.T
        return lambda at, vector: np.dot(vector, turned.take(np.array(at, dtype=np.intp), axis=0))
    whole = np.ascontiguousarray(matrix)
    return lambda at, vector: whole.take(np.array(at, dtype=np.intp), axis=1).dot(vector)


def _features(block: Block, longest: float) -> Features:
    count, weigh, scale = block.count, block.weigh(), block.scale()

    def features(text: str) -> tuple[Counts, Weights, float]:
        counts = count(text)
        weights = weigh(counts)
        return counts, weights, scale(weights) if length(counts) < longest else math.nan

    def total(counts: Counts) -> int:
        return sum(map(abs, counts.values()))

    length: Callable[[Counts], int] = len if block.norm else total
    return features


def _is_clear(scores: Sequence[float]) -> bool:
    """Whether one score is the highest without a doubt; NaN never is."""
    if len(scores) == BINARY:
        one, other = scores
        return abs(one - other) > CLOSE
    highest = max(scores)
    edge = highest - CLOSE * highest
    return sum(score < edge for score in scores) == len(scores) - 1


def _texts(parts: Parts) -> Iterator[str]:
    """The packaged texts, and texts of the model's own terms, which meet more of its coefficients."""
    yield from verification_texts()
    for block in parts.blocks:
        if block.vocabulary is not None:
            yield from texts_of_terms(block.vocabulary)
