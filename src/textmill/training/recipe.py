"""Train a linear text classifier.

TF-IDF of words and word pairs; terms scaled by how well they tell the classes apart (NB-SVM: Wang and
Manning, "Baselines and Bigrams", ACL 2012); the weakest terms dropped; one temperature for calibration.
Everything folds into a plain TfidfVectorizer and LogisticRegression.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize

from textmill.errors import ModelInvalidError

Array: TypeAlias = NDArray[np.floating[Any]]
Rows: TypeAlias = NDArray[np.intp]
Matrix: TypeAlias = Any
"""A scipy CSR matrix of shape (texts, terms)."""
Progress: TypeAlias = Callable[[str], None]

INVERSE_REGULARISATION = 6.0
MAX_TERMS = 60_000
SCALE_FLOOR = 0.3
"""Added to every term's scale, so that rare and neutral terms keep a voice."""
SOURCE_POWER = 0.5
"""0 counts every row alike, 1 every source."""
MAX_SOURCE_WEIGHT = 4.0
CALIBRATION_FOLDS = 3
WORD = r"(?u)\w+"
SEED = 0
RAREST = ((10_000, 5), (1_000, 2), (0, 1))
"""In how many texts a term must stand to count, for at least so many texts."""
STEPS = CALIBRATION_FOLDS + 2
"""How often `train` reports progress."""


def train(
    texts: Sequence[str],
    labels: Sequence[str],
    sources: Sequence[Hashable] | None = None,
    progress: Progress = lambda _: None,
) -> Pipeline:
    """Train a classifier.

    Args:
        labels: one for each text, at least two different ones.
        sources: where each text comes from; small sources count for more than their rows.
        progress: is told what has been done, `STEPS` times.

    Raises:
        ModelInvalidError: there is nothing to tell apart.
    """
    classes, y = np.unique(np.asarray(labels), return_inverse=True)
    if len(classes) == 1:
        raise ModelInvalidError("Training needs at least two different labels.")
    weight = source_weights(sources if sources is not None else [0] * len(texts))
    counter = vectorizer(min_df=_rarest(len(texts)), norm=None, dtype=np.float32)
    x = counter.fit_transform(texts)
    progress(f"counted {x.shape[1]:,} terms")
    keep, coef, intercept = fit_pruned(x, y, weight)
    progress(f"fitted, {len(keep):,} terms kept")
    factor = temperature(x, y, weight, progress)
    terms = counter.get_feature_names_out()[keep].tolist()
    idf, scaled = counter.idf_[keep].astype(np.float32), (coef * factor).astype(np.float32)
    return assemble(terms, idf, scaled, (intercept * factor).astype(np.float32), classes)


def vectorizer(**options: Any) -> TfidfVectorizer:
    """From texts to terms, the same way in training and in serving."""
    return TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True, **options)


def source_weights(sources: Sequence[Hashable]) -> Array:
    """Row weights with mean 1 that lift the rows of small sources."""
    _, index, count = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    weight = np.minimum((count.max() / count) ** SOURCE_POWER, MAX_SOURCE_WEIGHT)[index]
    return np.asarray(weight / weight.mean())


def term_scale(x: Matrix, y: Rows, weight: Array) -> Array:
    """How far each term's log frequency differs between the classes, of shape (terms,)."""
    seen = sp.csr_matrix((np.ones_like(x.data), x.indices, x.indptr), shape=x.shape)
    logs = []
    for label in range(int(y.max()) + 1):
        count = seen.T @ (weight * (y == label)) + 1.0
        logs.append(np.log(count / count.sum()))
    scale = 2 * np.std(logs, axis=0) + SCALE_FLOOR  # with two classes: |log ratio| + floor
    energy = np.asarray(x.multiply(x).sum(axis=0)).ravel()
    scale /= max(
        float(np.sqrt(np.average(scale**2, weights=energy))), 1e-9
    )  # keeps the regularisation's meaning
    return np.asarray(scale.astype(np.float32))


def fit_scaled(x: Matrix, y: Rows, weight: Array) -> tuple[Array, Array]:
    """Coefficients (1 or classes, terms) and intercepts for unscaled, normalised columns."""
    x = normalize(x)
    scale = term_scale(x, y, weight)
    model = LogisticRegression(C=INVERSE_REGULARISATION, tol=1e-5, max_iter=500)
    model.fit(x @ sp.diags(scale), y, sample_weight=weight)
    return model.coef_ * scale, model.intercept_


def fit_pruned(x: Matrix, y: Rows, weight: Array) -> tuple[Rows, Array, Array]:
    """Fit, keep the strongest terms, fit again: the columns kept, coefficients, intercepts."""
    keep = np.arange(x.shape[1])
    if x.shape[1] > MAX_TERMS:
        strength = np.abs(fit_scaled(x, y, weight)[0]).max(axis=0)
        keep = np.sort(np.argsort(-strength, kind="stable")[:MAX_TERMS])
    return keep, *fit_scaled(x[:, keep], y, weight)


def temperature(x: Matrix, y: Rows, weight: Array, progress: Progress) -> float:
    """The factor on the decision values that gives the best log loss on texts held out in turn."""
    if np.bincount(y).min() < CALIBRATION_FOLDS:
        return 1.0
    values: Array | None = None
    folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=SEED)
    for number, (known, unseen) in enumerate(folds.split(x, y), 1):
        keep, coef, intercept = fit_pruned(x[known], y[known], weight[known])
        part = normalize(x[unseen][:, keep]) @ coef.T + intercept
        values = np.zeros((len(y), part.shape[1])) if values is None else values
        values[unseen] = part
        progress(f"calibrated {number} of {CALIBRATION_FOLDS}")
    found = minimize_scalar(
        lambda log_factor: _log_loss(values * np.exp(log_factor), y, weight),
        bounds=np.log([0.5, 3.0]),
        method="bounded",
    )
    return float(np.exp(found.x))


def assemble(terms: list[str], idf: Array, coef: Array, intercept: Array, classes: Any) -> Pipeline:
    """The scikit-learn pipeline that computes with these arrays."""
    counter = vectorizer(vocabulary={term: at for at, term in enumerate(terms)})
    counter.fixed_vocabulary_, counter.vocabulary_ = True, counter.vocabulary
    counter.idf_ = idf.astype(np.float64)
    model = LogisticRegression(C=INVERSE_REGULARISATION)
    model.classes_, model.n_features_in_ = classes, coef.shape[1]
    model.coef_, model.intercept_ = coef.astype(np.float64), intercept.astype(np.float64)
    return Pipeline([("vectorizer", counter), ("classifier", model)])


def _rarest(texts: int) -> int:
    """In how many texts a term must stand to count."""
    return next(rarest for size, rarest in RAREST if texts >= size)


def _log_loss(values: Array, y: Rows, weight: Array) -> float:
    both = np.hstack([np.zeros_like(values), values]) if values.shape[1] == 1 else values
    return -float(np.average(log_softmax(both, axis=1)[np.arange(len(y)), y], weights=weight))
