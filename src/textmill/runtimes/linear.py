"""Linear text classifiers without scikit-learn's cost for each call, and with its answers.

A text costs its terms: each is looked up once in the vectorizer's vocabulary and meets its coefficients,
both in the model's own memory. Where rounding could show, in ties and in very long sums, scikit-learn
computes the text.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import mul
from typing import Any, TypeAlias

import numpy as np

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelInfo, ModelSpec, Runtime, Scores
from textmill.runtimes.decisions import Decision, decision
from textmill.runtimes.features import Block, Counts, Weights, blocks, flat
from textmill.runtimes.structure import NotRecognisedError
from textmill.runtimes.verification import Verification, verify
from textmill.runtimes.verification_texts import texts_of_terms, verification_texts

logger = logging.getLogger(__name__)

Features: TypeAlias = Callable[[str], tuple[Counts, Weights, float]]
"""One block's columns of a text, their weights, and what all weights are multiplied by (NaN: too long)."""
Decide: TypeAlias = Callable[[str], Sequence[float]]

CLOSE = 2e-5
"""Scores that lie closer, relative to the higher, are scikit-learn's to order; it looks twice at 1e-5."""
TOLERANCE = {False: 1e-9, True: 1e-5}
"""How far scores may lie apart; by whether the model computes in single precision."""
ROUNDING = {False: 1.1e-16, True: 6e-8}
"""The relative error of one operation."""
BINARY = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """A recognised model: blocks of columns in order, and what is decided from them."""

    blocks: tuple[Block, ...]
    decision: Decision

    @property
    def single(self) -> bool:
        """Whether anything in it has single precision."""
        return self.decision.single or any(block.single for block in self.blocks)

    def longest(self, block: Block) -> float:
        """From how many terms on a sum's rounding errors could come near the tolerance.

        They grow like a random walk: with the root of the length where a norm bounds the sum, otherwise with
        the length as well.
        """
        highest = (abs(block.factor) if block.norm else block.highest) * self.decision.largest
        if not highest:
            return math.inf
        room = TOLERANCE[self.single] / (ROUNDING[self.single] * highest)
        return float(min(room, 1e100) ** (2 if block.norm else 2 / 3))


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
        self.info = native.info
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


def fastest(native: Runtime, pipeline: Any, spec: ModelSpec) -> Runtime | str:
    """A compiled runtime in place of the native one, or the reason why there is none.

    Raises:
        ModelInvalidError: there is none, though the settings ask for it.
    """
    try:
        parts = recognise(pipeline)
    except NotRecognisedError as error:
        return _refused(str(error), spec)
    compiled = CompiledLinear(native, parts)
    result = verify(native, compiled, list(_texts(parts)), TOLERANCE[parts.single])
    if result.difference is not None:
        reason = f"Its compiled form differs from scikit-learn's answers: {result.difference}."
        logger.warning("The model %r runs natively. %s", spec.name, reason)
        return _refused(reason, spec)
    compiled.info = describe(native.info, result)
    return compiled


def recognise(pipeline: Any) -> Parts:
    """The parts of a fitted pipeline.

    Raises:
        NotRecognisedError: one of them is not known.
    """
    try:
        *steps, classifier = flat(pipeline)
        found = Parts(blocks(steps), decision(classifier))
    except (AttributeError, TypeError, ValueError) as error:
        raise NotRecognisedError(f"A part of it is unusual ({type(error).__name__}).") from error
    width = sum(block.width for block in found.blocks)
    if any(matrix.shape[1] != width for matrix in found.decision.matrices):
        raise NotRecognisedError("Its vectorizer and its classifier have different widths.")
    return found


def decide(parts: Parts) -> Decide:
    """The function from a text to one decision value for each row of coefficients."""
    if len(parts.decision.intercepts) == 1:
        return _one_row(parts)
    return _rows(parts)


def describe(info: ModelInfo, result: Verification) -> ModelInfo:
    """The model card of a runtime that was verified."""
    reason = (
        f"Its labels equal scikit-learn's own on all {result.texts} verification texts; scores differ by at "
        f"most {result.largest:.0e}."
    )
    return replace(info, runtime="compiled", runtime_reason=reason)


def placed(parts: Parts) -> Iterator[tuple[Block, int]]:
    """Each block with its first column among those of the classifier."""
    start = 0
    for block in parts.blocks:
        yield block, start
        start += block.width


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


def _refused(reason: str, spec: ModelSpec) -> str:
    if spec.runtime == "compiled":
        raise ModelInvalidError(
            f"The model {spec.name!r} cannot be compiled. {reason} Set runtime = 'auto' to let scikit-learn "
            "compute."
        )
    return reason
