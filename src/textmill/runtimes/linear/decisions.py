"""What a fitted linear classifier makes of weighted columns: rows of coefficients, and a link to scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.svm import LinearSVC

from textmill.runtimes.base import NotRecognisedError
from textmill.runtimes.linear import links
from textmill.runtimes.linear.links import Link
from textmill.runtimes.linear.structure import require

BINARY = 2
LOGISTIC = (LogisticRegression, LogisticRegressionCV)
BAYES = (MultinomialNB, ComplementNB)
DECIDING = (LinearSVC, Perceptron, RidgeClassifier, RidgeClassifierCV)
"""Classifiers without probabilities: their decision values are squeezed."""
LINEAR = (*LOGISTIC, *DECIDING, *BAYES, SGDClassifier)
STEEPEST = 1e6
"""No point of Platt's curve may rise faster; it would show rounding errors."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A linear classifier: coefficient rows, one decision value each, and the way from these to scores.

    Attributes:
        matrices: coefficients, each of shape (rows, columns); they share the model's memory where they can.
        intercepts: one a row.
        link: from all rows' decision values to one score a label.
        labels: how many there are.
        largest: the largest coefficient.
        explains: whether each row speaks for one label (or the only one for the second of two).
        probable: whether the link gives probabilities, which calibration takes where nothing else is.
        single: it computes in single precision.
        steepest: by how much its link may multiply rounding errors of decision values.
    """

    matrices: tuple[Any, ...]
    intercepts: tuple[float, ...]
    link: Link
    labels: int
    largest: float
    explains: bool = True
    probable: bool = False
    single: bool = False
    steepest: float = 1.0


def decision(classifier: Any) -> Decision:
    """What a fitted classifier does.

    Raises:
        NotRecognisedError: it is none that can be compiled, and why.
    """
    find = FINDERS.get(type(classifier))
    require(classifier, *FINDERS)
    if find is None or len(classifier.classes_) < BINARY:
        raise NotRecognisedError(f"Its {type(classifier).__name__} knows one label only.")
    return find(classifier)


def _linear(classifier: Any) -> Decision:
    labels = len(classifier.classes_)
    coefficients = classifier.coef_
    if not isinstance(coefficients, np.ndarray):
        raise NotRecognisedError(
            f"Its {type(classifier).__name__} keeps its coefficients in a sparse matrix."
        )
    rows = np.atleast_2d(coefficients)
    if len(rows) != (1 if labels == BINARY else labels):
        raise NotRecognisedError(f"Its {type(classifier).__name__} has an unusual number of rows.")
    intercepts = np.broadcast_to(np.asarray(classifier.intercept_, dtype=float).ravel(), (len(rows),))
    link, probable = _linear_link(classifier, labels)
    return _decision(rows, intercepts, link, probable=probable)


def _linear_link(classifier: Any, labels: int) -> tuple[Link, bool]:
    """The link, and whether it gives the model's probabilities."""
    kind = type(classifier)
    if kind in LOGISTIC:
        if getattr(classifier, "multi_class", "auto") not in ("auto", "deprecated") or (
            labels > BINARY and classifier.solver == "liblinear"
        ):
            raise NotRecognisedError("Its LogisticRegression has an option of old versions of scikit-learn.")
        return (links.sigmoid if labels == BINARY else links.softmax), True
    if kind is SGDClassifier and classifier.loss == "log_loss":
        return (links.sigmoid if labels == BINARY else links.rates), True
    if kind is SGDClassifier and classifier.loss == "modified_huber":
        return links.hinges, True
    return (links.sigmoid if labels == BINARY else links.softmax), False


def _bayes(classifier: Any) -> Decision:
    """Log-probabilities; of two labels only their difference counts."""
    rows = np.asarray(classifier.feature_log_prob_)
    prior = classifier.class_log_prior_ if type(classifier) is MultinomialNB else np.zeros(len(rows))
    if len(rows) != len(classifier.classes_) or len(rows) != len(prior):
        raise NotRecognisedError(f"Its {type(classifier).__name__} has an unusual number of rows.")
    if len(rows) > BINARY or not np.isfinite(rows).all():
        return _decision(rows, prior, links.softmax, probable=True)
    largest = float(np.abs(rows).max(initial=0.0))
    return _decision(
        rows[1:] - rows[:1], prior[1:] - prior[:1], links.sigmoid, probable=True, largest=largest
    )


def _one_against_rest(classifier: Any) -> Decision:
    parts, labels = classifier.estimators_, len(classifier.classes_)
    if classifier.multilabel_ or len(parts) != (1 if labels == BINARY else labels):
        raise NotRecognisedError("Its OneVsRestClassifier gives several labels at once.")
    for part in parts:
        require(part, *LINEAR)
    found = [decision(part) for part in parts]
    if {one.link for one in found} != {links.sigmoid}:
        raise NotRecognisedError("Its OneVsRestClassifier holds classifiers of an unusual kind.")
    probable = found[0].probable
    link = links.sigmoid if labels == BINARY else links.rates if probable else links.softmax
    return _joined(found, link, labels, explains=True)


