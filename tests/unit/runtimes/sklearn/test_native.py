"""scikit-learn models behind the runtime."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import SVC, LinearSVC

from tests.unit.runtimes.models import CLASSIFIERS, TEXTS, THREE, TWO, UNSEEN, fitted
from textmill.errors import ModelInvalidError, ModelNotFoundError, PredictionError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.sklearn import stored
from textmill.runtimes.sklearn.native import SklearnRuntime, load


def loaded(model: Any, folder: Path, name: str = "model.joblib", **options: Any) -> SklearnRuntime:
    """A model through a file and the native runtime."""
    joblib.dump(model, folder / name)
    runtime = load(ModelSpec("m", str(folder / name), trust=True, runtime="native", **options))
    assert isinstance(runtime, SklearnRuntime)
    return runtime


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


def test_a_pair_in_skops_needs_no_trust_and_may_hash_its_words(tmp_path: Path) -> None:
    """A vectorizer that learns nothing is one too."""
    vectorizer = HashingVectorizer(n_features=64)
    model = LogisticRegression().fit(vectorizer.transform(TEXTS), TWO)
    stored.save(model, tmp_path / "sentiment_model.skops")
    stored.save(vectorizer, tmp_path / "vectorizer.skops")
    runtime = load(ModelSpec("m", str(tmp_path / "sentiment_model.skops"), runtime="native"))
    expected = model.predict_proba(vectorizer.transform(UNSEEN))
    assert np.array_equal(expected, runtime.predict(UNSEEN))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_several_threads_may_ask_at_once(tmp_path: Path, name: str) -> None:
    """The runtime says so, and each gets its own answers."""
    runtime = loaded(fitted(clone(CLASSIFIERS[name]), THREE), tmp_path)
    assert runtime.concurrent
    texts = [[f"{text} {number}" for text in UNSEEN] for number in range(12)]
    alone = [runtime.predict(batch) for batch in texts]
    with ThreadPoolExecutor(4) as pool:
        assert alone == list(pool.map(runtime.predict, texts))


UNUSUAL: dict[str, Any] = {
    "neighbours": KNeighborsClassifier(),
    "centroids, without scores": NearestCentroid(),
    "votes, without scores": VotingClassifier([("a", LinearSVC()), ("b", MultinomialNB())]),
    "pairs": SVC(decision_function_shape="ovo"),
    "one against one": OneVsOneClassifier(LinearSVC()),
    "one against the rest": OneVsRestClassifier(LinearSVC()),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_other_classifiers_are_served_with_their_own_label(tmp_path: Path, name: str) -> None:
    """Whatever scores they have, or none; they are in 0..1 and add up to 1."""
    model = fitted(clone(UNUSUAL[name]), THREE)
    runtime = loaded(model, tmp_path)
    scores = runtime.predict(UNSEEN)
    assert list(model.predict(UNSEEN)) == [runtime.info.labels[row.index(max(row))] for row in scores]
    assert [1.0] * len(UNSEEN) == pytest.approx([sum(row) for row in scores])
    assert all(0 <= score <= 1 for row in scores for score in row)


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


CONTRADICTING: dict[str, tuple[Any, list[str]]] = {
    "clipped scores": (SGDClassifier(loss="modified_huber", random_state=0), THREE),
    "a threshold": (FixedThresholdClassifier(LogisticRegression(), threshold=0.9), TWO),
}


@pytest.mark.parametrize("name", CONTRADICTING)
def test_a_model_that_contradicts_its_scores_keeps_its_label(tmp_path: Path, name: str) -> None:
    """The label served is the model's own, although its scores alone name another or tie."""
    classifier, labels = CONTRADICTING[name]
    model = fitted(clone(classifier), labels)
    runtime = loaded(model, tmp_path)
    texts = [*UNSEEN, *TEXTS]
    best = [runtime.info.labels[row.index(max(row))] for row in runtime.predict(texts)]
    assert list(model.predict(texts)) == best


def test_equal_scores_name_the_label_that_the_model_names(tmp_path: Path) -> None:
    """A decision value too small to move the sigmoid still decides."""
    model = fitted(clone(CLASSIFIERS["svc"]))
    model.named_steps["classifier"].coef_[:] = 0
    model.named_steps["classifier"].intercept_[:] = 1e-30
    row = loaded(model, tmp_path).predict(["great"])[0]
    assert model.predict(["great"]) == ["good"]
    assert row[1] > row[0]
    assert [0.5, 0.5] == pytest.approx(row)


def test_one_text_in_a_batch_scores_as_it_does_alone(tmp_path: Path) -> None:
    """Whether its score was in doubt or not."""
    runtime = loaded(fitted(clone(CLASSIFIERS["sgd"]), THREE), tmp_path)
    alone = [runtime.predict([text])[0] for text in UNSEEN]
    assert np.allclose(alone, runtime.predict(UNSEEN), rtol=1e-12, atol=0)


