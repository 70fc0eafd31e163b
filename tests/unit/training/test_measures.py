"""Measures."""

from __future__ import annotations

import pytest

from textmill.training.measures import classification, entities


def test_accuracy_confusion_and_labels_are_counted() -> None:
    """By hand: three of four right."""
    scores = [(0.9, 0.1), (0.4, 0.6), (0.8, 0.2), (0.3, 0.7)]
    report = classification(("a", "b"), scores, ["a", "b", "b", "b"])
    assert report.accuracy == 0.75
    assert {("a", "a"): 1, ("b", "b"): 2, ("b", "a"): 1} == report.confusion
    a, b = report.labels
    assert (a.precision, a.recall, a.support) == (0.5, 1.0, 1)
    assert (b.precision, b.support) == (1.0, 3)
    assert b.recall == pytest.approx(2 / 3)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    """Always sure by 0.8 and right half the time: a gap of 0.3."""
    report = classification(("a", "b"), [(0.8, 0.2)] * 10, ["a", "b"] * 5)
    assert report.calibration_error == pytest.approx(0.3)


def test_entities_count_only_with_exact_boundaries_and_label() -> None:
    """One of two answers right, one of three found."""
    rows = entities([[(0, 3, "X"), (5, 8, "Y")]], [[(0, 3, "X"), (5, 9, "Y"), (10, 12, "X")]])
    total = rows[-1]
    assert (total.label, total.precision) == ("all", 0.5)
    assert total.recall == pytest.approx(1 / 3)
