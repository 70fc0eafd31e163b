"""Train, measure and store, on labelled texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from textmill.runtimes.sklearn import plain, stored
from textmill.runtimes.sklearn.native import scores
from textmill.training import measures, recipe
from textmill.training.data import LabelledTexts
from textmill.training.recipe import Progress

STEPS = recipe.STEPS


def fit(rows: LabelledTexts, progress: Progress) -> Pipeline:
    """Train on all rows; `progress` is called `STEPS` times."""
    return recipe.train(rows.texts, rows.labels, rows.sources, progress)


def measure(pipeline: Pipeline, rows: LabelledTexts) -> measures.ClassificationReport:
    """How good a pipeline is on rows it has not seen."""
    found = [tuple(float(score) for score in row) for row in scores(pipeline, rows.texts)]
    return measures.classification([str(label) for label in pipeline.classes_], found, rows.labels)


def store(pipeline: Pipeline, path: Path, card: plain.Card) -> None:
    """Write it, by the path's suffix; only `.textmill` holds the card."""
    if path.suffix == plain.SUFFIX:
        plain.write(path, pipeline, card)
    else:
        stored.save(pipeline, path)


def terms(pipeline: Any) -> int:
    """How many terms a pipeline knows."""
    return len(pipeline.named_steps["vectorizer"].vocabulary_)
