"""Compiled linear text classifiers: the same answers as scikit-learn's, or scikit-learn's own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import text as feature_text
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC

from tests.unit.runtimes.linear_models import (
    CLASSIFIERS,
    LABELS,
    NOT_NEGATIVE,
    TEXTS,
    VECTORIZERS,
    compiled,
    fitted,
    native,
    some_text,
    vectorizers,
)
from textmill.errors import ModelInvalidError
from textmill.runtimes import registry
from textmill.runtimes.base import ModelSpec, NotRecognisedError
from textmill.runtimes.linear import compiled as linear
from textmill.runtimes.linear.parts import TOLERANCE, recognise
from textmill.runtimes.linear.texts import BROKEN, verification_texts
from textmill.runtimes.verification import Candidate, Comparison, settle, verify

SPEC = ModelSpec("m", "m.joblib")
SHORT = [text for text in verification_texts() if len(text) < 1000]


def compared(pipeline: Pipeline, texts: list[str], tolerance: float | None = None) -> Comparison:
    """Compiled and native answers side by side."""
    runtime = compiled(pipeline)
    allowed = TOLERANCE[runtime.parts.single] if tolerance is None else tolerance
    return verify(Candidate(runtime.native, runtime, tolerance=allowed), texts)


def own_words(text: str) -> list[str]:
    """A tokenizer of the user's own."""
    return text.split()


class OwnVectorizer(TfidfVectorizer):  # type: ignore[misc]  # scikit-learn has no types
    """A subclass, which may do anything."""


class OwnClassifier(LogisticRegression):  # type: ignore[misc]  # as above
    """A subclass, which may do anything."""


def patched(pipeline: Pipeline, step: str, method: str) -> Pipeline:
    """One step with a method of its own."""
    part = pipeline.named_steps[step]
    setattr(part, method, getattr(part, method))
    return pipeline


def changed(pipeline: Pipeline, step: str, attribute: str, value: Any) -> Pipeline:
    """One step with another attribute."""
    setattr(pipeline.named_steps[step], attribute, value)
    return pipeline


