"""scikit-learn text classifiers: one pipeline, or the guide's pair of a vectorizer and a model."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from textmill.errors import ModelDigestError, ModelInvalidError, ModelNotFoundError, PredictionError
from textmill.runtimes import digest
from textmill.runtimes.base import ModelInfo, ModelSpec, Scores
from textmill.runtimes.sklearn import plain, stored

PROBE = "A plain sentence, to see whether the model answers at all."
CALIBRATED = (LogisticRegression, CalibratedClassifierCV)
"""Classifiers whose scores are probabilities by construction; naive Bayes' are known to be far too sure."""

FAITHFUL = (
    BernoulliNB,
    CalibratedClassifierCV,
    ComplementNB,
    LinearSVC,
    LogisticRegression,
    MultinomialNB,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
"""Classifiers that predict the label with the highest score, but for rounding.

Any other may contradict its own scores (SVC's probabilities, a tuned threshold), so it is always asked twice.
"""
TIE = 1e-5
"""Scores closer than this, relative to the highest, may have changed places by rounding, in float32 too."""

WEIGHTS = ("coef_", "intercept_", "idf_")


class SklearnRuntime:
    """A fitted pipeline from texts to labels.

    Attributes:
        pipeline: vectorizer and classifier together; takes texts.
        vectorizer: its first step.
        classifier: its last step.
        info: the model card.
    """

    concurrent = True

    def __init__(self, pipeline: Pipeline, info: ModelInfo) -> None:
        self.pipeline = pipeline
        self.vectorizer = pipeline.steps[0][1]
        self.classifier = pipeline.steps[-1][1]
        self.info = info

    def predict(self, texts: Sequence[str]) -> list[Scores]:
        """Scores for each text, in the order of `info.labels`; the highest is the model's own label.

        Raises:
            PredictionError: a score is no finite number.
        """
        return [_finite(row) for row in scores(self.pipeline, texts)]


def load(spec: ModelSpec) -> SklearnRuntime:
    """Load a model and make sure that it answers.

    Raises:
        ModelError: it cannot be served, and why.
    """
    path = Path(spec.path)
    if path.suffix == plain.SUFFIX:
        pipeline, card = plain.read(path)
        identity = digest.digest(path)
    else:
        pipeline, identity = _stored(path, spec)
        card = plain.Card()
    single_threaded(pipeline)
    labels = check(pipeline)
    return SklearnRuntime(pipeline, _info(pipeline, labels, identity, card))


def scores(pipeline: Pipeline, texts: Sequence[str]) -> Any:
    """Scores as an array of shape (texts, labels); the first of the highest is the label that it predicts.

    Probabilities where the classifier has them. Otherwise decision values squeezed into 0..1: the sigmoid for
    two labels, the softmax for more. Where neither exists, 1 for the predicted label.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by name
        found = _raw_scores(pipeline, texts)
    return found if isinstance(found, list) else _faithful(pipeline, texts, found)


def check(pipeline: Pipeline) -> tuple[str, ...]:
    """The labels of a pipeline that classifies texts.

    Raises:
        ModelInvalidError: it does not, and why.
    """
    _refuse_other_kinds(pipeline)
    for estimator in _estimators(pipeline):
        _refuse_unsafe(estimator)
    try:
        found, predicted, classes = (
            scores(pipeline, [PROBE]),
            pipeline.predict([PROBE]),
            pipeline.classes_,
        )
    except NotFittedError:
        raise _unfitted(pipeline) from None
    except Exception as error:
        raise ModelInvalidError(
            f"The model, a {_name(pipeline)}, fails on a plain sentence: {type(error).__name__}: {error}. "
            "Do its vectorizer and its classifier belong together?"
        ) from error
    if isinstance(classes, list) or np.shape(found) != (1, len(classes)) or np.shape(predicted) != (1,):
        raise ModelInvalidError(
            "The model answers several outputs at once; textmill serves one label a text."
        )
    if not np.isfinite(found).all():
        raise ModelInvalidError(f"The model, a {_name(pipeline)}, scores a plain sentence with no number.")
    return _labels(classes)


def single_threaded(estimator: Any) -> None:
    """The engine plans threads; a stored `n_jobs` would start a pool of processes inside a server."""
    for part in _estimators(estimator):
        if getattr(part, "n_jobs", None) not in {None, 1}:
            part.n_jobs = 1


def _raw_scores(pipeline: Pipeline, texts: Sequence[str]) -> Any:
    if hasattr(pipeline, "predict_proba"):
        return pipeline.predict_proba(texts)
    if not hasattr(pipeline, "decision_function"):
        predicted = pipeline.predict(texts)
        return (np.asarray(predicted)[:, None] == pipeline.classes_[None, :]).astype(float)
    values = np.asarray(pipeline.decision_function(texts), dtype=float)
    if values.ndim == 1:
        values = np.stack([-values / 2, values / 2], axis=1)  # the softmax of these is the sigmoid of values
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _faithful(pipeline: Pipeline, texts: Sequence[str], found: Any) -> Any:
    """The scores with the label of the model's own `predict` in front, where that could be in doubt."""
    if found.ndim != 2 or found.shape[1] < 2:  # noqa: PLR2004 - one label, or a shape that `check` refuses
        return found
    rows = range(len(texts)) if not isinstance(_last(pipeline), FAITHFUL) else _ties(found)
    if len(rows):
        predicted = pipeline.predict([texts[row] for row in rows])
        for row, label in zip(rows, predicted, strict=True):
            _put_first(found[row], int(np.flatnonzero(pipeline.classes_ == label)[0]))
    return found


def _ties(found: Any) -> Any:
    highest = np.partition(found, -2, axis=1)[:, -2:]
    return np.flatnonzero(highest[:, 1] - highest[:, 0] <= TIE * highest[:, 1])


def _put_first(row: Any, wanted: int) -> None:
    """Make one score the highest: it changes places with the highest, and equals give way by one rounding."""
    best = int(row.argmax())
    if best == wanted:
        return
    row[[best, wanted]] = row[[wanted, best]]
    rivals = row == row[wanted]
    rivals[wanted] = False
    row[rivals] = np.nextafter(row[wanted], 0, dtype=row.dtype)


def _estimators(root: Any) -> Iterator[Any]:
    """An estimator and all inside it: parameters, steps, and the fitted copies that `get_params` hides.

    Calibration keeps its copies in objects that are no estimators themselves.
    """
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, BaseEstimator):
            yield part
        if isinstance(part, BaseEstimator) or type(part).__module__.startswith("sklearn.calibration"):
            waiting.extend(vars(part).values())
        elif isinstance(part, Mapping):
            waiting.extend(value for value in part.values() if not isinstance(value, int | str))
        elif isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
            waiting.extend(value for value in part if not isinstance(value, int | str))


