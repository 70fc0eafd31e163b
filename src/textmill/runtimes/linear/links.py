"""From decision values to scores: sigmoid, softmax and calibration in plain floats.

A link answers NaN where rounded input could show in the answer; scikit-learn then computes that text.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeAlias

Link: TypeAlias = Callable[[Sequence[float]], Sequence[float]]
"""From one text's decision values to its scores."""
Curve: TypeAlias = Callable[[float], float]

STEEP = 1e5
"""A calibration curve may multiply rounding errors by this; beyond, its answer is in doubt."""
SMALL = 1e-6
"""Dividing by a smaller sum would do the same."""
NEAR = 1e-9
"""So close to a bend of a curve, rounding may lead to its other side."""


def expit(value: float) -> float:
    """The logistic function, without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1.0 + grown)


def sigmoid(values: Sequence[float]) -> Sequence[float]:
    """Two labels, one decision value."""
    second = expit(values[0])
    return 1.0 - second, second


def softmax(values: Sequence[float]) -> Sequence[float]:
    """One decision value a label."""
    highest = max(values)
    grown = [math.exp(value - highest) for value in values]
    total = sum(grown)
    return [value / total for value in grown]


def rates(values: Sequence[float]) -> Sequence[float]:
    """One against the rest: a probability for each label alone, then shared out."""
    return shared([expit(value) for value in values])


def hinges(values: Sequence[float]) -> Sequence[float]:
    """The modified Huber loss with two labels or more."""
    clipped = [(min(max(value, -1.0), 1.0) + 1.0) / 2.0 for value in values]
    if len(clipped) == 1:
        return 1.0 - clipped[0], clipped[0]
    return shared(clipped)


def shared(values: Sequence[float]) -> Sequence[float]:
    """Scaled to the sum of 1."""
    total = sum(values)
    if not total > SMALL:
        return [math.nan] * len(values)
    return [value / total for value in values]


def calibrated(curves: Sequence[Curve], before: Link | None = None) -> Link:
    """One curve a label, or one for the second of two; `before` makes probabilities of the values first."""

    def link(values: Sequence[float]) -> Sequence[float]:
        if before is not None:
            values = before(values)[-len(curves) :]
        found = [curve(value) for curve, value in zip(curves, values, strict=True)]
        return (1.0 - found[0], found[0]) if len(found) == 1 else shared(found)

    return link


def heated(beta: float) -> Link:
    """Temperature scaling of decision values.

    scikit-learn takes values for probabilities that look like them; such texts are in doubt.
    """

    def link(values: Sequence[float]) -> Sequence[float]:
        if len(values) > 1 and min(values) >= 0 and max(values) <= 1:
            return [math.nan] * len(values)
        both = [-values[0], values[0]] if len(values) == 1 else values
        return softmax([beta * value for value in both])

    return link


def mean(links: Sequence[Link], lengths: Sequence[int]) -> Link:
    """The mean answer of several members, each with its own part of the decision values."""

    def link(values: Sequence[float]) -> Sequence[float]:
        found, start = [], 0
        for member, length in zip(links, lengths, strict=True):
            found.append(member(values[start : start + length]))
            start += length
        return [sum(scores) / len(found) for scores in zip(*found, strict=True)]

    return link


def logistic_curve(slope: float, offset: float) -> Curve:
    """Platt's calibration."""
    return lambda value: expit(-(slope * value + offset))


def steps_curve(places: Sequence[float], heights: Sequence[float]) -> Curve:
    """Isotonic calibration: straight lines between points, level outside."""
    last = len(places) - 1

    def curve(value: float) -> float:
        if math.isnan(value):
            return value
        at = bisect_right(places, value)
        if any(abs(value - place) < NEAR for place in places[max(at - 1, 0) : at + 1]):
            return math.nan
        if not 0 < at <= last:
            return heights[0] if at == 0 else heights[-1]
        rise = (heights[at] - heights[at - 1]) / (places[at] - places[at - 1])
        return heights[at - 1] + rise * (value - places[at - 1]) if rise < STEEP else math.nan

    return curve