class TestSameAnswers:
    """Labels equal, scores within the tolerance."""

    @pytest.mark.parametrize("labels", [2, 4])
    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_every_classifier(self, name: str, labels: int) -> None:
        """On words and pairs of words."""
        pipeline = fitted(clone(VECTORIZERS["pairs"]), clone(CLASSIFIERS[name]), labels)
        assert compared(pipeline, SHORT).difference is None

    @pytest.mark.parametrize("labels", [2, 4])
    @pytest.mark.parametrize("name", VECTORIZERS)
    def test_every_vectorizer(self, name: str, labels: int) -> None:
        """With rows of one coefficient a term, and of several."""
        pipeline = fitted(clone(VECTORIZERS[name]), LogisticRegression(), labels)
        assert compared(pipeline, list(verification_texts())).difference is None

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_any_options_and_any_texts(self, data: st.DataObject) -> None:
        """Vectorizer, classifier, number of labels and texts as they come."""
        name = data.draw(st.sampled_from(sorted(CLASSIFIERS)))
        vectorizer = data.draw(vectorizers(signed=name not in NOT_NEGATIVE))
        try:
            pipeline = fitted(vectorizer, clone(CLASSIFIERS[name]), data.draw(st.sampled_from([2, 4])))
            compiled(pipeline)
        except (ValueError, ModelInvalidError, NotRecognisedError):
            return  # no vocabulary is left, or the model is served natively
        texts = data.draw(st.lists(some_text(), min_size=1, max_size=12))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's, about stop words
            assert compared(pipeline, texts).difference is None

    @pytest.mark.parametrize("labels", [2, 4])
    def test_a_classifier_calibrated_afterwards(self, labels: int) -> None:
        """It is wrapped, to be left as it is."""
        vectorizer = TfidfVectorizer()
        found = LogisticRegression().fit(vectorizer.fit_transform(TEXTS), LABELS[labels])
        pipeline = fitted(vectorizer, CalibratedClassifierCV(FrozenEstimator(found), cv=2), labels)
        assert compared(pipeline, SHORT).difference is None

    def test_pipelines_inside_pipelines(self) -> None:
        """And steps that do nothing."""
        inner = Pipeline([("weigh", TfidfTransformer()), ("classifier", LinearSVC())])
        pipeline = Pipeline([("count", CountVectorizer()), ("nothing", "passthrough"), ("inner", inner)])
        assert compared(pipeline.fit(TEXTS, LABELS[4]), SHORT).difference is None

    def test_a_vocabulary_of_a_bounded_size(self) -> None:
        """`max_features` leaves numpy's numbers in it, of which the model keeps no second copy."""
        pipeline = fitted(TfidfVectorizer(max_features=40), LogisticRegression(), 4)
        vectorizer = pipeline.named_steps["vectorizer"]
        assert {np.int64} == set(map(type, vectorizer.vocabulary_.values()))
        assert compared(pipeline, SHORT).difference is None
        assert vectorizer.vocabulary_ is recognise(pipeline).blocks[0].vocabulary

    def test_the_packaged_model(self) -> None:
        """It is compiled, and says how far it was verified."""
        runtime = registry.load(registry.DEFAULT_MODELS["sentiment"])
        assert "compiled" == runtime.info.runtime
        assert "verification texts; scores differ by at most" in runtime.info.runtime_reason

    def test_the_card_is_otherwise_the_same(self) -> None:
        """Labels, digest and all."""
        spec = registry.DEFAULT_MODELS["sentiment"]
        cards = [registry.load(replace(spec, runtime=kind)).info for kind in ("compiled", "native")]
        assert 1 == len({
            replace(card, runtime="", runtime_reason="", verified=None, explains=False) for card in cards
        })

    def test_single_precision(self) -> None:
        """Within what single precision can hold."""
        pipeline = fitted(TfidfVectorizer(dtype=np.float32), LogisticRegression(), 4)
        assert np.float32 == pipeline.named_steps["classifier"].coef_.dtype
        found = compared(pipeline, SHORT)
        assert found.difference is None
        assert found.largest > 1e-12

    @pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
    def test_single_precision_under_a_steep_calibration(self, method: str) -> None:
        """Rounding could show in any text, so scikit-learn computes, however the verification texts go."""
        steep = CalibratedClassifierCV(LinearSVC(C=1e-6), method=method, cv=2)
        pipeline = fitted(TfidfVectorizer(dtype=np.float32), steep, 4)
        with pytest.raises(NotRecognisedError, match="too steep for single precision"):
            recognise(pipeline)

    def test_threads_do_not_disturb_each_other(self) -> None:
        """`concurrent` is a promise."""
        runtime = compiled(fitted(clone(VECTORIZERS["union"]), LogisticRegression(), 4))
        expected = [runtime.predict([text]) for text in SHORT]
        with ThreadPoolExecutor(4) as pool:
            assert expected * 3 == list(pool.map(lambda text: runtime.predict([text]), SHORT * 3))


class TestInDoubt:
    """scikit-learn computes where rounding could show."""

    def test_ties(self) -> None:
        """A text whose labels score the same gets the label that scikit-learn gives it."""
        pipeline = Pipeline([("vectorizer", CountVectorizer()), ("classifier", MultinomialNB())])
        pipeline.fit(["left one two", "right two one"] * 3, ["a", "b"] * 3)
        texts = ["one", "two", "one two", "two one", "", "left right", "right left one", "nothing"]
        found = compared(pipeline, texts)
        assert (len(texts), 0.0, None) == (found.texts, found.largest, found.difference)

    def test_very_long_sums_without_a_norm(self) -> None:
        """Counts of a hundred thousand words: exactly the native scores."""
        pipeline = fitted(CountVectorizer(), MultinomialNB(), 4)
        runtime = compiled(pipeline)
        text = " ".join(TEXTS) * 25
        assert len(text.split()) > 30_000
        assert runtime.native.predict([text]) == runtime.predict([text])

    @pytest.mark.parametrize("text", BROKEN)
    def test_errors_are_the_same(self, text: str) -> None:
        """A lone surrogate cannot be hashed."""
        runtime = compiled(fitted(HashingVectorizer(n_features=64, analyzer="char"), LogisticRegression()))
        with pytest.raises(UnicodeEncodeError):
            runtime.native.predict([text])
        with pytest.raises(UnicodeEncodeError):
            runtime.predict([text])

    def test_isotonic_curves_bend_where_scikit_learn_bends_them(self) -> None:
        """On the training texts themselves, which lie on the bends."""
        pipeline = fitted(TfidfVectorizer(), clone(CLASSIFIERS["isotonic"]), 4)
        assert compared(pipeline, TEXTS).difference is None


