"""The parts of a linear text classifier: blocks of columns, and what is decided from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textmill.runtimes.base import NotRecognisedError
from textmill.runtimes.linear.decisions import Decision, decision
from textmill.runtimes.linear.features import Block, blocks, flat

TOLERANCE = {False: 1e-9, True: 1e-5}
"""How far scores may lie apart; by whether the model computes in single precision."""
GENTLE = 10.0
"""In single precision no calibration may multiply rounding errors by more."""
ROUNDING = {False: 1.1e-16, True: 6e-8}
"""The relative error of one operation."""


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
    if found.single and found.decision.steepest > GENTLE:
        raise NotRecognisedError("Its calibration is too steep for single precision.")
    return found


def placed(parts: Parts) -> Iterator[tuple[Block, int]]:
    """Each block with its first column among those of the classifier."""
    start = 0
    for block in parts.blocks:
        yield block, start
        start += block.width
