"""scikit-learn text classifiers: one pipeline, or the guide's pair of a vectorizer and a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from textmill.errors import ModelInvalidError, ModelNotFoundError
from textmill.runtimes import digest, plain, stored
from textmill.runtimes.base import ModelInfo, ModelSpec, Scores

PROBE = "A plain sentence, to see whether the model answers at all."
CALIBRATED = (LogisticRegression, CalibratedClassifierCV)
"""Classifiers whose scores are probabilities by construction; naive Bayes' are known to be far too sure."""


class SklearnRuntime:
    """A fitted pipeline from texts to labels.

    Attributes:
        pipeline: vectorizer and classifier together; takes texts.
        info: the model card.
    """

    concurrent = True

    def __init__(self, pipeline: Pipeline, info: ModelInfo) -> None:
        self.pipeline = pipeline
        self.info = info

    def predict(self, texts: Sequence[str]) -> list[Scores]:
        """Scores for each text, in the order of `info.labels`."""
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
    labels = check(pipeline)
    single_threaded(pipeline)
    return SklearnRuntime(pipeline, _info(pipeline, labels, identity, card))


def scores(pipeline: Pipeline, texts: Sequence[str]) -> Any:
    """Scores as an array of shape (texts, labels).

    Probabilities where the classifier has them. Otherwise decision values squeezed into 0..1 (sigmoid for two
    labels, softmax for more), which keeps their order: the highest score is the label that it predicts.
    """
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


def check(pipeline: Pipeline) -> tuple[str, ...]:
    """The labels of a pipeline that classifies texts.

    Raises:
        ModelInvalidError: it does not, and why.
    """
    if not is_classifier(pipeline):
        raise ModelInvalidError(f"The model is a {_name(pipeline)}, which is no classifier.")
    try:
        found = scores(pipeline, [PROBE])
        classes = pipeline.classes_
    except NotFittedError:
        raise ModelInvalidError(f"The model, a {_name(pipeline)}, was stored before it was fitted.") from None
    except Exception as error:
        raise ModelInvalidError(
            f"The model, a {_name(pipeline)}, fails on a plain sentence: {type(error).__name__}: {error}. "
            "Do its vectorizer and its classifier belong together?"
        ) from error
    if isinstance(found, list) or np.shape(found) != (1, len(classes)) or isinstance(classes, list):
        raise ModelInvalidError(
            "The model answers several outputs at once; textmill serves one label a text."
        )
    _finite(found[0])
    labels = tuple(str(label.item() if hasattr(label, "item") else label) for label in classes)
    if len(set(labels)) != len(labels):
        raise ModelInvalidError(f"Several of the model's labels are the same as text: {', '.join(labels)}.")
    return labels


def single_threaded(estimator: Any) -> None:
    """The engine plans threads; a stored `n_jobs` would start a pool of processes inside a server."""
    for name, value in estimator.get_params(deep=True).items():
        if name.split("__")[-1] == "n_jobs" and value not in (None, 1):
            estimator.set_params(**{name: 1})


def _stored(path: Path, spec: ModelSpec) -> tuple[Pipeline, str]:
    model = stored.read(path, spec)
    if isinstance(model, Pipeline):
        return model, digest.digest(path)
    if not hasattr(model, "predict"):
        raise ModelInvalidError(f"{path} holds a {type(model).__name__}, which cannot predict anything.")
    other = _vectorizer_path(path, spec)
    vectorizer = stored.read(other, spec)
    if not hasattr(vectorizer, "transform"):
        raise ModelInvalidError(f"{other} holds a {type(vectorizer).__name__}, which is no vectorizer.")
    both = Pipeline([("vectorizer", vectorizer), ("classifier", model)])
    return both, digest.combined([digest.digest(path), digest.digest(other)])


def _vectorizer_path(path: Path, spec: ModelSpec) -> Path:
    """The pair's other file: as configured, or `vectorizer.*` beside the model."""
    if spec.vectorizer:
        if not Path(spec.vectorizer).is_file():
            raise ModelNotFoundError(
                f"The vectorizer {spec.vectorizer} of model {spec.name!r} does not exist."
            )
        return Path(spec.vectorizer)
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
        raise ModelInvalidError("The model answered a score that is not a number.")
    return values


def _last(pipeline: Any) -> Any:
    return pipeline.steps[-1][1] if isinstance(pipeline, Pipeline) else pipeline


def _name(pipeline: Any) -> str:
    return type(_last(pipeline)).__name__


def _steps(pipeline: Pipeline) -> str:
    return " and ".join(type(step).__name__ for _, step in pipeline.steps)
