"""Links from decision values to scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.isotonic import IsotonicRegression

from textmill.runtimes.linear import links

VALUES = st.floats(-1e6, 1e6)


@given(VALUES)
def test_two_labels(value: float) -> None:
    """The logistic function, also where its exponential would overflow."""
    first, second = links.sigmoid([value])
    assert special.expit(value) == pytest.approx(second, abs=1e-15)
    assert 1.0 == pytest.approx(first + second)


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_several_labels(values: list[float]) -> None:
    """The softmax."""
    assert special.softmax(values) == pytest.approx(list(links.softmax(values)), abs=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=6))
def test_one_against_the_rest(values: list[float]) -> None:
    """Each alone, then shared out."""
    alone = special.expit(values)
    assert alone / alone.sum() == pytest.approx(list(links.rates(values)), abs=1e-12)


@pytest.mark.parametrize(
    "found",
    [
        links.rates([-800.0, -900.0, -1000.0]),
        links.hinges([-1.0, -2.0, -1.0]),
        links.heated(2.0)([0.2, 0.3, 0.5]),
        links.steps_curve([0.0, 1e-7], [0.0, 1.0])(5e-8),
        links.softmax([math.nan, 1.0]),
        links.sigmoid([math.nan]),
        links.steps_curve([0.0, 1.0], [0.0, 1.0])(math.nan),
    ],
)
def test_what_is_in_doubt_is_no_number(found: Sequence[float] | float) -> None:
    """Nothing to share out, values that look like probabilities, steep curves."""
    assert np.isnan(found).all()


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=12, unique=True), st.floats(-4, 4))
def test_isotonic_curves(places: list[float], value: float) -> None:
    """As scikit-learn draws them, or in doubt."""
    heights = [float(at % 3 > 0) for at in range(len(places))]
    theirs = IsotonicRegression(out_of_bounds="clip").fit(places, heights)
    curve = links.steps_curve(theirs.X_thresholds_.tolist(), theirs.y_thresholds_.tolist())
    found = curve(value)
    assert math.isnan(found) or theirs.predict([value])[0] == pytest.approx(found, abs=1e-9)


def test_an_isotonic_curve_is_in_doubt_only_near_its_bends() -> None:
    """Everywhere else it answers."""
    curve = links.steps_curve([-1.0, 0.0, 2.0], [0.1, 0.1, 0.9])
    assert [0.1, 0.1, 0.5, 0.9] == pytest.approx([curve(value) for value in (-5.0, -0.5, 1.0, 7.0)])
    assert all(math.isnan(curve(value)) for value in (-1.0, 1e-12, -1e-12, 2.0))


def test_members_are_averaged() -> None:
    """Each takes its own part of the decision values."""
    link = links.mean([links.sigmoid, links.sigmoid], [1, 1])
    assert [0.5, 0.5] == pytest.approx(link([3.0, -3.0]))