REFUSED: list[tuple[Callable[[], Pipeline], str]] = [
    (
        lambda: fitted(TfidfVectorizer(tokenizer=own_words, token_pattern=None), LogisticRegression()),
        "tokenizer",
    ),
    (lambda: fitted(TfidfVectorizer(preprocessor=str.lower), LogisticRegression()), "preprocessor"),
    (lambda: fitted(TfidfVectorizer(analyzer=own_words), LogisticRegression()), "analyzer"),
    (lambda: fitted(TfidfVectorizer(strip_accents=str.lower), LogisticRegression()), "strip_accents"),
    (lambda: fitted(OwnVectorizer(), LogisticRegression()), "OwnVectorizer"),
    (lambda: fitted(TfidfVectorizer(), OwnClassifier()), "OwnClassifier"),
    (lambda: fitted(TfidfVectorizer(), BernoulliNB()), "BernoulliNB"),
    (lambda: fitted(TfidfVectorizer(), RandomForestClassifier(2)), "RandomForestClassifier"),
    (lambda: fitted(CountVectorizer(dtype=np.uint8), LogisticRegression()), "counts in uint8"),
    (lambda: fitted(FeatureUnion([("a", own_pipeline())]), LogisticRegression()), "TruncatedSVD"),
    (
        lambda: fitted(
            Pipeline([
                ("a", HashingVectorizer(n_features=64, alternate_sign=False)),
                ("b", TfidfTransformer(sublinear_tf=True)),
            ]),
            LogisticRegression(),
        ),
        "weighs already",
    ),
    (
        lambda: fitted(
            Pipeline([
                ("a", HashingVectorizer(n_features=64, norm=None, binary=True)),
                ("b", TfidfTransformer(sublinear_tf=True)),
            ]),
            LogisticRegression(),
        ),
        "logarithms",
    ),
    (
        lambda: patched(fitted(TfidfVectorizer(), LogisticRegression()), "vectorizer", "transform"),
        "transform",
    ),
    (
        lambda: patched(fitted(TfidfVectorizer(), LinearSVC()), "classifier", "decision_function"),
        "decision_function",
    ),
    (lambda: sparse(fitted(TfidfVectorizer(), LogisticRegression())), "sparse"),
    (
        lambda: changed(
            fitted(TfidfVectorizer(), LogisticRegression()), "classifier", "coef_", np.ones((1, 3))
        ),
        "widths",
    ),
    (
        lambda: changed(
            fitted(CountVectorizer(), LogisticRegression()), "vectorizer", "vocabulary_", {"a": 3}
        ),
        "vocabulary",
    ),
    (
        lambda: changed(fitted(CountVectorizer(), LinearSVC()), "vectorizer", "vocabulary_", {3: 0}),
        "CountVectorizer has an unusual vocabulary",
    ),
    (lambda: nowhere(fitted(TfidfVectorizer(), LogisticRegression())), "no number"),
    (lambda: fitted(CountVectorizer(), MultinomialNB(alpha=0, force_alpha=True)), "no number"),
    (lambda: fitted(CountVectorizer(), MultinomialNB(alpha=0, force_alpha=True), 4), "no number"),
    (
        lambda: fitted(TfidfVectorizer(), OneVsRestClassifier(SGDClassifier(loss="modified_huber")), 4),
        "unusual kind",
    ),
    (
        lambda: fitted(
            Pipeline([("a", FeatureUnion([("b", CountVectorizer())])), ("c", TfidfTransformer())]),
            LogisticRegression(),
        ),
        "behind a FeatureUnion",
    ),
    (lambda: Pipeline([("only", LogisticRegression())]), "no vectorizer"),
]


