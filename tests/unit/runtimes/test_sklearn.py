"""scikit-learn models behind the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline

from tests.unit.runtimes.models import CLASSIFIERS, TEXTS, THREE, TWO, UNSEEN, fitted
from textmill.errors import ModelInvalidError, ModelNotFoundError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.sklearn import SklearnRuntime, load


def loaded(model: Any, folder: Path, name: str = "model.joblib", **options: Any) -> SklearnRuntime:
    """A model through a file and the runtime."""
    joblib.dump(model, folder / name)
    return load(ModelSpec("m", str(folder / name), trust=True, **options))


@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_highest_score_is_the_models_own_answer(tmp_path: Path, name: str, labels: list[str]) -> None:
    """For every kind of classifier; scores are between 0 and 1 and add up to 1."""
    model = fitted(clone(CLASSIFIERS[name]), labels)
    runtime = loaded(model, tmp_path)
    scores = runtime.predict(UNSEEN)
    best = [runtime.info.labels[row.index(max(row))] for row in scores]
    assert list(model.predict(UNSEEN)) == best
    assert all(0 <= score <= 1 for row in scores for score in row)
    assert [1.0] * len(UNSEEN) == pytest.approx([sum(row) for row in scores])
    assert {float} == {type(score) for row in scores for score in row}


def test_only_probabilities_are_called_calibrated(tmp_path: Path) -> None:
    """Squeezed decision values are declared as what they are."""
    found = {name: loaded(fitted(clone(CLASSIFIERS[name])), tmp_path).info.calibrated for name in CLASSIFIERS}
    assert {"logistic", "calibrated"} == {name for name, calibrated in found.items() if calibrated}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([1, 0] * 15, ("0", "1")),
        ([True, False] * 15, ("False", "True")),
        (list(np.array([2, 5] * 15)), ("2", "5")),
    ],
)
def test_labels_are_always_strings(tmp_path: Path, labels: list[Any], told: tuple[str, ...]) -> None:
    """Numbers and booleans of a training set too."""
    assert told == loaded(fitted(labels=labels), tmp_path).info.labels


def test_stored_parallelism_is_switched_off(tmp_path: Path) -> None:
    """`n_jobs` would start a pool inside the server."""
    runtime = loaded(fitted(clone(CLASSIFIERS["forest"])), tmp_path)
    assert runtime.pipeline.named_steps["classifier"].n_jobs == 1


class TestThePair:
    """The guide's two files."""

    def pair(self, folder: Path) -> ModelSpec:
        vectorizer = CountVectorizer().fit(TEXTS)
        model = LogisticRegression().fit(vectorizer.transform(TEXTS), TWO)
        joblib.dump(model, folder / "sentiment_model.pkl")
        joblib.dump(vectorizer, folder / "vectorizer.pkl")
        return ModelSpec("m", str(folder / "sentiment_model.pkl"), trust=True)

    def test_the_vectorizer_beside_the_model_is_found(self, tmp_path: Path) -> None:
        """By its name; and the digest covers both files."""
        runtime = load(self.pair(tmp_path))
        assert max(runtime.predict(["great fun"])[0]) == runtime.predict(["great fun"])[0][1]
        before = runtime.info.digest
        joblib.dump(CountVectorizer(max_features=3).fit(TEXTS), tmp_path / "vectorizer.pkl")
        with pytest.raises(ModelInvalidError, match="belong together"):
            load(self_spec := ModelSpec("m", str(tmp_path / "sentiment_model.pkl"), trust=True))
        joblib.dump(CountVectorizer(binary=True).fit(TEXTS), tmp_path / "vectorizer.pkl")
        assert load(self_spec).info.digest != before

    def test_a_missing_vectorizer_is_told(self, tmp_path: Path) -> None:
        """With the setting that names it."""
        spec = self.pair(tmp_path)
        (tmp_path / "vectorizer.pkl").unlink()
        with pytest.raises(ModelNotFoundError, match="vectorizer ="):
            load(spec)

    def test_a_vectorizer_elsewhere_is_named_in_the_settings(self, tmp_path: Path) -> None:
        """Any path."""
        spec = self.pair(tmp_path)
        other = tmp_path / "words.pkl"
        (tmp_path / "vectorizer.pkl").rename(other)
        assert load(ModelSpec("m", spec.path, vectorizer=str(other), trust=True)).predict(["great"])


def _unfitted() -> Pipeline:
    return Pipeline([("v", TfidfVectorizer().fit(TEXTS)), ("c", LogisticRegression())])


def _not_a_number() -> Pipeline:
    model = fitted()
    model.named_steps["classifier"].coef_[0, 0] = float("nan")
    model.named_steps["classifier"].intercept_[0] = float("nan")
    return model


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            Pipeline([("v", TfidfVectorizer()), ("c", LinearRegression())]).fit(TEXTS, range(30)),
            "LinearRegression",
        ),
        (Pipeline([("v", TfidfVectorizer()), ("c", KMeans(2, n_init=1))]).fit(TEXTS), "KMeans"),
        (_unfitted(), "before it was fitted"),
        (_not_a_number(), "not a number|NaN"),
        ({"a": "dict"}, "cannot predict"),
    ],
    ids=["regressor", "clusterer", "unfitted", "nan", "dict"],
)
def test_what_is_no_text_classifier_is_refused_by_name(tmp_path: Path, model: Any, told: str) -> None:
    """Saying what it is."""
    with pytest.raises(ModelInvalidError, match=told):
        loaded(model, tmp_path)