def _refuse_other_kinds(model: Any) -> None:
    try:
        kind = get_tags(model).estimator_type
    except Exception:  # noqa: BLE001 - a class of the user's own, whose tags may fail in any way
        kind = None
    if kind != "classifier":
        what = f"a {kind.replace('_', ' ')}, " if kind else ""
        raise ModelInvalidError(f"The model is a {_name(model)}, {what}which is no classifier.")


def _refuse_unsafe(estimator: Any) -> None:
    """What would misbehave later, or end the process: files, no columns, weights that are none."""
    name = type(estimator).__name__
    if isinstance(estimator, HashingVectorizer | FeatureHasher) and not _is_width(estimator.n_features):
        raise ModelInvalidError(f"The model's {name} has no columns (n_features={estimator.n_features!r}).")
    if getattr(estimator, "input", "content") in {"filename", "file"}:
        raise ModelInvalidError(
            f"The model's {name} reads files (input={estimator.input!r}): it would open what callers send as "
            "a path. Set input = 'content' and store it anew."
        )
    for weight in WEIGHTS:
        values = vars(estimator).get(weight)
        values = getattr(values, "data", values) if hasattr(values, "tocsr") else values
        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ModelInvalidError(f"The model's {name} has a weight ({weight}) that is not a number.")


def _is_width(columns: Any) -> bool:
    """Whether terms can be hashed into so many columns; scikit-learn divides by it unchecked."""
    return isinstance(columns, numbers.Integral) and int(columns) >= 1


