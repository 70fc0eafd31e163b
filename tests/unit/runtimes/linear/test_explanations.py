"""Contributions of terms: they add up to the model's own decision value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from tests.unit.runtimes.linear_models import (
    CLASSIFIERS,
    TEXTS,
    VECTORIZERS,
    compiled,
    fitted,
    some_text,
    vectorizers,
)
from textmill.errors import ModelInvalidError
from textmill.runtimes.base import Explanation, NotRecognisedError
from textmill.runtimes.linear.compiled import CompiledLinear
from textmill.runtimes.linear.texts import verification_texts

SHORT = [text for text in verification_texts() if len(text) < 1000 and text.isprintable()]
DECIDING = ["logistic", "svc", "sgd hinge", "sgd huber", "ridge", "perceptron", "rest svc"]
CROWDED = compiled(fitted(HashingVectorizer(n_features=5, analyzer="char"), LogisticRegression()))


def explain(runtime: CompiledLinear, text: str) -> tuple[Explanation, ...]:
    """The reasons for one text."""
    return runtime.explain([text])[0].explanations


def decisions(pipeline: Pipeline, text: str) -> Any:
    """The model's own decision values, one a row."""
    return np.atleast_1d(pipeline.decision_function([text])[0])


class TestTheSum:
    """Base and contributions are the decision value."""

    @pytest.mark.parametrize("labels", [2, 4])
    @pytest.mark.parametrize("name", DECIDING)
    def test_for_every_classifier(self, name: str, labels: int) -> None:
        """One explanation a label, and one for the second of two."""
        pipeline = fitted(clone(VECTORIZERS["pairs"]), clone(CLASSIFIERS[name]), labels)
        runtime = compiled(pipeline)
        expected = runtime.info.labels if labels > 2 else runtime.info.labels[1:]
        for text in SHORT[:40]:
            found = explain(runtime, text)
            assert decisions(pipeline, text) == pytest.approx([one.decision for one in found], abs=1e-9)
            assert expected == tuple(one.label for one in found)

    @pytest.mark.parametrize("labels", [2, 4])
    @pytest.mark.parametrize("name", VECTORIZERS)
    def test_for_every_vectorizer(self, name: str, labels: int) -> None:
        """Hashed terms that share a column, and unions of vectorizers, too."""
        pipeline = fitted(clone(VECTORIZERS[name]), LogisticRegression(), labels)
        runtime = compiled(pipeline)
        for text in SHORT[::2]:
            found = explain(runtime, text)
            assert decisions(pipeline, text) == pytest.approx([one.decision for one in found], abs=1e-9)
            for one in found:
                total = one.base + sum(part.value for part in one.contributions)
                assert one.decision == pytest.approx(total, abs=1e-9)

    def test_for_naive_bayes(self) -> None:
        """The log of the odds of two labels; of more, each label's own log-probability."""
        two, four = (fitted(CountVectorizer(), MultinomialNB(), labels) for labels in (2, 4))
        log_odds = np.diff(two.predict_log_proba([TEXTS[0]])[0])
        assert log_odds == pytest.approx([one.decision for one in explain(compiled(two), TEXTS[0])])
        joint = four[-1].predict_joint_log_proba(four[:-1].transform([TEXTS[0]]))[0]
        assert joint == pytest.approx([one.decision for one in explain(compiled(four), TEXTS[0])])

    @pytest.mark.parametrize("labels", [2, 4])
    def test_behind_one_calibration(self, labels: int) -> None:
        """What is explained is the decision value that is calibrated."""
        pipeline = fitted(clone(VECTORIZERS["union"]), clone(CLASSIFIERS["calibrated whole"]), labels)
        inner = pipeline[-1].calibrated_classifiers_[0].estimator
        for text in SHORT[::9]:
            expected = np.atleast_1d(inner.decision_function(pipeline[:-1].transform([text]))[0])
            found = explain(compiled(pipeline), text)
            assert expected == pytest.approx([one.decision for one in found], abs=1e-9)

    @settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_with_any_options(self, data: st.DataObject) -> None:
        """Words and letters, hashed or not, in unions or alone; places lie within the text."""
        try:
            pipeline = fitted(
                data.draw(vectorizers(signed=True)), LinearSVC(), data.draw(st.sampled_from([2, 4]))
            )
            runtime = compiled(pipeline)
        except (ValueError, ModelInvalidError, NotRecognisedError):
            return  # no vocabulary is left, or the model is served natively
        text = data.draw(some_text().filter(str.isprintable))
        found = explain(runtime, text)
        assert decisions(pipeline, text) == pytest.approx([one.decision for one in found], abs=1e-9)
        places = [place for one in found for part in one.contributions for place in part.places]
        assert all(0 <= start <= end <= len(text) for start, end in places)

    @settings(deadline=None, max_examples=50)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
    def test_on_any_text(self, text: str) -> None:
        """With one hashed model of very few columns."""
        found = explain(CROWDED, f"{text} {text} good")
        own: Any = CROWDED.native
        assert decisions(own.pipeline, f"{text} {text} good") == pytest.approx([found[0].decision], abs=1e-9)


class TestContributions:
    """What each says."""

    def test_the_sign_is_for_or_against_the_label(self) -> None:
        """And the strongest comes first."""
        pipeline = Pipeline([("words", TfidfVectorizer()), ("classifier", LogisticRegression())])
        pipeline.fit(["good film", "good fun", "bad film", "bad fun"], ["yes", "yes", "no", "no"])
        (found,) = explain(compiled(pipeline), "Bad, BAD film; what good is it?")
        assert "yes" == found.label
        assert ["bad", "good", "film"] == [one.term for one in found.contributions]
        bad, good, film = found.contributions
        assert bad.value < 0 < good.value
        assert film.value == pytest.approx(0, abs=1e-6)
        assert ((0, 3), (5, 8)) == bad.places

    def test_unknown_terms_contribute_nothing(self) -> None:
        """Without known terms the base is all."""
        (found,) = explain(compiled(fitted(TfidfVectorizer(), LogisticRegression())), "zzz qqq")
        assert () == found.contributions
        assert found.base == found.decision

    def test_an_average_of_classifiers_is_not_explained(self) -> None:
        """No decision value stands behind it; behind one calibrated classifier there is one."""
        several = compiled(fitted(TfidfVectorizer(), clone(CLASSIFIERS["calibrated"])))
        assert not several.info.explains
        one = compiled(fitted(TfidfVectorizer(), clone(CLASSIFIERS["calibrated whole"])))
        assert one.info.explains
        assert explain(one, "good")