def own_pipeline() -> Pipeline:
    """Dimensions are reduced between words and classifier."""
    return Pipeline([("words", TfidfVectorizer()), ("fewer", TruncatedSVD(2))])


def sparse(pipeline: Pipeline) -> Pipeline:
    """Coefficients in a sparse matrix."""
    pipeline.named_steps["classifier"].sparsify()
    return pipeline


def nowhere(pipeline: Pipeline) -> Pipeline:
    """One factor is no number."""
    factors = pipeline.named_steps["vectorizer"].idf_.copy()
    factors[3] = np.nan
    pipeline.named_steps["vectorizer"].idf_ = factors
    return pipeline


class TestRefusal:
    """What is not recognised is served natively, and the card says why."""

    @pytest.mark.parametrize(("make", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
    def test_the_reason_names_the_part(self, make: Callable[[], Pipeline], reason: str) -> None:
        """In one sentence, with no text in it."""
        with pytest.raises(NotRecognisedError, match=reason) as found:
            recognise(make())
        assert str(found.value).endswith(".")

    def test_a_method_patched_in_the_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By whatever runs in the same process."""
        pipeline = fitted(TfidfVectorizer(), SGDClassifier())
        monkeypatch.setattr(SGDClassifier, "decision_function", own_words)
        with pytest.raises(NotRecognisedError, match="patched decision_function"):
            recognise(pipeline)
        monkeypatch.undo()
        recognise(pipeline)

    def test_the_native_runtime_takes_over(self, tmp_path: Path) -> None:
        """With its own answers and the reason on the card."""
        path = tmp_path / "m.joblib"
        joblib.dump(fitted(TfidfVectorizer(), BernoulliNB()), path)
        runtime = registry.load(ModelSpec("m", str(path), trust=True))
        assert "native" == runtime.info.runtime
        assert "BernoulliNB is not one of the parts" in runtime.info.runtime_reason
        with pytest.raises(ModelInvalidError, match=r"cannot be compiled\. Its BernoulliNB"):
            registry.load(ModelSpec("m", str(path), trust=True, runtime="compiled"))

    def test_native_is_native(self) -> None:
        """Where the settings ask for it."""
        spec = replace(registry.DEFAULT_MODELS["sentiment"], runtime="native")
        assert "native" == registry.load(spec).info.runtime

    def test_a_difference_never_serves(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Something in scikit-learn works otherwise than we know: it computes, and a warning tells of it."""
        pipeline = fitted(TfidfVectorizer(strip_accents="unicode"), LogisticRegression())
        monkeypatch.setattr(feature_text, "strip_accents_unicode", lambda text: text.replace("o", ""))
        with caplog.at_level(logging.WARNING):
            found = settle(linear.candidate(native(pipeline), pipeline), SPEC)
        assert "native" == found.info.runtime
        (told,) = caplog.messages
        assert told.startswith("The model 'm' runs natively. Its compiled form differs")
        assert "in a text of " in told
        assert "label '" in told
        assert not any(word in told for word in ("wonderful", "film", "actors"))
        with pytest.raises(ModelInvalidError, match="cannot be compiled"):
            settle(linear.candidate(native(pipeline), pipeline), replace(SPEC, runtime="compiled"))


class TestCost:
    """No more memory than the model has."""

    def test_the_models_own_memory_is_used(self) -> None:
        """Vocabulary, factors and coefficients are not copied."""
        pipeline = fitted(TfidfVectorizer(), LogisticRegression(), 4)
        vectorizer, classifier = pipeline.named_steps.values()
        parts = recognise(pipeline)
        (block,), (matrix,) = parts.blocks, parts.decision.matrices
        assert vectorizer.vocabulary_ is block.vocabulary
        assert np.shares_memory(np.asarray(block.idf), vectorizer.idf_)
        assert np.shares_memory(matrix, classifier.coef_)
