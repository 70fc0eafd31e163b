"""How measurements look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from textmill.training.measures import ClassificationReport, LabelMeasures

MAX_CONFUSION = 12
"""With more labels a confusion matrix is wider than a terminal."""


def classification(title: str, report: ClassificationReport) -> Group:
    """Accuracy, measures by label, and the confusion matrix."""
    head = (
        f"[bold]{title}[/]: accuracy [bold]{report.accuracy:.4f}[/] on {report.texts:,} texts "
        f"(calibration error {report.calibration_error:.3f})"
    )
    parts: list[RenderableType] = [head, measures(report.labels)]
    if len(report.labels) <= MAX_CONFUSION:
        parts.append(_confusion(report))
    return Group(*parts)


def measures(rows: Sequence[LabelMeasures]) -> Table:
    """Precision, recall and F1 by label."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("label")
    for name in ("precision", "recall", "F1", "texts or entities"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.label, *(f"{value:.4f}" for value in (row.precision, row.recall, row.f1)), f"{row.support:,}"
        )
    return table


def _confusion(report: ClassificationReport) -> Table:
    labels = [row.label for row in report.labels]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("right \\ answered")
    for label in labels:
        table.add_column(label, justify="right")
    for truth in labels:
        table.add_row(truth, *(f"{report.confusion.get((truth, label), 0):,}" for label in labels))
    return table


def console() -> Console:
    """Where results go; colours only on a terminal."""
    return Console(highlight=False)