def _calibrated(classifier: Any) -> Decision:
    members = classifier.calibrated_classifiers_
    found = [_member(member, classifier.classes_) for member in members]
    link = links.mean([one.link for one in found], [len(one.intercepts) for one in found])
    if len(found) == 1:
        link = found[0].link
    return _joined(found, link, len(classifier.classes_), explains=len(found) == 1)


def _member(member: Any, classes: Any) -> Decision:
    """One calibrated classifier: its decision values, or its probabilities if it has no such values."""
    _require_private(member, "_CalibratedClassifier")
    estimator = member.estimator
    if type(estimator) is FrozenEstimator:
        estimator = estimator.estimator
    require(estimator, *LINEAR)
    inner = decision(estimator)
    same = np.array_equal(estimator.classes_, classes)
    encoded = member.method == "temperature" and len(estimator.classes_) == len(classes)
    if not (same or encoded) or not np.array_equal(member.classes, classes):
        raise NotRecognisedError("A part of its CalibratedClassifierCV does not know all labels.")
    before = inner.link if type(estimator) in BAYES else None
    if member.method == "temperature" and before is None:
        _require_private(member.calibrators[0], "_TemperatureScaling")
        beta = _slope(member.calibrators[0].beta_)
        link, steepest = links.heated(beta), abs(beta)
    elif member.method in ("sigmoid", "isotonic"):
        curves = [_curve(calibrator) for calibrator in member.calibrators]
        link, steepest = links.calibrated([one for one, _ in curves], before), max(top for _, top in curves)
    else:
        raise NotRecognisedError("Its CalibratedClassifierCV calibrates in a way that is not known.")
    return replace(_joined([inner], link, len(classes), explains=True), steepest=steepest)


def _slope(value: Any) -> float:
    slope = float(value)
    if not abs(slope) < STEEPEST:
        raise NotRecognisedError("Its calibration is too steep.")
    return slope


def _curve(calibrator: Any) -> tuple[links.Curve, float]:
    """A calibration curve, and how steep it may be."""
    if type(calibrator) is not IsotonicRegression:
        _require_private(calibrator, "_SigmoidCalibration")
        slope, offset = _slope(calibrator.a_), float(calibrator.b_)
        if not np.isfinite(offset):
            raise NotRecognisedError("Its calibration is no number.")
        return links.logistic_curve(slope, offset), abs(slope)
    require(calibrator, IsotonicRegression)
    places, heights = calibrator.X_thresholds_, calibrator.y_thresholds_
    if calibrator.out_of_bounds != "clip" or places.dtype != np.float64 or (np.diff(places) <= 0).any():
        raise NotRecognisedError("Its IsotonicRegression is of an unusual kind.")
    return links.steps_curve(places.tolist(), heights.tolist()), links.STEEP


def _require_private(part: Any, name: str) -> None:
    """A part of CalibratedClassifierCV, whose class has no public name."""
    kind = type(part)
    if (kind.__module__, kind.__name__) != ("sklearn.calibration", name):
        raise NotRecognisedError(f"Its CalibratedClassifierCV has a {kind.__name__} in place of {name}.")
    require(part, kind)


def _joined(found: list[Decision], link: Link, labels: int, *, explains: bool) -> Decision:
    return Decision(
        matrices=tuple(matrix for one in found for matrix in one.matrices),
        intercepts=tuple(value for one in found for value in one.intercepts),
        link=link,
        labels=labels,
        largest=max(one.largest for one in found),
        explains=explains and all(one.explains for one in found),
        single=any(one.single for one in found),
        steepest=max(one.steepest for one in found),
    )


def _decision(
    rows: Any,
    intercepts: Any,
    link: Link,
    *,
    probable: bool,
    largest: float | None = None,
) -> Decision:
    if rows.dtype not in (np.float64, np.float32) or rows.ndim != BINARY:
        raise NotRecognisedError("Its coefficients are of an unusual type.")
    if not np.isfinite(rows).all() or not np.isfinite(intercepts).all():
        raise NotRecognisedError("It has a coefficient that is no number.")
    return Decision(
        matrices=(rows,),
        intercepts=tuple(float(value) for value in intercepts),
        link=link,
        labels=max(len(rows), BINARY),
        largest=float(np.abs(rows).max(initial=0.0)) if largest is None else largest,
        probable=probable,
        single=rows.dtype == np.float32,
    )


FINDERS: Mapping[type, Callable[[Any], Decision]] = {
    **dict.fromkeys((*LOGISTIC, *DECIDING, SGDClassifier), _linear),
    **dict.fromkeys(BAYES, _bayes),
    OneVsRestClassifier: _one_against_rest,
    CalibratedClassifierCV: _calibrated,
}