def _labels(classes: Any) -> tuple[str, ...]:
    labels = tuple(str(label.item() if hasattr(label, "item") else label) for label in classes)
    if len(set(labels)) != len(labels):
        raise ModelInvalidError(f"Several of the model's labels are the same as text: {', '.join(labels)}.")
    for label in labels:
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            raise ModelInvalidError(f"The model's label {label!r} cannot be written as UTF-8.")
    return labels


def _stored(path: Path, spec: ModelSpec) -> tuple[Pipeline, str]:
    """The pipeline in a file or a pair of files, and the digest of all that was read."""
    model = stored.read(path, spec)
    if isinstance(model, GridSearchCV | RandomizedSearchCV):
        model = getattr(model, "best_estimator_", model)
    if not hasattr(model, "predict"):
        raise ModelInvalidError(f"{path} holds a {type(model).__name__}, which cannot predict anything.")
    _refuse_other_kinds(model)
    if not spec.vectorizer and _takes_texts(model):
        single = model if isinstance(model, Pipeline) else Pipeline([("classifier", model)])
        return single, digest.digest(path)
    other = _vectorizer_path(path, spec)
    vectorizer = stored.read(other, spec)
    if not hasattr(vectorizer, "transform"):
        raise ModelInvalidError(f"{other} holds a {type(vectorizer).__name__}, which is no vectorizer.")
    both = Pipeline([("vectorizer", vectorizer), ("classifier", model)])
    return both, digest.combined([digest.digest(path), digest.digest(other)])


def _takes_texts(model: Any) -> bool:
    """Whether it is whole; a pipeline is taken for whole, so that `check` says what is wrong with it."""
    if isinstance(model, Pipeline):
        return True
    for estimator in _estimators(model):
        _refuse_unsafe(estimator)
    try:
        model.predict([PROBE])
    except NotFittedError:
        raise _unfitted(model) from None
    except Exception:  # noqa: BLE001 - a model that takes numbers may say so in any way
        return False
    return True


def _vectorizer_path(path: Path, spec: ModelSpec) -> Path:
    """The pair's other file: as configured, or `vectorizer.*` beside the model."""
    if spec.vectorizer:
        if not Path(spec.vectorizer).is_file():
            raise ModelNotFoundError(
                f"The vectorizer {spec.vectorizer} of model {spec.name!r} does not exist."
            )
        return Path(spec.vectorizer)
    if spec.sha256:
        raise ModelDigestError(
            f"{path} takes numbers, not texts, and its digest is pinned (sha256): name the other file too, "
            "vectorizer = '...', and pin the digest of both that 'textmill inspect' then shows."
        )
    for suffix in sorted(stored.SKOPS | stored.EXECUTING, key=lambda suffix: suffix != path.suffix):
        if (candidate := path.with_name(f"vectorizer{suffix}")).is_file():
            return candidate
    raise ModelNotFoundError(
        f"{path} takes numbers, not texts, and there is no vectorizer beside it. Name its file: vectorizer = "
        "'...' under the model in textmill.toml, or store both as one Pipeline."
    )


def _info(pipeline: Pipeline, labels: tuple[str, ...], identity: str, card: plain.Card) -> ModelInfo:
    return ModelInfo(
        task="classification",
        labels=labels,
        library="scikit-learn",
        library_version=sklearn.__version__,
        digest=identity,
        runtime="native",
        runtime_reason="scikit-learn's own code computes.",
        calibrated=isinstance(_last(pipeline), CALIBRATED),
        trained_with=card.trained_with,
        description=card.description or _steps(pipeline),
        source=card.source,
        licence=card.licence,
        language=card.language,
        created=card.created,
        quality=card.quality,
        notes=card.notes,
    )


def _finite(row: Any) -> Scores:
    values = tuple(float(value) for value in row)
    if not all(map(math.isfinite, values)):
        raise PredictionError("The model answered a score that is not a number.")
    return values


def _unfitted(model: Any) -> ModelInvalidError:
    return ModelInvalidError(f"The model, a {_name(model)}, was stored before it was fitted.")


def _last(pipeline: Any) -> Any:
    return pipeline.steps[-1][1] if isinstance(pipeline, Pipeline) else pipeline


def _name(pipeline: Any) -> str:
    return type(_last(pipeline)).__name__


def _steps(pipeline: Pipeline) -> str:
    return " and ".join(type(step).__name__ for _, step in pipeline.steps)
