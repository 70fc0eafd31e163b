"""Linear models of every kind for the tests of their compiled form."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
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
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC

from textmill.runtimes.base import ModelInfo
from textmill.runtimes.linear import compiled as linear
from textmill.runtimes.linear.parts import recognise
from textmill.runtimes.linear.texts import SENTENCES
from textmill.runtimes.sklearn.native import SklearnRuntime, check

TEXTS = [*SENTENCES, *(sentence.upper() for sentence in SENTENCES)] * 2
LABELS = {
    2: ["good", "bad", "bad", "good", "good"] * 28,
    4: ["north", "east", "south", "west", "east"] * 28,
}
VECTORIZERS: dict[str, Any] = {
    "words": TfidfVectorizer(),
    "pairs": TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+", sublinear_tf=True),
    "triples": TfidfVectorizer(ngram_range=(2, 3), stop_words="english", norm="l1"),
    "counts": CountVectorizer(strip_accents="unicode"),
    "presence": CountVectorizer(binary=True, token_pattern=r"(\w)\w*", lowercase=False),
    "letters": TfidfVectorizer(analyzer="char", ngram_range=(1, 3), strip_accents="ascii", use_idf=False),
    "padded": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), norm=None),
    "hashed": HashingVectorizer(n_features=512, ngram_range=(1, 2)),
    "hashed once": HashingVectorizer(n_features=16, binary=True, norm="l1"),
    "behind": Pipeline([("count", CountVectorizer()), ("weigh", TfidfTransformer(sublinear_tf=True))]),
    "hashed behind": Pipeline([
        ("count", HashingVectorizer(n_features=256, alternate_sign=False)),
        ("weigh", TfidfTransformer()),
    ]),
    "union": FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2))),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))),
            ("inner", Pipeline([("count", CountVectorizer()), ("weigh", TfidfTransformer())])),
            ("nothing", "drop"),
        ],
        transformer_weights={"letters": 0.5},
    ),
}
CLASSIFIERS: dict[str, Any] = {
    "logistic": LogisticRegression(),
    "logistic cv": LogisticRegressionCV(cv=2, Cs=2),
    "svc": LinearSVC(),
    "sgd hinge": SGDClassifier(random_state=0),
    "sgd log": SGDClassifier(loss="log_loss", random_state=0),
    "sgd huber": SGDClassifier(loss="modified_huber", random_state=0),
    "ridge": RidgeClassifier(),
    "ridge cv": RidgeClassifierCV(),
    "perceptron": Perceptron(random_state=0),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(),
    "rest logistic": OneVsRestClassifier(LogisticRegression()),
    "rest svc": OneVsRestClassifier(LinearSVC()),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2),
    "calibrated whole": CalibratedClassifierCV(LogisticRegression(), cv=2, ensemble=False),
    "calibrated bayes": CalibratedClassifierCV(MultinomialNB(), cv=2),
    "isotonic": CalibratedClassifierCV(RidgeClassifier(), method="isotonic", cv=2),
}
if any("temperature" in str(kind) for kind in CalibratedClassifierCV._parameter_constraints["method"]):
    CLASSIFIERS["temperature"] = CalibratedClassifierCV(LinearSVC(), method="temperature", cv=2)
NOT_NEGATIVE = ("multinomial", "complement", "calibrated bayes")
"""These take no negative features, which hashing may give."""


def fitted(vectorizer: Any, classifier: Any, labels: int = 2) -> Pipeline:
    """A pipeline that has learned the sentences."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unconverged is good enough here
        return Pipeline([("vectorizer", vectorizer), ("classifier", classifier)]).fit(TEXTS, LABELS[labels])


def native(pipeline: Pipeline) -> SklearnRuntime:
    """The runtime that computes with scikit-learn."""
    info = ModelInfo("classification", check(pipeline), "scikit-learn", "1", "sha256:0", "native", "")
    return SklearnRuntime(pipeline, info)


def compiled(pipeline: Pipeline) -> linear.CompiledLinear:
    """The runtime that computes without it."""
    return linear.CompiledLinear(native(pipeline), recognise(pipeline))


def some_text() -> st.SearchStrategy[str]:
    """Anything, and pieces of what the models know."""
    words = st.sampled_from(sorted({word for text in TEXTS for word in text.split()}))
    return st.one_of(
        st.text(st.characters(), max_size=40),
        st.lists(st.one_of(words, st.text(max_size=3)), max_size=20).map(" ".join),
        st.tuples(words, st.integers(1, 300)).map(lambda pair: f"{pair[0]} " * pair[1]),
    )


@st.composite
def vectorizers(draw: Callable[..., Any], *, signed: bool) -> Any:
    """Every vectorizer with every option that can be compiled."""
    low = draw(st.integers(1, 3))
    options: dict[str, Any] = {
        "analyzer": draw(st.sampled_from(["word", "char", "char_wb"])),
        "ngram_range": (low, low + draw(st.integers(0, 2))),
        "lowercase": draw(st.booleans()),
        "strip_accents": draw(st.sampled_from([None, "ascii", "unicode"])),
        "stop_words": draw(st.sampled_from([None, "english", ["the", "film"]])),
        "token_pattern": draw(
            st.sampled_from([r"(?u)\b\w\w+\b", r"(?u)\w+", r"\S+", r"(\w)\w*", r"\w*", r"(?i)[a-z]+|\d"])
        ),
        "binary": draw(st.booleans()),
    }
    norm = draw(st.sampled_from(["l1", "l2", None]))
    weights = TfidfTransformer(norm=norm, use_idf=draw(st.booleans()), sublinear_tf=draw(st.booleans()))
    hashing = HashingVectorizer(
        n_features=draw(st.sampled_from([8, 1024])),
        alternate_sign=signed and draw(st.booleans()),
        norm=norm,
        **options,
    )
    kinds = [
        CountVectorizer(**options),
        TfidfVectorizer(**weights.get_params(), **options),
        hashing,
        Pipeline([("count", CountVectorizer(**options)), ("weigh", weights)]),
        Pipeline([("count", hashing.set_params(norm=None)), ("weigh", weights)]),
    ]
    first = draw(st.sampled_from(kinds))
    if draw(st.integers(0, 3)):
        return first
    return FeatureUnion([("first", first), ("second", CountVectorizer())], transformer_weights={"first": 0.3})
