"""Training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import load
from textmill.runtimes.sklearn import plain
from textmill.training import fitting, recipe
from textmill.training.data import LabelledTexts

GOOD = ["a wonderful film", "great fun", "I love it", "lovely and warm", "a joy to watch"]
BAD = ["a terrible film", "dull and long", "I hate it", "cold and boring", "a waste of time"]
TEXTS = (GOOD + BAD) * 4
LABELS = (["good"] * 5 + ["bad"] * 5) * 4


def test_it_learns_and_reports_its_steps() -> None:
    """Even from forty texts; and always the same model."""
    steps: list[str] = []
    model = recipe.train(TEXTS, LABELS, progress=steps.append)
    assert list(model.predict(["great and lovely", "boring, a waste"])) == ["good", "bad"]
    assert len(steps) == recipe.STEPS
    again = recipe.train(TEXTS, LABELS)
    assert np.array_equal(model.predict_proba(TEXTS), again.predict_proba(TEXTS))


def test_it_learns_more_than_two_labels() -> None:
    """One row of coefficients for each."""
    texts, labels = [*TEXTS, *["the meeting is on Monday", "it has two doors"] * 8], [*LABELS, *["none"] * 16]
    model = recipe.train(texts, labels)
    assert list(model.predict(["wonderful", "terrible", "the meeting has two doors"])) == [
        "good",
        "bad",
        "none",
    ]
    assert model.predict_proba(["wonderful"]).shape == (1, 3)


def test_one_label_cannot_be_learned() -> None:
    """There is nothing to tell apart."""
    with pytest.raises(ModelInvalidError, match="two different labels"):
        recipe.train(["a", "b"], ["x", "x"])


def test_only_the_strongest_terms_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabulary has a bound, and the model still works."""
    monkeypatch.setattr(recipe, "MAX_TERMS", 12)
    model = recipe.train(TEXTS, LABELS)
    assert len(model.named_steps["vectorizer"].vocabulary_) == 12
    assert fitting.terms(model) == 12
    assert fitting.measure(model, LabelledTexts(TEXTS, LABELS, ["f"] * len(TEXTS))).accuracy >= 0.75


@pytest.mark.parametrize("suffix", [".textmill", ".skops"])
def test_what_is_stored_answers_the_same(tmp_path: Path, suffix: str) -> None:
    """Through the file, and through the runtime that serves it."""
    model = recipe.train(TEXTS, LABELS)
    path = tmp_path / f"model{suffix}"
    fitting.store(model, path, plain.Card(description="a test", licence="none"))
    runtime = load(ModelSpec("m", str(path)))
    assert runtime.info.labels == ("bad", "good")
    found: Any = runtime.predict(TEXTS)
    assert np.allclose(found, model.predict_proba(TEXTS), rtol=0, atol=1e-12)
