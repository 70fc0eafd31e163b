"""How good answers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from textmill.runtimes.base import Scores, Span

BINS = 15


@dataclass(frozen=True, slots=True)
class LabelMeasures:
    """Precision, recall and F1 of one label, and how often it is the right one."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """What a classifier did on labelled texts.

    Attributes:
        calibration_error: mean distance of confidence and accuracy over 15 bins of confidence (ECE).
        confusion: counts by (right label, answered label).
    """

    texts: int
    accuracy: float
    calibration_error: float
    labels: tuple[LabelMeasures, ...]
    confusion: dict[tuple[str, str], int]


def classification(
    labels: Sequence[str], scores: Sequence[Scores], truth: Sequence[str]
) -> ClassificationReport:
    """Compare scores with the right labels."""
    confidence = [max(row) for row in scores]
    answered = [labels[row.index(best)] for row, best in zip(scores, confidence, strict=True)]
    right = [one == other for one, other in zip(answered, truth, strict=True)]
    confusion = Counter(zip(truth, answered, strict=True))
    every = sorted({*labels, *truth})
    return ClassificationReport(
        texts=len(truth),
        accuracy=sum(right) / len(right),
        calibration_error=_calibration_error(confidence, right),
        labels=tuple(_label(label, every, confusion) for label in every),
        confusion=dict(confusion),
    )


def entities(found: Sequence[Sequence[Span]], truth: Sequence[Sequence[Span]]) -> tuple[LabelMeasures, ...]:
    """Compare entities by exact boundaries and label; the last row, `all`, counts every label together."""
    right, answered, true = Counter[str](), Counter[str](), Counter[str]()
    for mine, theirs in zip(found, truth, strict=True):
        answered.update(label for _, _, label in mine)
        true.update(label for _, _, label in theirs)
        right.update(label for _, _, label in set(mine) & set(theirs))
    rows = [
        _measures(label, right[label], answered[label], true[label]) for label in sorted({*answered, *true})
    ]
    return (*rows, _measures("all", right.total(), answered.total(), true.total()))


def _label(label: str, every: Sequence[str], confusion: Counter[tuple[str, str]]) -> LabelMeasures:
    answered = sum(confusion[(other, label)] for other in every)
    true = sum(confusion[(label, other)] for other in every)
    return _measures(label, confusion[(label, label)], answered, true)


def _measures(label: str, right: int, answered: int, true: int) -> LabelMeasures:
    precision = right / answered if answered else 0.0
    recall = right / true if true else 0.0
    f1 = 2 * right / (answered + true) if answered + true else 0.0
    return LabelMeasures(label, precision, recall, f1, true)


def _calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for sure, good in zip(confidence, right, strict=True):
        bins.setdefault(min(int(sure * BINS), BINS - 1), []).append((sure, good))
    gaps = (abs(sum(sure for sure, _ in rows) - sum(good for _, good in rows)) for rows in bins.values())
    return sum(gaps) / len(right)
