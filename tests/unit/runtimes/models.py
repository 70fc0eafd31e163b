"""Small real models for the tests of runtimes."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

TEXTS = [
    "a wonderful film with great actors",
    "dull, long and boring",
    "I love it, great fun",
    "a terrible waste of time",
    "the meeting is on Monday",
    "the train leaves at nine",
] * 5
TWO = ["good", "bad", "good", "bad", "bad", "good"] * 5
THREE = ["good", "bad", "good", "bad", "none", "none"] * 5
UNSEEN = ["great", "boring waste", "the train on Monday", "", "zzz", "I love the terrible meeting"]

CLASSIFIERS: dict[str, Any] = {
    "logistic": LogisticRegression(),
    "svc": LinearSVC(),
    "sgd": SGDClassifier(random_state=0),
    "ridge": RidgeClassifier(),
    "perceptron": Perceptron(random_state=0),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2),
    "forest": RandomForestClassifier(n_estimators=5, random_state=0, n_jobs=2),
}


def fitted(classifier: Any = None, labels: list[Any] | None = None, **options: Any) -> Pipeline:
    """A pipeline that has learned the texts."""
    last = LogisticRegression() if classifier is None else classifier
    steps = [("vectorizer", TfidfVectorizer(**options)), ("classifier", last)]
    return Pipeline(steps).fit(TEXTS, labels or TWO)