def test_fitted_copies_inside_a_model_run_on_one_thread_too(tmp_path: Path) -> None:
    """Calibration keeps its forests where `get_params` does not look."""
    forest = RandomForestClassifier(n_estimators=2, n_jobs=2, random_state=0)
    runtime = loaded(fitted(CalibratedClassifierCV(forest, cv=2)), tmp_path)
    assert [1, 1] == [part.estimator.n_jobs for part in runtime.classifier.calibrated_classifiers_]


def test_a_feature_union_is_a_vectorizer(tmp_path: Path) -> None:
    """Its parts are reachable, for runtimes that compute them in another way."""
    union = FeatureUnion([("words", TfidfVectorizer()), ("letters", CountVectorizer(analyzer="char"))])
    model = Pipeline([("v", union), ("c", LogisticRegression())]).fit(TEXTS, TWO)
    runtime = loaded(model, tmp_path)
    assert isinstance(runtime.vectorizer, FeatureUnion)
    assert isinstance(runtime.classifier, LogisticRegression)
    assert np.array_equal(model.predict_proba(UNSEEN), runtime.predict(UNSEEN))


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(fitted(), {"classifier__C": [0.1, 1]}, cv=2),
        CalibratedClassifierCV(fitted(CLASSIFIERS["svc"]), cv=2),
    ],
    ids=["search", "calibration around a pipeline"],
)
def test_a_model_around_a_pipeline_takes_texts(tmp_path: Path, model: Any) -> None:
    """It is whole; no vectorizer is looked for."""
    model.fit(TEXTS, TWO)
    assert np.array_equal(model.predict_proba(UNSEEN), loaded(model, tmp_path).predict(UNSEEN))


def _hashes_into_nothing() -> Pipeline:
    """scikit-learn would divide by zero, which ends the process; also inside a model that is no pipeline."""
    inner = Pipeline([("vectorizer", HashingVectorizer(n_features=8)), ("classifier", LogisticRegression())])
    whole = CalibratedClassifierCV(inner, cv=2).fit(TEXTS, TWO)
    for member in whole.calibrated_classifiers_:
        member.estimator.named_steps["vectorizer"].n_features = 0
    return Pipeline([("whole", whole)])


def _several_labels() -> Pipeline:
    steps = [("v", TfidfVectorizer()), ("c", OneVsRestClassifier(LogisticRegression()))]
    return Pipeline(steps).fit(TEXTS, np.array([[1, 0], [0, 1], [1, 1]] * 10))


def _reads_files() -> Pipeline:
    model = fitted()
    model.named_steps["vectorizer"].input = "filename"
    return model


def _one_bad_weight() -> Pipeline:
    model = fitted()
    model.named_steps["classifier"].coef_[0, 0] = float("inf")
    return model


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            Pipeline([("v", TfidfVectorizer()), ("c", IsolationForest(n_estimators=2))]).fit(TEXTS),
            "an? outlier detector",
        ),
        (LinearRegression().fit([[1], [2]], [1, 2]), "LinearRegression, a regressor"),
        (LogisticRegression(), "before it was fitted"),
        (TfidfVectorizer().fit(TEXTS), "TfidfVectorizer, which cannot predict"),
        (_several_labels(), "several outputs at once"),
        (_reads_files(), r"reads files \(input='filename'\)"),
        (_hashes_into_nothing(), r"HashingVectorizer has no columns \(n_features=0\)"),
        (_hashes_into_nothing().named_steps["whole"], r"no columns \(n_features=0\)"),
        (_one_bad_weight(), r"a weight \(coef_\) that is not a number"),
        (fitted(labels=["\ud800", "x"] * 15), "cannot be written as UTF-8"),
    ],
    ids=[
        "outliers",
        "numbers",
        "unfitted",
        "vectorizer",
        "several",
        "files",
        "no columns",
        "whole",
        "infinite",
        "label",
    ],
)
def test_what_would_fail_later_is_refused_at_load(tmp_path: Path, model: Any, told: str) -> None:
    """Even where a plain sentence would be answered."""
    with pytest.raises(ModelInvalidError, match=told):
        loaded(model, tmp_path)


def test_labels_that_become_the_same_text_are_refused(tmp_path: Path) -> None:
    """1 and "1" cannot be told apart by a caller."""
    model = fitted(labels=[1, 2] * 15)
    model.named_steps["classifier"].classes_ = np.array([1, "1"], dtype=object)
    with pytest.raises(ModelInvalidError, match="the same as text: 1, 1"):
        loaded(model, tmp_path)


def test_a_score_that_is_no_number_is_an_error_of_that_text(tmp_path: Path) -> None:
    """The engine then finds the text by itself; the others are answered."""
    model = fitted(clone(CLASSIFIERS["svc"]), THREE, norm=None, binary=True)
    at = model.named_steps["vectorizer"].vocabulary_["great"]
    model.named_steps["classifier"].coef_[:, at] = 1e308
    model.named_steps["vectorizer"].idf_[at] = 1e10
    runtime = loaded(model, tmp_path)
    assert runtime.predict(["the train"])
    with pytest.raises(PredictionError, match="not a number"):
        runtime.predict(["the train", "great"])
